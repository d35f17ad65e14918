"""The paper's Tables 3 to 5 for your own pictures: `python -m benchmarks.ablation --pack DIR --work DIR --steps N`.

Trains what the tables compare, each stage with the same budget, judges it on the pack's held-out cut-outs, and prints
ours beside the paper's. Every training and every line is kept in the work folder: a run that was stopped goes on with
the same command. Writes benchmarks/results/ablation.json, with the curves of validation, and draws those beside it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.ablation_arms import ARMS, TABLES, Row, Setting, needed_arms, recipe, settings_of
from benchmarks.ablation_tables import agreement, curve, draw_curves, table
from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.errors import MatteError
from shm_deploy.metrics import Quality
from shm_train.checkpoint import load_checkpoint
from shm_train.data.samples import Pack
from shm_train.device import find_device
from shm_train.evaluation.cases import Case, find_cases
from shm_train.evaluation.judge import Contender, judge, mean_quality, predict_at
from shm_train.evaluation.methods import predictor
from shm_train.init import load_encoder, take_weights
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import Budget, EndToEndConfig, MNetConfig, TNetConfig
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.machine import Machine
from shm_train.stages.mnet import train_mnet
from shm_train.stages.override import override, parse_setting
from shm_train.stages.reporting import VALIDATION_FILE
from shm_train.stages.run import LAST_FILE
from shm_train.stages.tnet import train_tnet

UNITS = (
    "Per-pixel means over the entire image, times 1e3 (SAD, MSE) and 1e5 (Gradient, Connectivity), as the paper's "
    "columns say. The paper's Gradient and Connectivity are of another unit than per-pixel means can be: compare ranks."
)


class Interrupted(MatteError):
    """A signal stopped a training; its state is saved."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(args.threads)
    try:
        found = _ablation(args)
    except MatteError as error:
        print(f"ablation: {error}", file=sys.stderr)
        return error.exit_code
    write_result(args.out, environment_of("benchmarks.ablation", argv, find_device(args.device).type), found)
    draw_curves(args.out.with_suffix(".png"), found["curves"])
    print("\n\n".join([*found["tables"].values(), found["agreement"], UNITS]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, metavar="DIR", help="made by shm-data pack")
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="the trainings; those that are there go on"
    )
    parser.add_argument("--variant", choices=("live", "paper"), default="live")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int, help="of each stage")
    budget.add_argument("--minutes", type=float, help="of each stage")
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=list(ARMS), help="what is trained (all)")
    parser.add_argument("--init", type=Path, nargs="+", default=[], metavar="FILE", help="ImageNet weights of encoders")
    parser.add_argument(
        "--set", type=parse_setting, action="append", default=[], dest="settings", metavar="NAME=VALUE",
        help="a number of every stage's config, such as data.batch_size=4",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="pictures that are judged, evenly taken (all)")
    parser.add_argument("--max-edge", type=int, default=1500, metavar="PX", help="at which they are seen (1500)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "ablation.json")
    return parser


def _ablation(args: argparse.Namespace) -> dict[str, Any]:
    pack = Pack(args.pack)
    budget = Budget(steps=args.steps, minutes=args.minutes)
    arms = needed_arms(args.arms)
    for name in arms:
        _train(name, args, budget, pack)
    cases = find_cases(args.pack, args.limit)
    judged: dict[str, Quality] = {}
    for rows in TABLES.values():
        for row in rows:
            if row.arm in arms and row.name not in judged:
                judged[row.name] = _judged(row, args, cases, pack)
                print(f"{row.name}: {asdict(judged[row.name])}", file=sys.stderr, flush=True)
    return {
        "units": UNITS,
        "variant": args.variant,
        "budget": asdict(budget),
        "settings": args.settings,
        "pack_index_sha256": pack.digest,
        "num_pictures": len(cases),
        "max_edge": args.max_edge,
        "rows": {name: asdict(found) for name, found in judged.items()},
        "tables": {title: table(title, rows, judged) for title, rows in TABLES.items()},
        "agreement": agreement(TABLES, judged),
        "curves": {name: curve(args.work / name / VALIDATION_FILE) for name in arms},
    }


def _train(name: str, args: argparse.Namespace, budget: Budget, pack: Pack) -> None:
    """Train one arm, or go on with it, or leave it as it is where its budget is spent.

    Raises:
        Interrupted: a signal came; what was reached is saved.
    """
    folder = args.work / name
    if _progress(folder, budget) >= 1:
        return
    config = override(recipe(args.variant, name), settings_of(name, _validated_often(args)))
    torch.manual_seed(config.data.seed)
    network = SemanticHumanMatting(config.network)
    start = ARMS[name].start
    if start is not None:
        take_weights(network, args.work / start / LAST_FILE)
    for path in args.init:
        part = "tnet" if start is None else "mnet"
        if ARMS[name].stage == part:
            load_encoder(network, path)
    logging.info("training %s", name)
    machine = Machine(device=args.device, num_workers=args.workers)
    match config:
        case TNetConfig():
            train_tnet(config, budget, network, pack, folder, machine)
        case MNetConfig():
            train_mnet(config, budget, network, pack, folder, machine)
        case EndToEndConfig():
            train_end_to_end(config, budget, network, pack, folder, machine)
    if _progress(folder, budget) < 1:
        raise Interrupted(f"{name} was stopped and is saved; the same command goes on")


def _validated_often(args: argparse.Namespace) -> list[Setting]:
    """A curve wants several points, however short the run."""
    often = [] if args.steps is None else [("validate_every", max(1, args.steps // 8))]
    return [*often, *args.settings]


def _progress(folder: Path, budget: Budget) -> float:
    if not (folder / LAST_FILE).is_file():
        return 0.0
    training = load_checkpoint(folder / LAST_FILE).training
    assert training is not None
    return budget.progress(training["step"], training["seconds"])


def _judged(row: Row, args: argparse.Namespace, cases: Sequence[Case], pack: Pack) -> Quality:
    """The mean errors of a line, from the work folder where they are known for this checkpoint and these pictures."""
    folder = args.work / row.arm
    checkpoint = load_checkpoint(folder / LAST_FILE)
    assert checkpoint.training is not None
    identity = {
        "step": checkpoint.training["step"],
        "pack": pack.digest,
        "pictures": [case.key for case in cases],
        "max_edge": args.max_edge,
    }
    known = folder / f"judged-{row.method}.json"
    if known.is_file():
        record = json.loads(known.read_text())
        if record["identity"] == identity:
            return Quality(**record["quality"])
    config = checkpoint.training["identity"]["config"]
    radius = config["data"]["unknown_radius"]
    network = checkpoint.network().to(find_device(args.device))
    contender = Contender(row.name, predictor(network, row.method, radius), radius)
    judgements = []
    for case in cases:
        scene = case.scene()
        judgements.append(judge(contender, case, scene, predict_at(contender.predict, scene, args.max_edge)))
    quality = mean_quality(judgements)
    known.write_text(json.dumps({"identity": identity, "quality": asdict(quality)}) + "\n")
    return quality


if __name__ == "__main__":
    sys.exit(main())
