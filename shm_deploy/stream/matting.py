"""The stages of a stream: what is done with one frame after it was read and before the caller has it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from shm_deploy.backends.device_arrays import is_on_gpu
from shm_deploy.backends.protocol import Backend, DeviceMattes, Mattes
from shm_deploy.errors import SpecError
from shm_deploy.fit import Fit
from shm_deploy.inputs import as_frames
from shm_deploy.result import DeviceResult, Result, Timestamp
from shm_deploy.stream.frames import Frame, Latency
from shm_deploy.stream.pipeline import Stage, close_source, overlap
from shm_deploy.stream.steadying import Moment, reduced, steadied
from shm_deploy.stream.stillness import Stillness
from shm_deploy.trust import trust_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Engine:
    """What several streams share."""

    backend: Backend
    on_device: Callable[[Any], DeviceMattes]  # goes through the gate itself
    gate: AbstractContextManager[None]
    max_edge: int | None  # px


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """One frame on its way."""

    index: int
    frame: Any
    pts: Timestamp | None
    fit: Fit | None = None  # None on a GPU, where nothing is scaled
    input: Any = None  # (1, h, w, 3) for the network
    view: Any = None  # (h, w, 3), small: where motion is looked for
    mattes: Mattes | DeviceMattes | None = None
    is_still: bool = False  # nothing moved: the mattes are those of the frame before


def matte_stream(
    engine: Engine, frames: Iterable[Any], *, bgr: bool, latency: Latency, steady: bool
) -> Generator[Any, None, None]:
    """Matte frames as they come; arguments and results as in `Matter.stream`."""
    if latency not in ("full", "low"):
        raise SpecError(f"got latency {latency!r}; wanted 'full' or 'low'")
    return _counted(overlap(_numbered(frames), _stages(engine, bgr=bgr, latency=latency, steady=steady), latency))


def _stages(engine: Engine, *, bgr: bool, latency: Latency, steady: bool) -> list[Stage]:
    def prepare(job: _Job) -> _Job:
        if is_on_gpu(job.frame):
            if bgr:
                raise SpecError("got bgr=True with frames on the GPU; wanted RGB: swap the channels there")
            return job
        pixels = as_frames(job.frame, bgr=bgr)
        if len(pixels) != 1:
            raise SpecError(f"got a batch {pixels.shape} in a stream; wanted one frame (H, W, 3) at a time")
        fit = Fit.of(pixels, engine.max_edge)
        view = reduced(pixels[0]) if steady else None
        return replace(job, fit=fit, input=fit.forward(pixels), view=view)

    def run(jobs: Iterator[_Job]) -> Iterator[_Job]:
        stillness, mattes = Stillness(), None
        for job in jobs:
            if job.fit is None:
                yield replace(job, mattes=engine.on_device(job.frame))
                continue
            is_still = steady and stillness.holds(job.input[0])
            if mattes is None or not is_still:
                with engine.gate:  # never around a yield, which may wait for ever: closing waits for who is inside
                    mattes = engine.backend.run(job.input)
            yield replace(job, input=None, mattes=mattes, is_still=is_still)

    if latency == "low":
        # A frame that is prepared while the network is busy grows old: the newest one is taken when both are free.
        return [lambda jobs: run(map(prepare, jobs)), partial(_finished, steady=steady, look_ahead=False)]
    return [partial(map, prepare), run, partial(_finished, steady=steady, look_ahead=True)]


def _finished(jobs: Iterator[_Job], *, steady: bool, look_ahead: bool) -> Iterator[Result | DeviceResult]:
    """Mattes back at the size of their frames, steadied, as results."""
    if not steady:
        yield from map(_result, jobs)
        return
    for on_device, group in groupby(jobs, key=lambda job: job.fit is None):
        if on_device:
            yield from map(_result, group)
            continue
        moments = (
            Moment(view=job.view, alpha=result.alpha, is_still=job.is_still, carried=result)
            for job, result in ((job, _result(job)) for job in group)
        )
        for alpha, result in steadied(moments, look_ahead=look_ahead):
            yield replace(result, alpha=alpha)


def _result(job: _Job) -> Any:
    mattes = job.mattes
    if isinstance(mattes, DeviceMattes):
        return DeviceResult(alpha=mattes.alpha, trimap=mattes.trimap, frame=job.frame, pts=job.pts, index=job.index)
    assert job.fit is not None
    assert mattes is not None
    return Result(
        alpha=job.fit.back(mattes.alpha)[0],
        trust=trust_of(job.fit.crop(mattes.trimap)[0]),
        frame=job.frame,
        pts=job.pts,
        index=job.index,
    )


def _numbered(frames: Iterable[Any]) -> Generator[_Job, None, None]:
    iterator = iter(frames)
    try:
        for index, frame in enumerate(iterator):
            if isinstance(frame, Frame):
                yield _Job(index=index, frame=frame.pixels, pts=frame.pts)
            else:
                yield _Job(index=index, frame=frame, pts=None)
    finally:
        close_source(iterator)


def _counted(results: Generator[Any, None, None]) -> Generator[Any, None, None]:
    expected = 0
    try:
        for result in results:
            yield replace(result, num_dropped=result.index - expected) if result.index != expected else result
            expected = result.index + 1
    finally:
        results.close()
