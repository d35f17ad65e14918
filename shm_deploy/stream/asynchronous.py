"""Streams for asyncio: the event loop never waits for the network."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable
from typing import Any, TypeVar

Out = TypeVar("Out")


async def over_asyncio(
    frames: AsyncIterable[Any] | Iterable[Any], open_stream: Callable[[Iterable[Any]], Generator[Out, None, None]]
) -> AsyncGenerator[Out, None]:
    """Run a blocking stream beside an event loop.

    Args:
        frames: an asynchronous iterable is read in the running loop, any other in the stream's own thread.
        open_stream: makes the blocking stream from a plain iterable.

    Raises:
        Exception: as the stream.
    """
    source = _Bridge(frames.__aiter__(), asyncio.get_running_loop()) if isinstance(frames, AsyncIterable) else frames
    stream = open_stream(source)
    step: asyncio.Future[Out | None] | None = None
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, stream, None))
            result = await asyncio.shield(step)
            if result is None:
                return
            yield result
    finally:
        if isinstance(source, _Bridge):
            source.stop()
        await _finished(step)
        await asyncio.to_thread(stream.close)
        if isinstance(source, _Bridge):
            await source.aclose()


async def _finished(step: asyncio.Future[Any] | None) -> None:
    """Wait for the call that is in the stream, which can't be closed under it."""
    if step is not None:
        await asyncio.wait([step])
        if not step.cancelled():
            step.exception()  # looked at, so that asyncio does not report it a second time


class _Bridge:
    """An asynchronous iterator as a plain one, for another thread than its loop's."""

    def __init__(self, frames: AsyncIterator[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._frames = frames
        self._loop = loop
        self._pending: concurrent.futures.Future[Any] | None = None
        self._stopped = False

    def __iter__(self) -> _Bridge:
        return self

    def __next__(self) -> Any:
        if self._stopped:
            raise StopIteration
        self._pending = asyncio.run_coroutine_threadsafe(self._step(), self._loop)
        try:
            return self._pending.result()
        except (StopAsyncIteration, concurrent.futures.CancelledError):
            raise StopIteration from None

    def stop(self) -> None:
        """Let the thread go that waits for a frame; from the loop's own thread."""
        self._stopped = True
        if self._pending is not None:
            self._pending.cancel()

    async def aclose(self) -> None:
        """Close what was iterated, where it can be closed."""
        close = getattr(self._frames, "aclose", None)
        if close is not None:
            await close()

    async def _step(self) -> Any:
        return await self._frames.__anext__()
