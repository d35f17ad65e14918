"""Load shm-serve over loopback, bounded in count and time: `python -m benchmarks.service --requests 10000`.

What it adds to `Matter` alone, requests per second, memory over many requests of mixed sizes, a crowd against a short
queue, live frames, SIGTERM under load, and whether batches pay. Writes benchmarks/results/service.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.results_file import RESULTS, environment_of, write_result
from benchmarks.service_browser import webcam
from benchmarks.service_clients import load, percentiles_ms, statuses_until, stream
from benchmarks.service_process import Reply, Service, running
from shm_deploy.artifacts import find_model
from shm_deploy.bench.pictures import Size, shipped_pictures, size_text
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter

CLOCK = (
    "time.perf_counter in the client, one process and the service another, loopback, a connection per request. "
    "request: from before connecting to the last byte of the answer, JPEG in, 8-bit matte as PNG out. matter: "
    "`Matter.__call__` on the decoded frame, in the client's process, with as many threads, in turn with the requests. "
    "cpu: processor time of the service's process, and of the thread pool around `Matter.__call__`; other work on the "
    "machine does not count in it. live: from before a frame (a JPEG made before) is sent until its matte is there."
)
SIZES: tuple[Size, ...] = ((480, 640), (720, 1280))
MIXED: tuple[Size, ...] = ((96, 64), (128, 128), (160, 240), (320, 240), (256, 384), (64, 200), (300, 300))
LIVE_SIZE: Size = (480, 640)
CROWD, QUEUE = 64, 16
QUALITY = 92
BROWSER_SECONDS = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="of mixed sizes, for memory (10000)")
    parser.add_argument("--runs", type=int, default=40, help="timed requests and frames of each size (40)")
    parser.add_argument("--threads", type=int, default=2, help="of the network")
    parser.add_argument("--out", type=Path, default=RESULTS / "service.json")
    args = parser.parse_args(argv)
    try:
        found = {
            "clock": CLOCK,
            "threads": args.threads,
            "model_sha256": find_model(None).sha256,
            **_measure(args.requests, args.runs, args.threads),
        }
    except MatteError as error:
        print(f"service: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.service", argv, "cpu")
    write_result(args.out, environment, found)
    return 0


def _measure(num_requests: int, runs: int, threads: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with running("--threads", str(threads)) as service, Matter(threads=threads) as matter:
        found["overhead"] = [_tell(overhead(service, matter, size, runs)) for size in SIZES]
        found["live"] = _tell(live(service, matter, runs))
        film = [_jpeg(picture.fitted(LIVE_SIZE).pixels) for picture in shipped_pictures()]
        found["chromium"] = _tell(webcam(service.port, film, BROWSER_SECONDS))
        found["throughput"] = [_tell(throughput(service, size, runs, clients=4)) for size in SIZES]
        service.stop()
    with running("--threads", str(threads)) as service:
        found["memory"] = _tell(memory(service, num_requests))
        service.stop()
    with running("--threads", str(threads), "--waiting", str(QUEUE)) as service:
        found["crowd"] = _tell(crowd(service, runs))
        found["sigterm"] = _tell(sigterm(service))
    found["batch"] = [_tell(row) for row in batches(runs, threads)]
    return found


def overhead(service: Service, matter: Matter, size: Size, runs: int) -> dict[str, Any]:
    """A request beside `Matter` alone, in turn."""
    frames = [picture.fitted(size).pixels for picture in shipped_pictures()]
    jpegs = [_jpeg(frame) for frame in frames]
    alone, asked, stages = [], [], []
    cpu_alone, cpu_before = 0.0, 0.0
    for turn in range(3 + runs):
        if turn == 3:
            cpu_alone, cpu_before = 0.0, service.cpu_seconds()
        begin, cpu_begin = time.perf_counter(), time.process_time()
        matter(frames[turn % len(frames)])
        taken = time.perf_counter() - begin
        cpu_alone += time.process_time() - cpu_begin
        reply = service.ask(jpegs[turn % len(jpegs)])
        assert reply.status == 200
        if turn >= 3:  # the first few fill caches
            alone.append(taken)
            asked.append(reply.seconds)
            stages.append(reply.stages_ms)
    inside = {name: round(float(np.median([stage[name] for stage in stages])), 2) for name in stages[0]}
    whole = float(np.median(asked))
    cpu_service = service.cpu_seconds() - cpu_before
    return {
        "size": size_text(size),
        "matter_ms": percentiles_ms(alone),
        "request_ms": percentiles_ms(asked),
        "stages_ms": inside,
        "transport_ms": round(1000 * whole - sum(inside.values()), 2),
        "times_matter": round(whole / float(np.median(alone)), 3),
        "matter_cpu_ms": round(1000 * cpu_alone / runs, 2),
        "service_cpu_ms": round(1000 * cpu_service / runs, 2),
        "cpu_times_matter": round(cpu_service / cpu_alone, 3),
    }


def live(service: Service, matter: Matter, runs: int) -> dict[str, Any]:
    """Frames per second round the WebSocket, between two measurements of `Matter` alone."""
    frames = [picture.fitted(LIVE_SIZE).pixels for picture in shipped_pictures()]
    jpegs = [_jpeg(frame) for frame in frames]

    def alone() -> float:
        begin = time.perf_counter()
        for turn in range(runs):
            matter(frames[turn % len(frames)])
        return runs / (time.perf_counter() - begin)

    stream(service, jpegs, 3, in_flight=1)
    before = alone()
    taken, seconds = stream(service, jpegs, runs, in_flight=2)
    after = alone()
    return {
        "size": size_text(LIVE_SIZE),
        "frames": runs,
        "in_flight": 2,
        "frames_per_second": round(runs / seconds, 2),
        "latency_ms": percentiles_ms(taken),
        "matter_alone_per_second": [round(before, 2), round(after, 2)],
    }


def throughput(service: Service, size: Size, runs: int, clients: int) -> dict[str, Any]:
    """Several clients at once."""
    jpegs = [_jpeg(picture.fitted(size).pixels) for picture in shipped_pictures()]
    replies, seconds = load(service, jpegs, runs, clients)
    return {
        "size": size_text(size),
        "clients": clients,
        "requests_per_second": round(len(replies) / seconds, 2),
        "request_ms": percentiles_ms([reply.seconds for reply in replies]),
        "statuses": _statuses(replies),
    }


def memory(service: Service, num_requests: int) -> dict[str, Any]:
    """Resident memory over many requests of mixed sizes; a tenth of them is a broken picture."""
    pictures = [_jpeg(shipped_pictures()[0].fitted(size).pixels) for size in MIXED]
    pictures = [*pictures, pictures[0], pictures[1], pictures[2][:500]]
    points, statuses = [], Counter[str]()
    begin = time.perf_counter()
    for part in range(10):
        replies, _ = load(service, pictures, num_requests // 10, num_clients=4)
        statuses.update(_statuses(replies))
        points.append({"requests": (part + 1) * (num_requests // 10), "resident_mib": round(service.resident_mib(), 1)})
    return {
        "sizes": [size_text(size) for size in MIXED],
        "seconds": round(time.perf_counter() - begin, 1),
        "statuses": dict(statuses),
        "resident": points,
        "growth_after_first_tenth_mib": round(points[-1]["resident_mib"] - points[0]["resident_mib"], 1),
    }


def crowd(service: Service, runs: int) -> dict[str, Any]:
    """More clients than places: who is served, who is told to come back, how long either takes."""
    jpeg = _jpeg(shipped_pictures()[0].fitted((240, 320)).pixels)
    replies, seconds = load(service, [jpeg], CROWD * max(1, runs // 10), CROWD)
    served = [reply.seconds for reply in replies if reply.status == 200]
    refused = [reply.seconds for reply in replies if reply.status == 503]
    return {
        "clients": CROWD,
        "queue": QUEUE,
        "statuses": _statuses(replies),
        "served_per_second": round(len(served) / seconds, 2),
        "served_ms": percentiles_ms(served),
        "refused_ms": percentiles_ms(refused) if refused else None,
    }


def sigterm(service: Service) -> dict[str, Any]:
    """Stopped in the middle of a crowd: what the service says it answered beside what the clients got."""
    jpeg = _jpeg(shipped_pictures()[0].fitted((240, 320)).pixels)
    before: dict[str, Any] = {}

    def interrupt() -> None:
        time.sleep(2)
        before.update(exit_code=service.stop(), **asdict(service.tally()))

    outcomes = statuses_until(service, jpeg, 24, interrupt)
    return {"service": before, "clients": dict(outcomes)}


def batches(runs: int, threads: int) -> list[dict[str, Any]]:
    """Frames one by one beside the same frames as a batch, in turn."""
    rows = []
    for backend in ("auto", "onnxruntime"):
        with Matter(backend=backend, threads=threads) as matter:
            for size in ((240, 320), (480, 640)):
                frames = np.stack([picture.fitted(size).pixels for picture in shipped_pictures()][:4])
                single, together = [], []
                for _ in range(1 + max(2, runs // 4)):
                    begin = time.perf_counter()
                    for frame in frames:
                        matter(frame)
                    middle = time.perf_counter()
                    matter(frames)
                    single.append(middle - begin)
                    together.append(time.perf_counter() - middle)
                rows.append(
                    {
                        "backend": matter.info().backend,
                        "size": size_text(size),
                        "frames": len(frames),
                        "one_by_one_ms": round(1000 * float(np.median(single[1:])), 2),
                        "batch_ms": round(1000 * float(np.median(together[1:])), 2),
                        "times_as_fast": round(float(np.median(single[1:]) / np.median(together[1:])), 3),
                    }
                )
    return rows


def _statuses(replies: Sequence[Reply]) -> dict[str, int]:
    return dict(Counter(str(reply.status) for reply in replies))


def _jpeg(frame: Any) -> bytes:
    done, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(data)


def _tell(row: dict[str, Any]) -> dict[str, Any]:
    print(row, flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
