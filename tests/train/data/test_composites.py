"""Composites on disk: true to the paper's rules, and to Eq. 1."""

import csv
import json

import numpy as np
import pytest

from shm_deploy.errors import SpecError
from shm_train.cli import data
from shm_train.data.composites import CompositesConfig, Grounds, plan_composites, write_composites
from shm_train.data.layout import find_jobs
from shm_train.data.pictures import read_colours, read_plane
from shm_train.data.split import is_held_out
from tests.train.conftest import SIDE
from tests.train.data.folders import cut_out, picture, write


def test_every_background_is_used_once(pack):
    """The pack has two cut-outs and three backgrounds on each side."""
    planned = plan_composites(pack, CompositesConfig())
    assert len({made.ground.key for made in planned}) == len(planned) == 4


def test_the_split_is_by_foreground(pack):
    """Those that the pack holds out are for tests, over backgrounds that it holds out, too."""
    for made in plan_composites(pack, CompositesConfig()):
        assert made.person.held_out == made.ground.held_out == (made.side == "test")


def test_counts_are_those_of_the_source_or_of_all(pack):
    """One foreground less wants backgrounds: three of one side for one."""
    one = pack.of("cutout", held_out=False)[0]
    pack_of_one = type(pack)(pack.folder)
    pack_of_one.samples = [sample for sample in pack.samples if sample.kind == "background" or sample == one]
    planned = plan_composites(pack_of_one, CompositesConfig(grounds_of={"drawn": Grounds(train=3, test=1)}))
    assert [made.person for made in planned] == [one] * 3
    assert plan_composites(pack_of_one, CompositesConfig(grounds=Grounds(train=0))) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CompositesConfig(grounds=Grounds(train=2, test=1)), "4 backgrounds are wanted for the train side.* has 3"),
        (CompositesConfig(grounds_of={"dim": Grounds()}), r"of \['drawn'\]; got \['dim'\]"),
    ],
    ids=["too few", "unknown source"],
)
def test_what_can_not_be_composed_is_refused(pack, config, message):
    """Before the first picture."""
    with pytest.raises(SpecError, match=message):
        plan_composites(pack, config)


def test_a_negative_seed_is_refused():
    """Numpy has none."""
    with pytest.raises(SpecError, match="got seed -1; 0 or more"):
        CompositesConfig(seed=-1)


@pytest.fixture
def composed(pack, tmp_path):
    config = CompositesConfig(jpeg_quality=100)
    write_composites(pack, plan_composites(pack, config), tmp_path / "one", config, 2, lambda count: None)
    return tmp_path / "one"


def test_pictures_are_alpha_blends(pack, composed):
    """I = aF + (1 - a)B: F where alpha is 1, the background's own pixels where it is 0."""
    made = plan_composites(pack, CompositesConfig())[0]
    stem = f"train/{{}}/drawn/{made.name}"
    image = read_colours(composed / (stem.format("image") + ".jpg")).astype(int)
    alpha = read_plane(composed / (stem.format("alpha") + ".png"))
    person, ground = pack.read(made.person), pack.read(made.ground)
    np.testing.assert_array_equal(alpha, person.alpha)
    assert np.abs(image - person.foreground)[alpha == 255].mean() < 2
    assert np.abs(image - ground.image)[alpha == 0].mean() < 2  # both have the canvas' size: nothing is cut
    half = (alpha > 120) & (alpha < 135)
    assert np.abs(image - (person.foreground.astype(int) + ground.image) / 2)[half].mean() < 6


def test_composites_are_the_same_bytes_each_time(pack, composed, tmp_path):
    """And others with another seed."""
    for seed, name in ((0, "again"), (1, "other")):
        config = CompositesConfig(jpeg_quality=100, seed=seed)
        write_composites(pack, plan_composites(pack, config), tmp_path / name, config, 1, lambda count: None)
    files = {path.relative_to(composed) for path in composed.rglob("*") if path.is_file()}
    assert all((tmp_path / "again" / path).read_bytes() == (composed / path).read_bytes() for path in files)
    assert (tmp_path / "other/train.csv").read_text() != (composed / "train.csv").read_text()


def test_wide_backgrounds_are_cut_at_a_place_that_the_seed_draws(tmp_path):
    """Scaled until they cover; the same place each time, another one with another seed."""
    write(tmp_path / "data/rgba/s/1.png", cut_out(0))
    write(tmp_path / "data/backgrounds/b/1.jpg", np.hstack([picture(1), picture(2), picture(3)]))
    assert data.main(["pack", str(tmp_path / "data"), str(tmp_path / "pack"), "--workers", "0"]) == 0
    images = []
    for run, seed in enumerate((0, 0, 1)):
        out = tmp_path / str(run)
        command = ["compose", str(tmp_path / "pack"), str(out), "--seed", str(seed), "--workers", "1"]
        assert data.main(command) == 0
        (image,) = (out / "train/image/s").iterdir()
        images.append(read_colours(image))
    assert images[0].shape == images[2].shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()


def test_lists_name_the_parts(pack, composed):
    """Each image with its foreground and background."""
    with (composed / "test.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    for row in rows:
        assert (composed / row["image"]).is_file()
        assert row["foreground"] in {sample.key for sample in pack.of("cutout", held_out=True)}


def test_composites_can_be_packed_on_the_same_sides(tmp_path):
    """All pictures of one foreground stay one group, whatever is behind it."""
    for number in range(20):
        write(tmp_path / f"data/rgba/s/{number}.png", cut_out(number))
        write(tmp_path / f"data/backgrounds/b/{number}.jpg", picture(100 + number))
        write(tmp_path / f"data/backgrounds/b/x{number}.jpg", picture(200 + number))
    pack_folder, out = str(tmp_path / "pack"), tmp_path / "composed"
    assert data.main(["pack", str(tmp_path / "data"), pack_folder, "--workers", "0"]) == 0
    assert data.main(["compose", pack_folder, str(out), "--workers", "1", "--backgrounds", "2:0", "s=1:1"]) == 0
    jobs, problems = find_jobs([out / "train", out / "test"], None, 1)
    assert problems == []
    assert len(jobs) == 20
    for job in jobs:
        assert is_held_out(job.person) == ("test" in job.picture.relative_to(out).parts)
        assert job.foreground is not None
    groups = json.loads((out / "train/groups.json").read_text())
    assert set(groups) == {job.key for job in jobs if "train" in job.picture.relative_to(out).parts}


def test_counts_that_are_none_end_with_one_line(pack, tmp_path, capsys):
    """What is wanted is said."""
    command = ["compose", str(pack.folder), str(tmp_path / "out"), "--backgrounds", "100"]
    assert data.main(command) == 1
    assert "TRAIN:TEST or SOURCE=TRAIN:TEST" in capsys.readouterr().err


def test_composites_are_not_written_over(pack, composed):
    """Old and new ones would mix."""
    with pytest.raises(SpecError, match="not empty"):
        write_composites(pack, [], composed, CompositesConfig(), 1, lambda count: None)
