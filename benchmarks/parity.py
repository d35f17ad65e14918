"""Parity of both exported networks with the PyTorch reference, at many sizes: `python -m benchmarks.parity`.

Writes benchmarks/results/parity.json. `live` is the packaged model. `paper` is a network of known random weights whose
batch norms are calibrated on photographs: a fresh one answers 0.5 everywhere and proves nothing. It is exported to
engines/calibrated-paper/ first, if it is not there (minutes; 1 GB). Each variant keeps its record until measured
again, so that they may be measured apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.results_file import RESULTS, environment_of, read_result, write_result
from shm_deploy import spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.backends import open_backend, open_parts
from shm_deploy.bench.parity import METHOD, Parity, answers, compare_answers, part_answers
from shm_deploy.bench.pictures import parse_size, shipped_pictures, size_text
from shm_deploy.bench.session import find_reference, precision_of
from shm_deploy.errors import MatteError
from shm_deploy.export.calibrate import calibrate
from shm_deploy.export.pipeline import export_model
from shm_deploy.export.wanted import ExportSpec
from shm_train.checkpoint import Checkpoint, save_checkpoint
from shm_train.networks import PaperConfig, SemanticHumanMatting

# Through 256 ... 1500; one is odd, some are not square. Width x height.
SIZES = ("256", "384", "512", "333x517", "640", "768", "1024", "1280x720", "1500x1125")
NUM_PICTURES = {"live": 4, "paper": 1}  # at 1500 px one picture costs `paper` minutes on two cores
PAPER_FOLDER = Path(__file__).parents[1] / "engines" / "calibrated-paper"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 3 where a model is out of its tolerance."""
    args = _parser().parse_args(argv)
    records = {record["variant"]: record for record in read_result(args.out)["models"]} if args.out.is_file() else {}
    try:
        for variant in args.variant or NUM_PICTURES:
            model = find_model(None if variant == "live" else calibrated_paper(PAPER_FOLDER))
            rows = measure(model, NUM_PICTURES[variant], args.size or SIZES, args.threads)
            environment = environment_of("benchmarks.parity", argv, "cpu")
            records[variant] = {"variant": variant, "environment": asdict(environment), **rows}
            write_result(args.out, environment, {"method": METHOD, "models": list(records.values())})
    except MatteError as error:
        print(f"parity: {error}", file=sys.stderr)
        return error.exit_code
    passed = all(row["passed"] for record in records.values() for row in (*record["joined"], *record["parts"]))
    print("PASSED" if passed else "FAILED", args.out)
    return 0 if passed else 3


def calibrated_paper(folder: Path) -> Path:
    """The joined graph of the calibrated `paper` network, exported into a folder unless it is there."""
    joined = folder / "shm.onnx"
    if joined.is_file():
        return joined
    torch.manual_seed(0)
    network = SemanticHumanMatting(PaperConfig())
    calibrate(network, [picture.pixels for picture in shipped_pictures()])
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "e2e.pt"
    save_checkpoint(checkpoint, Checkpoint(config=network.config, weights=network.state_dict()))
    wanted = ExportSpec(checkpoint=checkpoint, out=folder, fp16=True)
    export_model(wanted, lambda told: print(f"export: {told.stage} {told.state} {told.detail}", file=sys.stderr))
    return joined


def measure(file: ModelFile, num_pictures: int, sizes: Sequence[str], threads: int) -> dict[str, Any]:
    """One model at every size: the joined graph on bytes, and the parts in float."""
    checkpoint = find_reference(file, None)
    pictures = shipped_pictures()[:num_pictures]
    backend, reference = (open_backend(each, device="cpu", threads=threads) for each in (file, checkpoint))
    parts, reference_parts = (open_parts(each, device="cpu", threads=threads) for each in (file, checkpoint))
    variant = "live" if file.sidecar is None else file.sidecar.variant
    joined, floats = [], []
    for size in map(parse_size, sizes):
        got, wanted = answers(backend, pictures, size), answers(reference, pictures, size)
        joined.append(compare_answers(got, wanted, pictures, size, spec.BACKENDS_FP32[variant]))
        got, wanted = part_answers(parts, pictures, size), part_answers(reference_parts, pictures, size)
        floats.append(compare_answers(got, wanted, pictures, size, spec.PARTS_FP32[variant]))
        print(f"{file.path.name} {size_text(size)}: joined {_line(joined[-1])}; parts {_line(floats[-1])}", flush=True)
    for held in (backend, reference, parts, reference_parts):
        held.close()
    return {
        "file": file.path.name,
        "sha256": file.sha256,
        "precision": precision_of(file),
        "reference_sha256": checkpoint.sha256,
        "backend": backend.name,
        "threads": threads,
        "pictures": [picture.name for picture in pictures],
        "joined": [asdict(row) for row in joined],
        "parts": [asdict(row) for row in floats],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", action="append", choices=NUM_PICTURES, help="repeatable; default: both")
    parser.add_argument("--size", action="append", help=f"repeatable; default: {' '.join(SIZES)}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "parity.json")
    return parser


def _line(row: Parity) -> str:
    found = row.difference
    return f"mean {found.mean:.1e} p99.9 {found.p999:.1e} max {found.maximum:.1e} NaN {found.num_nan}"


if __name__ == "__main__":
    sys.exit(main())
