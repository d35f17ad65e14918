"""Sources as openers: what a feed calls in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from shm_deploy.live.feed import Opened, Opener
from shm_deploy.live.raw import read_raw
from shm_deploy.live.receiving import Receiver
from shm_deploy.live.sources import Address, Device, Pipe, Recording, Source
from shm_deploy.media.video.reading import ClipReader, seconds_of
from shm_deploy.stream.frames import Frame

STANDARD_INPUT = 0  # its number


def opener_of(source: Source, *, timeout_s: float, paced: bool, stop: threading.Event) -> Opener:
    """How to open a source.

    Args:
        source: what.
        timeout_s: how long a network or a device may take to answer.
        paced: play a recording at its own speed; otherwise it goes as fast as its frames are taken.
        stop: ends the waiting of a paced recording when it is set.
    """

    @contextmanager
    def opened() -> Iterator[Opened]:
        match source:
            case Device() | Address():
                with Receiver(source, timeout_s) as receiver:
                    frames = receiver.frames()
                    if isinstance(source, Device) and source.kind == "lavfi":  # which would go as fast as it can
                        frames = _paced(frames, stop)
                    yield Opened(size=receiver.size, rate=receiver.rate, frames=frames)
            case Recording(path=path):
                with ClipReader(path) as clip:
                    frames = _paced(clip.frames(), stop) if paced else clip.frames()
                    yield Opened(size=clip.facts.size, rate=clip.facts.rate, frames=frames)
            case Pipe(size=size, rate=rate):
                with open(STANDARD_INPUT, "rb", buffering=0, closefd=False) as stdin:
                    yield Opened(size=size, rate=rate, frames=read_raw(stdin, source))

    return opened


def _paced(frames: Generator[Frame, None, None], stop: threading.Event) -> Generator[Frame, None, None]:
    begin = time.monotonic()
    for frame in frames:
        if stop.wait(max(0.0, begin + float(seconds_of(frame)) - time.monotonic())):
            return
        yield frame
