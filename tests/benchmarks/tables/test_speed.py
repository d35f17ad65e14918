"""Parts of networks, clips from file to file, and memory along a long run."""

from benchmarks.tables.speed import candidates_table, soak_table, tiles_table, video_table
from tests.benchmarks.tables import ENVIRONMENT


def test_candidates_table_has_each_part_beside_the_peer():
    """Its size, its time and its share of RVM's."""
    row = {"part": "tnet", "shape": "416 px, width 32", "parameters": 3_504_243, "ms": 27.04, "share_of_rvm": 0.373}
    record = {"device": "a processor", "environment": ENVIRONMENT, "size": [720, 1280], "threads": 2, "rvm_ms": 72.6}
    lines = candidates_table(record | {"rows": [row]}).splitlines()
    assert lines[2] == "| T-Net | 416 px, width 32 | 3.50 M | 27.0 ms | 0.37 |"
    assert "on a whole frame of 1280×720, 2 threads, in turn with RVM's network, which takes 73 ms." in lines[4]


def test_video_table_has_the_stages_beside_the_whole():
    """Frames a second, times the bound, and each stage by itself."""
    stages = {"decode": {"wall_ms": 6.6}, "network": {"wall_ms": 33.4}}
    row = {"width": 1280, "height": 720, "frames_per_s": 15.77, "ratio": 1.078, "stages": stages}
    lines = video_table({"device": "a processor", "environment": ENVIRONMENT, "rows": [row]}).splitlines()
    assert lines[0] == "| clip | frames/s | times its bound | decode | network |"
    assert lines[2] == "| 1280×720 | 15.8 | 1.08 | 7 ms | 33 ms |"


def test_soak_table_has_the_memory_along_the_run():
    """A fifth of the samples at a time, and the growth beside its limit."""
    record = {
        "device": "a processor",
        "environment": ENVIRONMENT,
        "num_frames": 1000,
        "width": 64,
        "height": 48,
        "seconds": 12.3,
        "growth_mib": 0.04,
        "growth_limit_mib": 8,
        "resident_mib": [[100 * index, 200.0 + index] for index in range(10)],
    }
    text = soak_table(record)
    assert text.splitlines()[2:7] == [f"| {200 * index} | {200 + 2 * index} MiB |" for index in range(5)]
    assert "1000 frames of 64×48 through `shm-live`" in text
    assert "+0.0 MiB from after the warm-up to the end (at most 8 are wanted)" in text


def test_tiles_table_has_a_line_per_share_of_unknown_pixels():
    """Two photographs of one share are one line; shares that none has are left out."""

    def row(unknown: float, tiles: float, sad: float) -> dict:
        return {"unknown": unknown, "tiles_cpu_ms": tiles, "whole_cpu_ms": 100.0, "sad": sad}

    record = {
        "device": "a processor",
        "environment": ENVIRONMENT,
        "width": 1280,
        "height": 720,
        "rows": [row(0.01, 40.0, 0.01), row(0.015, 60.0, 0.03), row(0.3, 110.0, 0.0)],
    }
    lines = tiles_table(record).splitlines()
    assert lines[2:4] == [
        "| 0% to 5% | 2 | 50 ms | 100 ms | 0.50 | 0.0200 |",
        "| 20% to 40% | 1 | 110 ms | 100 ms | 1.10 | 0.0000 |",
    ]
    assert "is 0.0300×10⁻³" in lines[-1]
