"""People cut out before plain grounds: alphas come back, and the lists say where everything comes from."""

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.conftest import load_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "people.py"
LISTS = RECIPE.parent / "people"
GREY = np.float32(230)


@pytest.fixture(scope="module")
def recipe():
    """The recipe as a module."""
    pytest.importorskip("pymatting")
    return load_recipe(RECIPE)


def portrait(height=240, width=200):
    """A dark head with a soft edge on shoulders as wide as the picture: colours, (H, W, 3), and alpha, in 0..1."""
    alpha = np.zeros((height, width), np.float32)
    cv2.ellipse(alpha, (width // 2, height // 2), (width // 4, height // 3), 0, 0, 360, 1.0, -1)
    cv2.ellipse(alpha, (width // 2, height + 10), (width * 2 // 3, height // 3), 0, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.0)
    colours = np.full((height, width, 3), (70, 45, 30), np.float32)
    colours[height * 3 // 4 :] = (160, 30, 40)
    return colours, np.clip(alpha, 0, 1)


def before(ground, colours, alpha):
    """uint8, as a photograph shows it."""
    mixed = colours * alpha[..., None] + ground * (1 - alpha[..., None])
    return np.round(mixed).astype(np.uint8)


def git(folder, *arguments):
    """In a repository of its own."""
    said = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments]
    return subprocess.run(said, check=True, capture_output=True, text=True).stdout.strip()


def clip(path, frames):
    """An MP4 of (H, W, 3) frames."""
    height, width = frames[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 15, (width, height))
    for frame in frames:
        video.write(frame[..., ::-1])
    video.release()


@pytest.mark.parametrize("light", [0, 25], ids=["flat", "lit from a side"])
def test_an_alpha_before_a_plain_ground_comes_back(recipe, light):
    """Within two levels in a hundred on average along the edge, and the colours without the ground's."""
    colours, truth = portrait()
    slope = np.linspace(-light, 0, truth.shape[1], dtype=np.float32)[None, :, None]
    found, alpha = recipe.key(before(GREY + slope, colours, truth))
    soft = (truth > 0.02) & (truth < 0.98)
    assert np.abs(alpha - truth)[soft].mean() < 0.03
    assert np.abs(alpha - truth)[~soft].max() < 0.03
    assert np.abs(found.astype(np.float32) - colours)[truth > 0.5].mean() < 3


def test_gaps_in_hair_are_clear_and_those_of_a_white_shirt_are_not(recipe):
    """Both show the very colour of the ground."""
    colours, truth = portrait()
    gap, patch = (slice(100, 112), slice(94, 106)), (slice(208, 220), slice(94, 106))
    truth[gap] = 0
    colours[patch] = GREY
    _, alpha = recipe.key(before(GREY, colours, truth))
    assert alpha[104:108, 98:102].max() < 0.05
    assert alpha[patch].min() > 0.95


def test_everything_on_the_lists_is_cut_out_once(recipe, tmp_path, monkeypatch):
    """An athlete is keyed, a cut-out's alpha its own, a clip's the teacher's or below it; what is there stays."""
    repository = tmp_path / "mirror" / "owner+name" / "repo"
    repository.mkdir(parents=True)
    colours, truth = portrait()
    (repository / "data/nba_players").mkdir(parents=True)
    shown = before(GREY, colours, truth)
    cv2.imwrite(str(repository / "data/nba_players/some-one.png"), shown[..., ::-1])
    white = before(np.float32(255), colours, truth)
    matte = np.repeat(np.round(truth * 255).astype(np.uint8)[..., None], 3, 2)
    clip(repository / "whole.mp4", [white] * 5)
    clip(repository / "canvas.mp4", [np.vstack([white, matte])] * 5)
    own = np.dstack([np.where(truth[..., None] < 0.1, 0, colours)[..., ::-1], truth * 255])
    cv2.imwrite(str(repository / "1.png"), np.round(own).astype(np.uint8))
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "people")
    commit = git(repository, "rev-parse", "HEAD")
    lists = tmp_path / "people"
    lists.mkdir()
    (lists / "athletes.txt").write_text(f"# owner/name {commit}\ndata/nba_players/some-one.png\n")
    rows = [f"ann,asked,1,3,owner/name,{commit},whole.mp4", f"bob,below,1,3,owner/name,{commit},canvas.mp4"]
    (lists / "presenters.csv").write_text("\n".join(["clip,matte,first,last,repository,commit,path", *rows]) + "\n")
    (lists / "cutouts.csv").write_text(
        f"source,name,repository,commit,path\nplayers,any_one,owner/name,{commit},1.png\n"
    )
    teacher = tmp_path / "teacher.py"
    teacher.write_text(
        "import numpy as np\ndef dark(image):\n    return np.float32(1) - (image.min(-1) > 200).astype(np.float32)\n"
    )
    monkeypatch.setattr(recipe, "LISTS", lists)
    data = tmp_path / "data"
    options = ["--teacher", f"{teacher}:dark", "--workers", "0"]  # processes of its own could not import this module
    monkeypatch.setattr(sys, "argv", ["people.py", str(tmp_path / "mirror"), str(data), *options])
    recipe.main()
    made = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.*"))
    frames = [f"rgba_video/presenters/{name}/{number:05d}.png" for name in ("ann", "bob") for number in (1, 2, 3)]
    assert made == ["rgba/athletes/nba_some-one.png", "rgba/players/any_one.png", *frames]
    for name in made[2:]:
        alpha = cv2.imread(str(data / name), cv2.IMREAD_UNCHANGED)[..., 3] / 255
        assert alpha.shape == truth.shape
        assert np.abs(alpha - truth).mean() < 0.03, name
    head = cv2.imread(str(data / made[0]), cv2.IMREAD_UNCHANGED)
    assert np.abs(head[..., 3] / 255 - truth[: len(head)]).mean() < 0.01
    cutout = cv2.imread(str(data / made[1]), cv2.IMREAD_UNCHANGED)
    assert np.abs(cutout[..., 3] / 255 - truth).max() < 0.01
    faint = (truth > 0.01) & (truth < 0.1)
    assert np.abs(cutout[..., 2::-1] - colours)[faint].mean() < 10, "the black that lies where it is clear shows"
    for name in made[:2]:
        (data / name).write_bytes(b"kept")
    recipe.main()
    assert all((data / name).read_bytes() == b"kept" for name in made[:2])


def test_a_head_whose_shoulders_leave_the_picture_can_end_above_that(recipe):
    """Else it could only be shown as wide as the canvas; a head that would lose too much stays whole."""
    _, alpha = portrait()
    rows = recipe._narrow_rows(alpha)
    assert 0.6 * len(alpha) < rows < len(alpha)
    assert (alpha[:rows, [0, -1]] < 0.1).all()
    assert recipe._narrow_rows(np.ones((10, 10), np.float32)) == 10


def test_the_lists_say_where_people_come_from_and_name_none_twice():
    """By repository and commit; a presenter's clip gives the folder's name."""
    first, *paths = (LISTS / "athletes.txt").read_text().splitlines()
    assert re.fullmatch(r"# [\w.-]+/[\w.-]+ [0-9a-f]{40}", first)
    assert len({(path.split("/")[1], Path(path).stem) for path in paths}) == len(paths) > 1000
    with open(LISTS / "cutouts.csv", newline="") as lines:
        cutouts = list(csv.DictReader(lines))
    assert len({(row["source"], row["name"]) for row in cutouts}) == len(cutouts) > 100
    assert all(re.fullmatch(r"[0-9a-f]{40}", row["commit"]) for row in cutouts)
    with open(LISTS / "presenters.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert max(Counter(row["clip"] for row in rows).values()) == 1
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{40}", row["commit"]), row
        assert row["matte"] in ("asked", "below")
        assert 0 <= int(row["first"]) < int(row["last"])
