"""Frames that are due, done and lost, on a clock that the test turns."""

import time

import numpy as np

from benchmarks.gpu_streams import Load, curve, pace
from tests.deploy.bench.fakes import RedBackend


class Clock:
    """Time passes only in sleep and in work."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(work_s: float, num_frames: int) -> tuple[list[float], int]:
    clock = Clock()
    return pace(lambda: clock.sleep(work_s), 101.0, 1.0, num_frames, clock, clock.sleep)


def test_quick_work_loses_no_frame():
    """A quarter of an interval each: done a quarter after each was due."""
    assert paced(0.25, 4) == ([0.25] * 4, 0)


def test_slow_work_loses_every_other_frame():
    """Work of 1.5 intervals from 101: frame 0 ends at 102.5. Frame 1 (due 102, lost at 103) still has its turn and
    ends at 104, frame 2 (103, lost at 104) is lost, frame 3 (104) ends at 105.5, frame 4 (105) at 107, 5 is lost."""
    latencies, num_dropped = paced(1.5, 6)
    assert latencies == [1.5, 2.0, 1.5, 2.0]
    assert num_dropped == 2


def test_a_stall_loses_what_came_meanwhile():
    """One frame takes five intervals, the rest none: frames 1 to 4 are lost, 5 is on time."""
    clock = Clock()
    durations = iter([5.0, 0.0, 0.0])
    latencies, num_dropped = pace(lambda: clock.sleep(next(durations)), 101.0, 1.0, 7, clock, clock.sleep)
    assert latencies == [5.0, 0.0, 0.0]
    assert num_dropped == 4


def test_the_curve_goes_on_while_frames_arrive():
    """An instant network holds every number of streams that is tried."""
    backend = RedBackend()
    frame = np.zeros((64, 64, 3), np.uint8)
    load = Load(frames_per_s=10, seconds=0.5, numbers=(1, 3))
    found = curve(lambda each: backend.run(each[None]), frame, load, lambda: None)
    assert [row["num_streams"] for row in found["rows"]] == [1, 3]
    assert [row["num_sent"] for row in found["rows"]] == [5, 15]
    assert found["rows"][0]["device_mib"] is None


def test_the_curve_stops_where_it_breaks():
    """A network slower than the frames loses some with one stream already; more streams are not tried."""
    load = Load(frames_per_s=100, seconds=0.2, numbers=(1, 2, 4))
    found = curve(lambda each: time.sleep(0.05), np.zeros((64, 64, 3), np.uint8), load, lambda: 5.0)
    assert found["broke"]
    assert found["most_streams_held"] == 0
    assert [row["num_streams"] for row in found["rows"]] == [1]
