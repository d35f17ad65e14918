"""Packing: from folders to samples and back."""

import cv2
import numpy as np
import pytest

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.data.layout import find_jobs
from shm_train.data.pack import PackConfig, pack
from shm_train.data.samples import Pack, Sample, write_index
from shm_train.data.split import is_held_out
from tests.train.conftest import SIDE, soft_ellipse


@pytest.fixture
def data(tmp_path):
    """Cut-outs, one of them empty, a clip, a photo with a mask, one without a label, a background, a broken file."""
    rng = np.random.default_rng(0)

    def write(name, pixels):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), pixels)

    def noise(channels=3):
        return cv2.resize(rng.integers(0, 256, (6, 6, channels), np.uint8), (SIDE, SIDE))

    alpha = soft_ellipse(rng)
    write("rgba/studio/one.png", np.dstack([noise(), alpha]))
    write("rgba/studio/empty.png", np.dstack([noise(), np.zeros_like(alpha)]))
    for frame in range(4):
        write(f"rgba_video/studio/anna_walks/{frame:05d}.png", np.dstack([noise(), alpha]))
    write("people/web/masked.jpg", noise())
    write("masks/web/masked.png", np.where(alpha > 127, 255, 0).astype(np.uint8))
    write("people/web/unlabelled.jpg", noise())
    write("backgrounds/web/wall.jpg", noise())
    (tmp_path / "data/backgrounds/web/broken.jpg").write_bytes(b"no picture")
    return tmp_path / "data"


@pytest.fixture
def packed(data, tmp_path):
    rejected = pack(find_jobs(data, None, 2), tmp_path / "pack", PackConfig(), 1, lambda count: None)
    return Pack(tmp_path / "pack"), rejected


def test_folders_become_samples(packed):
    """Every kind is there; the photograph that says nothing is not; every second frame of the clip."""
    kinds = {sample.key: sample.kind for sample in packed[0].samples}
    assert kinds == {
        "studio-one": "cutout",
        "studio-anna_walks-00000": "cutout",
        "studio-anna_walks-00002": "cutout",
        "web-masked": "mask",
        "web-wall": "background",
    }


def test_what_can_not_be_used_is_rejected_with_its_reason(packed):
    """An empty cut-out and a broken file do not end the packing of the others."""
    rejected = packed[1]
    assert rejected["studio-empty"] == "empty alpha"
    assert rejected["web-broken"].startswith("unreadable: ")


def test_alphas_come_back_as_they_were(data, packed):
    """PNG keeps them bit by bit; colours survive JPEG by a few levels where they are seen."""
    stored = packed[0]
    sample = next(sample for sample in stored.samples if sample.key == "studio-one")
    picture = stored.read(sample)
    original = cv2.imread(str(data / "rgba/studio/one.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(picture.alpha, original[..., 3])
    opaque = picture.alpha == 255
    difference = np.abs(picture.foreground.astype(int) - original[..., 2::-1])[opaque]
    assert difference.mean() < 4


def test_masks_are_unsure_along_their_edge(packed):
    """What a hard mask says about its own edge is not to be trusted, and elsewhere it is."""
    stored = packed[0]
    picture = stored.read(next(sample for sample in stored.samples if sample.kind == "mask"))
    edge = cv2.morphologyEx(picture.alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    assert not picture.sure[edge].any()
    assert (picture.sure == 255).mean() > 0.7


def test_frames_of_one_person_are_one_group(packed):
    """The split never divides them."""
    groups = {sample.group for sample in packed[0].samples if "anna" in sample.key}
    assert groups == {"studio/anna"}
    assert all(sample.held_out == is_held_out(sample.group) for sample in packed[0].samples)


def test_a_pack_is_not_packed_over(data, packed):
    """Old and new samples would share an index that fits neither."""
    with pytest.raises(SpecError, match="not empty"):
        pack(find_jobs(data, None, 2), packed[0].folder, PackConfig(), 1, lambda count: None)


def test_large_pictures_are_shrunk(data, tmp_path):
    """The longest side is the config's; alpha and colours keep one size."""
    jobs = [job for job in find_jobs(data, None, 1) if job.key == "studio-one"]
    pack(jobs, tmp_path / "small", PackConfig(longest_side=64), 1, lambda count: None)
    stored = Pack(tmp_path / "small")
    picture = stored.read(stored.samples[0])
    assert picture.alpha.shape == picture.image.shape[:2] == (64, 64)


def test_two_pictures_of_one_name_are_refused(data):
    """One would overwrite the other."""
    (data / "backgrounds/web/sub").mkdir()
    cv2.imwrite(str(data / "rgba/studio/one.jpg"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(SpecError, match="are called studio-one"):
        find_jobs(data, None, 1)


def test_an_empty_folder_is_refused(tmp_path):
    """The message says what was looked for."""
    with pytest.raises(SpecError, match="wanted are folders rgba/"):
        find_jobs(tmp_path, None, 1)


def test_an_index_is_read_as_it_was_written(tmp_path):
    """Order, kinds, groups, weights."""
    samples = [
        Sample(key="b", source="s", kind="cutout", group="g", held_out=False, weight=2.5),
        Sample(key="a", source="s", kind="background", group="a", held_out=True),
    ]
    write_index(tmp_path, samples)
    assert Pack(tmp_path).samples == samples


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "make the pack"), ("{", "no readable JSON"), ('{"schema_version": 9}', "schema version 9")],
    ids=["missing", "broken", "future"],
)
def test_a_folder_that_is_no_pack_is_refused(tmp_path, text, message):
    """Each with what to do."""
    if text is not None:
        (tmp_path / "index.json").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        Pack(tmp_path)


def test_a_missing_picture_is_named(packed):
    """A pack that lost a file says which."""
    stored = packed[0]
    stored.file(stored.samples[0]).unlink()
    with pytest.raises(ArtifactError, match=r"studio-one\.jpg is missing or unreadable"):
        stored.read(stored.samples[0])
