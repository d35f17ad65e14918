"""The checks of the runtime find what they are for, on a matter that is made to fail them."""

import threading

import pytest

from benchmarks.gpu_runtime import check_growth, check_out_of_memory, check_release, check_threads, device_mib
from shm_deploy.bench import memory

SIZES = [(64, 64), (72, 80)]


def red(frame):
    return frame[..., 0].copy()


def test_threads_that_agree_pass():
    """Eight threads, two frames each, no difference."""
    found = check_threads(red, SIZES, 2)
    assert found == {"threads": 8, "frames": 16, "different": 0, "passed": True}


def test_a_buffer_shared_by_threads_is_found():
    """Any call outside the first thread answers wrongly: all 16 differ."""
    main = threading.get_ident()

    def shared(frame):
        return red(frame) if threading.get_ident() == main else red(frame) + 1

    found = check_threads(shared, SIZES, 2)
    assert found["different"] == 16
    assert not found["passed"]


def test_memory_that_stays_passes():
    """Nothing is kept."""
    assert check_growth(red, SIZES, 10, "cpu")["passed"]


def test_memory_that_grows_is_found(monkeypatch):
    """33 MiB kept for each of ten frames, by a counter: what else runs in this process gives memory back meanwhile."""
    resident = 100.0

    def leaking(frame):
        nonlocal resident
        resident += 33
        return red(frame)

    monkeypatch.setattr(memory, "resident_mib", lambda: resident)
    found = check_growth(leaking, SIZES, 10, "cpu")
    assert found["host_growth_mib"] == 330
    assert not found["passed"]


@pytest.mark.slow
def test_what_needs_a_device_says_so_on_the_cpu():
    """Not run is not passed."""

    class Opened:
        def __enter__(self):
            return red

        def __exit__(self, *error):
            pass

    assert device_mib("cpu") is None
    assert "passed" not in check_release(Opened, SIZES[0], "cpu")
    assert "passed" not in check_out_of_memory(Opened, SIZES[0], "cpu")
