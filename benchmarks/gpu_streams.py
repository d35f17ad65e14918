"""How many live streams one engine serves: frames arrive at 30 a second in each, and are lost when nobody is free."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy.bench import memory

DROP_LIMIT = 0.01  # share of lost frames at which a number of streams counts as too many


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the streams send."""

    frames_per_s: float = 30.0
    seconds: float = 10.0
    numbers: tuple[int, ...] = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)

    @property
    def num_frames(self) -> int:
        """Of one stream."""
        return max(1, round(self.frames_per_s * self.seconds))


@dataclass(frozen=True, kw_only=True)
class StreamsResult:
    """One number of streams."""

    num_streams: int
    num_sent: int
    num_dropped: int
    drop_rate: float
    latency_ms_p50: float  # from the moment that a frame is due to its alpha
    latency_ms_p99: float
    cpu_s_per_frame: float
    resident_mib: float
    device_mib: float | None


def curve(
    matte: Callable[[NDArray[np.uint8]], object],
    frame: NDArray[np.uint8],
    load: Load,
    device_mib: Callable[[], float | None],
) -> dict[str, Any]:
    """More and more streams until too many frames are lost.

    Args:
        matte: one frame; called from a thread per stream.
        frame: (H, W, 3) uint8.
        load: what to send.
        device_mib: the device's memory in use.
    """
    rows = []
    for num_streams in load.numbers:
        rows.append(run_streams(matte, frame, num_streams, load, device_mib))
        if rows[-1].drop_rate > DROP_LIMIT:
            break
    held = [row.num_streams for row in rows if row.drop_rate <= DROP_LIMIT]
    return {
        **asdict(load),
        "drop_limit": DROP_LIMIT,
        "most_streams_held": max(held, default=0),
        "broke": rows[-1].drop_rate > DROP_LIMIT,
        "rows": [asdict(row) for row in rows],
    }


def run_streams(
    matte: Callable[[NDArray[np.uint8]], object],
    frame: NDArray[np.uint8],
    num_streams: int,
    load: Load,
    device_mib: Callable[[], float | None],
) -> StreamsResult:
    """Some streams at once, each on its own thread, their frames spread evenly over the interval."""
    meeting = threading.Barrier(num_streams)

    def stream(index: int) -> tuple[list[float], int]:
        matte(frame)
        meeting.wait()
        first = time.perf_counter() + index / num_streams / load.frames_per_s
        return pace(lambda: matte(frame), first, 1 / load.frames_per_s, load.num_frames, time.perf_counter, time.sleep)

    cpu = time.process_time()
    with ThreadPoolExecutor(num_streams) as pool:
        parts = list(pool.map(stream, range(num_streams)))
    cpu = time.process_time() - cpu
    latencies = [latency for part, _ in parts for latency in part]
    num_dropped = sum(dropped for _, dropped in parts)
    return StreamsResult(
        num_streams=num_streams,
        num_sent=num_streams * load.num_frames,
        num_dropped=num_dropped,
        drop_rate=num_dropped / (num_streams * load.num_frames),
        latency_ms_p50=_percentile_ms(latencies, 50),
        latency_ms_p99=_percentile_ms(latencies, 99),
        cpu_s_per_frame=cpu / (len(latencies) + num_streams),
        resident_mib=memory.resident_mib(),
        device_mib=device_mib(),
    )


def pace(
    work: Callable[[], object],
    first: float,
    interval: float,
    num_frames: int,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[list[float], int]:
    """Do the work for each frame when it is due; one whose successor is due before its turn comes is lost.

    Args:
        work: for one frame.
        first: when the first frame is due, on `clock` [s].
        interval: between frames [s].
        num_frames: in all, the lost ones among them.
        clock: now [s].
        sleep: waits [s].

    Returns:
        Seconds from due to done of every frame that was worked on, and the number of lost ones.
    """
    latencies = []
    num_dropped = 0
    for index in range(num_frames):
        due = first + index * interval
        if clock() >= due + interval:
            num_dropped += 1
            continue
        sleep(max(0.0, due - clock()))
        work()
        latencies.append(clock() - due)
    return latencies, num_dropped


def _percentile_ms(seconds: Sequence[float], share: int) -> float:
    return 1e3 * float(np.percentile(seconds, share))
