"""The checkpoint that ships, of those that were trained: `python recipes/finish.py RUN.pt [RUN.pt ...] --out live.pt`.

The mean of several runs' weights is better than each of them, if each started from the one before it: of T-Net above
all, which forgets now this, now that. T-Net may see more pixels than in training, where crops show people larger than
most frames do. And its softmax may be sharpened: cross entropy makes T-Net as unsure as it errs, while alpha's mean
absolute error is smaller under a trimap that is surer, and that asks M-Net rather more; M-Net then learns under it. Raw
alpha may be stretched about a half, to be cut at 0 and 1 afterwards: on people whom it has not seen, M-Net stays short
of both.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from shm_deploy import spec
from shm_deploy.errors import MatteError, SpecError
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.networks import LiveConfig
from shm_train.networks.guided import PLACES


def main() -> int:
    """Run the command; the exit code is returned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN.pt", help="checkpoints of live")
    parser.add_argument("--tnet-edge", type=int, default=416, metavar="PX", help="longest side of T-Net's input (416)")
    parser.add_argument("--mnet-edge", type=int, default=512, metavar="PX", help="the same of M-Net's, at most (512)")
    parser.add_argument("--sharpen", type=float, default=1.0, metavar="X", help="times T-Net's logits (1)")
    parser.add_argument("--ask", type=float, default=0.0, metavar="X", help="added to its logit of unknown (0)")
    parser.add_argument(
        "--stretch", type=float, default=0.0, metavar="X", help="0 and 1 of raw alpha become -X and 1 + X (0)"
    )
    parser.add_argument("--mnet", type=Path, metavar="RUN.pt", help="M-Net is this one's (default: the mean, too)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        _finish(args)
    except MatteError as error:
        sys.stderr.write(f"finish.py: {error}\n")
        return error.exit_code
    return 0


def _finish(args: argparse.Namespace) -> None:
    if not args.stretch >= 0:
        raise SpecError(f"got --stretch {args.stretch}; a small number from 0 is wanted")
    paths = args.runs if args.mnet is None else [*args.runs, args.mnet]
    checkpoints = [load_checkpoint(path) for path in paths]
    _check_alike(checkpoints, paths)
    checkpoint = mean(checkpoints[: len(args.runs)])
    if args.mnet is not None:
        checkpoint = with_mnet(checkpoint, checkpoints[-1])
    checkpoint = with_raw_alpha(with_logits(checkpoint, args.sharpen, args.ask), args.stretch)
    config = replace(checkpoint.config, tnet_edge=args.tnet_edge, mnet_edge=args.mnet_edge)
    save_checkpoint(args.out, replace(checkpoint, config=config))


def _check_alike(checkpoints: list[Checkpoint], paths: list[Path]) -> None:
    first = _shapes(checkpoints[0])
    for checkpoint, path in zip(checkpoints, paths, strict=True):
        if not isinstance(checkpoint.config, LiveConfig):
            raise SpecError(f"got {path}, a checkpoint of {checkpoint.config.variant}; this is for live")
        if _shapes(checkpoint) != first:
            raise SpecError(f"got {path}, a network of another shape than {paths[0]}'s; runs of one network are wanted")


def _shapes(checkpoint: Checkpoint) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in checkpoint.weights.items()}


def mean(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The mean of their weights; counters and the config are the first one's, the training state goes."""
    first = checkpoints[0]
    weights = {
        name: torch.stack([each.weights[name].float() for each in checkpoints]).mean(0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.weights.items()
    }
    return replace(first, weights=weights, training=None)


def with_mnet(checkpoint: Checkpoint, other: Checkpoint) -> Checkpoint:
    """The same, with M-Net of another one of its shape."""
    mnet = {name: tensor for name, tensor in other.weights.items() if name.startswith("mnet.")}
    return replace(checkpoint, weights=checkpoint.weights | mnet)


def with_logits(checkpoint: Checkpoint, sharpen: float, ask: float) -> Checkpoint:
    """The same, with T-Net's logits times `sharpen`, and `ask` added to that of the unknown region."""
    weight, bias = (checkpoint.weights[f"tnet.logits.{name}"].float() * sharpen for name in ("weight", "bias"))
    bias[spec.UNKNOWN] += ask
    return replace(checkpoint, weights=checkpoint.weights | {"tnet.logits.weight": weight, "tnet.logits.bias": bias})


def with_raw_alpha(checkpoint: Checkpoint, stretch: float) -> Checkpoint:
    """The same, with raw alpha (1 + 2 stretch) times as far from a half: the guided filter is linear in its means."""
    weight, bias = (checkpoint.weights[f"mnet.prediction.{name}"].float().clone() for name in ("weight", "bias"))
    means = slice(PLACES**2)
    weight[means] *= 1 + 2 * stretch
    bias[means] = bias[means] * (1 + 2 * stretch) - stretch
    return replace(
        checkpoint, weights=checkpoint.weights | {"mnet.prediction.weight": weight, "mnet.prediction.bias": bias}
    )


if __name__ == "__main__":
    sys.exit(main())
