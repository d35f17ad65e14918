"""Streams in asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.deploy.fakes import FakeBackend
from tests.deploy.stream.test_stream import Flaw, Matter, grey, stream_threads


class Track:
    """An asynchronous source, as a WebRTC track is; it may fail, or fall silent, after `length` frames."""

    def __init__(self, length: int, then: str = "end") -> None:
        self.closed = False
        self._length = length
        self._then = then

    async def frames(self) -> AsyncIterator[NDArray[np.uint8]]:
        """The frames 0, 1, 2 …"""
        try:
            for value in range(self._length):
                await asyncio.sleep(0)
                yield grey(value)
            if self._then == "fail":
                raise Flaw("peer")
            if self._then == "stall":
                await asyncio.Event().wait()
        finally:
            self.closed = True


def test_asynchronous_frames_give_results_in_order(fake_backend: FakeBackend) -> None:
    """An async generator in, an async generator out."""
    track = Track(10)

    async def values() -> list[int]:
        with Matter(fake_backend) as matter:
            return [int(result.alpha[0, 0]) async for result in matter.stream_async(track.frames())]

    assert asyncio.run(values()) == list(range(10))
    assert track.closed
    assert stream_threads() == 0


def test_plain_frames_are_read_off_the_loop(fake_backend: FakeBackend) -> None:
    """A blocking source does not block the loop: it waits here for what the loop does."""
    ready = threading.Event()

    def frames() -> Iterator[NDArray[np.uint8]]:
        assert ready.wait(5)
        yield grey(7)

    async def main() -> list[int]:
        asyncio.get_running_loop().call_later(0.02, ready.set)
        with Matter(fake_backend) as matter:
            return [int(result.alpha[0, 0]) async for result in matter.stream_async(frames())]

    assert asyncio.run(main()) == [7]


def test_error_of_an_asynchronous_source_surfaces_once(fake_backend: FakeBackend) -> None:
    """After the results before it."""

    found: list[int] = []

    async def main() -> None:
        with Matter(fake_backend) as matter:
            async for result in matter.stream_async(Track(2, "fail").frames()):
                found.append(int(result.alpha[0, 0]))

    with pytest.raises(Flaw):
        asyncio.run(main())
    assert found == [0, 1]
    assert stream_threads() == 0


def test_cancelled_task_leaves_nothing_behind(fake_backend: FakeBackend) -> None:
    """Not even where the source is silent for ever."""
    track = Track(1, "stall")

    async def main() -> None:
        with Matter(fake_backend) as matter:
            got_one = asyncio.Event()

            async def consume() -> None:
                async for _ in matter.stream_async(track.frames()):
                    got_one.set()

            task = asyncio.create_task(consume())
            await asyncio.wait_for(got_one.wait(), 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(asyncio.wait_for(main(), 10))
    assert track.closed
    assert stream_threads() == 0
