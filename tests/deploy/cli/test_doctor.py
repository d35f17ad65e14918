"""The shm-doctor command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shm_deploy.cli.doctor import main


@pytest.mark.slow
def test_working_backend_exits_0(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report names host, packages, driver, weights and what ran."""
    assert main(["--model", str(tiny_model)]) == 0
    report = capsys.readouterr().out
    assert "onnxruntime runs shm.onnx on cpu" in report
    for topic in ("host", "packages", "driver", "weights", "healthy"):
        assert f"\n{topic}" in f"\n{report}"


@pytest.mark.slow
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


def test_two_wheels_of_one_module_show_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As pip leaves it after installing onnxruntime-gpu over onnxruntime: two distributions, one folder of files."""
    for name in ("onnxruntime", "onnxruntime_gpu"):
        (tmp_path / f"{name}-1.20.dist-info").mkdir()
        (tmp_path / f"{name}-1.20.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.20\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    main(["--model", str(tmp_path / "nowhere.onnx")])
    report = capsys.readouterr().out
    assert "problem   onnxruntime and onnxruntime-gpu are installed together" in report
    assert "fix       pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu" in report
