"""shm-eval: how good a checkpoint is, by the paper's metrics."""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch

from shm_deploy import spec
from shm_deploy.errors import ArtifactError, MatteError, SpecError
from shm_train.checkpoint import Checkpoint, load_checkpoint
from shm_train.device import find_device
from shm_train.evaluation.cases import Case, find_cases
from shm_train.evaluation.judge import MIN_EDGE, Contender, Judgement, judge, predict_at, sweep
from shm_train.evaluation.methods import NAMES, Method, predictor
from shm_train.evaluation.report import (
    figure,
    quality_table,
    region_table,
    sweep_table,
    worst_row,
    write_csv,
)
from shm_train.sheet import Picture, write_sheet
from shm_train.stages.config import RECIPES

IMAGES_FILE = "images.csv"
WORST_FILE = "worst.png"
FIGURES_FILE = "figures.png"
SWEEP_FILE = "sizes.csv"
TABLES_FILE = "tables.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned."""
    args = _parser().parse_args(argv)
    try:
        print(_evaluate(args))
    except MatteError as error:
        print(f"shm-eval: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shm-eval", description="How good a checkpoint is, by the paper's metrics.")
    parser.add_argument("--ckpt", type=Path, required=True, help="a checkpoint of shm-train")
    parser.add_argument("--data", type=Path, required=True, help="a pack, or a folder with image/ and alpha/")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and pictures")
    parser.add_argument("--method", choices=get_args(Method), default="network", help="way to an alpha (network)")
    parser.add_argument(
        "--also", nargs=2, action="append", default=[], metavar=("CKPT", "METHOD"), help="a baseline; more than one go"
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[], metavar="PX", help="longest sides for a sweep of CKPT"
    )
    parser.add_argument("--figures", type=int, default=0, metavar="N", help="pictures drawn as in the paper (0)")
    parser.add_argument("--worst", type=int, default=12, metavar="N", help="pictures on the sheet of the worst (12)")
    parser.add_argument("--limit", type=int, metavar="N", help="pictures, evenly taken (all)")
    parser.add_argument("--max-edge", type=int, default=spec.MAX_EDGE, metavar="PX", help="the paper's rule (1500)")
    parser.add_argument(
        "--unknown-radius", type=float, help="of true trimaps, of the short side (that of CKPT's training)"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA where it is there"
    )
    parser.add_argument("--threads", type=int, default=2, help="of the network on a CPU")
    return parser


def _evaluate(args: argparse.Namespace) -> str:
    """Write everything that was asked for; give the tables."""
    if args.sizes and min(args.sizes) < MIN_EDGE:
        raise SpecError(f"got --sizes {min(args.sizes)}; at least {MIN_EDGE} px is wanted")
    torch.set_num_threads(args.threads)
    contenders = _contenders(args)
    cases = find_cases(args.data, args.limit)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"can't make {args.out} ({error}); choose another folder") from error
    judgements: dict[str, list[Judgement]] = {contender.label: [] for contender in contenders}
    worst: list[tuple[float, int, Picture]] = []
    figures = []
    for index, case in enumerate(cases):
        scene = case.scene()
        predictions = {one.label: predict_at(one.predict, scene, args.max_edge) for one in contenders}
        for contender in contenders:
            judgements[contender.label].append(judge(contender, case, scene, predictions[contender.label]))
        sad = judgements[contenders[0].label][-1].quality.sad
        heapq.heappush(worst, (sad, -index, worst_row(case.key, sad, scene, predictions[contenders[0].label])))
        if len(worst) > args.worst:
            heapq.heappop(worst)
        if index < args.figures:
            figures.append(figure(scene, predictions))
        print(f"\r{index + 1}/{len(cases)} pictures", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    write_csv(args.out / IMAGES_FILE, [one.row() for found in judgements.values() for one in found])
    if worst:
        write_sheet(args.out / WORST_FILE, [row for _, _, row in sorted(worst, reverse=True)])
    if figures:
        write_sheet(args.out / FIGURES_FILE, figures, num_columns=1)
    tables = [quality_table(judgements), region_table(judgements), *_sweep(args, contenders[:1], cases)]
    note = f"{len(cases)} pictures of {args.data.name}; per-pixel means over the entire image."
    text = "\n\n".join([*tables, note])
    (args.out / TABLES_FILE).write_text(text + "\n")
    return text


def _contenders(args: argparse.Namespace) -> list[Contender]:
    device = find_device(args.device)
    pairs: list[tuple[Path, Method]] = [(args.ckpt, args.method)]
    for path, method in args.also:
        if method not in get_args(Method):
            raise SpecError(f"got --also {path} {method}; known methods are {', '.join(get_args(Method))}")
        pairs.append((Path(path), method))
    if len(set(pairs)) < len(pairs):
        raise SpecError("got a checkpoint twice by the same method; give each --also once")
    contenders = []
    for path, method in pairs:
        checkpoint = load_checkpoint(path)
        radius = _unknown_radius(checkpoint) if args.unknown_radius is None else args.unknown_radius
        label = f"{NAMES[method]}, {path}"
        contenders.append(Contender(label, predictor(checkpoint.network().to(device), method, radius), radius))
    return contenders


def _unknown_radius(checkpoint: Checkpoint) -> float:
    """With which it was trained; where it holds weights alone, the one that its variant is trained with."""
    if checkpoint.training is not None:
        return float(checkpoint.training["identity"]["config"]["data"]["unknown_radius"])
    return RECIPES[checkpoint.config.variant].e2e.data.unknown_radius


def _sweep(args: argparse.Namespace, contenders: list[Contender], cases: list[Case]) -> list[str]:
    if not args.sizes:
        return []
    found = list(sweep(contenders, cases, args.sizes))
    write_csv(args.out / SWEEP_FILE, [{"method": label, "edge": edge, "sad": sad} for label, edge, sad in found])
    return [sweep_table(found)]


if __name__ == "__main__":
    sys.exit(main())
