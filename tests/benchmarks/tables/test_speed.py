"""Clips from file to file."""

from benchmarks.tables.speed import video_table
from tests.benchmarks.tables import ENVIRONMENT


def test_video_table_has_the_stages_beside_the_whole():
    """Frames a second, times the bound, and each stage by itself."""
    stages = {"decode": {"wall_ms": 6.6}, "network": {"wall_ms": 33.4}}
    row = {"width": 1280, "height": 720, "frames_per_s": 15.77, "ratio": 1.078, "stages": stages}
    lines = video_table({"device": "a processor", "environment": ENVIRONMENT, "rows": [row]}).splitlines()
    assert lines[0] == "| clip | frames/s | times its bound | decode | network |"
    assert lines[2] == "| 1280×720 | 15.8 | 1.08 | 7 ms | 33 ms |"
