"""What OpenVINO needs besides the contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SIGNAL_STACK = """
import ctypes, sys
from shm_deploy import Matter

class Stack(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

def flags():
    stack = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack.flags

DISABLED = 2
assert flags() == DISABLED
matter = Matter(sys.argv[1], backend="openvino")
assert flags() == DISABLED
matter.close()
assert flags() == DISABLED
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sigaltstack's numbers are Linux's")
def test_signal_stack_of_the_application_stays_its_own(tiny_model: Path) -> None:
    """A freed one left behind crashes the process at the next signal that Python handles."""
    pytest.importorskip("openvino", reason="extra [openvino] is not installed")
    subprocess.run([sys.executable, "-c", SIGNAL_STACK, str(tiny_model)], check=True)
