"""How long a frame takes, stage by stage, and what it costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm_deploy.backends.protocol import Backend, Mattes
from shm_deploy.bench import memory
from shm_deploy.errors import SpecError

MIN_RUNS = 5  # taken even where they exceed the time allowed: fewer make no distribution

CLOCK = (
    "time.perf_counter on the host, one frame a call. End to end: uint8 RGB array in host memory in, uint8 alpha of "
    "the same size in host memory out. Network: the backend's run, with the copies to and from the device and its "
    "synchronisation. Pre-processing: from the call to the run (checks, 1500 px rule, padding). Post-processing: from "
    "the run to the return (cropping, scaling back). Reading and writing files is not covered."
)


class StageTimes(NamedTuple):
    """One frame, in milliseconds."""

    preprocess: float
    network: float
    postprocess: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Of the times of single frames, in milliseconds."""

    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What frames of one size took."""

    width: int
    height: int
    batch: int
    streams: int  # threads that sent frames at the same time
    warmup: int  # frames before the clock, per stream
    runs: int  # frames that were timed, all streams together
    preprocess_ms: Percentiles
    network_ms: Percentiles
    postprocess_ms: Percentiles
    total_ms: Percentiles
    images_per_s: float  # all streams together
    cpu_s_per_frame: float  # of all threads of the process
    peak_memory_mib: float  # of the process, while the frames ran
    memory_growth_kib_per_frame: float  # resident after minus before, over the timed frames

    @property
    def megapixels(self) -> float:
        """Size of a frame."""
        return self.width * self.height / 1e6


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to measure."""

    warmup: int = 3
    runs: int = 30  # per stream, at most
    seconds: float = 20.0  # per size; no run starts after it once `MIN_RUNS` are done
    streams: int = 1

    def __post_init__(self) -> None:
        if self.warmup < 1 or self.runs < 1 or self.streams < 1 or self.seconds < 0:
            raise SpecError(f"got {self}; warm-up, runs and streams must be at least 1, seconds not negative")


class StageClock:
    """A backend that notes when its run began and ended, so that a caller's own time can be told from it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._spans = threading.local()
        self.name = backend.name
        self.device = backend.device

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        begin = time.perf_counter()
        mattes = self._backend.run(frames)
        self._spans.last = (begin, time.perf_counter())
        return mattes

    def close(self) -> None:
        self._backend.close()

    def time_call(self, matte: Callable[[NDArray[np.uint8]], object], frame: NDArray[np.uint8]) -> StageTimes:
        """Time one call of something that runs this backend once, in the calling thread."""
        begin = time.perf_counter()
        matte(frame)
        end = time.perf_counter()
        run_begin, run_end = self._spans.last
        return StageTimes(
            *(1e3 * span for span in (run_begin - begin, run_end - run_begin, end - run_end, end - begin))
        )


def measure_latency(
    matte: Callable[[NDArray[np.uint8]], object],
    clock: StageClock,
    frames: Sequence[NDArray[np.uint8]],
    effort: Effort,
) -> Latency:
    """Time frames of one size.

    Args:
        matte: turns one frame into its alpha by running `clock` once; called from `effort.streams` threads.
        clock: the backend within `matte`.
        frames: (H, W, 3) uint8 RGB each, all of one size, used in turn.
        effort: how much to measure.
    """
    height, width = frames[0].shape[:2]
    meeting = threading.Barrier(effort.streams)  # so that each stream has a thread of its own

    def warm_up(first: int) -> None:
        meeting.wait()
        for turn in range(effort.warmup):
            matte(frames[(first + turn) % len(frames)])

    def stream(first: int) -> list[StageTimes]:
        meeting.wait()
        times: list[StageTimes] = []
        deadline = time.perf_counter() + effort.seconds
        while len(times) < effort.runs and (len(times) < MIN_RUNS or time.perf_counter() < deadline):
            times.append(clock.time_call(matte, frames[(first + len(times)) % len(frames)]))
        return times

    with ThreadPoolExecutor(effort.streams) as pool:
        list(pool.map(warm_up, range(effort.streams)))
        memory.reset_peak()
        resident, cpu, begin = memory.resident_mib(), time.process_time(), time.perf_counter()
        times = [sample for part in pool.map(stream, range(effort.streams)) for sample in part]
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    preprocess, network, postprocess, total = (_percentiles(column) for column in zip(*times, strict=True))
    return Latency(
        width=width,
        height=height,
        batch=1,
        streams=effort.streams,
        warmup=effort.warmup,
        runs=len(times),
        preprocess_ms=preprocess,
        network_ms=network,
        postprocess_ms=postprocess,
        total_ms=total,
        images_per_s=len(times) / wall,
        cpu_s_per_frame=cpu / len(times),
        peak_memory_mib=memory.peak_mib(),
        memory_growth_kib_per_frame=(memory.resident_mib() - resident) * 1024 / len(times),
    )


def _percentiles(times_ms: Sequence[float]) -> Percentiles:
    p50, p90, p95, p99 = (round(float(value), 4) for value in np.percentile(times_ms, (50, 90, 95, 99)))
    return Percentiles(p50=p50, p90=p90, p95=p95, p99=p99)
