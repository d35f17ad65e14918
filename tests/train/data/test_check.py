"""Checking folders before training."""

import hashlib

import numpy as np
import pytest

from shm_train.data.check import check
from shm_train.data.layout import find_jobs
from shm_train.data.pack import PackConfig, pack
from tests.train.data.folders import ALPHA, MASK, cut_out, picture, write


def checked(root, labels=None):
    return check(find_jobs([root], labels, 1), 0, lambda count: None)


@pytest.fixture
def faulty(tmp_path):
    """One picture of every fault, and good ones: with an alpha of 8 bit, and of 16."""
    data = tmp_path / "data"
    write(data / "rgba/s/good.png", cut_out(0))
    write(data / "rgba/s/opaque.png", np.dstack([picture(1), np.full_like(ALPHA, 255)]))
    write(data / "rgba/s/flat.png", picture(2))
    write(data / "rgba/s/small.png", cut_out(3)[:32])
    write(data / "fg/s/lonely.jpg", picture(4))
    write(data / "image/s/empty.jpg", picture(5))
    write(data / "alpha/s/empty.png", ALPHA // 4)
    write(data / "image/s/odd.jpg", picture(6))
    write(data / "alpha/s/odd.png", ALPHA[:80])
    write(data / "image/s/deep.jpg", picture(7))
    write(data / "alpha/s/deep.png", ALPHA.astype(np.uint16) * 257)
    write(data / "image/s/ones.jpg", picture(8))
    write(data / "mask/s/ones.png", MASK // 255)
    write(data / "backgrounds/s/wall.jpg", picture(9))
    whole = (data / "backgrounds/s/wall.jpg").read_bytes()
    (data / "backgrounds/s/cut.jpg").write_bytes(whole[: len(whole) // 2])
    return data


def test_every_fault_is_named_once(faulty):
    """The good ones are not."""
    problems = dict(checked(faulty))
    assert problems.pop("s-cut").startswith("unreadable: cut.jpg: ")
    assert problems == {
        "fg/s/lonely.jpg": "no alpha of this name",
        "s-opaque": "alpha is opaque everywhere",
        "s-flat": "no alpha channel",
        "s-small": "96x32 px; at least 64 a side are wanted",
        "s-empty": "empty alpha",
        "s-odd": "alpha of 96x80 px for a picture of 96x96",
        "s-ones": "mask of zeros and ones: multiply it by 255",
    }


def test_a_broken_label_is_found(tmp_path):
    """Labels have a size of their own, but they must be readable."""
    write(tmp_path / "data/people/s/beach.jpg", picture(0))
    write(tmp_path / "labels/s/beach.matte.webp", ALPHA[::2, ::2])
    assert checked(tmp_path / "data", tmp_path / "labels") == []
    (tmp_path / "labels/s/beach.matte.webp").write_bytes(b"RIFF")
    assert [key for key, _ in checked(tmp_path / "data", tmp_path / "labels")] == ["s-beach"]


def test_a_label_of_another_picture_is_found(tmp_path):
    """By its proportions; a smaller one of the same is fine. Packing rejects it with the same words."""
    write(tmp_path / "data/people/s/beach.jpg", picture(0))
    write(tmp_path / "labels/s/beach.matte.webp", ALPHA[:60])
    reason = "label of 96x60 px for a picture of 96x96: is it of another one?"
    assert checked(tmp_path / "data", tmp_path / "labels") == [("s-beach", reason)]
    jobs = find_jobs([tmp_path / "data"], tmp_path / "labels", 1).jobs
    assert pack(jobs, tmp_path / "pack", PackConfig(), 0, lambda count: None) == {"s-beach": reason}


def person(*, held_out):
    """A name whose SHA-1 begins below, or not below, a tenth of its range."""
    names = (f"{number:03d}" for number in range(1000))
    return next(
        name for name in names if (hashlib.sha1(f"london/{name}".encode()).hexdigest() < "1999999a") == held_out
    )


def test_one_picture_on_both_sides_of_the_split_is_found(tmp_path):
    """The same photograph under two people's names: one is held out, the other trained on."""
    seen, held_out = person(held_out=False), person(held_out=True)
    for name in (seen, held_out):
        write(tmp_path / f"rgba/london/{name}_03.png", cut_out(0))
    write(tmp_path / f"rgba/london/{seen}_08.png", cut_out(1))
    assert checked(tmp_path) == [
        (
            f"london-{held_out}_03",
            f"held out, but london-{seen}_03 for training looks the same: join their groups",
        )
    ]


def test_copies_that_no_name_parts_are_no_problem(tmp_path):
    """They share a group already."""
    for number in range(12):
        write(tmp_path / f"backgrounds/s/{number}.jpg", picture(0))
    assert checked(tmp_path) == []
