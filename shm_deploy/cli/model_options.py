"""The options of every command that opens a model, and the numbers that commands take."""

from __future__ import annotations

import argparse


def add_model_options(parser: argparse._ActionsContainer) -> None:
    """Add --model, --device, --threads and --max-edge to a parser or a group of one."""
    parser.add_argument("--model", help=".onnx, .plan or .pt file; the packaged one if left out")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--threads", type=positive, help="CPU threads of the network (default: all); a .plan needs none"
    )
    parser.add_argument(
        "--max-edge", type=not_negative, help="longest side the network sees, px; 0: no limit (default: 1500)"
    )


def max_edge_of(args: argparse.Namespace) -> int | None:
    """`Matter`'s `max_edge` by --max-edge [px]; None is no limit."""
    from shm_deploy import spec  # numpy, which --help can do without

    return spec.MAX_EDGE if args.max_edge is None else args.max_edge or None


def positive(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"got {text}, wanted 1 or more")
    return number


def not_negative(text: str) -> int:
    """A whole number from 0 on."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"got {text}, wanted 0 or more")
    return number
