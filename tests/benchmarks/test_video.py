"""The video benchmark on a few tiny frames."""

from benchmarks.video import measure
from shm_deploy.matter import Matter
from tests.deploy.fakes import FakeBackend


def test_every_stage_and_the_pipeline_are_timed(tmp_path):
    """All above zero; the bound is the slowest stage's wall clock or the CPU's share, whichever is more."""
    with Matter(FakeBackend()) as matter:
        row = measure(matter, (64, 96), 6, tmp_path)
    assert set(row["stages"]) == {"decode", "network", "steady", "render", "encode"}
    assert all(stage["wall_ms"] > 0 for stage in row["stages"].values())
    assert row["bound_ms"] >= max(stage["wall_ms"] for stage in row["stages"].values()) - 0.01
    assert (row["width"], row["height"], row["frames"]) == (96, 64, 6)
