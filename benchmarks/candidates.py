"""Untrained `live` networks beside RobustVideoMatting's: `python -m benchmarks.candidates --peers DIR`.

What a shape costs is known before it is trained. T-Nets and M-Nets of several shapes and RVM's network take one 720p
frame in turn, on the CPU, by ONNX Runtime. Writes benchmarks/results/candidates.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch

from benchmarks.results_file import RESULTS, environment_of, write_result
from benchmarks.speed import CASES, RvmNetwork, find_rvm, time_in_turn
from shm_deploy import geometry, spec
from shm_deploy.errors import MatteError
from shm_deploy.export.graphs import make_graphs
from shm_train.networks import LiveConfig, SemanticHumanMatting
from shm_train.networks.fold import fold

(CASE,) = (case for case in CASES if case.size == (720, 1280))
SIZE = CASE.size

TNETS = (
    LiveConfig(tnet_edge=256),
    LiveConfig(tnet_edge=320),
    LiveConfig(tnet_edge=416, tnet_width=16),
    LiveConfig(tnet_edge=416),
    LiveConfig(tnet_edge=416, tnet_width=48),
)
MNETS = (
    LiveConfig(mnet_widths=(16, 32, 48)),
    LiveConfig(mnet_widths=(32, 48, 64)),
    LiveConfig(mnet_widths=(48, 64, 96)),
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
        rvm = RvmNetwork(find_rvm(args.peers), CASE.rvm_ratio, args.threads)
    except MatteError as error:
        print(f"candidates: {error}", file=sys.stderr)
        return error.exit_code
    candidates = [
        *(_candidate("tnet", config, f"{config.tnet_edge} px, width {config.tnet_width}", args) for config in TNETS),
        *(_candidate("mnet", config, "widths " + "/".join(map(str, config.mnet_widths)), args) for config in MNETS),
    ]
    source = RvmNetwork.prepared(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8))
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
    found = {"size": list(SIZE), "threads": args.threads, "rvm_ms": round(float(np.median(rvm_ms)), 2), "rows": rows}
    write_result(args.out, environment_of("benchmarks.candidates", argv, "cpu"), found)
    return 0


def _candidate(part: str, config: LiveConfig, shape: str, args: argparse.Namespace) -> Candidate:
    import onnxruntime

    torch.manual_seed(0)
    network = SemanticHumanMatting(config).eval()
    graphs = make_graphs(fold(network), opset=spec.OPSET, joined=False, fp16=False, tell=lambda text: None)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{part}.onnx"
        onnx.save(graphs.parts[part], file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feeds = {name: array for name, array in _inputs(config).items() if name in {i.name for i in session.get_inputs()}}
    parameters = sum(tensor.numel() for tensor in getattr(network, part).parameters())
    return Candidate(part, shape, parameters, lambda turn: session.run(None, feeds))


def _inputs(config: LiveConfig) -> dict[str, Any]:
    """A frame, and a trimap as T-Net gives it: at half of its input's sides."""
    rng = np.random.default_rng(0)
    small = [side // 2 for side in geometry.budget_size(SIZE, config.tnet_edge)]
    return {
        spec.IMAGE: rng.uniform(0, 255, (1, 3, *SIZE)).astype(np.float32),
        spec.TRIMAP: np.full((1, 3, *small), 1 / 3, np.float32),
    }


if __name__ == "__main__":
    sys.exit(main())
