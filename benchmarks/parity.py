"""Parity of exported models with the PyTorch reference, at many sizes: `python -m benchmarks.parity MODEL...`.

Writes benchmarks/results/parity.json. Every model needs its sidecar and its checkpoint beside it. The `paper` network
is measured on weights with real activations (trained, or batch norm calibrated on photographs): a fresh network answers
0.5 everywhere and proves nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.results_file import RESULTS, write_result
from shm_deploy import spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.backends import open_backend, open_parts
from shm_deploy.bench.environment import record_environment
from shm_deploy.bench.parity import METHOD, Parity, answers, compare_answers, part_answers
from shm_deploy.bench.pictures import Picture, parse_size, read_pictures, shipped_pictures, size_text
from shm_deploy.bench.session import find_reference, precision_of
from shm_deploy.errors import MatteError

# The largest side goes through 256 ... 1500; one is odd, some are not square. Width x height.
SIZES = ("256", "384", "512", "333x517", "640", "768", "1024", "1280x720", "1500x1125")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 3 where a model is out of its tolerance."""
    args = _parser().parse_args(argv)
    try:
        pictures = read_pictures(args.images, None) if args.images else shipped_pictures()
        models = [_model_record(find_model(model), args, pictures) for model in args.models or [None]]
    except MatteError as error:
        print(f"parity: {error}", file=sys.stderr)
        return error.exit_code
    environment = record_environment(
        ["python", "-m", "benchmarks.parity", *(sys.argv[1:] if argv is None else argv)], "cpu"
    )
    write_result(args.out, environment, {"method": METHOD, "models": models})
    passed = all(row["passed"] for model in models for row in (*model["joined"], *model["parts"]))
    print("PASSED" if passed else "FAILED", args.out)
    return 0 if passed else 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", help="joined .onnx files; default: the packaged model")
    parser.add_argument("--images", type=Path, nargs="+", help="pictures or folders; default: those that ship")
    parser.add_argument("--num-images", type=int, help="only the first so many (default: all)")
    parser.add_argument("--size", action="append", help=f"repeatable; default: {' '.join(SIZES)}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "parity.json")
    return parser


def _model_record(file: ModelFile, args: argparse.Namespace, pictures: Sequence[Picture]) -> dict[str, Any]:
    """One model at every size: joined graphs on bytes, and parts in float."""
    checkpoint = find_reference(file, None)
    used = pictures[: args.num_images]
    backend, reference = (open_backend(each, device="cpu", threads=args.threads) for each in (file, checkpoint))
    parts, reference_parts = (open_parts(each, device="cpu", threads=args.threads) for each in (file, checkpoint))
    tolerance = spec.ENGINE_FP16 if precision_of(file) == "fp16" else spec.BACKENDS_FP32
    joined, floats = [], []
    for size in map(parse_size, args.size or SIZES):
        got, wanted = answers(backend, used, size), answers(reference, used, size)
        joined.append(compare_answers(got, wanted, used, size, tolerance))
        got, wanted = part_answers(parts, used, size), part_answers(reference_parts, used, size)
        floats.append(compare_answers(got, wanted, used, size, spec.PARTS_FP32))
        print(f"{file.path.name} {size_text(size)}: joined {_line(joined[-1])}; parts {_line(floats[-1])}", flush=True)
    for held in (backend, reference, parts, reference_parts):
        held.close()
    return {
        "file": file.path.name,
        "sha256": file.sha256,
        "variant": file.sidecar.variant if file.sidecar else None,
        "precision": precision_of(file),
        "reference_sha256": checkpoint.sha256,
        "backend": backend.name,
        "threads": args.threads,
        "pictures": [picture.name for picture in used],
        "joined": [asdict(row) for row in joined],
        "parts": [asdict(row) for row in floats],
    }


def _line(row: Parity) -> str:
    found = row.difference
    return f"mean {found.mean:.1e} p99.9 {found.p999:.1e} max {found.maximum:.1e} NaN {found.num_nan}"


if __name__ == "__main__":
    sys.exit(main())
