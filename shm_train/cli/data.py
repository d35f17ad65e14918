"""shm-data: prepare pictures for training."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from shm_deploy.errors import MatteError, SpecError
from shm_train.data.layout import find_jobs, unpack_labels
from shm_train.data.pack import PackConfig, pack
from shm_train.data.samples import Pack

REJECTED_FILE = "rejected.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except MatteError as error:
        print(f"shm-data: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shm-data", description="Prepare pictures for training.")
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack", help="turn folders of pictures into a pack for training")
    packing.add_argument("data", type=Path, help="folder with people/ masks/ rgba/ rgba_video/ backgrounds/, by source")
    packing.add_argument("out", type=Path, help="the pack's folder, new or empty")
    packing.add_argument("--labels", type=Path, help="folder of teachers' labels, by source")
    packing.add_argument("--label-tars", type=Path, nargs="+", default=[], help="tars to unpack to --labels first")
    packing.add_argument("--longest-side", type=int, default=PackConfig.longest_side, metavar="PX")
    packing.add_argument("--frame-step", type=int, default=10, metavar="N", help="take every n-th frame of a clip")
    packing.add_argument("--workers", type=int, default=2, help="processes")
    packing.set_defaults(run=_pack)
    return parser


def _pack(args: argparse.Namespace) -> None:
    config = PackConfig(longest_side=args.longest_side)
    if args.frame_step < 1:
        raise SpecError(f"got --frame-step {args.frame_step}; at least 1 is wanted")
    if args.label_tars:
        if args.labels is None:
            raise SpecError("got --label-tars without --labels; say where to unpack them")
        unpack_labels(args.label_tars, args.labels)
    jobs = find_jobs(args.data, args.labels, args.frame_step)

    def done(count: int) -> None:
        if count % 100 == 0 or count == len(jobs):
            print(f"\r{count}/{len(jobs)} pictures", end="", file=sys.stderr, flush=True)

    rejected = pack(jobs, args.out, config, args.workers, done)
    print(file=sys.stderr)
    (args.out / REJECTED_FILE).write_text(json.dumps(rejected, indent=0) + "\n")
    counts = Counter((sample.kind, sample.source, sample.held_out) for sample in Pack(args.out).samples)
    for kind, source in sorted({key[:2] for key in counts}):
        print(
            f"{kind:11s} {source:18s} train {counts[kind, source, False]:5d}  held out {counts[kind, source, True]:4d}"
        )
    print(f"rejected {len(rejected)}: {args.out / REJECTED_FILE}")


if __name__ == "__main__":
    sys.exit(main())
