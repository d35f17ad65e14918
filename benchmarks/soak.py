"""Does the memory of a live run stay flat? `python -m benchmarks.soak --frames 100000`.

Sends raw frames to an `shm-live` of its own, which mattes them, blurs what is behind, and sends H.264 to an address on
this machine that nobody reads. The frames are a photograph that moves, so that no stage rests. Writes
benchmarks/results/soak.json; exit code 3 where memory grew.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.artifacts import find_model
from shm_deploy.bench import memory
from shm_deploy.bench.pictures import parse_size, shipped_pictures, size_text
from shm_deploy.errors import CheckFailed, MatteError

WARM_UP = 0.2  # share of the frames before memory counts: pools fill, allocators settle
GROWTH_MIB = 8.0  # between the fifth after the warm-up and the last one; more is a leak
NUM_SAMPLES = 200
NUM_SHIFTS = 64  # of the photograph, one pixel each


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size", type=parse_size, default=(96, 96), help="WxH (96x96)")
    parser.add_argument("--model", type=Path, help=".onnx (the packaged one); a small network soaks the rest sooner")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "soak.json")
    args = parser.parse_args(argv)
    try:
        samples, seconds = soak(args.frames, args.size, args.threads, args.model)
        growth = growth_mib([mib for _, mib in samples])
        environment = environment_of("benchmarks.soak", argv, "cpu")
        found = {
            "num_frames": args.frames,
            "width": args.size[1],
            "height": args.size[0],
            "threads": args.threads,
            "network": _network(args.model),
            "seconds": round(seconds, 1),
            "growth_mib": round(growth, 2),
            "growth_limit_mib": GROWTH_MIB,
            "resident_mib": [[number, round(mib, 1)] for number, mib in samples],
        }
        write_result(args.out, environment, found)
        print(f"{args.frames} frames of {size_text(args.size)} in {seconds:.0f} s: memory grew by {growth:.1f} MiB")
        if growth > GROWTH_MIB:
            raise CheckFailed(
                f"got {growth:.1f} MiB more at the end than after the warm-up, wanted {GROWTH_MIB} at most"
            )
    except MatteError as error:
        print(f"soak: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _network(model: Path | None) -> dict[str, Any]:
    """Its config, as its sidecar has it."""
    sidecar = find_model(model).sidecar
    return {} if sidecar is None else dict(sidecar.network)


def soak(
    num_frames: int, size: tuple[int, int], threads: int, model: Path | None = None
) -> tuple[list[tuple[int, float]], float]:
    """Send frames through a live run.

    Returns:
        (frames sent, MiB resident then) along the way, and how long it took [s].

    Raises:
        CheckFailed: the run did not end well.
    """
    picture = shipped_pictures()[0].fitted(size).pixels
    frames = [np.roll(picture, shift, axis=1).tobytes() for shift in range(NUM_SHIFTS)]
    every = max(1, num_frames // NUM_SAMPLES)
    samples = []
    begin = time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as drain:
        drain.bind(("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{drain.getsockname()[1]}"
        command = [sys.executable, "-m", "shm_deploy.cli.live", "-", "--size", f"{size[1]}x{size[0]}", "--rate", "25"]
        command += ["-o", address, "--latency", "full", "--threads", str(threads), "--background", "blur"]
        command += [] if model is None else ["--model", str(model)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            for number in range(num_frames):
                process.stdin.write(frames[number % NUM_SHIFTS])
                if number % every == 0:
                    samples.append((number, memory.resident_mib(process.pid)))
    if process.returncode != 0:
        raise CheckFailed(f"shm-live ended with exit code {process.returncode}, wanted 0")
    return samples, time.perf_counter() - begin


def growth_mib(samples: Sequence[float]) -> float:
    """How much more is resident at the end than after the warm-up: medians of a fifth of the samples each."""
    begin = int(WARM_UP * len(samples))
    fifth = max(1, len(samples) // 5)
    return float(np.median(samples[-fifth:]) - np.median(samples[begin : begin + fifth]))


if __name__ == "__main__":
    sys.exit(main())
