"""Lists of pictures that are left out by hand."""

import pytest

from shm_deploy.errors import SpecError
from shm_train.data.exclusion import read_exclusions


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
