"""Things that only one thread may use at a time: made when all are lent, never more than a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Pool(Generic[Item]):
    """Lends out the item that was returned last, whose memory is still warm."""

    def __init__(self, make: Callable[[], Item], limit: int) -> None:
        """Args: make: called outside any lock, at most `limit` times; a failure of it does not count."""
        self._make = make
        self._room = threading.Semaphore(limit)
        self._idle: list[Item] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self) -> Iterator[Item]:
        """An item for one `with` block; waits while `limit` of them are lent."""
        with self._room:
            with self._lock:
                item = self._idle.pop() if self._idle else None
            if item is None:
                item = self._make()
            try:
                yield item
            finally:
                with self._lock:
                    self._idle.append(item)

    def drain(self) -> list[Item]:
        """All items, which must be back, for their owner to release; the pool is empty afterwards."""
        with self._lock:
            items, self._idle = self._idle, []
            return items
