"""Times that only rise, whatever a live source stamps its frames with."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

LEAP_S = 10  # a stamp so far ahead of the one before is a new beginning, not a pause
SMALLEST_STEP_S = Fraction(1, 1000)


class Timeline:
    """Begins at zero; goes on across sources that begin anew, by the clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: clock: seconds."""
        self._clock = clock
        self._shift = Fraction(0)
        self._last = Fraction(-1)
        self._seen = 0.0

    def at(self, stamp: Fraction | None) -> Fraction:
        """The time [s] of a frame that arrives now and that its source has stamped so; None for no stamp."""
        now = self._clock()
        if self._last < 0:
            result = Fraction(0)
        elif stamp is not None and 0 < stamp + self._shift - self._last <= LEAP_S:
            result = stamp + self._shift
        else:
            result = self._last + max(SMALLEST_STEP_S, Fraction(now - self._seen).limit_denominator(1000))
        if stamp is not None:
            self._shift = result - stamp
        self._last, self._seen = result, now
        return result
