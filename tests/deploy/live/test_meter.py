"""Latency and dropped frames."""

from __future__ import annotations

import numpy as np

from shm_deploy import Frame
from shm_deploy.live.meter import Meter, tally_line


def test_latency_runs_from_arrival_to_output() -> None:
    """Frames arrive at 1 and 2 s and are shown at 2 and 5 s: 1000 and 3000 ms, whose middle is 2000."""
    now = 0.0
    meter = Meter(clock=lambda: now)
    frames = meter.arriving(Frame(pixels=np.zeros((1, 1, 3), np.uint8), pts=None) for _ in range(2))
    now = 1.0
    next(frames)
    now = 2.0
    next(frames)
    meter.shown(0)
    now = 5.0
    meter.shown(1)
    tally = meter.tally()
    assert (tally.latency_ms_p50, tally.latency_ms_p95) == (2000.0, 2900.0)
    assert (tally.num_read, tally.num_shown, tally.num_dropped) == (2, 2, 0)
    assert (tally.seconds, tally.frames_per_s) == (5.0, 0.4)
    assert tally_line(tally) == "2 frames, 0.4/s, 0 dropped, latency 2000 ms (p95 2900 ms)"


def test_frames_that_are_passed_over_count_as_dropped() -> None:
    """Of five, numbers 1 and 4 are shown; what is still under way is not dropped yet."""
    meter = Meter(clock=lambda: 1.0)
    list(meter.arriving(Frame(pixels=None, pts=None) for _ in range(6)))
    meter.shown(1)
    meter.shown(4)
    tally = meter.tally()
    assert (tally.num_read, tally.num_shown, tally.num_dropped) == (6, 2, 3)


def test_meter_without_frames_has_no_latency() -> None:
    """Not zero."""
    assert tally_line(Meter(clock=lambda: 0.0).tally()) == "0 frames, 0.0/s, 0 dropped"
