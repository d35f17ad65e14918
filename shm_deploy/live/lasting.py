"""A source that is opened again when it has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from fractions import Fraction

from shm_deploy.errors import MediaError
from shm_deploy.live.feed import Feed, Opened
from shm_deploy.live.sources import Size
from shm_deploy.live.timeline import Timeline
from shm_deploy.stream.frames import Frame

PAUSE_S = 0.5  # between two attempts


class LastingSource:
    """Frames of one size with rising times, across interruptions."""

    def __init__(
        self, open_feed: Callable[[], Feed], *, retry_s: float, stop: threading.Event, tell: Callable[[str], None]
    ) -> None:
        """Open the source for the first time, which is not tried again.

        Args:
            open_feed: begins a new pass.
            retry_s: how long to try, after the source has ended, stalled or vanished.
            stop: ends everything when it is set.
            tell: told of interruptions.

        Raises:
            MediaError: it does not open.
        """
        self._open_feed = open_feed
        self._retry_s = retry_s
        self._stop = stop
        self._tell = tell
        self._timeline = Timeline()
        self._feed: Feed | None = open_feed()
        self.opened: Opened | None = self._feed.opened()  # None where it was stopped before

    def frames(self) -> Generator[Frame, None, None]:
        """Frames until the source has gone for good, or `stop` is set.

        Raises:
            MediaError: it failed or stalled, and did not come back in time, or with another size.
        """
        assert self.opened is not None
        while self._feed is not None:
            why: MediaError | None = None
            try:
                for frame in self._feed.frames():
                    _check_size(frame, self.opened.size)
                    yield Frame(pixels=frame.pixels, pts=self._timeline.at(_exact(frame)))
            except MediaError as error:
                why = error
            self._feed = self._again(why)

    def _again(self, why: MediaError | None) -> Feed | None:
        """The source opened anew; None where it has ended.

        Raises:
            MediaError: why it had gone, where it does not come back.
        """
        begin = time.monotonic()
        if self._retry_s > 0 and not self._stop.is_set():
            self._tell(f"{why or 'the source has ended'}: trying to open it again for {self._retry_s:g} s")
        while time.monotonic() - begin < self._retry_s and not self._stop.wait(PAUSE_S):
            feed = self._open_feed()
            try:
                if feed.opened() is not None:
                    self._tell(f"the source is back after {time.monotonic() - begin:.1f} s")
                    return feed
            except MediaError as error:
                why = why or error
        if why is not None and not self._stop.is_set():
            raise why
        return None


def _check_size(frame: Frame, size: Size) -> None:
    if frame.pixels.shape[:2] != size:
        raise MediaError(
            f"got a frame of {frame.pixels.shape[1]}x{frame.pixels.shape[0]} px after {size[1]}x{size[0]}; "
            "an output has one size: start again"
        )


def _exact(frame: Frame) -> Fraction | None:
    return None if frame.pts is None else Fraction(frame.pts)
