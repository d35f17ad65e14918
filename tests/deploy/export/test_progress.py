"""What an export tells while it works."""

from __future__ import annotations

import pytest

from shm_deploy.export.progress import Progress, megabytes, stage


def test_a_stage_begins_steps_and_ends() -> None:
    """In this order, the outcome at the end."""
    heard: list[Progress] = []
    with stage("graphs", heard.append) as running:
        running.step("tracing tnet")
        running.came_out("shm.onnx 14.0 MB")
    assert [(progress.state, progress.detail) for progress in heard] == [
        ("begun", ""),
        ("step", "tracing tnet"),
        ("done", "shm.onnx 14.0 MB"),
    ]


def test_a_stage_that_raises_does_not_end() -> None:
    """Nothing is called done that is not."""
    heard: list[Progress] = []
    with pytest.raises(RuntimeError), stage("engine", heard.append):
        raise RuntimeError
    assert [progress.state for progress in heard] == ["begun"]


def test_megabytes_are_decimal() -> None:
    """As disks and downloads count them."""
    assert megabytes(15_123_456) == "15.1 MB"
