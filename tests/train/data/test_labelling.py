"""Labelling photographs: resumable, judged, and read by pack."""

import json
import re
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from shm_deploy.errors import MediaError, SpecError
from shm_train.cli import data
from shm_train.data.labelling import LabelConfig, label, mixed
from shm_train.data.layout import Photograph, find_photographs
from shm_train.data.pictures import read_colours, read_plane
from shm_train.data.samples import Pack
from shm_train.data.split import is_held_out
from tests.train.conftest import SIDE
from tests.train.data.folders import picture, write

ALPHA = np.zeros((SIDE, SIDE), np.uint8)
cv2.circle(ALPHA, (SIDE // 2, SIDE // 2), 30, 255, -1)
ALPHA = cv2.GaussianBlur(ALPHA, (0, 0), 1)  # soft at its edge, but mostly solid, as a label must be
MASK = np.where(ALPHA > 127, 255, 0).astype(np.uint8)

TEACHERS = """
import os, signal
from pathlib import Path
import numpy as np
import cv2

HERE = Path(__file__).parent
ALPHA = cv2.imread(str(HERE / "alpha.png"), 0).astype(np.float32) / 255

def draw(image):
    with open(HERE / "calls", "a") as calls:
        calls.write("draw\\n")
    stop = HERE / "stop"
    if stop.exists():
        after, way = stop.read_text().split()
        if len((HERE / "calls").read_text().splitlines()) > int(after):
            stop.unlink()
            if way == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt
    return ALPHA

def segment(image):
    return (ALPHA > 0.5).astype(np.float32)

def elsewhere(image):
    return np.roll(ALPHA, 48, 1)
"""


@pytest.fixture
def folder(tmp_path):
    """Photographs of two sources and a file of teachers that count their calls."""
    for number in range(3):
        write(tmp_path / f"data/people/web/{number}.jpg", picture(number))
    write(tmp_path / "data/people/shop/0.png", picture(9))
    write(tmp_path / "alpha.png", ALPHA)
    (tmp_path / "mine.py").write_text(TEACHERS)
    return tmp_path


def arguments(folder, *more, segmenter="segment"):
    teachers = ["--teachers", f"{folder}/mine.py:draw", "--segmenter", f"{folder}/mine.py:{segmenter}", "--no-flip"]
    return ["label", str(folder / "data"), str(folder / "labels"), *teachers, *more]


def num_calls(folder):
    return len((folder / "calls").read_text().splitlines())


def test_a_run_that_is_stopped_early_has_some_of_both_sides_of_the_split(folder):
    """About a tenth of the first quarter is held out, as of all."""
    photographs = [
        Photograph(key=f"web-{number}", source="web", picture=folder / f"{number}.jpg", mask=None, person=None)
        for number in range(400)
    ]
    ordered = mixed(photographs)
    assert sorted(ordered, key=photographs.index) == photographs
    assert 2 <= sum(is_held_out(photograph.key) for photograph in ordered[:100]) <= 25


def test_labels_are_what_the_teacher_said(folder, capsys):
    """Bit by bit, by source and name, with a sheet and no rejects."""
    assert data.main(arguments(folder)) == 0
    assert "4 labels, rejected 0" in capsys.readouterr().out
    np.testing.assert_array_equal(read_plane(folder / "labels/web/0.matte.webp"), ALPHA)
    np.testing.assert_array_equal(read_plane(folder / "labels/shop/0.person.png"), np.where(ALPHA > 127, 255, 0))
    rows = 240 + 4  # square photographs: one row each, three pictures wide, four columns
    assert read_colours(folder / "labels/sheet.png").shape == (rows, 4 * (3 * 240 + 4), 3)
    assert json.loads((folder / "labels/rejected.json").read_text()) == {}


def test_a_run_that_is_stopped_goes_on_without_doing_work_twice(folder):
    """Ctrl-C in the third photograph: two are done, and the second run does the other two."""
    (folder / "stop").write_text("2 interrupt")
    assert data.main(arguments(folder)) == 130
    assert len(list((folder / "labels").rglob("*.matte.webp"))) == 2
    assert data.main(arguments(folder)) == 0
    assert num_calls(folder) == 3 + 2
    assert data.main(arguments(folder)) == 0
    assert num_calls(folder) == 3 + 2


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_half_file(folder):
    """SIGKILL in the third photograph; what is there can be read, and the next run ends with all of it."""
    (folder / "stop").write_text("2 kill")
    killed = subprocess.run([sys.executable, "-m", "shm_train.cli.data", *arguments(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    done = list((folder / "labels").rglob("*.matte.webp"))
    assert len(done) == 2
    for path in done:
        np.testing.assert_array_equal(read_plane(path), ALPHA)
    assert data.main(arguments(folder)) == 0
    assert num_calls(folder) == 3 + 2
    assert len(list((folder / "labels").rglob("*.matte.webp"))) == 4
    assert not list((folder / "labels").rglob("*.part"))


def test_a_segmenter_that_sees_nobody_there_rejects_the_label(folder, capsys):
    """With the reason in rejected.json, and on the sheet."""
    assert data.main(arguments(folder, "--sources", "shop", segmenter="elsewhere")) == 0
    reasons = json.loads((folder / "labels/rejected.json").read_text())
    assert list(reasons) == ["shop-0"]
    assert reasons["shop-0"].startswith(("area", "person IoU"))
    text = read_colours(folder / "labels/sheet.png")[:20]  # one line of it over the row, in red
    columns = np.flatnonzero((text == (255, 0, 0)).all(2).any(0))
    assert (columns < 240).sum() > 20  # over the photograph: whole words, not a letter


def test_masks_of_people_take_the_segmenters_place(folder):
    """By the photographs' places and names; photographs without one have no such file."""
    write(folder / "who/web/1.png", MASK)
    command = ["label", str(folder / "data"), str(folder / "labels"), "--teachers", f"{folder}/mine.py:draw"]
    assert data.main([*command, "--person-masks", str(folder / "who")]) == 0
    assert [path.name for path in (folder / "labels").rglob("*.person.png")] == ["1.person.png"]
    np.testing.assert_array_equal(read_plane(folder / "labels/web/1.person.png"), MASK)


def test_pack_reads_what_label_wrote(folder):
    """A photograph with the teacher's alpha, its flicker cut off."""
    assert data.main(arguments(folder)) == 0
    command = ["pack", str(folder / "data"), str(folder / "pack"), "--labels", str(folder / "labels")]
    assert data.main([*command, "--workers", "0", "--foreground", "fast"]) == 0
    pack = Pack(folder / "pack")
    assert [(sample.kind, sample.exact) for sample in pack.samples] == [("photo", False)] * 4
    alpha = pack.read(pack.samples[0]).alpha
    np.testing.assert_array_equal(alpha[ALPHA > 250], 255)
    np.testing.assert_array_equal(alpha[ALPHA < 5], 0)


def test_labels_of_one_folder_are_made_in_one_way(folder):
    """Another teacher wants another folder."""
    config = LabelConfig(teachers=(f"{folder}/mine.py:draw",))
    photographs = find_photographs(folder / "data", None)
    label(photographs, folder / "labels", config, lambda count: None)
    other = LabelConfig(teachers=(f"{folder}/mine.py:elsewhere",))
    with pytest.raises(SpecError, match="made in another way"):
        label(photographs, folder / "labels", other, lambda count: None)


def test_an_unreadable_photograph_does_not_end_the_run(folder):
    """It is among the rejects."""
    (folder / "data/people/web/1.jpg").write_bytes(b"no picture")
    assert data.main(arguments(folder)) == 0
    reasons = json.loads((folder / "labels/rejected.json").read_text())
    assert reasons["web-1"].startswith("unreadable")
    assert len(list((folder / "labels").rglob("*.matte.webp"))) == 3


def test_ready_labels_are_judged_without_a_teacher(folder, capsys):
    """Old names too; a mask made by a human contradicts one of them."""
    write(folder / "data/masks/web/0.png", np.roll(MASK, 20, 1))
    for number in range(2):
        write(folder / f"ready/web/{number}.rvm.webp", np.where(ALPHA > 60, 255, 0).astype(np.uint8))
    assert data.main(["label", str(folder / "data"), str(folder / "ready")]) == 0
    assert "2 labels, rejected 1" in capsys.readouterr().out
    assert json.loads((folder / "ready/rejected.json").read_text())["web-0"].startswith("mask IoU")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teachers": ()}, "no teacher"),
        ({"scales": (0.0,)}, "positive"),
        ({"longest_side": 8}, "at least 64"),
        ({"segmenter": "m.onnx", "person_masks": True}, "only one can say"),
    ],
    ids=["nobody", "no scale", "small", "two segmenters"],
)
def test_impossible_configs_are_refused(change, message):
    """Before the first photograph."""
    with pytest.raises(SpecError, match=message):
        LabelConfig(**{"teachers": ("m.onnx",), **change})


def test_large_photographs_are_labelled_small(folder):
    """The label has the size that the teacher saw."""
    config = LabelConfig(teachers=(f"{folder}/shapes.py:ones",), longest_side=SIDE)
    (folder / "shapes.py").write_text("import numpy as np\ndef ones(x): return np.ones(x.shape[:2], np.float32)\n")
    write(folder / "large/a.png", picture(0, side=2 * SIDE))
    label(find_photographs(folder / "large", None), folder / "labels", config, lambda count: None)
    assert read_plane(folder / "labels/large/a.matte.webp").shape == (SIDE, SIDE)


def test_photographs_with_true_alphas_are_left_alone(folder):
    """They need no teacher."""
    write(folder / "data/image/web/known.jpg", picture(5))
    write(folder / "data/alpha/web/known.png", ALPHA)
    assert "web-known" not in {photograph.key for photograph in find_photographs(folder / "data", None)}


def test_a_full_disk_ends_the_run(folder):
    """It is no fault of the photographs."""
    (folder / "labels").mkdir()
    for source in ("web", "shop"):
        (folder / "labels" / source).write_text("in the way of a folder")
    config = LabelConfig(teachers=(f"{folder}/mine.py:draw",))
    with pytest.raises(MediaError, match="can't write"):
        label(find_photographs(folder / "data", None), folder / "labels", config, lambda count: None)


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--sources", "wed"], "got the sources wed; .* has shop, web"), ([], "no folder .* of labels to judge")],
    ids=["source", "nothing to judge"],
)
def test_slips_end_with_one_line(folder, capsys, more, message):
    """What is there is said."""
    assert data.main(["label", str(folder / "data"), str(folder / "nowhere"), *more]) == 1
    assert re.search(message, capsys.readouterr().err)
