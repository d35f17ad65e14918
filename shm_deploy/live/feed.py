"""A source read in a thread of its own, so that nobody waits for it longer than they want to."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from shm_deploy.errors import MediaError
from shm_deploy.live.sources import Size
from shm_deploy.stream.frames import Frame

POLL_S = 0.1  # how soon a wish to stop is noticed
ROOM = 2  # frames
THREAD = "shm-feed"

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An opened source."""

    size: Size
    rate: Fraction  # frames/s
    frames: Iterator[Frame]


Opener = Callable[[], AbstractContextManager[Opened]]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a source may take."""

    open_s: float | None  # until it is open; None for ever
    frame_s: float | None  # between two frames


class Feed:
    """One pass through a source."""

    def __init__(self, opener: Opener, patience: Patience, stop: threading.Event) -> None:
        """Begin to open it.

        Args:
            opener: opens the source; called, read and closed in the feed's thread.
            patience: how long it may take.
            stop: ends everything when it is set.
        """
        self._opener = opener
        self._patience = patience
        self._stop = stop
        self._left = threading.Event()  # nobody reads this feed any more
        self._opened: queue.Queue[Opened | None] = queue.Queue(1)
        self._frames: queue.Queue[Frame | None] = queue.Queue(ROOM)
        self._failure: BaseException | None = None
        # A daemon: a device that never answers must not keep the process alive.
        threading.Thread(target=self._read, name=THREAD, daemon=True).start()

    def opened(self) -> Opened | None:
        """Wait until the source is open; None where it was stopped before.

        Raises:
            MediaError: it does not open, or not in time.
        """
        return self._wait(self._opened, self._patience.open_s, "did not open")

    def frames(self) -> Generator[Frame, None, None]:
        """Its frames, until it ends or `stop` is set.

        Raises:
            MediaError: it failed, or stalled.
        """
        try:
            while (frame := self._wait(self._frames, self._patience.frame_s, "sent no frame")) is not None:
                yield frame
        finally:
            self._left.set()

    def _wait(self, items: queue.Queue[Item | None], patience_s: float | None, what: str) -> Item | None:
        begin = time.monotonic()
        while not self._stop.is_set():
            try:
                item = items.get(timeout=POLL_S)
            except queue.Empty:
                if patience_s is not None and time.monotonic() - begin > patience_s:
                    self._left.set()
                    raise MediaError(f"the source {what} for {patience_s:g} s") from None
                continue
            if item is None and self._failure is not None:
                raise self._failure
            return item
        return None

    def _read(self) -> None:
        try:
            with self._opener() as opened:
                self._opened.put(opened)
                for frame in opened.frames:
                    if not self._put(frame):
                        return
        except BaseException as error:  # noqa: BLE001 - handed to whoever reads the feed, who raises it
            self._failure = error
        finally:
            self._put(None)
            if self._opened.empty():
                self._opened.put(None)

    def _put(self, frame: Frame | None) -> bool:
        """Wait for room; False where nobody reads any more."""
        while not (self._stop.is_set() or self._left.is_set()):
            try:
                self._frames.put(frame, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False


def feed_is_stuck(patience_s: float) -> bool:
    """Whether a feed that was left is still inside its source after so long: FFmpeg that waits for a sender, a driver.

    A process that is torn down around such a thread may crash.
    """
    end = time.monotonic() + patience_s
    feeds = [thread for thread in threading.enumerate() if thread.name == THREAD]
    for feed in feeds:
        feed.join(max(0.0, end - time.monotonic()))
    return any(feed.is_alive() for feed in feeds)
