"""shm-train: the stages of training."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from shm_deploy.errors import MatteError
from shm_train.checkpoint import load_checkpoint
from shm_train.data.dataset import DataConfig
from shm_train.data.samples import Pack
from shm_train.init import load_encoder
from shm_train.networks import LiveConfig, NetworkConfig, PaperConfig, SemanticHumanMatting
from shm_train.stages.config import EndToEndConfig, LossConfig
from shm_train.stages.end_to_end import train_end_to_end

PAPER_LOSS = LossConfig(trimap=0.01, trimap_end=0.01, known_region=0.0)


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
    joint.add_argument("--init", type=Path, nargs="*", default=[], help="ImageNet weights of the encoders")
    joint.add_argument("--start", type=Path, help="checkpoint whose weights a new run starts from")
    budget = joint.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int)
    budget.add_argument("--minutes", type=float)
    joint.add_argument("--batch-size", type=int, default=DataConfig.batch_size)
    joint.add_argument("--seed", type=int, default=DataConfig.seed)
    joint.add_argument("--rate", type=float, help="learning rate of new layers")
    joint.add_argument("--encoder-rate", type=float, help="learning rate of pre-trained encoders")
    joint.add_argument("--precision", choices=("fp32", "bf16"), default=EndToEndConfig.precision)
    joint.add_argument("--validate-every", type=int, default=EndToEndConfig.validate_every, metavar="STEPS")
    joint.add_argument("--threads", type=int, default=2, help="of the network")
    joint.add_argument("--workers", type=int, default=1, help="processes that make examples")
    joint.set_defaults(run=_end_to_end)
    return parser


def _end_to_end(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    network_config: NetworkConfig = LiveConfig() if args.variant == "live" else PaperConfig()
    paper = args.variant == "paper"
    config = EndToEndConfig(
        network=network_config,
        data=replace(DataConfig(), batch_size=args.batch_size, seed=args.seed),
        loss=PAPER_LOSS if paper else LossConfig(),
        steps=args.steps,
        minutes=args.minutes,
        rate=args.rate or (1e-5 if paper else EndToEndConfig.rate),
        encoder_rate=args.encoder_rate or (1e-5 if paper else EndToEndConfig.encoder_rate),
        precision=args.precision,
        validate_every=args.validate_every,
    )
    torch.manual_seed(config.data.seed)
    network = SemanticHumanMatting(network_config)
    for path in args.init:
        logging.info("%s starts from %s", load_encoder(network, path), path)
    if args.start is not None:
        network.load_state_dict(load_checkpoint(args.start).weights)
    train_end_to_end(config, network, Pack(args.data), args.out, args.workers)


if __name__ == "__main__":
    sys.exit(main())
