"""shm-train: the stages of training."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from shm_deploy.errors import ArtifactError, MatteError
from shm_train.checkpoint import load_checkpoint
from shm_train.data.samples import Pack
from shm_train.init import load_encoder
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import LIVE_E2E, PAPER_E2E, Budget
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.override import override, parse_setting

SHORTHANDS = (  # flag, name in the config, type, help
    ("--batch-size", "data.batch_size", int, "examples per step"),
    ("--seed", "data.seed", int, "of weights and examples"),
    ("--rate", "rate", float, "learning rate of new layers"),
    ("--encoder-rate", "encoder_rate", float, "learning rate of pre-trained encoders"),
    ("--precision", "precision", str, "fp32 or bf16"),
    ("--validate-every", "validate_every", int, "steps"),
)


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
    joint = stages.add_parser("e2e", help="T-Net and M-Net together (the paper's third stage)")
    joint.add_argument("--variant", choices=("live", "paper"), required=True)
    joint.add_argument("--data", type=Path, required=True, help="a pack, made by shm-data pack")
    joint.add_argument("--out", type=Path, required=True, help="the run's folder; a run that is there goes on")
    joint.add_argument("--init", type=Path, nargs="+", default=[], help="ImageNet weights of the encoders")
    joint.add_argument("--start", type=Path, help="checkpoint whose weights a new run starts from")
    budget = joint.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int)
    budget.add_argument("--minutes", type=float)
    for flag, name, kind, text in SHORTHANDS:
        joint.add_argument(flag, dest=name, type=kind, help=f"{text} ({name})")
    joint.add_argument(
        "--set", type=parse_setting, action="append", default=[], dest="settings", metavar="NAME=VALUE",
        help="any other number of the config, such as data.augment.flip=0",
    )  # fmt: skip
    joint.add_argument("--threads", type=int, default=2, help="of the network")
    joint.add_argument("--workers", type=int, default=1, help="processes that make examples")
    joint.set_defaults(run=_end_to_end)
    return parser


def _end_to_end(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    given = ((name, getattr(args, name)) for _, name, *_ in SHORTHANDS)
    shorthands = [(name, value) for name, value in given if value is not None]
    config = override(PAPER_E2E if args.variant == "paper" else LIVE_E2E, shorthands + args.settings)
    budget = Budget(steps=args.steps, minutes=args.minutes)
    torch.manual_seed(config.data.seed)
    network = SemanticHumanMatting(config.network)
    for path in args.init:
        logging.info("%s starts from %s", load_encoder(network, path), path)
    if args.start is not None:
        start = load_checkpoint(args.start)
        if start.config != config.network:
            raise ArtifactError(f"{args.start} holds {start.config}; this run wants {config.network}")
        network.load_state_dict(start.network().state_dict())
    train_end_to_end(config, budget, network, Pack(args.data), args.out, args.workers)


if __name__ == "__main__":
    sys.exit(main())
