"""The examination as a whole."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from shm_deploy.artifacts import PACKAGED_MODEL
from shm_deploy.doctor import examine
from shm_deploy.doctor.examination import check_weights, run_trial
from shm_deploy.doctor.selftest import drawn_person, run_selftest


def test_selftest_tells_what_ran_and_how_long(tiny_model: Path) -> None:
    """The share of the person is the mean of the red channel, with this model."""
    outcome = run_selftest(tiny_model, "onnxruntime")
    assert outcome.device == "cpu"
    assert outcome.providers == ("CPUExecutionProvider",)
    assert outcome.person_share == pytest.approx(drawn_person()[..., 0].mean() / 255, abs=1e-4)
    assert outcome.latency_ms > 0


def test_packaged_weights_are_hashed_and_compared() -> None:
    """The hash is the file's own, and its sidecar agrees."""
    weights = check_weights(PACKAGED_MODEL)
    assert weights.sha256 == hashlib.sha256(PACKAGED_MODEL.read_bytes()).hexdigest()
    assert weights.compared


def test_weights_without_a_sidecar_are_hashed_only(tiny_model: Path) -> None:
    """There is nothing to compare them with, and the report says so."""
    assert not check_weights(tiny_model).compared


def test_backend_that_crashes_is_told_from_one_that_complains() -> None:
    """Neither takes the examination with it."""
    assert run_trial([sys.executable, "-c", 'print(\'{"device": "cpu"}\')'], 20) == ({"device": "cpu"}, None)
    outcome, reason = run_trial([sys.executable, "-c", "import os; os.abort()"], 20)
    assert outcome is None
    assert reason is not None
    assert "SIGABRT" in reason
    assert run_trial([sys.executable, "-c", "import sys; sys.exit('no libcudnn')"], 20) == (None, "no libcudnn")


def test_backend_that_hangs_is_stopped() -> None:
    """The limit is named."""
    assert run_trial([sys.executable, "-c", "import time; time.sleep(60)"], 0.2) == (None, "no answer within 0 s")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no model", id="foreign", marks=pytest.mark.slow),
    ],
)
def test_unusable_weights_are_not_healthy_and_the_fix_is_named(content: bytes | None, tmp_path: Path) -> None:
    """Whether the file is found out by its size or by the backends."""
    model = tmp_path / "shm.onnx"
    if content is not None:
        model.write_bytes(content)
    found = examine(model)
    assert not found.healthy
    assert any(problem.fix for problem in found.problems)
