"""How long frames take, and how many are left out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import numpy as np

from shm_deploy.stream.frames import Frame

RECENT = 1000  # frames over which latencies are told


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Frames since the beginning, and latencies of the last ones."""

    num_read: int
    num_shown: int
    num_dropped: int  # read, and passed over because newer ones were there
    latency_ms_p50: float | None  # from a frame's arrival to its result at the output; None before the first
    latency_ms_p95: float | None
    seconds: float
    frames_per_s: float  # shown


class Meter:
    """Follows every frame from its arrival to the output."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Args: clock: seconds."""
        self._clock = clock
        self._begin = clock()
        self._arrivals: deque[tuple[int, float]] = deque()
        self._latencies: deque[float] = deque(maxlen=RECENT)
        self._num_read = 0
        self._num_shown = 0
        self._num_dropped = 0

    def arriving(self, frames: Iterable[Frame]) -> Generator[Frame, None, None]:
        """Pass frames on, and note when each came; in the order of a stream's indices."""
        for frame in frames:
            self._arrivals.append((self._num_read, self._clock()))
            self._num_read += 1
            yield frame

    def shown(self, index: int) -> None:
        """The frame of this number is at the output, and none before it will come any more."""
        while True:
            number, arrival = self._arrivals.popleft()
            if number == index:
                break
            self._num_dropped += 1
        self._latencies.append(self._clock() - arrival)
        self._num_shown += 1

    def tally(self) -> Tally:
        """The figures up to now."""
        seconds = self._clock() - self._begin
        median, high = np.percentile(self._latencies, (50, 95)) * 1e3 if self._latencies else (None, None)
        return Tally(
            num_read=self._num_read,
            num_shown=self._num_shown,
            num_dropped=self._num_dropped,
            latency_ms_p50=None if median is None else round(float(median), 1),
            latency_ms_p95=None if high is None else round(float(high), 1),
            seconds=round(seconds, 3),
            frames_per_s=round(self._num_shown / seconds, 2) if seconds > 0 else 0.0,
        )


def tally_line(tally: Tally) -> str:
    """One line for people."""
    line = f"{tally.num_shown} frames, {tally.frames_per_s:.1f}/s, {tally.num_dropped} dropped"
    if tally.latency_ms_p50 is None:
        return line
    return f"{line}, latency {tally.latency_ms_p50:.0f} ms (p95 {tally.latency_ms_p95:.0f} ms)"
