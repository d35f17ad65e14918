"""Matter.stream: order, time stamps, back-pressure, errors, early ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partialmethod
from itertools import count, repeat
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import Frame, SpecError
from shm_deploy import Matter as SteadyMatter
from shm_deploy.backends import Mattes
from shm_deploy.backends.protocol import DeviceMattes
from shm_deploy.stream.pipeline import ROOM
from tests.deploy.backends.test_device_arrays import Capsuled, OnHost
from tests.deploy.fakes import FakeBackend


class Matter(SteadyMatter):
    """Mattes each frame for itself, so that every value can be told beforehand; test_steadying.py is about the rest."""

    stream = partialmethod(SteadyMatter.stream, steady=False)
    stream_async = partialmethod(SteadyMatter.stream_async, steady=False)


def grey(value: int) -> NDArray[np.uint8]:
    """A frame whose alpha, on the fake backend, is `value` everywhere."""
    return np.full((64, 64, 3), value, np.uint8)


class Source:
    """Frames 0, 1, 2 … that count how many were taken, and whether they were closed."""

    def __init__(self, length: int | None = None) -> None:
        self.taken = 0
        self.closed = threading.Event()
        self._length = length

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """A generator; its end is seen in `closed`."""
        try:
            for number in count() if self._length is None else range(self._length):
                self.taken += 1
                yield grey(number % 256)
        finally:
            self.closed.set()


class SlowBackend(FakeBackend):
    """Waits for a permit before each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.permits = threading.Semaphore(0)
        self.started = threading.Semaphore(0)

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        self.started.release()
        self.permits.acquire()
        return super().run(frames)


def stream_threads() -> int:
    """How many threads of streams are alive."""
    return sum(thread.name.startswith("shm-stream") for thread in threading.enumerate())


def test_each_alpha_has_its_own_frame_and_time(fake_backend: FakeBackend) -> None:
    """In order, also where sizes change and time steps vary."""
    times = [Fraction(0), Fraction(1, 25), Fraction(1, 5), Fraction(7, 2)]
    frames = [np.full((64 + 8 * number, 80, 3), 50 * number, np.uint8) for number in range(4)]
    given = [Frame(pixels=frame, pts=pts) for frame, pts in zip(frames, times, strict=True)]
    with Matter(fake_backend) as matter:
        results = list(matter.stream(given))
    assert [result.pts for result in results] == times
    assert [result.index for result in results] == [0, 1, 2, 3]
    for number, (result, frame) in enumerate(zip(results, frames, strict=True)):
        assert result.frame is frame
        assert result.alpha.shape == frame.shape[:2]
        assert (result.alpha == 50 * number).all()
        assert result.num_dropped == 0


def test_bare_frames_have_no_time(fake_backend: FakeBackend) -> None:
    """And OpenCV's channel order is understood."""
    bgr = np.dstack([np.full((64, 64), value, np.uint8) for value in (1, 2, 3)])
    with Matter(fake_backend) as matter:
        (result,) = matter.stream([bgr], bgr=True)
    assert result.pts is None
    assert (result.alpha == 3).all()


def test_slow_consumer_holds_the_source_back(fake_backend: FakeBackend) -> None:
    """Of an endless source only as much is read as there is room for: a few frames per stage."""
    source = Source()
    stages = 4
    with Matter(fake_backend) as matter:
        stream = matter.stream(source.frames())
        next(stream)
        assert not source.closed.wait(0.2)
        assert source.taken <= 1 + stages * (ROOM + 1)
        stream.close()
    assert source.closed.is_set()


def test_reading_the_network_and_finishing_overlap() -> None:
    """While the network is on the first frame the source is asked for the next ones; then, while it is on the second
    one, the first result comes out."""
    backend, source = SlowBackend(), Source()
    read_ahead = threading.Event()

    def frames() -> Iterator[NDArray[np.uint8]]:
        for frame in source.frames():
            if source.taken == 3:
                read_ahead.set()
            yield frame

    with Matter(backend) as matter, ThreadPoolExecutor(1) as pool:
        stream = matter.stream(frames())
        first = pool.submit(next, stream)
        assert read_ahead.wait(5)
        assert not first.done()
        backend.permits.release()
        assert (first.result(5).alpha == 0).all()
        assert backend.started.acquire(timeout=5)
        assert backend.started.acquire(timeout=5)
        assert len(backend.shapes) == 1  # the second has begun, and is not done
        backend.permits.release(100)
        stream.close()


@pytest.mark.parametrize("end", ["close", "let go"])
def test_consumer_that_stops_early_leaves_nothing_behind(end: str, fake_backend: FakeBackend) -> None:
    """Threads end and the source is closed, on `close()` as on a `break`."""
    source = Source()
    with Matter(fake_backend) as matter:
        if end == "close":
            stream = matter.stream(source.frames())
            next(stream)
            stream.close()
        else:
            for _ in matter.stream(source.frames()):
                break
        assert source.closed.is_set()
        assert stream_threads() == 0


def test_stream_that_nobody_reads_starts_nothing(fake_backend: FakeBackend) -> None:
    """No thread, no frame."""
    source = Source()
    with Matter(fake_backend) as matter:
        matter.stream(source.frames())
        assert (source.taken, stream_threads()) == (0, 0)


class Flaw(Exception):
    """What a stage raises in these tests."""


class FailingBackend(FakeBackend):
    """Fails on its third frame."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        if len(self.shapes) == 2:
            raise Flaw("driver")
        return super().run(frames)


class CrookedBackend(FakeBackend):
    """Its third alpha is none, which shows when the matte is brought back to its frame."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        mattes = super().run(frames)
        return mattes if len(self.shapes) < 3 else Mattes(mattes.alpha[0], mattes.trimap)


@pytest.mark.parametrize(
    ("backend", "last", "error"),
    [
        (FakeBackend, None, Flaw),
        (FakeBackend, grey(2)[..., 0], SpecError),
        (FailingBackend, grey(2), Flaw),
        (CrookedBackend, grey(2), IndexError),
    ],
    ids=["source", "prepare", "network", "finish"],
)
@pytest.mark.parametrize("latency", ["full", "low"])
def test_error_of_any_stage_surfaces_once_after_the_results_before_it(
    backend: type[FakeBackend], last: Any, error: type[Exception], latency: Any
) -> None:
    """The caller sees two results, the error, and then the end; the source is closed, and nothing is left running."""
    taken, closed = threading.Semaphore(1), threading.Event()

    def frames() -> Iterator[NDArray[np.uint8]]:
        try:
            for frame in (grey(0), grey(1), last):
                assert taken.acquire(timeout=5)  # one at a time, or low latency would drop some
                if frame is None:
                    raise Flaw("cable")
                yield frame
            if latency == "full":  # else the frame that fails would be dropped for a newer one
                yield from repeat(grey(3))
        finally:
            closed.set()

    with Matter(backend()) as matter:
        stream = matter.stream(frames(), latency=latency)
        for value in (0, 1):
            assert next(stream).alpha[0, 0] == value
            taken.release()
        with pytest.raises(error):
            next(stream)
        assert list(stream) == []
    assert closed.is_set()
    assert stream_threads() == 0


def test_low_latency_drops_what_is_stale_and_counts_it() -> None:
    """While the network is busy with frame 0 the source goes on; what follows is the newest, and the count fits."""
    backend = SlowBackend()
    may_end = threading.Event()

    def frames() -> Iterator[NDArray[np.uint8]]:
        yield grey(0)
        assert backend.started.acquire(timeout=5)
        for value in range(1, 10):
            yield grey(value)
        backend.permits.release()
        may_end.wait(5)

    with Matter(backend) as matter:
        stream = matter.stream(frames(), latency="low")
        first = next(stream)
        backend.permits.release()
        second = next(stream)
        may_end.set()
        assert list(stream) == []
    assert (first.index, first.num_dropped) == (0, 0)
    assert (second.index, second.num_dropped) == (9, 8)
    assert (second.alpha == 9).all()


def test_low_latency_gives_the_last_frame_of_an_ended_source(fake_backend: FakeBackend) -> None:
    """What was read last is never stale."""
    with Matter(fake_backend) as matter:
        results = list(matter.stream((grey(value) for value in range(50)), latency="low"))
    assert results[-1].index == 49
    assert sum(result.num_dropped for result in results) + len(results) == 50


def test_unknown_latency_is_refused_at_once(fake_backend: FakeBackend) -> None:
    """Not at the first frame."""
    with Matter(fake_backend) as matter, pytest.raises(SpecError, match="'full' or 'low'"):
        matter.stream([], latency="none")  # type: ignore[arg-type]


def test_several_streams_share_one_engine(fake_backend: FakeBackend) -> None:
    """Each gets its own results."""
    with Matter(fake_backend) as matter, ThreadPoolExecutor(4) as pool:

        def values(start: int) -> list[int]:
            return [int(result.alpha[0, 0]) for result in matter.stream(grey(start + step) for step in range(20))]

        for start, found in zip(range(0, 80, 20), pool.map(values, range(0, 80, 20)), strict=True):
            assert found == list(range(start, start + 20))


def test_closing_the_matter_ends_its_streams_with_an_error(fake_backend: FakeBackend) -> None:
    """A call on a closed Matter is what it is, also in a stream."""
    matter = Matter(fake_backend)
    stream = matter.stream(Source().frames())
    next(stream)
    matter.close()
    with pytest.raises(SpecError, match="closed Matter"):
        list(stream)


class DeviceBackend(FakeBackend):
    """Takes arrays that say they are on a GPU; its answers are empty device arrays."""

    def run_on_device(self, frames: Any) -> DeviceMattes:
        height, width = frames.shape[:2]
        pixels = frames.array.ctypes.data
        return DeviceMattes(
            OnHost(pixels, (height, width), 0, lambda pointer: None),
            OnHost(pixels, (height, width, 3), 0, lambda pointer: None),
        )


def test_frames_on_a_gpu_stay_there() -> None:
    """The backend's own arrays come out, with frame and time."""
    frames = [Capsuled(grey(value)) for value in (1, 2)]
    with Matter(DeviceBackend()) as matter:
        results: list[Any] = list(matter.stream(Frame(pixels=frame, pts=0.5) for frame in frames))
    assert [result.frame for result in results] == frames
    assert [result.pts for result in results] == [0.5, 0.5]
    assert [np.from_dlpack(result.trimap)[0, 0, 0] for result in results] == [1, 2]


def test_backend_without_device_frames_says_so(fake_backend: FakeBackend) -> None:
    """The error of `on_device`."""
    with Matter(fake_backend) as matter, pytest.raises(SpecError, match="host memory"):
        list(matter.stream([Capsuled(grey(1))]))


class CountingDeviceBackend(DeviceBackend):
    """Says of every frame that it was matted."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = threading.Semaphore(0)

    def run_on_device(self, frames: Any) -> DeviceMattes:
        mattes = super().run_on_device(frames)
        self.ran.release()
        return mattes


def test_stream_on_a_gpu_that_nobody_reads_does_not_keep_a_matter_from_closing() -> None:
    """All queues are full, and the network waits to hand over: nothing runs, so there is nothing to wait for."""
    backend, closed = CountingDeviceBackend(), threading.Event()
    matter = Matter(backend)
    stream = matter.stream(Capsuled(grey(0)) for _ in count())
    next(stream)
    for _ in range(1 + 2 * (ROOM + 1)):  # with the caller, and behind the network and the last stage
        assert backend.ran.acquire(timeout=5)

    def close() -> None:
        matter.close()
        closed.set()

    closing = threading.Thread(target=close)
    closing.start()
    try:
        assert closed.wait(5)
    finally:
        stream.close()
        closing.join(5)
    assert backend.num_closed == 1
