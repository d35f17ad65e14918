"""shm-train: the stages of training."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from shm_deploy.errors import MatteError, SpecError
from shm_train.data.samples import Pack
from shm_train.init import load_encoder, take_weights
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import RECIPES, Budget, RunConfig
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.machine import Machine
from shm_train.stages.mnet import train_mnet
from shm_train.stages.override import override, parse_setting
from shm_train.stages.tnet import train_tnet

Shorthands = tuple[tuple[str, str, type[int] | type[float] | type[str], str], ...]  # flag, name in config, type, help
SHORTHANDS: Shorthands = (
    ("--batch-size", "data.batch_size", int, "examples per step"),
    ("--seed", "data.seed", int, "of weights and examples"),
    ("--rate", "rate", float, "learning rate of new layers"),
    ("--precision", "precision", str, "fp32, bf16 or fp16"),
    ("--validate-every", "validate_every", int, "steps"),
)
WITH_ENCODER = (*SHORTHANDS, ("--encoder-rate", "encoder_rate", float, "learning rate of pre-trained encoders"))


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
    parser = argparse.ArgumentParser(prog="shm-train", description="Train a matting network, stage by stage.")
    stages = parser.add_subparsers(required=True)
    tnet = stages.add_parser("tnet", help="T-Net alone learns the trimap (the paper's first stage)")
    _add_common(tnet, WITH_ENCODER)
    tnet.set_defaults(run=_tnet, shorthands=WITH_ENCODER)
    mnet = stages.add_parser("mnet", help="M-Net alone learns raw alpha (the paper's second stage)")
    _add_common(mnet, SHORTHANDS)
    mnet.set_defaults(run=_mnet, shorthands=SHORTHANDS)
    joint = stages.add_parser("e2e", help="T-Net and M-Net together (the paper's third stage)")
    _add_common(joint, WITH_ENCODER)
    joint.set_defaults(run=_end_to_end, shorthands=WITH_ENCODER)
    return parser


def _add_common(stage: argparse.ArgumentParser, shorthands: Shorthands) -> None:
    stage.add_argument("--variant", choices=tuple(RECIPES), required=True)
    stage.add_argument("--data", type=Path, required=True, help="a pack, made by shm-data pack")
    stage.add_argument("--out", type=Path, required=True, help="the run's folder; a run that is there goes on")
    budget = stage.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int)
    budget.add_argument("--minutes", type=float)
    stage.add_argument("--start", type=Path, metavar="CKPT", help="checkpoint whose weights a new run starts from")
    stage.add_argument(
        "--init", type=Path, nargs="+", default=[], metavar="FILE", help="ImageNet weights of the encoders"
    )
    for flag, name, kind, text in shorthands:
        stage.add_argument(flag, dest=name, type=kind, help=f"{text} ({name})")
    stage.add_argument(
        "--set", type=parse_setting, action="append", default=[], dest="settings", metavar="NAME=VALUE",
        help="any other number of the config, such as data.augment.flip=0",
    )  # fmt: skip
    stage.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA where it is there")
    stage.add_argument("--threads", type=int, default=2, help="of the network on a CPU")
    stage.add_argument("--workers", type=int, default=1, help="processes that make examples, for each that trains")
    stage.add_argument("--tensorboard", action="store_true", help="write scalars and pictures to OUT/tensorboard")


def _tnet(args: argparse.Namespace) -> None:
    config = override(RECIPES[args.variant].tnet, _settings(args))
    train_tnet(config, _budget(args), _network(config, args), Pack(args.data), args.out, _machine(args))


def _mnet(args: argparse.Namespace) -> None:
    config = override(RECIPES[args.variant].mnet, _settings(args))
    if args.start is None and args.variant == "live":
        raise SpecError("got no --start; live's M-Net sees what T-Net makes of the image: say whose T-Net that is")
    if args.start is None and config.trimaps == "tnet":
        raise SpecError("got trimaps tnet without --start; say whose T-Net makes them, or --set trimaps=true")
    train_mnet(config, _budget(args), _network(config, args), Pack(args.data), args.out, _machine(args))


def _end_to_end(args: argparse.Namespace) -> None:
    config = override(RECIPES[args.variant].e2e, _settings(args))
    train_end_to_end(config, _budget(args), _network(config, args), Pack(args.data), args.out, _machine(args))


def _network(config: RunConfig, args: argparse.Namespace) -> SemanticHumanMatting:
    """The network with the weights that the command names: a checkpoint's, then ImageNet's."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(config.data.seed)
    network = SemanticHumanMatting(config.network)
    if args.start is not None:
        logging.info("%s from %s", " and ".join(take_weights(network, args.start)), args.start)
    for path in args.init:
        logging.info("%s from %s", load_encoder(network, path), path)
    return network


def _budget(args: argparse.Namespace) -> Budget:
    return Budget(steps=args.steps, minutes=args.minutes)


def _machine(args: argparse.Namespace) -> Machine:
    return Machine(device=args.device, num_workers=args.workers, tensorboard=args.tensorboard)


def _settings(args: argparse.Namespace) -> list[tuple[str, Any]]:
    given = ((name, getattr(args, name)) for _, name, *_ in args.shorthands)
    return [(name, value) for name, value in given if value is not None] + list(args.settings)


if __name__ == "__main__":
    sys.exit(main())
