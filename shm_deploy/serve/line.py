"""The bounded line in front of the network: so many in work, so many waiting, the next one is refused."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from shm_deploy.serve.problems import busy

Product = TypeVar("Product")

_SMOOTHING = 0.1  # weight of the latest duration in the mean


class Line:
    """Runs work in threads. Its methods belong to one event loop, the work to any thread."""

    def __init__(self, num_working: int, num_waiting: int) -> None:
        self._num_working = num_working
        self._room = num_working + num_waiting
        self._threads = ThreadPoolExecutor(num_working, thread_name_prefix="matte")
        self._inside = 0
        self._mean_s = 0.1

    @property
    def num_inside(self) -> int:
        """How many are in work or waiting."""
        return self._inside

    @property
    def is_full(self) -> bool:
        """Whether the next one is refused."""
        return self._inside >= self._room

    def check_room(self) -> None:
        """Raises: Problem: 503, with the seconds after which half the line is done."""
        if self.is_full:
            raise busy(f"{self._inside} pictures are in work or waiting: try again later", self.retry_after_s())

    def retry_after_s(self) -> int:
        """Whole seconds, at least one, in which about half of those inside will be done."""
        return max(1, math.ceil(self._inside / 2 * self._mean_s / self._num_working))

    def submit(self, work: Callable[[], Product], *, reserved: bool = False) -> asyncio.Future[Product]:
        """Enter the line. Cancelled while it waits, the work is never begun.

        Args:
            work: runs in a thread of the line.
            reserved: its room is counted elsewhere, as that of WebSockets is; a full line does not refuse it.

        Raises:
            Problem: 503, the line is full.
        """
        if not reserved:
            self.check_room()
        loop = asyncio.get_running_loop()

        def timed() -> Product:
            begin = perf_counter()
            product = work()
            loop.call_soon_threadsafe(self._learn, perf_counter() - begin)
            return product

        self._inside += 1
        future = self._threads.submit(timed)
        # Room is free when the work is over, which may be long after its requester has gone.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
        return asyncio.wrap_future(future)

    def close(self) -> None:
        """Wait until all work is over."""
        self._threads.shutdown()

    def _learn(self, seconds: float) -> None:
        self._mean_s += _SMOOTHING * (seconds - self._mean_s)

    def _leave(self) -> None:
        self._inside -= 1
