"""The packaged model end to end beside RobustVideoMatting's network alone: `python -m benchmarks.speed --peers DIR`.

Both on the CPU by ONNX Runtime with two threads, in one run, frame by frame in turn, so that other work on the machine
meets both alike. Writes benchmarks/results/speed.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results_file import RESULTS, environment_of, write_result
from benchmarks.rvm import RATIOS, RVM_FILE, RvmNetwork, find_rvm
from benchmarks.turns import time_in_turn
from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends import BackendName
from shm_deploy.bench import memory
from shm_deploy.bench.pictures import Size, shipped_pictures, size_text
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter


@dataclass(frozen=True, kw_only=True)
class Case:
    """A frame size, for which `RATIOS` has RVM's ratio, and `Matter`'s own limit."""

    size: Size
    max_edge: int | None = None  # longest side that the live network sees; None is all of it


CASES = (
    Case(size=(512, 512)),
    Case(size=(720, 1280)),
    Case(size=(1080, 1920)),
    Case(size=(1080, 1920), max_edge=spec.MAX_EDGE),  # the default of `Matter`
)

BACKENDS: dict[str, BackendName] = {"live": "auto", "int8": "int8", "openvino": "openvino"}

CLOCK = (
    "time.perf_counter on the host. live: `Matter.__call__`, uint8 frame in, uint8 alpha of the same size out, "
    "everything between included; int8, openvino: the same with that backend. rvm: `InferenceSession.run` alone on a "
    "float tensor that lies ready, recurrent state carried from frame to frame; its authors' conversion of the frame "
    "and of the alpha is not counted; its threads wait busily within a run, as by default, and rest after it, so that "
    "the next in turn has the CPUs to itself."
)
MEMORY_FRAMES = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, metavar="DIR", help=f"holds {RVM_FILE}")
    parser.add_argument("--runs", type=int, default=40, help="timed frames of each at each size (40)")
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.json")
    args = parser.parse_args(argv)
    try:
        rvm_file = find_rvm(args.peers)
        rows = [_measure(case, rvm_file, args) for case in CASES]
        memory_mib = {
            "live": _in_fresh_process(live_memory_mib, args.threads),
            "rvm": _in_fresh_process(rvm_memory_mib, rvm_file, args.threads),
        }
    except MatteError as error:
        print(f"speed: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.speed", argv, "cpu")
    found = {
        "clock": CLOCK,
        "threads": args.threads,
        "model_sha256": find_model(None).sha256,
        "rows": rows,
        "peak_memory_mib_1080p": memory_mib,
    }
    write_result(args.out, environment, found)
    print("resident at 1080p [MiB]:", memory_mib)
    return 0


def live_memory_mib(threads: int) -> float:
    """Most that was resident in this process after some 1080p frames through `Matter`."""
    frame = _frames(CASES[-1].size)[0]
    with Matter(threads=threads, max_edge=None) as matter:
        for _ in range(MEMORY_FRAMES):
            matter(frame)
    return round(memory.peak_mib(), 1)


def rvm_memory_mib(file: Path, threads: int) -> float:
    """The same for RVM's network, its float input included."""
    network = RvmNetwork(file, RATIOS[CASES[-1].size], threads)
    source = network.prepared(_frames(CASES[-1].size)[0])
    for _ in range(MEMORY_FRAMES):
        network.run(source)
    return round(memory.peak_mib(), 1)


def _measure(case: Case, rvm_file: Path, args: argparse.Namespace) -> dict[str, Any]:
    frames = _frames(case.size)
    sources = [RvmNetwork.prepared(frame) for frame in frames]
    network = RvmNetwork(rvm_file, RATIOS[case.size], args.threads)
    with ExitStack() as stack:
        matters = [
            stack.enter_context(Matter(threads=args.threads, max_edge=case.max_edge, backend=backend))
            for backend in BACKENDS.values()
        ]
        calls = [partial(_call, matter, frames) for matter in matters] + [partial(_call, network.run, sources)]
        *own, rvm = time_in_turn(calls, args.warmup, args.runs)
    row = {
        "width": case.size[1],
        "height": case.size[0],
        "rvm_ratio": RATIOS[case.size],
        "max_edge": case.max_edge,
        "warmup": args.warmup,
        "runs": args.runs,
        "ms": {name: _percentiles(times) for name, times in zip((*BACKENDS, "rvm"), (*own, rvm), strict=True)},
        "times_as_fast": {
            name: round(float(np.median(rvm) / np.median(times)), 3) for name, times in zip(BACKENDS, own, strict=True)
        },
    }
    medians = ", ".join(f"{name} {found['p50']} ms" for name, found in row["ms"].items())
    print(f"{size_text(case.size)}, max_edge {case.max_edge}: {medians}; {row['times_as_fast']}", flush=True)
    return row


def _call(take: Callable[[Any], object], inputs: Sequence[Any], turn: int) -> None:
    take(inputs[turn % len(inputs)])


def _percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(times_ms, share)), 3) for share in (50, 90, 95, 99)}


def _frames(size: Size) -> list[NDArray[np.uint8]]:
    return [picture.fitted(size).pixels for picture in shipped_pictures()]


def _in_fresh_process(measure: Callable[..., float], *arguments: object) -> float:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


if __name__ == "__main__":
    sys.exit(main())
