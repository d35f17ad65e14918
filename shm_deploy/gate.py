"""A door for calls from many threads: it closes once, when the last one is out."""

from __future__ import annotations

import threading
from types import TracebackType

from shm_deploy.errors import SpecError


class Gate:
    """`with gate:` around each call; `close` waits for those inside and refuses later ones.

    Native runtimes crash the process when they are released under a running call.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._condition:
            if self._closed:
                raise SpecError("got a call on a closed Matter; wanted one that is open: make a new one")
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._inside -= 1
            self._condition.notify_all()

    def close(self) -> bool:
        """Refuse calls from now on and wait until the last one is out. Returns whether this call closed it."""
        with self._condition:
            first = not self._closed
            self._closed = True
            self._condition.wait_for(lambda: self._inside == 0)
            return first
