"""Heads that end at the neck: what is cut off, what is kept, and whose they are."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from shm_train.data.layout import find_jobs
from shm_train.data.pictures import read_colours
from tests.train.conftest import load_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "heads.py"
NECK = range(150, 175)  # rows of `bust`


@pytest.fixture(scope="module")
def recipe():
    """The recipe as a module."""
    return load_recipe(RECIPE)


def bust(*, neck=40):
    """Alpha (240, 200) of a head, 80 px wide, on a neck, on shoulders."""
    alpha = np.zeros((240, 200), np.uint8)
    cv2.ellipse(alpha, (100, 90), (40, 65), 0, 0, 360, 255, -1)
    cv2.rectangle(alpha, (100 - neck // 2, 90), (100 + neck // 2, 200), 255, -1)
    cv2.ellipse(alpha, (100, 240), (95, 65), 0, 0, 360, 255, -1)
    return alpha


@pytest.mark.parametrize("seed", range(8))
def test_a_head_ends_at_its_neck(recipe, seed):
    """All above the neck stays as it was; of the shoulders nothing is left."""
    alpha = bust()
    head = recipe.head_alone(alpha, seed)
    np.testing.assert_array_equal(head[: NECK[0] - 40], alpha[: NECK[0] - 40])
    assert not head[NECK[-1] + 40 :].any()
    assert not head[:, :40].any()
    assert (head <= alpha).all()


def test_heads_end_differently(recipe):
    """No one height or shape is learned as the end of heads."""
    ends = {int(np.flatnonzero(recipe.head_alone(bust(), seed).any(1))[-1]) for seed in range(8)}
    assert len(ends) > 3


def test_no_neck_no_head(recipe):
    """Hair that hangs down to the shoulders hides where a head could be cut off."""
    assert recipe.head_alone(bust(neck=78), 0) is None


def test_a_head_stays_with_its_person(tmp_path):
    """The split never divides a head from the cut-out that it comes from; made again, nothing changes."""
    pixels = np.dstack([np.full((240, 200, 3), 120, np.uint8), bust()])
    for name in ("athletes/bml_someone", "london/012_03", "elsewhere/other"):
        path = tmp_path / "rgba" / f"{name}.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), pixels)
    (tmp_path / "groups.json").write_text(json.dumps({"elsewhere-other": "mine", "london-012_03": "pair"}))
    for _ in range(2):
        subprocess.run([sys.executable, str(RECIPE), str(tmp_path)], check=True)
        listing = find_jobs([tmp_path], None, 1)
        assert not listing.problems
        assert {job.key: job.person for job in listing.jobs} == {
            "athletes-bml_someone": "athletes-bml_someone",
            "elsewhere-other": "mine",
            "heads-athletes_bml_someone": "athletes-bml_someone",
            "heads-london_012_03": "pair",
            "london-012_03": "pair",
        }
    head = read_colours(tmp_path / "rgba/heads/london_012_03.png")
    assert head.shape[0] < 240
    assert head[..., 3].max() == 255
