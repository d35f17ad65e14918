"""Several things timed in one run, in turn, so that other work on the machine meets all alike; a library."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


def time_in_turn(
    calls: Sequence[Callable[[int], object]], warmup: int, runs: int, pause_s: float = 0.0
) -> list[list[float]]:
    """Milliseconds of each call, turn by turn: every one runs once before any runs again.

    Args:
        calls: each takes the number of the turn.
        warmup: turns before the clock.
        runs: turns on it.
        pause_s: before each call and not on the clock [s], for threads of the call before that wait busily.
    """
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(warmup + runs):
        for call, taken in zip(calls, times, strict=True):
            time.sleep(pause_s)
            begin = time.perf_counter()
            call(turn)
            end = time.perf_counter()
            if turn >= warmup:
                taken.append(1e3 * (end - begin))
    return times
