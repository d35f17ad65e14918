"""RobustVideoMatting's network is fast, and leaves the CPUs to whoever comes next."""

import pytest

from benchmarks.rvm import session_options


def test_threads_spin_within_a_run_and_not_after_it():
    """ONNX Runtime's default waits busily, after a run too, into the turn of the next."""
    options = session_options(2)
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"
    with pytest.raises(RuntimeError):  # not set
        options.get_session_config_entry("session.intra_op.allow_spinning")
