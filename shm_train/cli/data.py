"""shm-data: prepare pictures for training."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from shm_deploy.compositing import Quality
from shm_deploy.errors import CheckFailed, MatteError, SpecError
from shm_train.data.check import check
from shm_train.data.composites import CompositesConfig, Grounds, plan_composites, write_composites
from shm_train.data.exclusion import read_exclusions, split_excluded
from shm_train.data.label_tars import unpack_labels
from shm_train.data.labelling import LabelConfig, judge_labels, label, label_rows
from shm_train.data.labels import LabelRules
from shm_train.data.layout import Listing, find_jobs, find_photographs
from shm_train.data.pack import PackConfig, pack
from shm_train.data.samples import Pack
from shm_train.data.shards import write_shards
from shm_train.sheet import write_sheet

REJECTED_FILE = "rejected.json"
SHEET_FILE = "sheet.png"
SHEET_ENTRIES = 16  # good ones, and as many rejected ones
SHEET_COLUMNS = 4
INTERRUPTED = 130  # 128 + SIGINT
LAYOUTS = """layouts of DATA; partners by the same place and name, every folder by source or flat:
  *.png, rgba/               cut-outs with an alpha channel
  rgba_video/SOURCE/CLIP/    the same, frame by frame
  fg/ + alpha/               colours of the person alone, and alphas
  image/ + alpha/ (+ fg/)    photographs, and alphas
  image/ + mask/             photographs, and hard masks; people/ + masks/ are the same
  people/                    photographs that want labels (--labels)
  backgrounds/               pictures with nobody in them
  groups.json                {KEY: GROUP}, pictures that the split must not divide"""

TEACHERS = """a TEACHER is FILE.py:NAME, a function from a picture, (H, W, 3) uint8 RGB, to its alpha, (H, W) float32 in
0..1; or MODEL.onnx with one input, float32 NCHW RGB in 0..1 or uint8 NHWC, and an output called alpha, or only one.
In OUT: SOURCE/NAME.matte.webp and so on, rejected.json with reasons, sheet.png for the eye."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except MatteError as error:
        print(f"shm-data: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("shm-data: stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shm-data", description="Prepare pictures for training.")
    commands = parser.add_subparsers(required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], None], purpose: str, epilog: str = ""
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=purpose, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        added.set_defaults(run=run)
        return added

    checking = command("check", _check, "say what is wrong with folders of pictures; exit code 3 if anything", LAYOUTS)
    _add_listing(checking)

    packing = command("pack", _pack, "turn folders of pictures into a pack for training", LAYOUTS)
    _add_listing(packing)
    packing.add_argument("out", type=Path, help="the pack's folder, new or empty")
    packing.add_argument("--label-tars", type=Path, nargs="+", default=[], help="tars to unpack to --labels first")
    packing.add_argument(
        "--merge-masks", action="store_true", help="let hard masks decide, and labels draw their edges"
    )
    packing.add_argument("--longest-side", type=int, default=PackConfig.longest_side, metavar="PX")
    packing.add_argument(
        "--foreground", choices=get_args(Quality), default=PackConfig.foreground, help="colours of photographs"
    )
    packing.add_argument(
        "--weight",
        nargs="+",
        default=(),
        metavar="SOURCE=NUMBER",
        help="how often training draws a picture of this source, relative to others of its kind (1)",
    )

    labelling = command("label", _label, "let teachers say what the alphas of photographs are; resumable", TEACHERS)
    labelling.add_argument("data", type=Path, help="folder with people/ or image/, or of pictures")
    labelling.add_argument("out", type=Path, help="folder for the labels, which pack --labels reads")
    labelling.add_argument("--teachers", nargs="+", metavar="TEACHER", help="averaged; none judges what is there")
    labelling.add_argument("--details", nargs="+", default=(), metavar="TEACHER", help="these draw the finer edges")
    labelling.add_argument("--segmenter", metavar="TEACHER", help="says who is a person; others are left out")
    labelling.add_argument("--person-masks", type=Path, metavar="DIR", help="the same by masks, by place and name")
    labelling.add_argument("--scales", type=float, nargs="+", default=LabelConfig.scales, metavar="X")
    labelling.add_argument("--no-flip", action="store_true", help="don't ask about the mirror image, too")
    labelling.add_argument("--longest-side", type=int, default=LabelConfig.longest_side, metavar="PX")
    labelling.add_argument("--sources", nargs="+", metavar="SOURCE", help="only these")
    labelling.add_argument("--merge-masks", action="store_true", help="judge as pack --merge-masks will")

    composing = command("compose", _compose, "write the paper's composites: every background once, split by foreground")
    composing.add_argument("pack", type=Path, help="a pack with foregrounds and backgrounds")
    composing.add_argument("out", type=Path, help="folder for train/, test/ and their lists, new or empty")
    composing.add_argument(
        "--backgrounds",
        nargs="+",
        default=("1:1",),
        metavar="[SOURCE=]TRAIN:TEST",
        help="for each foreground of all sources (1:1) or of one; 0 leaves it out",
    )
    composing.add_argument("--seed", type=int, default=CompositesConfig.seed)
    composing.add_argument("--workers", type=int, default=2, metavar="N", help="threads")

    sharding = command("shard", _shard, "copy a pack into tars of at most 64 MiB, which training reads just as well")
    sharding.add_argument("pack", type=Path, help="the pack's folder")
    sharding.add_argument("out", type=Path, help="folder for the shards and the index, new or empty")
    return parser


def _add_listing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, nargs="+", help="folders of pictures, see below")
    parser.add_argument("--labels", type=Path, help="folder of teachers' labels, by source")
    parser.add_argument(
        "--exclude", type=Path, metavar="FILE", help="lines of KEY REASON or BEGINNING* REASON: what to leave out"
    )
    parser.add_argument("--frame-step", type=int, default=10, metavar="N", help="take every n-th frame of a clip")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes; 0 works in this one")


def _check(args: argparse.Namespace) -> None:
    listing = _listing(args)
    problems = check(listing, args.workers, _progress(len(listing.jobs)))
    for where, what in problems:
        print(f"{where:40s} {what}")
    counts = Counter(job.kind for job in listing.jobs)
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing to pack")
    if problems:
        raise CheckFailed(f"{len(problems)} problems: mend them, or list the pictures in a file for --exclude")


def _pack(args: argparse.Namespace) -> None:
    config = PackConfig(
        longest_side=args.longest_side,
        foreground=args.foreground,
        rules=LabelRules(merge_masks=args.merge_masks),
        weights=dict(map(_weight, args.weight)),
    )
    if args.label_tars:
        if args.labels is None:
            raise SpecError("got --label-tars without --labels; say where to unpack them")
        unpack_labels(args.label_tars, args.labels)
    listing = _listing(args)
    rejected = dict(listing.problems) | pack(listing.jobs, args.out, config, args.workers, _progress(len(listing.jobs)))
    (args.out / REJECTED_FILE).write_text(json.dumps(rejected, indent=0) + "\n")
    counts = Counter((sample.kind, sample.source, sample.held_out) for sample in Pack(args.out).samples)
    for kind, source in sorted({key[:2] for key in counts}):
        print(
            f"{kind:11s} {source:18s} train {counts[kind, source, False]:5d}  held out {counts[kind, source, True]:4d}"
        )
    print(f"rejected {len(rejected)}: {args.out / REJECTED_FILE}")


def _label(args: argparse.Namespace) -> None:
    photographs = find_photographs(args.data, args.person_masks)
    if args.sources is not None:
        known = {photograph.source for photograph in photographs}
        if unknown := sorted(set(args.sources) - known):
            raise SpecError(f"got the sources {', '.join(unknown)}; {args.data} has {', '.join(sorted(known))}")
        photographs = [photograph for photograph in photographs if photograph.source in args.sources]
    if args.teachers is None and not args.out.is_dir():
        raise SpecError(f"there is no folder {args.out} of labels to judge; give --teachers to make one")
    rejected: dict[str, str] = {}
    if args.teachers is not None:
        config = LabelConfig(
            teachers=tuple(args.teachers),
            details=tuple(args.details),
            segmenter=args.segmenter,
            person_masks=args.person_masks is not None,
            scales=tuple(args.scales),
            flip=not args.no_flip,
            longest_side=args.longest_side,
        )
        rejected |= label(photographs, args.out, config, _progress(len(photographs), every=10))
    rules = LabelRules(merge_masks=args.merge_masks)
    judged = judge_labels(photographs, args.out, rules)
    rejected |= {photograph.key: reason for photograph, reason in judged.items() if reason is not None}
    (args.out / REJECTED_FILE).write_text(json.dumps(rejected, indent=0) + "\n")
    if judged:
        write_sheet(args.out / SHEET_FILE, label_rows(judged, args.out, rules, SHEET_ENTRIES), SHEET_COLUMNS)
    print(f"{len(judged)} labels, rejected {len(rejected)}: {args.out / REJECTED_FILE}, {args.out / SHEET_FILE}")


def _compose(args: argparse.Namespace) -> None:
    grounds = {source: of for source, of in map(_grounds, args.backgrounds)}
    config = CompositesConfig(
        grounds=grounds.pop(None, Grounds()),
        grounds_of={source: of for source, of in grounds.items() if source is not None},
        seed=args.seed,
    )
    pack = Pack(args.pack)
    planned = plan_composites(pack, config)
    write_composites(pack, planned, args.out, config, args.workers, _progress(len(planned)))
    for side, source in sorted({(made.side, made.person.source) for made in planned}):
        made = [one for one in planned if (one.side, one.person.source) == (side, source)]
        print(f"{side:5s} {source:18s} foregrounds {len({one.person.key for one in made}):5d}  images {len(made):6d}")


def _grounds(text: str) -> tuple[str | None, Grounds]:
    """Parse [SOURCE=]TRAIN:TEST."""
    source, _, counts = text.rpartition("=")
    train, _, test = counts.partition(":")
    if not (train.isdecimal() and test.isdecimal()):
        raise SpecError(f"got --backgrounds {text}; wanted TRAIN:TEST or SOURCE=TRAIN:TEST, such as 100:20")
    return source or None, Grounds(train=int(train), test=int(test))


def _weight(text: str) -> tuple[str, float]:
    """Parse SOURCE=NUMBER."""
    source, _, number = text.rpartition("=")
    try:
        return source, float(number)
    except ValueError:
        raise SpecError(f"got --weight {text}; wanted SOURCE=NUMBER, such as studio=3") from None


def _shard(args: argparse.Namespace) -> None:
    print(f"{write_shards(Pack(args.pack), args.out)} shards: {args.out}")


def _listing(args: argparse.Namespace) -> Listing:
    """What is in the folders, but for what was excluded by hand."""
    if args.frame_step < 1:
        raise SpecError(f"got --frame-step {args.frame_step}; at least 1 is wanted")
    listing = find_jobs(args.data, args.labels, args.frame_step)
    if args.exclude is None:
        return listing
    found, idle = split_excluded((job.key for job in listing.jobs), read_exclusions(args.exclude))
    print(f"excluded {len(found)} pictures; {len(idle)} lines of the list fit none", file=sys.stderr)
    excluded = set(found)
    return Listing([job for job in listing.jobs if job.key not in excluded], listing.problems)


def _progress(total: int, every: int = 100) -> Callable[[int], None]:
    def done(count: int) -> None:
        if count % every == 0 or count == total:
            print(f"\r{count}/{total} pictures", end="" if count < total else "\n", file=sys.stderr, flush=True)

    return done


if __name__ == "__main__":
    sys.exit(main())
