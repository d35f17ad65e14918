"""Stage times and what is counted with them; no time itself is asserted."""

import threading

import numpy as np
import pytest

from shm_deploy.bench.latency import MIN_RUNS, Effort, StageClock, measure_latency
from shm_deploy.errors import SpecError
from tests.deploy.bench.fakes import RedBackend

FRAMES = [np.full((64, 80, 3), value, np.uint8) for value in (1, 2, 3)]


def matter_of(clock):
    return lambda frame: clock.run(frame[None]).alpha[0]


def test_stages_add_up_to_the_whole():
    """Before, within and after the backend's run is all there is."""
    clock = StageClock(RedBackend())
    times = clock.time_call(matter_of(clock), FRAMES[0])
    assert times.preprocess + times.network + times.postprocess == pytest.approx(times.total)
    assert min(times) >= 0


def test_the_clock_is_a_backend_like_the_one_it_holds():
    """Name, device and mattes come through."""
    clock = StageClock(RedBackend())
    assert (clock.name, clock.device) == ("red", "cpu")
    assert (clock.run(FRAMES[1][None]).alpha == 2).all()


def test_warm_up_is_not_counted():
    """Two frames before the clock, six on it."""
    backend = RedBackend()
    clock = StageClock(backend)
    found = measure_latency(matter_of(clock), clock, FRAMES, Effort(warmup=2, runs=6))
    assert (found.warmup, found.runs, len(backend.shapes)) == (2, 6, 8)
    assert (found.width, found.height, found.batch, found.streams) == (80, 64, 1, 1)


def test_frames_are_used_in_turn():
    """A benchmark on one picture over and over would measure its own cache."""
    seen = []
    clock = StageClock(RedBackend())

    def matte(frame):
        seen.append(int(frame[0, 0, 0]))
        return clock.run(frame[None])

    measure_latency(matte, clock, FRAMES, Effort(warmup=1, runs=5))
    assert seen == [1, 1, 2, 3, 1, 2]


def test_time_allowed_cuts_the_runs_short_but_not_below_the_least():
    """With no time at all, five frames are still timed."""
    clock = StageClock(RedBackend())
    assert measure_latency(matter_of(clock), clock, FRAMES, Effort(runs=100, seconds=0)).runs == MIN_RUNS


def test_streams_run_at_the_same_time():
    """Each of three threads waits for the other two within its frame: it ends only if all are inside at once."""
    meeting = threading.Barrier(3, timeout=10)
    clock = StageClock(RedBackend())

    def matte(frame):
        meeting.wait()
        return clock.run(frame[None])

    found = measure_latency(matte, clock, FRAMES, Effort(warmup=1, runs=5, streams=3))
    assert (found.streams, found.runs) == (3, 15)


def test_an_error_in_a_stream_comes_out():
    """A failing frame ends the benchmark, it does not shorten it."""
    clock = StageClock(RedBackend())

    def matte(frame):
        raise SpecError("bad frame")

    with pytest.raises(SpecError, match="bad frame"):
        measure_latency(matte, clock, FRAMES, Effort(streams=2))


def test_percentiles_are_ordered_and_throughput_counts_all_streams():
    """p50 ≤ p90 ≤ p95 ≤ p99, and the rest is there."""
    clock = StageClock(RedBackend())
    found = measure_latency(matter_of(clock), clock, FRAMES, Effort(runs=20))
    total = found.total_ms
    assert 0 < total.p50 <= total.p90 <= total.p95 <= total.p99
    assert found.images_per_s > 0
    assert found.cpu_s_per_frame >= 0
    assert found.peak_memory_mib > 1
    assert found.megapixels == pytest.approx(0.00512)


@pytest.mark.parametrize("field", ["warmup", "runs", "streams"])
def test_an_effort_of_nothing_is_refused(field):
    """Zero frames make no measurement."""
    with pytest.raises(SpecError, match="at least 1"):
        Effort(**{field: 0})
