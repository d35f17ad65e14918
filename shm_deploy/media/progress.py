"""A progress line for long lists of files, and for the frames of a clip."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

_BAR_WIDTH = 30  # characters
_PLAIN_INTERVAL = 10.0  # seconds between lines where nobody watches a terminal


class Progress:
    """Draws a bar on a terminal, and writes a plain line every ten seconds elsewhere. One item needs neither."""

    def __init__(
        self, total: int | None, stream: TextIO, clock: Callable[[], float] = time.monotonic, unit: str = "images"
    ) -> None:
        """Make one.

        Args:
            total: items to come; None where nobody knows.
            stream: usually standard error.
            clock: seconds.
            unit: what the items are.
        """
        self._total = total
        self._unit = unit
        self._stream = stream
        self._clock = clock
        self._done = 0
        self._start = self._last = clock()
        self._draws = stream.isatty() and total != 1

    def step(self) -> None:
        """Count one item."""
        self._done += 1
        if self._draws:
            self._draw()
        elif self._total != 1 and (self._done == self._total or self._clock() - self._last >= _PLAIN_INTERVAL):
            self._last = self._clock()
            self._stream.write(self._text() + "\n")
            self._stream.flush()

    def say(self, message: str) -> None:
        """Write a line without tearing the bar."""
        self._stream.write(("\r\x1b[K" if self._draws else "") + message + "\n")
        if self._draws:
            self._draw()
        self._stream.flush()

    def close(self) -> None:
        """End the bar's line."""
        if self._draws:
            self._stream.write("\n")
            self._stream.flush()

    def _draw(self) -> None:
        filled = 0 if not self._total else min(_BAR_WIDTH, _BAR_WIDTH * self._done // self._total)
        self._stream.write(f"\r\x1b[K[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {self._text()}")
        self._stream.flush()

    def _text(self) -> str:
        text = f"{self._done}/{'?' if self._total is None else self._total}"
        seconds = self._clock() - self._start
        if self._done == 0 or seconds <= 0:
            return text
        speed = f"{text}, {self._done / seconds:.1f} {self._unit}/s"
        if self._total is None:
            return speed
        return f"{speed}, {max(0, seconds / self._done * (self._total - self._done)):.0f} s left"
