"""How ONNX Runtime is asked to wait."""

import pytest

from shm_deploy.backends.onnxruntime import waiting_options


@pytest.mark.parametrize("version", ["1.19.0", "1.25.1", "1.25.1.dev20260401"])
def test_threads_sleep_where_busy_waiting_has_no_duration(version):
    """Releases before 1.26 ignore the duration, and would wait busily for milliseconds."""
    assert waiting_options(version) == {"session.intra_op.allow_spinning": "0"}


@pytest.mark.parametrize("version", ["1.26.0", "1.32.0", "1.26rc1", "2.0.0"])
def test_threads_wait_busily_between_operators_only(version):
    """For microseconds, and never past the end of a run."""
    options = waiting_options(version)
    assert options["session.intra_op.allow_spinning"] == "1"
    assert int(options["session.intra_op.spin_duration_us"]) < 100
    assert options["session.force_spinning_stop"] == "1"
