"""Layouts: who belongs to whom, and who has nobody."""

import json

import numpy as np
import pytest

from shm_deploy.errors import SpecError
from shm_train.data.layout import Problem, find_jobs, find_label, find_photographs
from tests.train.data.folders import ALPHA, MASK, cut_out, picture, write


def listed(*roots, labels=None):
    return find_jobs(roots, labels, 1)


def test_each_layout_becomes_its_kind(tmp_path):
    """By source or flat; partners by stem, whatever their formats."""
    write(tmp_path / "lone.png", cut_out(0))
    write(tmp_path / "rgba/studio/one.png", cut_out(1))
    write(tmp_path / "rgba_video/studio/anna_walks/0.png", cut_out(2))
    write(tmp_path / "fg/own.jpg", picture(3))
    write(tmp_path / "alpha/own.png", ALPHA)
    write(tmp_path / "image/web/beach.jpg", picture(4))
    write(tmp_path / "alpha/web/beach.webp", ALPHA)
    write(tmp_path / "image/web/street.webp", picture(5))
    write(tmp_path / "mask/web/street.png", MASK)
    write(tmp_path / "people/web/shop.jpg", picture(6))
    write(tmp_path / "masks/web/shop.png", MASK)
    write(tmp_path / "people/web/unlabelled.jpg", picture(7))
    write(tmp_path / "backgrounds/wall.jpg", picture(8))
    jobs, problems = listed(tmp_path)
    assert problems == []
    assert {job.key: (job.kind, job.person) for job in jobs} == {
        f"{tmp_path.name}-lone": ("cutout", ""),
        "studio-one": ("cutout", ""),
        "studio-anna_walks-0": ("cutout", "studio/anna"),
        "fg-own": ("cutout", ""),
        "web-beach": ("photo", ""),
        "web-street": ("mask", ""),
        "web-shop": ("mask", ""),
        "backgrounds-wall": ("background", ""),
    }


def test_a_photograph_with_alpha_takes_its_colours_from_fg(tmp_path):
    """One sample, not a photograph and a cut-out of the same person on two sides of the split."""
    for folder in ("fg", "image", "alpha"):
        write(tmp_path / folder / "anna.png", picture(0))
    (job,) = listed(tmp_path).jobs
    assert (job.kind, job.picture.parent.name) == ("photo", "image")
    assert job.foreground == tmp_path / "fg/anna.png"


@pytest.mark.parametrize(
    ("files", "where", "what"),
    [
        (["fg/a.jpg", "alpha/b.png"], "fg/a.jpg", "no alpha of this name"),
        (["fg/a.jpg", "alpha/b.png"], "alpha/b.png", "no picture of this name"),
        (["image/a.jpg"], "image/a.jpg", "no alpha, mask or label of this name"),
        (["mask/x/a.png", "image/a.jpg"], "mask/x/a.png", "no picture of this name"),
        (["image/a.jpg", "alpha/a.png", "alpha/a.webp"], "alpha/a.webp", "has the name of a.png: remove one"),
        (["image/s/a.jpg", "people/s/a.png"], "people/s/a.png", "has the name of image/s/a.jpg: remove one"),
        (["rgba/s/a.png", "backgrounds/s/a.jpg"], "s-a", "2 pictures of one source and name: rename them"),
    ],
    ids=["no alpha", "no fg", "image alone", "no image", "twice", "in both", "one key"],
)
def test_what_has_no_partner_is_named(tmp_path, files, where, what):
    """With its file, and what is missing."""
    for name in files:
        write(tmp_path / name, picture(0))
    assert Problem(where, what) in listed(tmp_path).problems


def test_pictures_of_one_key_are_left_out_both(tmp_path):
    """One would overwrite the other, and which one would be a matter of chance."""
    write(tmp_path / "rgba/s/a.png", cut_out(0))
    write(tmp_path / "backgrounds/s/a.jpg", picture(0))
    assert listed(tmp_path).jobs == []


def test_several_folders_are_one_listing(tmp_path):
    """Foregrounds here, backgrounds there."""
    write(tmp_path / "mine/one.png", cut_out(0))
    write(tmp_path / "coco/backgrounds/wall.jpg", picture(1))
    assert {job.key for job in listed(tmp_path / "mine", tmp_path / "coco").jobs} == {"mine-one", "backgrounds-wall"}


def test_a_file_of_groups_says_who_is_one_person(tmp_path):
    """And what it says about pictures that are not there is a problem."""
    write(tmp_path / "rgba/s/a.png", cut_out(0))
    (tmp_path / "groups.json").write_text(json.dumps({"s-a": "anna", "s-b": "anna"}))
    jobs, problems = listed(tmp_path)
    assert [job.person for job in jobs] == ["anna"]
    assert problems == [Problem("s-b", "in groups.json, but there is no such picture")]


@pytest.mark.parametrize("text", ["{", '["a"]', '{"a": 1}'], ids=["broken", "list", "number"])
def test_groups_that_are_none_are_refused(tmp_path, text):
    """The message names the file."""
    write(tmp_path / "rgba/s/a.png", cut_out(0))
    (tmp_path / "groups.json").write_text(text)
    with pytest.raises(SpecError, match=r"groups\.json"):
        listed(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    """The message says what was looked for."""
    with pytest.raises(SpecError, match="wanted are folders rgba/"):
        listed(tmp_path)


@pytest.mark.parametrize(
    "names",
    [("matte.webp", "detail.webp", "person.png"), ("rvm.webp", "isnet.webp", "classes.png")],
    ids=["new", "old"],
)
def test_labels_are_found_by_either_name(tmp_path, names):
    """Those that exist keep their names."""
    for name in names:
        write(tmp_path / f"labels/web/beach.{name}", ALPHA)
    label = find_label(tmp_path / "labels", "web", "beach")
    assert (label.matte.name, label.detail.name, label.person.name) == tuple(f"beach.{name}" for name in names)


def test_a_label_wins_over_nothing_and_keeps_the_mask(tmp_path):
    """A photograph with both is judged by its mask."""
    write(tmp_path / "people/web/beach.jpg", picture(0))
    write(tmp_path / "masks/web/beach.png", MASK)
    write(tmp_path / "labels/web/beach.matte.webp", ALPHA)
    (job,) = listed(tmp_path, labels=tmp_path / "labels").jobs
    assert (job.kind, job.mask.name, job.label.detail) == ("photo", "beach.png", None)


def test_photographs_are_found_with_their_masks(tmp_path):
    """In people/ and image/, or in the folder itself."""
    write(tmp_path / "people/web/beach.jpg", picture(0))
    write(tmp_path / "masks/web/beach.png", MASK)
    write(tmp_path / "elsewhere/web/beach.png", MASK)
    (photograph,) = find_photographs(tmp_path, None)
    assert (photograph.key, photograph.person) == ("web-beach", None)
    assert photograph.mask == tmp_path / "masks/web/beach.png"
    (photograph,) = find_photographs(tmp_path, tmp_path / "elsewhere")
    assert photograph.person == tmp_path / "elsewhere/web/beach.png"
    (photograph,) = find_photographs(tmp_path / "people/web", None)
    assert (photograph.key, photograph.mask) == ("web-beach", None)
    with pytest.raises(SpecError, match="no photographs"):
        find_photographs(tmp_path / "masks/nothing", None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("people/web/beach.jpg", "people/web/beach.png"),
        ("image/web/beach.jpg", "people/web/beach.jpg"),
        ("people/monday/web/beach.jpg", "people/sunday/web/beach.jpg"),
        ("beach.jpg", "beach.png"),
    ],
    ids=["suffixes", "folders", "sub-folders", "flat"],
)
def test_photographs_that_would_share_a_label_are_refused(tmp_path, first, second):
    """The one that comes second would get the other's alpha."""
    for number, name in enumerate((first, second)):
        write(tmp_path / name, picture(number))
    with pytest.raises(SpecError, match=rf"got {first} and {second}, .* rename one"):
        find_photographs(tmp_path, None)


@pytest.mark.parametrize("second", ["people/web/beach.png", "image/web/beach.jpg"])
def test_a_label_goes_to_nobody_where_it_may_be_of_two(tmp_path, second):
    """Which of them the teachers saw is not known."""
    write(tmp_path / "people/web/beach.jpg", picture(0))
    write(tmp_path / second, picture(1))
    write(tmp_path / "labels/web/beach.matte.webp", ALPHA)
    jobs, problems = listed(tmp_path, labels=tmp_path / "labels")
    assert jobs == []
    assert any("remove one" in problem.what for problem in problems)


def test_files_that_are_no_pictures_are_left_alone(tmp_path):
    """A readme beside the pictures is no cut-out."""
    write(tmp_path / "rgba/s/a.png", cut_out(0))
    (tmp_path / "rgba/s/README.md").write_text("mine")
    np.save(tmp_path / "rgba/s/a.npy", ALPHA)
    assert [job.key for job in listed(tmp_path).jobs] == ["s-a"]
