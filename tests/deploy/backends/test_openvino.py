"""What OpenVINO needs besides the contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SIGNAL_AFTER_TWO_GRAPHS = """
import os, signal, sys
from shm_deploy import Matter
received = []
signal.signal(signal.SIGUSR1, lambda *_: received.append(1))
first, second = (Matter(sys.argv[1], backend="openvino") for _ in range(2))
first.close()
second.close()
os.kill(os.getpid(), signal.SIGUSR1)
assert received
"""


def test_signals_are_survived_after_graphs_are_closed(tiny_model: Path) -> None:
    """Closed in the order in which they were opened, they leave no freed signal stack behind."""
    pytest.importorskip("openvino", reason="extra [openvino] is not installed")
    subprocess.run([sys.executable, "-c", SIGNAL_AFTER_TWO_GRAPHS, str(tiny_model)], check=True)
