"""The CSV of a run."""

import resource
from contextlib import contextmanager

import pytest

from shm_deploy.errors import ArtifactError
from shm_train.stages.log import append_rows, drop_rows_after


def test_rows_follow_one_header(tmp_path):
    """The first row brings the columns' names."""
    path = tmp_path / "log.csv"
    append_rows(path, [{"step": 1, "total": 0.5}])
    append_rows(path, [{"step": 2, "total": 0.25}])
    assert path.read_text().split() == ["step,total", "1,0.5", "2,0.25"]


def test_rows_that_will_be_made_again_are_dropped(tmp_path):
    """A run cut at step 3 and saved at step 2 makes step 3 once more."""
    path = tmp_path / "log.csv"
    for step in (1, 2, 3):
        append_rows(path, [{"step": step, "total": 0.5}])
    drop_rows_after(path, 2)
    assert path.read_text().split() == ["step,total", "1,0.5", "2,0.5"]


def test_no_log_yet_is_fine(tmp_path):
    """A new run has none."""
    drop_rows_after(tmp_path / "log.csv", 0)
    assert not (tmp_path / "log.csv").exists()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("step,total\r\n1,0.5\r\n2,0.", "step,total\r\n1,0.5\r\n"),
        ("step,total\r\n1,0.5\r\n2", "step,total\r\n1,0.5\r\n"),
        ("step,total\r\n1,0.5\r\n2,0.23,0.1\r\n4,0.1\r\n", "step,total\r\n1,0.5\r\n"),
        ("step,total\r\n1,0.5\r\n\0\0\0\0", "step,total\r\n1,0.5\r\n"),
        ("step,to", ""),
        ("", ""),
    ],
    ids=["in a number", "in the step", "and gone on behind it", "zeros", "in the header", "at once"],
)
def test_a_line_that_was_cut_goes(tmp_path, text, kept):
    """By a full disk or a crash: a run goes on at step 3, and every other line stays."""
    path = tmp_path / "log.csv"
    path.write_bytes(text.encode())
    drop_rows_after(path, 3)
    assert path.read_bytes().decode() == kept
    append_rows(path, [{"step": 4, "total": 0.25}])
    assert path.read_text().split() == [*(kept.split() or ["step,total"]), "4,0.25"]


@contextmanager
def full_disk(num_bytes):
    """Files of this process end there, with an error of the write; pytest's own output may be one, so not for long."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_no_half_line(tmp_path):
    """What was there stays as it was, so that it can be read, and the run goes on."""
    path = tmp_path / "log.csv"
    append_rows(path, [{"step": 1, "total": 0.5}])
    before = path.read_bytes()
    with full_disk(len(before) + 3), pytest.raises(ArtifactError, match="make room"):
        append_rows(path, [{"step": 2, "total": 0.25}])
    assert path.read_bytes() == before


def test_a_full_disk_does_not_cost_the_log(tmp_path):
    """Rows are dropped beside, so that a resume which fails loses nothing."""
    path = tmp_path / "log.csv"
    for step in (1, 2, 3):
        append_rows(path, [{"step": step, "total": 0.5}])
    before = path.read_bytes()
    with full_disk(4), pytest.raises(ArtifactError, match="make room"):
        drop_rows_after(path, 2)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("log.csv", before)]
