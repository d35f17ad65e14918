"""Pictures of one size that wait together go through the network together."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import BackendError, MatteError, SpecError
from shm_deploy.info import Info
from shm_deploy.matter import Matter

GPU_BATCH = 8


def suited_batch(info: Info, asked: int | None) -> int:
    """How many pictures may share a run.

    On CPUs a batch is no faster than its pictures one by one (measured: `benchmarks/service.py`), so nobody waits for
    one; on GPUs small pictures leave most of the device idle.

    Args:
        info: of the matter that runs them.
        asked: what its user wants; None for what suits it.

    Raises:
        SpecError: more than its engine was built for.
    """
    largest = max((profile.maximum[0] for profile in info.profiles), default=None)
    if asked is None:
        return 1 if info.device == "cpu" else min(GPU_BATCH, largest or GPU_BATCH)
    if largest is not None and asked > largest:
        raise SpecError(f"got batch={asked}, the engine was built for at most {largest}: lower it, or build it anew")
    return asked


@dataclass(eq=False)
class _Call:
    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    error: MatteError | None = None


class Batcher:
    """One run at a time; the first to come runs it, those who came meanwhile share the next one."""

    def __init__(self, matter: Matter, limit: int) -> None:
        """Args: limit: of pictures in a run; 1 leaves every call to the matter itself."""
        self._matter = matter
        self._limit = limit
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._running = False

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB -> alpha (H, W) uint8, from any number of threads.

        Raises:
            MatteError: the run failed, for all that shared it.
        """
        if self._limit == 1:
            return np.asarray(self._matter(pixels), np.uint8)
        call = _Call(pixels)
        with self._changed:
            self._waiting.append(call)
            self._changed.wait_for(lambda: not self._running or call not in self._waiting)
            leads = call in self._waiting
            if leads:
                batch = self._take(call)
                self._running = True
            else:
                self._changed.wait_for(lambda: call.alpha is not None or call.error is not None)
        if leads:
            self._run(batch)
        if call.error is not None:
            raise call.error
        assert call.alpha is not None
        return call.alpha

    def _take(self, first: _Call) -> list[_Call]:
        """The leader and the oldest of its size."""
        alike = [call for call in self._waiting if call is not first and call.pixels.shape == first.pixels.shape]
        batch = [first, *alike[: self._limit - 1]]
        self._waiting = [call for call in self._waiting if call not in batch]
        return batch

    def _run(self, batch: list[_Call]) -> None:
        try:
            alphas = self._matter(np.stack([call.pixels for call in batch]))
            for call, alpha in zip(batch, alphas, strict=True):
                call.alpha = alpha
        except MatteError as error:
            for call in batch:
                call.error = error
        finally:
            for call in batch:
                if call.alpha is None and call.error is None:  # a bug of ours ends the leader; nobody waits for it
                    call.error = BackendError("the run that this picture shared has failed")
            with self._changed:
                self._running = False
                self._changed.notify_all()
