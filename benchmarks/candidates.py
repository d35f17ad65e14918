"""Untrained `live` networks beside RobustVideoMatting's: `python -m benchmarks.candidates --peers DIR`.

What a shape costs is known before it is trained. T-Nets and M-Nets of several shapes and RVM's network take one 720p
frame in turn, on the CPU, by ONNX Runtime. Writes benchmarks/results/candidates.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch

from benchmarks.results_file import RESULTS, environment_of, write_result
from benchmarks.rvm import RATIOS, RvmNetwork, find_rvm
from benchmarks.turns import time_in_turn
from shm_deploy import spec
from shm_deploy.artifacts import PartFiles
from shm_deploy.backends.onnxruntime import OnnxRuntimeParts
from shm_deploy.bench.pictures import Size
from shm_deploy.errors import MatteError
from shm_deploy.export.graphs import make_graphs
from shm_train.networks import LiveConfig, SemanticHumanMatting
from shm_train.networks.fold import fold

SIZE = (720, 1280)

# Each is traced once. All of their T-Nets are measured, and the M-Nets of the last three.
NETWORKS = (
    LiveConfig(tnet_edge=320),
    LiveConfig(tnet_edge=416),
    LiveConfig(tnet_edge=512, tnet_width=16, mnet_edge=512),
    LiveConfig(tnet_edge=512, mnet_edge=640),
    LiveConfig(tnet_edge=512, tnet_width=48, mnet_edge=640, mnet_widths=(48, 64, 96)),
)
NUM_MNETS = 3

CLOCK = (
    "time.perf_counter, medians, all in turn in one run. Parts: `OnnxRuntimeParts`, as `Matter` runs them, on float "
    "arrays that lie ready: the whole frame, which each brings to its own size first; M-Nets take what T-Net of the "
    "same network gives, and end before the frame's pixels are drawn. rvm: as in speed.json."
)


class Candidate(NamedTuple):
    """A part of an untrained network, ready to run."""

    part: str
    shape: str
    num_parameters: int
    run: Callable[[int], object]  # one frame


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, metavar="DIR", help="holds RVM's released ONNX file")
    parser.add_argument("--runs", type=int, default=30, help="timed frames of each (30)")
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "candidates.json")
    args = parser.parse_args(argv)
    try:
        rvm = RvmNetwork(find_rvm(args.peers), RATIOS[SIZE], args.threads)
    except MatteError as error:
        print(f"candidates: {error}", file=sys.stderr)
        return error.exit_code
    source = RvmNetwork.prepared(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        candidates = find_candidates(NETWORKS, NUM_MNETS, Path(folder), args.threads)
        *taken, rvm_ms = time_in_turn(
            [*(candidate.run for candidate in candidates), lambda turn: rvm.run(source)], args.warmup, args.runs
        )
    rows = [
        {
            "part": candidate.part,
            "shape": candidate.shape,
            "parameters": candidate.num_parameters,
            "ms": round(float(np.median(ms)), 2),
            "share_of_rvm": round(float(np.median(ms) / np.median(rvm_ms)), 3),
        }
        for candidate, ms in zip(candidates, taken, strict=True)
    ]
    for row in rows:
        print(row)
    found = {
        "clock": CLOCK,
        "size": list(SIZE),
        "threads": args.threads,
        "rvm_ms": round(float(np.median(rvm_ms)), 2),
        "rows": rows,
    }
    write_result(args.out, environment_of("benchmarks.candidates", argv, "cpu"), found)
    return 0


def find_candidates(
    networks: Sequence[LiveConfig], num_mnets: int, folder: Path, threads: int, size: Size = SIZE
) -> list[Candidate]:
    """Trace each network once, and open its parts as `Matter` does.

    Args:
        networks: untrained ones of these shapes.
        num_mnets: of so many of the last ones M-Net is a candidate too.
        folder: where the graphs go.
        threads: of each.
        size: (height, width) of the frame.

    Returns:
        The T-Nets, then the M-Nets.
    """
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 3, *size)).astype(np.float32)
    tnets, mnets = [], []
    for number, config in enumerate(networks):
        torch.manual_seed(0)
        network = SemanticHumanMatting(config).eval()
        parts = OnnxRuntimeParts(_traced(network, folder / str(number)), "cpu", threads)
        shape = f"{config.tnet_edge} px, width {config.tnet_width}"
        tnets.append(Candidate("tnet", shape, _count(network.tnet), partial(_run, parts.tnet, image)))
        look = partial(_run, parts.coefficients, image, *parts.tnet(image))
        shape = f"{config.mnet_edge} px, widths " + "/".join(map(str, config.mnet_widths))
        mnets.append(Candidate("mnet", shape, _count(network.mnet), look))
    return [*tnets, *mnets[len(mnets) - num_mnets :]]


def _traced(network: SemanticHumanMatting, folder: Path) -> PartFiles:
    graphs = make_graphs(fold(network), opset=spec.OPSET, joined=False, fp16=False, tell=lambda text: None)
    folder.mkdir()
    for role, graph in graphs.parts.items():
        onnx.save(graph, folder / spec.LIVE_PARTS[role])
    return PartFiles(**{role: folder / file for role, file in spec.LIVE_PARTS.items()})


def _count(part: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in part.parameters())


def _run(part: Callable[..., object], *arguments: object) -> object:
    *inputs, _ = arguments  # the last is the number of the turn
    return part(*inputs)


if __name__ == "__main__":
    sys.exit(main())
