"""The loader beside the step: every combination is measured, and what is said about it is kept."""

import pytest

from benchmarks.loader import main, seconds_of
from benchmarks.results_file import read_result
from tests.train.conftest import drawn_pack


@pytest.fixture
def drawn(tmp_path):
    """A pack of drawn pictures."""
    return drawn_pack(tmp_path / "pack")


def test_the_warm_up_is_not_counted():
    """One call before the clock, then as many as asked for."""
    calls = []
    seconds_of(lambda: calls.append(len(calls)), 3)
    assert calls == [0, 1, 2, 3]


def test_a_folder_that_is_no_pack_is_named(tmp_path, capsys):
    """Code 1 and what to do."""
    assert main(["--pack", str(tmp_path)]) == 1
    assert "make the pack with shm-data pack" in capsys.readouterr().err


@pytest.mark.slow
def test_files_and_shards_are_measured_with_and_without_workers(tmp_path, drawn):
    """One step of the live network on tiny canvases; shares are shares."""
    out = tmp_path / "loader.json"
    small = ["data.canvases=((64, 64),)", "data.patches=(32,)", "data.patch_size=32", "data.batch_size=2"]
    command = ["--pack", str(drawn.folder), "--workers", "0", "--batches", "1", "--steps", "1", "--threads", "1"]
    settings = [word for setting in small for word in ("--set", setting)]
    assert main([*command, *settings, "--out", str(out)]) == 0
    found = read_result(out)
    assert {row["from"] for row in found["loader"]} == {"files", "shards"}
    assert all(row["examples_s"] > 0 for row in found["loader"])
    (together,) = found["together"]
    assert 0 < together["waits"] < 1
    assert found["step_examples_s"] > 0
    assert found["batch_size"] == 2
