"""Pictures that share a run of the network."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.backends import Mattes
from shm_deploy.errors import BackendError, SpecError
from shm_deploy.info import Info
from shm_deploy.matter import Matter
from shm_deploy.serve.batching import Batcher, suited_batch
from shm_deploy.sidecar import Profile
from tests.deploy.fakes import FakeBackend


def info(device: str, *largest: int) -> Info:
    profiles = tuple(Profile(minimum=(1, 64, 64), optimum=(1, 64, 64), maximum=(n, 512, 512)) for n in largest)
    with Matter(FakeBackend()) as matter:
        return replace(matter.info(), device=device, profiles=profiles)


@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        (info("cpu"), None, 1),
        (info("cpu"), 4, 4),
        (info("cuda:0"), None, 8),
        (info("cuda:0", 1, 4), None, 4),
        (info("cuda:0", 32), None, 8),
        (info("cuda:0", 32), 32, 32),
    ],
)
def test_batch_suits_the_device_unless_asked_for(known: Info, asked: int | None, expected: int) -> None:
    """None on a CPU; on a GPU eight, or what the engine takes."""
    assert suited_batch(known, asked) == expected


def test_batch_beyond_the_engine_is_refused() -> None:
    """At the start, not at the first crowd."""
    with pytest.raises(SpecError, match="at most 4"):
        suited_batch(info("cuda:0", 1, 4), 5)


class Gated(FakeBackend):
    """Its runs wait for a word."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.broken = False

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        self.entered.release()
        assert self.go.acquire(timeout=10)
        if self.broken:
            raise BackendError("broken")
        return super().run(frames)


def frame(red: int, width: int = 64) -> NDArray[np.uint8]:
    pixels = np.zeros((64, width, 3), np.uint8)
    pixels[..., 0] = red
    return pixels


def waiting(batcher: Batcher, number: int) -> None:
    """Until so many calls wait."""
    for _ in range(2000):
        if len(batcher._waiting) == number:
            return
        threading.Event().wait(0.002)
    pytest.fail(f"{len(batcher._waiting)} calls wait, not {number}")


def test_those_who_come_during_a_run_share_the_next() -> None:
    """Of one size, up to the limit; each gets its own alpha, another size its own run."""
    backend = Gated()
    batcher = Batcher(Matter(backend), limit=3)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(batcher, frame(1))
        assert backend.entered.acquire(timeout=10)
        others = [threads.submit(batcher, frame(red)) for red in (2, 3, 4, 5)]
        wide = threads.submit(batcher, frame(6, width=80))
        waiting(batcher, 5)
        for _ in range(4):
            backend.go.release()
        alphas = [call.result(timeout=10) for call in (first, *others, wide)]
    assert [int(alpha[0, 0]) for alpha in alphas] == [1, 2, 3, 4, 5, 6]
    assert alphas[-1].shape == (64, 80)
    assert backend.shapes[0] == (1, 64, 64, 3)
    assert sorted(backend.shapes[1:]) == [(1, 64, 64, 3), (1, 64, 80, 3), (3, 64, 64, 3)]


def test_failed_run_fails_for_all_that_shared_it_and_no_other() -> None:
    """Nobody waits for ever, and the next run goes on."""
    backend = Gated()
    batcher = Batcher(Matter(backend), limit=2)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(batcher, frame(1))
        assert backend.entered.acquire(timeout=10)
        others = [threads.submit(batcher, frame(red)) for red in (2, 3)]
        waiting(batcher, 2)
        backend.go.release()
        assert first.result(timeout=10)[0, 0] == 1
        assert backend.entered.acquire(timeout=10)
        backend.broken = True
        backend.go.release()
        for call in others:
            with pytest.raises(BackendError, match="broken"):
                call.result(timeout=10)
    backend.broken = False
    backend.go.release()
    assert batcher(frame(9))[0, 0] == 9


def test_limit_of_one_leaves_calls_to_run_side_by_side() -> None:
    """A backend that takes several threads at once keeps them."""
    backend = Gated()
    batcher = Batcher(Matter(backend), limit=1)
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(batcher, frame(red)) for red in (1, 2)]
        assert backend.entered.acquire(timeout=10)
        assert backend.entered.acquire(timeout=10)  # the second has entered while the first is in
        backend.go.release(2)
        assert [int(call.result(timeout=10)[0, 0]) for call in calls] == [1, 2]
