"""The shm-doctor command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shm_deploy.cli.doctor import main


def test_working_backend_exits_0(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report names host, packages, driver, weights and what ran."""
    assert main(["--model", str(tiny_model)]) == 0
    report = capsys.readouterr().out
    assert "onnxruntime runs shm.onnx on cpu" in report
    for topic in ("host", "packages", "driver", "weights", "healthy"):
        assert f"\n{topic}" in f"\n{report}"


def test_json_holds_the_same(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts."""
    assert main(["--model", str(tiny_model), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"] is True
    assert report["trials"][0]["outcome"]["latency_ms"] > 0
    assert "numpy" in report["packages"]


def test_missing_weights_exit_1_with_a_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, where the report is."""
    assert main(["--model", str(tmp_path / "nowhere.onnx")]) == 1
    report = capsys.readouterr().out
    assert "nowhere.onnx" in report
    assert "\nfix " in report
