"""Tiles beside one piece, on the packaged model."""

import json

import pytest

from benchmarks.tiles import main
from shm_deploy.export.photographs import PACKAGED_FOLDER


@pytest.mark.slow
def test_each_photograph_is_matted_both_ways(tmp_path):
    """The least unknown first; the two mattes are as near as tiles promise."""
    out = tmp_path / "tiles.json"
    arguments = ["--photographs", str(PACKAGED_FOLDER), "--num", "2", "--size", "320x240", "--runs", "1"]
    assert main([*arguments, "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 2
    assert 0 < rows[0]["unknown"] <= rows[1]["unknown"] < 1
    assert all(row["sad"] <= 0.05 for row in rows)
