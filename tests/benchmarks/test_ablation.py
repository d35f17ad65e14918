"""The paper's tables for other data."""

import json

import pytest

from benchmarks import ablation
from benchmarks.ablation_arms import ARMS, TABLES, Row, needed_arms
from benchmarks.ablation_tables import agreement, table
from shm_deploy.metrics import Quality
from tests.benchmarks.small_pack import write_pack

TINY = {
    "network.tnet_edge": 64,
    "network.tnet_width": 4,
    "network.mnet_widths": (4, 4, 4),
    "data.batch_size": 2,
    "data.canvases": ((64, 64),),
    "data.patches": (48,),
    "data.patch_size": 48,
    "num_validation": 2,
}


def quality(sad):
    return Quality(sad=sad, mse=sad, gradient=sad, connectivity=sad)


ROWS = {
    "Table": (
        Row("worst", "tnet", "network", quality(3)),
        Row("middle", "tnet", "network", quality(2)),
        Row("best", "tnet", "network", quality(1)),
        Row("ours alone", "tnet", "network", None),
    )
}


def test_an_arm_brings_what_it_starts_from():
    """In an order in which they can be trained."""
    assert needed_arms(["no_lt"]) == ["tnet", "mnet", "no_lt"]
    assert needed_arms(["regression", "dim"]) == ["tnet", "regression", "dim"]
    assert needed_arms(list(ARMS)) == list(ARMS)


def test_every_line_has_an_arm():
    """And every arm serves a line."""
    assert {row.arm for rows in TABLES.values() for row in rows} == set(ARMS)


def test_ours_stand_beside_the_papers():
    """In the paper's units; a line without a paper's number says so; lines not judged are left out."""
    text = table("Table", ROWS["Table"], {"worst": quality(0.004), "ours alone": quality(0.001)})
    assert "| worst | 4.000, 3000.000 | 4.000, 3000.000 | 400.000, 300000.000 | 400.000, 300000.000 |" in text
    assert "| ours alone | 1.000, – |" in text
    assert "middle" not in text


def test_the_papers_order_is_counted_in_pairs():
    """Worst and middle changed places: one of three pairs is out of order; lines the paper lacks do not count."""
    judged = {"worst": quality(2), "middle": quality(3), "best": quality(1), "ours alone": quality(0)}
    assert agreement(ROWS, judged) == (
        "Table: of 3 pairs in the paper's order: sad 2, mse 2, gradient 2, connectivity 2; not by SAD: worst / middle"
    )


@pytest.mark.slow
def test_a_run_makes_tables_and_goes_on_where_it_was(tmp_path, capsys):
    """Three arms of one step each; the second run trains and judges nothing again."""
    write_pack(tmp_path / "pack")
    arguments = ["--pack", str(tmp_path / "pack"), "--work", str(tmp_path / "work"), "--steps", "1", "--arms", "shm"]
    arguments += ["--limit", "1", "--max-edge", "96", "--threads", "1", "--workers", "0", "--device", "cpu"]
    arguments += ["--out", str(tmp_path / "ablation.json")]
    arguments += [text for name, value in TINY.items() for text in ("--set", f"{name}={value}")]
    assert ablation.main(arguments) == 0
    tables = capsys.readouterr().out
    assert "| SHM | " in tables
    assert "PSP50 Seg" not in tables
    record = json.loads((tmp_path / "ablation.json").read_text())
    assert set(record["curves"]) == {"tnet", "mnet", "shm"}
    assert (tmp_path / "ablation.png").is_file()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}
    assert ablation.main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")} == before
    assert capsys.readouterr().out == tables
