"""Stages that work at the same time, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

from shm_deploy.stream.channel import Channel, Ended
from shm_deploy.stream.frames import Latency

logger = logging.getLogger(__name__)

ROOM = 2  # items between two stages: one on its way, one ready
PATIENCE_S = 5.0  # how long a source may take to come back from a frame when the stream ends

# Takes items as they come and gives others, in order; `partial(map, function)` where each item gives one.
Stage = Callable[[Iterator[Any]], Iterable[Any]]


def overlap(source: Iterable[Any], stages: Sequence[Stage], latency: Latency = "full") -> Generator[Any, None, None]:
    """Send every item of `source` through `stages`; results come in the order of the source.

    The source and each stage run in a thread of their own, started with the first result that is asked for. A stage
    sees all items in order, so it may keep a state, and lag behind. At most `ROOM` items wait before each stage and
    before the caller, and in "low" latency only the newest one.

    When this generator ends, or is closed, or is let go, the threads are stopped and joined, and the source is closed
    by the thread that read it.

    Args:
        source: its `close()`, where it has one, is called at the end.
        stages: each goes over what the one before gave.
        latency: "full" waits where a stage is slow; "low" never does, the older item is dropped there.

    Raises:
        Exception: whatever the source or a stage raised, once; what was finished before it has been yielded.
    """
    low = latency == "low"
    channels: list[Channel[Any]] = [Channel(1 if low else ROOM, newest=low) for _ in range(len(stages) + 1)]
    failures: list[BaseException] = []
    loops: list[Callable[[], None]] = [_reading(source, channels[0])]
    loops += [_working(stage, channels[place], channels[place + 1]) for place, stage in enumerate(stages)]
    threads = [
        threading.Thread(target=_guarded, args=(loop, outlet, failures), name=f"shm-stream-{place}", daemon=True)
        for place, (loop, outlet) in enumerate(zip(loops, channels, strict=True))
    ]
    for thread in threads:
        thread.start()
    try:
        while True:
            try:
                item = channels[-1].get()
            except Ended:
                break
            yield item
        if failures:
            raise failures[0]
    finally:
        for channel in channels:
            channel.abandon()
        for thread in threads[1:]:
            thread.join()
        threads[0].join(PATIENCE_S)
        if threads[0].is_alive():
            logger.warning("the source of a stream has not come back from a frame: its thread is left behind")
        failures.clear()  # a traceback holds the frames of this function, and with them every array in flight


def _reading(source: Iterable[Any], outlet: Channel[Any]) -> Callable[[], None]:
    def loop() -> None:
        iterator = iter(source)
        try:
            for item in iterator:
                outlet.put(item)
        finally:
            close_source(iterator)

    return loop


def _working(stage: Stage, inlet: Channel[Any], outlet: Channel[Any]) -> Callable[[], None]:
    def loop() -> None:
        try:
            for item in stage(_items(inlet)):
                outlet.put(item)
        finally:
            inlet.abandon()  # whoever still puts something there stops

    return loop


def _items(inlet: Channel[Any]) -> Iterator[Any]:
    while True:
        try:
            item = inlet.get()
        except Ended:
            return
        yield item


def _guarded(loop: Callable[[], None], outlet: Channel[Any], failures: list[BaseException]) -> None:
    """Run a thread's loop; whatever it raises is kept for the caller of the stream."""
    try:
        loop()
    except Ended:
        pass
    except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
        failures.append(error)
    finally:
        outlet.end()


def close_source(iterator: Iterator[Any]) -> None:
    """Let a generator, or whatever else can be closed, go."""
    close = getattr(iterator, "close", None)
    if close is not None:
        close()
