"""Lists of pictures that are left out by hand."""

import pytest

from shm_deploy.errors import SpecError
from shm_train.data.exclusion import read_exclusions, split_excluded


def test_keys_have_reasons(tmp_path):
    """Comments and empty lines don't count."""
    (tmp_path / "list").write_text("# seen by eye\n\nbsds500-1 a skier\nflickr-2   two riders \n")
    assert read_exclusions(tmp_path / "list") == {"bsds500-1": "a skier", "flickr-2": "two riders"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\n", ":1: got 'a' without a reason"), ("a b\na c\n", ":2: a is there twice"), (None, "can't read")],
    ids=["no reason", "twice", "no file"],
)
def test_unclear_lists_are_refused(tmp_path, text, message):
    """With the line."""
    if text is not None:
        (tmp_path / "list").write_text(text)
    with pytest.raises(SpecError, match=message):
        read_exclusions(tmp_path / "list")


def test_a_line_leaves_out_one_picture_or_all_that_begin_alike():
    """Whatever frames of a clip are taken; what fits nothing is named, and a beginning without its star is a key."""
    keys = ["clip-jed-0", "clip-jed-10", "clip-jen-0", "photo-1", "photo-12"]
    assert split_excluded(iter(keys), {"clip-jed-*": "", "photo-1": "", "clip-j": "", "gone-*": ""}) == (
        ["clip-jed-0", "clip-jed-10", "photo-1"],
        ["clip-j", "gone-*"],
    )
    assert split_excluded(keys, {}) == ([], [])
