"""Packing: from folders to samples and back."""

import cv2
import numpy as np
import pytest

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.data.labels import LabelRules
from shm_train.data.layout import find_jobs
from shm_train.data.pack import PackConfig, pack
from shm_train.data.samples import Pack, Sample, write_index
from shm_train.data.split import is_held_out
from tests.train.conftest import SIDE
from tests.train.data.folders import ALPHA, MASK, cut_out, picture, write


@pytest.fixture
def data(tmp_path):
    """Cut-outs, one of them empty, a clip, a photo with a mask, one without a label, a background, a broken file."""
    root = tmp_path / "data"
    write(root / "rgba/studio/one.png", cut_out(0))
    write(root / "rgba/studio/empty.png", np.dstack([picture(1), np.zeros_like(ALPHA)]))
    for frame in range(4):
        write(root / f"rgba_video/studio/anna_walks/{frame:05d}.png", cut_out(2 + frame))
    write(root / "people/web/masked.jpg", picture(6))
    write(root / "masks/web/masked.png", MASK)
    write(root / "people/web/unlabelled.jpg", picture(7))
    write(root / "backgrounds/web/wall.jpg", picture(8))
    (root / "backgrounds/web/broken.jpg").write_bytes(b"no picture")
    return root


@pytest.fixture
def packed(data, tmp_path):
    rejected = pack(find_jobs([data], None, 2).jobs, tmp_path / "pack", PackConfig(), 0, lambda count: None)
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


@pytest.fixture
def photographs(tmp_path):
    """A photograph of a white figure on black with its alpha, and the same with the figure's colours."""
    image = np.repeat(ALPHA[..., None], 3, 2)
    for name in ("beach", "street"):
        write(tmp_path / f"photographs/image/web/{name}.png", image)
        write(tmp_path / f"photographs/alpha/web/{name}.png", ALPHA)
    write(tmp_path / "photographs/fg/web/street.png", np.full_like(image, 200))
    return tmp_path / "photographs"


@pytest.mark.parametrize("quality", ["fast", pytest.param("exact", marks=pytest.mark.slow)])
def test_photographs_with_true_alphas_get_the_colours_of_the_person(photographs, tmp_path, quality):
    """Estimated, white to the edge; or those of the file. Their alphas count as exact."""
    pack(
        find_jobs([photographs], None, 1).jobs, tmp_path / "pack", PackConfig(foreground=quality), 0, lambda count: None
    )
    stored = Pack(tmp_path / "pack")
    beach, street = (stored.read(sample) for sample in stored.samples)
    assert all(sample.kind == "photo" and sample.exact for sample in stored.samples)
    half = (ALPHA > 100) & (ALPHA < 150)
    assert beach.image[half].mean() < 155
    assert beach.foreground[half].mean() > 235
    assert np.abs(street.foreground.astype(int) - 200).max() <= 2
    np.testing.assert_array_equal(beach.alpha, ALPHA)


def test_labels_are_packed_or_fall_back_to_the_mask(data, tmp_path):
    """A label that its mask contradicts is rejected; the mask stays. Merged, the mask decides inside."""
    holed = ALPHA.copy()
    holed[SIDE // 2, SIDE // 2] = 100
    write(tmp_path / "labels/web/masked.matte.webp", holed)
    for merge, alpha in ((False, 100), (True, 255)):
        config = PackConfig(foreground="fast", rules=LabelRules(min_solid=0.5, merge_masks=merge))
        folder = tmp_path / f"merged-{merge}"
        jobs = [job for job in find_jobs([data], tmp_path / "labels", 1).jobs if job.key == "web-masked"]
        assert pack(jobs, folder, config, 0, lambda count: None) == {}
        stored = Pack(folder)
        assert stored.samples[0].kind == "photo"
        assert abs(int(stored.read(stored.samples[0]).alpha[SIDE // 2, SIDE // 2]) - alpha) <= 8
    write(tmp_path / "labels/web/masked.matte.webp", np.roll(ALPHA, 30, 1))
    jobs = [job for job in find_jobs([data], tmp_path / "labels", 1).jobs if job.key == "web-masked"]
    pack(jobs, tmp_path / "fallen", PackConfig(), 0, lambda count: None)
    assert [sample.kind for sample in Pack(tmp_path / "fallen").samples] == ["mask"]


def test_frames_of_one_person_are_one_group(packed):
    """The split never divides them."""
    groups = {sample.group for sample in packed[0].samples if "anna" in sample.key}
    assert groups == {"studio/anna"}
    assert all(sample.held_out == is_held_out(sample.group) for sample in packed[0].samples)


def test_a_pack_is_not_packed_over(data, packed):
    """Old and new samples would share an index that fits neither."""
    with pytest.raises(SpecError, match="not empty"):
        pack(find_jobs([data], None, 2).jobs, packed[0].folder, PackConfig(), 0, lambda count: None)


def test_large_pictures_are_shrunk(data, tmp_path):
    """The longest side is the config's; alpha and colours keep one size."""
    jobs = [job for job in find_jobs([data], None, 1).jobs if job.key == "studio-one"]
    pack(jobs, tmp_path / "small", PackConfig(longest_side=64), 0, lambda count: None)
    stored = Pack(tmp_path / "small")
    picture = stored.read(stored.samples[0])
    assert picture.alpha.shape == picture.image.shape[:2] == (64, 64)


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
