"""shm-train: the stages of training."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from shm_deploy.errors import ArtifactError, MatteError
from shm_train.checkpoint import load_checkpoint
from shm_train.data.samples import Pack
from shm_train.init import load_encoder
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import LIVE_E2E, LIVE_MNET, PAPER_E2E, Budget
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.mnet import train_mnet
from shm_train.stages.override import override, parse_setting

Shorthands = tuple[tuple[str, str, type[int] | type[float] | type[str], str], ...]  # flag, name in config, type, help
SHORTHANDS: Shorthands = (
    ("--batch-size", "data.batch_size", int, "examples per step"),
    ("--seed", "data.seed", int, "of weights and examples"),
    ("--rate", "rate", float, "learning rate of new layers"),
    ("--precision", "precision", str, "fp32 or bf16"),
    ("--validate-every", "validate_every", int, "steps"),
)
E2E_SHORTHANDS = (*SHORTHANDS, ("--encoder-rate", "encoder_rate", float, "learning rate of pre-trained encoders"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        args.run(args)
    except MatteError as error:
        print(f"shm-train: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shm-train", description="Train a matting network.")
    stages = parser.add_subparsers(required=True)
    mnet = stages.add_parser("mnet", help="M-Net alone, after T-Net is good (the paper's second stage)")
    mnet.add_argument("--variant", choices=("live",), required=True)
    mnet.add_argument("--start", type=Path, required=True, help="checkpoint whose weights a new run starts from")
    _add_common(mnet, SHORTHANDS)
    mnet.set_defaults(run=_mnet)
    joint = stages.add_parser("e2e", help="T-Net and M-Net together (the paper's third stage)")
    joint.add_argument("--variant", choices=("live", "paper"), required=True)
    joint.add_argument("--init", type=Path, nargs="+", default=[], help="ImageNet weights of the encoders")
    joint.add_argument("--start", type=Path, help="checkpoint whose weights a new run starts from")
    _add_common(joint, E2E_SHORTHANDS)
    joint.set_defaults(run=_end_to_end)
    return parser


def _add_common(stage: argparse.ArgumentParser, shorthands: Shorthands) -> None:
    stage.add_argument("--data", type=Path, required=True, help="a pack, made by shm-data pack")
    stage.add_argument("--out", type=Path, required=True, help="the run's folder; a run that is there goes on")
    budget = stage.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int)
    budget.add_argument("--minutes", type=float)
    for flag, name, kind, text in shorthands:
        stage.add_argument(flag, dest=name, type=kind, help=f"{text} ({name})")
    stage.add_argument(
        "--set", type=parse_setting, action="append", default=[], dest="settings", metavar="NAME=VALUE",
        help="any other number of the config, such as data.augment.flip=0",
    )  # fmt: skip
    stage.add_argument("--threads", type=int, default=2, help="of the network")
    stage.add_argument("--workers", type=int, default=1, help="processes that make examples")


def _end_to_end(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    config = override(PAPER_E2E if args.variant == "paper" else LIVE_E2E, _settings(args, E2E_SHORTHANDS))
    budget = Budget(steps=args.steps, minutes=args.minutes)
    torch.manual_seed(config.data.seed)
    network = SemanticHumanMatting(config.network)
    for path in args.init:
        logging.info("%s starts from %s", load_encoder(network, path), path)
    if args.start is not None:
        _take_weights(network, args.start)
    train_end_to_end(config, budget, network, Pack(args.data), args.out, args.workers)


def _mnet(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    config = override(LIVE_MNET, _settings(args, SHORTHANDS))
    budget = Budget(steps=args.steps, minutes=args.minutes)
    network = SemanticHumanMatting(config.network)
    _take_weights(network, args.start)
    train_mnet(config, budget, network, Pack(args.data), args.out, args.workers)


def _settings(args: argparse.Namespace, shorthands: Shorthands) -> list[tuple[str, Any]]:
    given = ((name, getattr(args, name)) for _, name, *_ in shorthands)
    return [(name, value) for name, value in given if value is not None] + list(args.settings)


def _take_weights(network: SemanticHumanMatting, path: Path) -> None:
    start = load_checkpoint(path)
    if start.config != network.config:
        raise ArtifactError(f"{path} holds {start.config}; this run wants {network.config}")
    network.load_state_dict(start.network().state_dict())


if __name__ == "__main__":
    sys.exit(main())
