"""Which file becomes which."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.planning import plan_file, plan_folder, writes_folder


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def plan(inputs: list[Path | str], output: Path, root: Path) -> dict[str, str]:
    """Sources to targets, the first relative to `root`, the others to `output`."""
    jobs = plan_folder([str(text) for text in inputs], output, ".png")
    return {str(job.source.relative_to(root)): str(job.target.relative_to(output)) for job in jobs}


def test_folder_keeps_its_relative_paths_and_stems(tmp_path: Path) -> None:
    """Only pictures are taken; hidden files and other kinds are passed over."""
    make(tmp_path, "in/a.JPG", "in/sub/b.webp", "in/notes.txt", "in/.hidden.png", "in/.git/c.png")
    assert plan([tmp_path / "in"], tmp_path / "out", tmp_path / "in") == {"a.JPG": "a.png", "sub/b.webp": "sub/b.png"}


def test_pictures_with_one_stem_keep_their_whole_names(tmp_path: Path) -> None:
    """All of them, so that no result depends on which came first; others of that folder are not touched."""
    make(tmp_path, "in/a.jpg", "in/a.png", "in/b.jpg", "in/sub/a.jpg")
    assert plan([tmp_path / "in"], tmp_path / "out", tmp_path / "in") == {
        "a.jpg": "a.jpg.png",
        "a.png": "a.png.png",
        "b.jpg": "b.png",
        "sub/a.jpg": "sub/a.png",
    }


def test_whole_names_that_meet_a_stem_lengthen_it_too(tmp_path: Path) -> None:
    """`a.jpg.webp` has the stem `a.jpg`, which `a.jpg` now takes."""
    make(tmp_path, "in/a.jpg", "in/a.png", "in/a.jpg.webp")
    assert plan([tmp_path / "in"], tmp_path / "out", tmp_path / "in") == {
        "a.jpg": "a.jpg.png",
        "a.jpg.webp": "a.jpg.webp.png",
        "a.png": "a.png.png",
    }


def test_stems_that_differ_in_case_are_one(tmp_path: Path) -> None:
    """So that results survive a copy to a disk that ignores case."""
    make(tmp_path, "in/A.jpg", "in/a.png")
    assert plan([tmp_path / "in"], tmp_path / "out", tmp_path / "in") == {"A.jpg": "A.jpg.png", "a.png": "a.png.png"}


@settings(max_examples=25)
@given(names=st.sets(st.from_regex(r"[ab](\.(jpg|png))?\.(jpg|png|tif)", fullmatch=True), min_size=1))
def test_no_two_pictures_share_a_target(names: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the names are."""
    root = tmp_path_factory.mktemp("names")
    make(root, *(f"in/{name}" for name in names))
    targets = plan([root / "in"], root / "out", root / "in").values()
    assert len(set(targets)) == len(names)


def test_pattern_is_relative_to_what_comes_before_its_wildcard(tmp_path: Path) -> None:
    """`in/*/b*.jpg` keeps the folders below `in`."""
    make(tmp_path, "in/x/b1.jpg", "in/y/b2.jpg", "in/y/c.jpg")
    found = plan([str(tmp_path / "in" / "*" / "b*.jpg")], tmp_path / "out", tmp_path / "in")
    assert found == {"x/b1.jpg": "x/b1.png", "y/b2.jpg": "y/b2.png"}


def test_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    """`photo[1].jpg` exists and is meant."""
    make(tmp_path, "photo[1].jpg", "photo1.jpg")
    assert plan([tmp_path / "photo[1].jpg"], tmp_path / "out", tmp_path) == {"photo[1].jpg": "photo[1].png"}


def test_picture_named_twice_is_done_once(tmp_path: Path) -> None:
    """A folder and a file in it."""
    make(tmp_path, "in/a.jpg")
    assert plan([tmp_path / "in", tmp_path / "in" / "a.jpg"], tmp_path / "out", tmp_path / "in") == {"a.jpg": "a.png"}


def test_results_within_the_input_folder_are_not_inputs(tmp_path: Path) -> None:
    """A second run does not matte the first one's results."""
    make(tmp_path, "in/a.jpg", "in/out/a.png")
    assert plan([tmp_path / "in"], tmp_path / "in" / "out", tmp_path / "in") == {"a.jpg": "a.png"}


def test_inputs_are_never_targets(tmp_path: Path) -> None:
    """Neither a folder written into itself, nor a file onto itself."""
    make(tmp_path, "in/a.png")
    with pytest.raises(SpecError, match="both input and output"):
        plan_folder([str(tmp_path / "in")], tmp_path / "in", ".png")
    with pytest.raises(SpecError, match="one of the inputs"):
        plan_folder([str(tmp_path / "in" / "*.png")], tmp_path / "in", ".png")
    with pytest.raises(SpecError, match="both input and output"):
        plan_file(tmp_path / "in" / "a.png", tmp_path / "in" / "a.png")


def test_missing_and_empty_inputs_are_named(tmp_path: Path) -> None:
    """A typing error does not end as nothing to do."""
    make(tmp_path, "in/notes.txt")
    with pytest.raises(MediaError, match="does not exist"):
        plan_folder([str(tmp_path / "inn")], tmp_path / "out", ".png")
    with pytest.raises(MediaError, match="no pictures"):
        plan_folder([str(tmp_path / "in")], tmp_path / "out", ".png")
    with pytest.raises(MediaError, match="no pictures"):
        plan_folder([str(tmp_path / "*.jpg")], tmp_path / "out", ".png")
    with pytest.raises(MediaError, match="does not exist"):
        plan_file(tmp_path / "a.jpg", tmp_path / "a.png")


def test_output_is_a_folder_where_several_pictures_may_come(tmp_path: Path) -> None:
    """Or where it is one already."""
    make(tmp_path, "in/a.jpg")
    photo, folder, new = str(tmp_path / "in" / "a.jpg"), str(tmp_path / "in"), tmp_path / "new"
    assert not writes_folder([photo], new)
    assert writes_folder([photo], tmp_path)
    assert writes_folder([photo, photo], new)
    assert writes_folder([folder], new)
    assert writes_folder([str(tmp_path / "*.jpg")], new)
