"""The gate: in while open, out before it closes."""

from __future__ import annotations

import contextlib
import threading

import pytest

from shm_deploy.errors import SpecError
from shm_deploy.gate import Gate


def test_closed_gate_lets_nobody_in() -> None:
    """Only the first close did it."""
    gate = Gate()
    with gate:
        pass
    assert gate.close()
    assert not gate.close()
    with pytest.raises(SpecError, match="closed"), gate:
        pass


def test_close_waits_for_those_inside() -> None:
    """It returns after the last one is out, even by an error."""
    gate = Gate()
    closed = threading.Event()

    def close() -> None:
        gate.close()
        closed.set()

    closing = threading.Thread(target=close)
    with contextlib.suppress(ZeroDivisionError), gate:
        closing.start()
        assert not closed.wait(0.05)
        raise ZeroDivisionError
    closing.join(10)
    assert closed.is_set()
