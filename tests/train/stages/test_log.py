"""The CSV of a run."""

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
