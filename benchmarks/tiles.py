"""What tiles save, by how much of a frame is unknown: `python -m benchmarks.tiles --photographs DIR`.

Every photograph is matted twice by the packaged model: by parts, whose pixels are drawn only on tiles in which T-Net is
unsure, and by the joined graph, in one piece.
Writes benchmarks/results/tiles.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends.tiles import NEGLIGIBLE
from shm_deploy.bench.pictures import Picture, parse_size, read_pictures
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter
from shm_deploy.metrics import sad, unit_alpha

CLOCK = (
    "unknown: the share of pixels whose U_s is not negligible. cpu_ms: process time of `Matter.__call__`, medians, the "
    "two ways in turn after one turn that is not counted. sad: between the two mattes of bytes, per pixel, times 1000."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True, metavar="DIR")
    parser.add_argument("--num", type=int, default=40, help="of them, evenly taken (40)")
    parser.add_argument("--size", type=parse_size, default=(720, 1280), help="WxH that they are brought to (1280x720)")
    parser.add_argument("--runs", type=int, default=5, help="timed mattes of each, each way (5)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "tiles.json")
    args = parser.parse_args(argv)
    try:
        pictures = read_pictures([args.photographs], None)
        chosen = [
            pictures[index] for index in np.linspace(0, len(pictures) - 1, min(args.num, len(pictures)), dtype=int)
        ]
        rows = compare(chosen, args.size, args.runs, args.threads)
    except MatteError as error:
        print(f"tiles: {error}", file=sys.stderr)
        return error.exit_code
    found = {
        "clock": CLOCK,
        "threads": args.threads,
        "model_sha256": find_model(None).sha256,
        "width": args.size[1],
        "height": args.size[0],
        "runs": args.runs,
        "rows": rows,
    }
    write_result(args.out, environment_of("benchmarks.tiles", argv, "cpu"), found)
    return 0


def compare(pictures: Sequence[Picture], size: tuple[int, int], runs: int, threads: int) -> list[dict[str, Any]]:
    """A row per photograph, the least unknown first."""
    rows = []
    with (
        Matter(device="cpu", threads=threads, backend="tiles") as tiled,
        Matter(device="cpu", threads=threads, backend="onnxruntime") as whole,
    ):
        for picture in pictures:
            frame = picture.fitted(size).pixels
            unknown = tiled.trimap(frame)[..., spec.UNKNOWN] >= 255 * NEGLIGIBLE
            tiles_ms, whole_ms = _cpu_ms([tiled, whole], frame, runs)
            difference = 1e3 * sad(unit_alpha(tiled(frame)), unit_alpha(whole(frame)))
            rows.append(
                {
                    "unknown": round(float(unknown.mean()), 4),
                    "tiles_cpu_ms": round(tiles_ms, 1),
                    "whole_cpu_ms": round(whole_ms, 1),
                    "sad": round(difference, 4),
                }
            )
    return sorted(rows, key=lambda row: float(row["unknown"]))


def _cpu_ms(matters: Sequence[Matter], frame: NDArray[np.uint8], runs: int) -> list[float]:
    taken: list[list[float]] = [[] for _ in matters]
    for _ in range(runs + 1):
        for matter, times in zip(matters, taken, strict=True):
            begin = time.process_time()
            matter(frame)
            times.append(1e3 * (time.process_time() - begin))
    return [float(np.median(times[1:])) for times in taken]


if __name__ == "__main__":
    sys.exit(main())
