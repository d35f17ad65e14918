"""The benchmarks themselves, on the packaged model, as small as they can be."""

import json

import pytest

from benchmarks import cold_start, gpu, parity

pytestmark = pytest.mark.slow


def test_parity_of_the_packaged_model_holds_at_a_small_and_an_odd_size(tmp_path):
    """Both ways, joined and in parts, are within their tolerances, and the record says of what."""
    out = tmp_path / "parity.json"
    assert parity.main(["--variant", "live", "--size", "96", "--size", "97x131", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    (live,) = record["models"]
    assert record["device"] == live["environment"]["device"]
    assert [(row["width"], row["height"]) for row in live["joined"]] == [(96, 96), (97, 131)]
    assert all(row["difference"]["num_nan"] == 0 for row in (*live["joined"], *live["parts"]))


def test_a_variant_that_was_measured_before_keeps_its_record(tmp_path):
    """The large network takes long; measuring the small one again does not lose it."""
    out = tmp_path / "parity.json"
    paper = {"variant": "paper", "joined": [{"passed": True}], "parts": []}
    out.write_text(json.dumps({"models": [paper]}))
    assert parity.main(["--variant", "live", "--size", "64", "--out", str(out)]) == 0
    assert [model["variant"] for model in json.loads(out.read_text())["models"]] == ["paper", "live"]


def test_the_gpu_benchmark_can_be_rehearsed_on_a_cpu(tmp_path):
    """Every section runs; what needs a device says so instead of passing."""
    out = tmp_path / "gpu.json"
    assert gpu.main(["--device", "cpu", "--tiny", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert record["rehearsal"]
    assert record["device"]
    ways = {way["way"]: way for way in record["numerics"]["live"]["ways"]}
    assert ways["onnxruntime fp32"]["passed"]
    assert {row["way"] for row in record["speed"]["rows"] if "failed" not in row} >= {"eager fp32", "Matter, joined"}


def test_cold_start_is_measured_in_fresh_processes(tmp_path):
    """One process of each kind; the import brings nothing heavy."""
    out = tmp_path / "cold_start.json"
    assert cold_start.main(["--runs", "1", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert record["import"]["shm_deploy"]["heavy"] == []
    assert record["matte_s"]["runs"] == 1
