"""The run: a source through the network to an output, until one of them ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import SpecError
from shm_deploy.live.feed import Feed, Patience
from shm_deploy.live.keys import Keys
from shm_deploy.live.lasting import LastingSource
from shm_deploy.live.meter import Meter, Tally, tally_line
from shm_deploy.live.opening import opener_of
from shm_deploy.live.outputs import Output, ToFile, Write, is_watched, open_output
from shm_deploy.live.scene import Scene, open_scene
from shm_deploy.live.sources import Address, Device, Recording, Source
from shm_deploy.matter import Matter
from shm_deploy.media.video.backdrops import Backdrop
from shm_deploy.media.video.targets import Content
from shm_deploy.result import Result
from shm_deploy.stream.frames import Frame, Latency
from shm_deploy.stream.pipeline import overlap

REPORT_S = 5.0  # between two lines about speed and latency
OPENING = 3  # times the patience with a packet, for an address or a camera to open: it answers, tells, sends


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """What to matte, and what becomes of it."""

    source: Source
    output: Output
    content: Content
    backdrops: tuple[Backdrop, ...]  # of opaque frames, in the order of their keys
    latency: Latency | None  # None: "low" where the source is live or the output is watched, else "full"
    timeout_s: float  # without a frame
    retry_s: float  # in which a live source may come back
    overwrite: bool

    def __post_init__(self) -> None:
        source, output = self.source, self.output
        if (
            isinstance(source, Recording)
            and isinstance(output, ToFile)
            and source.path.resolve() == output.path.resolve()
        ):
            raise SpecError(f"{source.path} is both input and output: name another output")


def run_live(
    matter: Matter, job: LiveJob, stdout: BinaryIO, stop: threading.Event, tell: Callable[[str], None]
) -> Tally:
    """Matte live frames, writing them in the calling thread.

    Args:
        matter: the network.
        job: what to do.
        stdout: where raw frames go.
        stop: ends the run when it is set; what was read is finished, and the output ended as it should be.
        tell: told of speed, latency, dropped frames and interruptions.

    Raises:
        MediaError: the source does not open, fails, stalls or vanishes; the output takes nothing more.
        BackendUnavailable: a package or a display is missing.
    """
    meter = Meter()
    is_live = isinstance(job.source, (Device, Address))
    latency = job.latency or ("low" if is_live or is_watched(job.output) else "full")
    source = LastingSource(lambda: _feed(job, stop), retry_s=job.retry_s if is_live else 0.0, stop=stop, tell=tell)
    if source.opened is None:
        return meter.tally()
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(job.content, job.backdrops, source.opened.size))
        write, keys = stack.enter_context(
            open_output(job.output, source.opened, stdout=stdout, overwrite=job.overwrite)
        )
        frames = meter.arriving(source.frames())
        _pump(matter, frames, scene, write, keys, latency=latency, meter=meter, after_frame=_reporter(meter, tell))
    return meter.tally()


def _pump(
    matter: Matter,
    frames: Iterable[Frame],
    scene: Scene,
    write: Write,
    keys: Keys,
    *,
    latency: Latency,
    meter: Meter,
    after_frame: Callable[[], None],
) -> None:
    """Frames through the network and the scene to the output, until they end or a key says so."""

    def render(result: Result) -> tuple[int, NDArray[np.uint8], Fraction]:
        return result.index, scene.render(result), Fraction(result.pts or 0)

    with closing(overlap(matter.stream(frames, latency=latency), [partial(map, render)], latency)) as rendered:
        for index, pixels, pts in rendered:
            write(pixels, pts)
            meter.shown(index)
            after_frame()
            while (key := keys()) is not None:
                if not scene.press(key):
                    return


def _feed(job: LiveJob, stop: threading.Event) -> Feed:
    source = job.source
    waits = isinstance(source, Address) and source.listen
    patience = Patience(
        open_s=None if waits else OPENING * job.timeout_s,
        frame_s=None if isinstance(source, Recording) else job.timeout_s,
    )
    paced = is_watched(job.output)
    opener = opener_of(source, timeout_s=job.timeout_s, paced=paced, stop=stop)
    return Feed(opener, patience, stop)


def _reporter(meter: Meter, tell: Callable[[str], None]) -> Callable[[], None]:
    """Tells how it goes, now and then."""
    due = time.monotonic() + REPORT_S

    def report() -> None:
        nonlocal due
        if time.monotonic() >= due:
            tell(tally_line(meter.tally()))
            due = time.monotonic() + REPORT_S

    return report
