"""Sources that are read in a thread of their own, and opened again when they have gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest

from shm_deploy import Frame, MediaError
from shm_deploy.live.feed import Feed, Opened, Opener, Patience, feed_is_stuck
from shm_deploy.live.lasting import LastingSource

SHORT = Patience(open_s=0.2, frame_s=0.2)
LONG = Patience(open_s=20, frame_s=20)


def frame(number: int, size: tuple[int, int] = (2, 2)) -> Frame:
    """Stamped with its number [s]."""
    return Frame(pixels=np.full((*size, 3), number, np.uint8), pts=Fraction(number))


def opener(frames: Callable[[], Iterator[Frame]]) -> Opener:
    """A source of 2x2 px."""

    @contextmanager
    def opened() -> Iterator[Opened]:
        yield Opened(size=(2, 2), rate=Fraction(1), frames=frames())

    return opened


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Set at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def test_frames_come_in_order_and_end(stop: threading.Event) -> None:
    """As from the source itself."""
    feed = Feed(opener(lambda: map(frame, range(9))), LONG, stop)
    opened = feed.opened()
    assert opened is not None
    assert opened.size == (2, 2)
    assert [one.pts for one in feed.frames()] == list(range(9))


def test_stalled_source_is_an_error(stop: threading.Event) -> None:
    """After the frames before it; the thread that waits for ever is left behind."""

    def stalling() -> Iterator[Frame]:
        yield frame(0)
        stop.wait()

    feed = Feed(opener(stalling), SHORT, stop)
    assert feed.opened()
    frames = feed.frames()
    assert next(frames).pts == 0
    with pytest.raises(MediaError, match=r"sent no frame for 0\.2 s"):
        next(frames)


def test_source_that_does_not_open_is_an_error(stop: threading.Event) -> None:
    """In time."""

    @contextmanager
    def silent() -> Iterator[Opened]:
        stop.wait()
        yield Opened(size=(2, 2), rate=Fraction(1), frames=iter(()))

    with pytest.raises(MediaError, match=r"did not open for 0\.2 s"):
        Feed(silent, SHORT, stop).opened()


def test_failure_of_the_source_surfaces_after_its_frames(stop: threading.Event) -> None:
    """With its own message."""

    def failing() -> Iterator[Frame]:
        yield frame(0)
        raise MediaError("unplugged")

    feed = Feed(opener(failing), LONG, stop)
    assert feed.opened()
    frames = feed.frames()
    assert next(frames).pts == 0
    with pytest.raises(MediaError, match="unplugged"):
        next(frames)


def test_failure_to_open_surfaces(stop: threading.Event) -> None:
    """And is not taken for an end."""

    @contextmanager
    def missing() -> Iterator[Opened]:
        raise MediaError("no such camera")
        yield

    with pytest.raises(MediaError, match="no such camera"):
        Feed(missing, LONG, stop).opened()


def test_stop_ends_a_feed_that_waits(stop: threading.Event) -> None:
    """Soon, though its patience is long."""

    def silent() -> Iterator[Frame]:
        stop.wait()
        yield from ()

    feed = Feed(opener(silent), LONG, stop)
    assert feed.opened()
    threading.Timer(0.1, stop.set).start()
    begin = time.monotonic()
    assert list(feed.frames()) == []
    assert time.monotonic() - begin < 5


def test_reader_that_leaves_lets_the_source_go(stop: threading.Event) -> None:
    """An endless source is closed."""
    closed = threading.Event()

    def endless() -> Iterator[Frame]:
        try:
            while True:
                yield frame(0)
        finally:
            closed.set()

    feed = Feed(opener(endless), LONG, stop)
    assert feed.opened()
    frames = feed.frames()
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert closed.wait(5)


class Passes:
    """A source that gives other frames each time it is opened; a pass may be an error instead."""

    def __init__(self, stop: threading.Event, *passes: list[Frame] | MediaError) -> None:
        self._stop = stop
        self._passes = list(passes)

    def open_feed(self) -> Feed:
        """The next pass."""
        now = self._passes.pop(0)

        @contextmanager
        def opened() -> Iterator[Opened]:
            if isinstance(now, MediaError):
                raise now
            yield Opened(size=(2, 2), rate=Fraction(1), frames=iter(now))

        return Feed(opened, LONG, self._stop)


@pytest.mark.slow
def test_source_that_ends_is_opened_again(stop: threading.Event) -> None:
    """Until it is back; its times go on rising, and what happens is told."""
    told: list[str] = []
    passes = Passes(stop, [frame(5), frame(6)], MediaError("still away"), [frame(0), frame(1)], [])
    source = LastingSource(passes.open_feed, retry_s=1.2, stop=stop, tell=told.append)
    frames = source.frames()
    first = [next(frames) for _ in range(4)]
    assert [one.pixels[0, 0, 0] for one in first] == [5, 6, 0, 1]
    times = [one.pts for one in first]
    assert times[:2] == [0, 1]
    assert times[2] is not None
    assert 1 < times[2] < 10
    assert times[3] == times[2] + 1
    assert "the source has ended: trying to open it again for 1.2 s" in told[0]
    assert "the source is back" in told[1]
    frames.close()


@pytest.mark.slow
def test_source_that_stays_away_is_an_error(stop: threading.Event) -> None:
    """The first reason is the one that counts."""
    errors = [MediaError(f"attempt {number}") for number in range(9)]
    source = LastingSource(
        Passes(stop, [frame(0)], *errors).open_feed, retry_s=0.6, stop=stop, tell=lambda message: None
    )
    frames = source.frames()
    next(frames)
    with pytest.raises(MediaError, match="attempt 0"):
        next(frames)


def test_without_patience_an_end_is_the_end(stop: threading.Event) -> None:
    """And no error."""
    source = LastingSource(Passes(stop, [frame(0)]).open_feed, retry_s=0, stop=stop, tell=pytest.fail)
    assert len(list(source.frames())) == 1


def test_other_size_is_an_error(stop: threading.Event) -> None:
    """Outputs have one size."""
    source = LastingSource(
        Passes(stop, [frame(0), frame(1, (4, 2))]).open_feed, retry_s=0, stop=stop, tell=lambda message: None
    )
    with pytest.raises(MediaError, match="2x4 px after 2x2"):
        list(source.frames())


def test_a_feed_that_can_not_be_closed_is_known(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its source holds it, however long one waits; not after that."""
    monkeypatch.setattr("shm_deploy.live.feed.THREAD", "feed-of-this-test")  # others may have left one that is stuck
    inside = threading.Event()

    def holding() -> Iterator[Frame]:
        inside.set()
        stop.wait()
        yield from ()

    Feed(opener(holding), LONG, stop)
    assert inside.wait(20)
    assert feed_is_stuck(0.05)
    stop.set()
    assert not feed_is_stuck(20)
