"""`shm-matte`: cut people out of picture and video files."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from shm_deploy.cli.model_options import add_model_options, max_edge_of
from shm_deploy.errors import BackendError, MatteError, MediaError, SpecError

# Whatever takes long to import is imported after the arguments have been read.
if TYPE_CHECKING:
    from shm_deploy.matter import Matter
    from shm_deploy.media.formats import ImageFormat
    from shm_deploy.media.planning import Job
    from shm_deploy.media.stills import Recipe

STREAM = "-"
INTERRUPTED = 130  # what a shell expects after Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return _matte(args, parser.error)
    except MatteError as error:
        print(f"shm-matte: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("shm-matte: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shm-matte",
        description="Cut people out of pictures, or out of one video: with alpha unless something else is asked for.",
        epilog="Exit codes: 0 all written, 1 something was skipped or failed, 2 wrong usage, 3 --verify found that "
        "something was lost, 4 the engine does not fit the device. A summary in JSON goes to standard output, messages "
        "go to standard error.",
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="picture, folder, quoted pattern, - for stdin; or a video"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        help="file, folder, or - for standard output; a folder keeps relative paths and stems, and where two pictures "
        "share a stem (a.jpg, a.png) both keep their whole names (a.jpg.png, a.png.png)",
    )
    result = parser.add_mutually_exclusive_group()
    result.add_argument("--alpha", action="store_true", help="write the alpha alone, in grey")
    result.add_argument("--foreground", action="store_true", help="write the person's colours alone, without alpha")
    result.add_argument(
        "--trimap", action="store_true", help="write T-Net's trimap: 255 person, 0 background, 128 unknown"
    )
    result.add_argument("--background", metavar="COLOUR|IMAGE|VIDEO|blur", help="put this behind the person")
    parser.add_argument("--format", help="png, webp, tif, avif or jpg; a file's suffix says it, elsewhere it is png")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.add_argument(
        "--runner",
        choices=("here", "ray"),
        default="here",
        help="ray: a catalogue of any size on many workers, into a folder with a manifest.parquet; an interrupted run "
        "goes on when it is started again; inputs may be URIs (s3://...) and lists of them (.parquet, .txt)",
    )
    parser.add_argument(
        "--ray-address", metavar="ADDRESS", help="of a Ray cluster (default: RAY_ADDRESS, or this machine)"
    )
    add_model_options(parser)
    parser.add_argument(
        "--quality", choices=("fast", "exact"), default="fast", help="how foreground colours are found (default: fast)"
    )
    video = parser.add_argument_group(
        "video",
        "The output's suffix says the format: .mp4 .mov .mkv .webm, or a folder (frames/) for PNGs. Cut-outs need .mov "
        "(ProRes 4444), .webm (VP9), .mkv (FFV1) or PNGs; it is written as NAME.part.EXT and renamed at the end.",
    )
    video.add_argument("--codec", choices=("h264", "h265", "av1"), help="of opaque results (default: h264; .webm: VP9)")
    video.add_argument("--premultiplied", action="store_true", help="cut-outs with colours multiplied by alpha")
    video.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")
    video.add_argument("--verify", action="store_true", help="read the result again; exit 3 if something was lost")
    return parser


def _matte(args: argparse.Namespace, usage_error: Callable[[str], NoReturn]) -> int:
    from shm_deploy.cli.matte_clip import matte_clip, wants_clip
    from shm_deploy.media.formats import check_format

    if wants_clip(args, usage_error):
        return matte_clip(args, usage_error, _open_matter)
    try:
        kind = _format(args)
        check_format(kind, opaque=bool(args.alpha or args.foreground or args.trimap or args.background))
        jobs = [] if args.runner == "ray" or STREAM in (*args.inputs, args.output) else _plan(args, kind)
        recipe = _recipe(args, kind)
    except SpecError as error:
        usage_error(str(error))
    if args.runner == "ray":
        from shm_deploy.cli.catalogue import matte_catalogue

        return matte_catalogue(args, recipe, usage_error)
    with _open_matter(args) as matter:
        if not jobs:
            return _matte_stream(matter, args, recipe)
        return _matte_files(matter, args, jobs, recipe)


def _format(args: argparse.Namespace) -> ImageFormat:
    """The format to write; refuses inputs and outputs that don't go together."""
    from shm_deploy.media.formats import PNG, format_of_path, format_of_suffix
    from shm_deploy.media.planning import writes_folder

    asked = format_of_suffix(f".{args.format}") if args.format else None
    if args.runner == "ray":
        return asked or PNG
    if args.ray_address is not None:
        raise SpecError("got --ray-address without --runner ray: give both, or none")
    streams = STREAM in (*args.inputs, args.output)
    several = writes_folder(args.inputs, Path(args.output))
    if streams and several:
        raise SpecError("got '-' among several inputs, or with a folder; wanted one input and one output with it")
    if several or args.output == STREAM:
        return asked or PNG
    kind = format_of_path(Path(args.output))
    if asked not in (None, kind):
        raise SpecError(
            f"got --format {args.format} and the output {args.output}: leave --format out, or change the name"
        )
    return kind


def _plan(args: argparse.Namespace, kind: ImageFormat) -> list[Job]:
    from shm_deploy.media.planning import plan_file, plan_folder, writes_folder

    output = Path(args.output)
    if writes_folder(args.inputs, output):
        return plan_folder(args.inputs, output, kind.suffixes[0])
    return [plan_file(Path(args.inputs[0]), output)]


def _recipe(args: argparse.Namespace, kind: ImageFormat) -> Recipe:
    from shm_deploy.media.backgrounds import parse_background
    from shm_deploy.media.products import Product
    from shm_deploy.media.stills import Recipe

    if args.background is not None:
        return Recipe(wanted=parse_background(args.background), kind=kind, quality=args.quality)
    if args.alpha:
        product = Product.ALPHA
    elif args.foreground:
        product = Product.FOREGROUND
    elif args.trimap:
        product = Product.TRIMAP
    else:
        product = Product.CUTOUT
    return Recipe(wanted=product, kind=kind, quality=args.quality)


def _open_matter(args: argparse.Namespace) -> Matter:
    from shm_deploy.matter import Matter

    # Pillow's remarks on half-broken files are no business of someone who runs a command.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Matter(args.model, device=args.device, threads=args.threads, max_edge=max_edge_of(args))


def _matte_stream(matter: Matter, args: argparse.Namespace, recipe: Recipe) -> int:
    """One picture from or to a standard stream, which carries nothing else."""
    from shm_deploy.media.files import check_target, write_whole
    from shm_deploy.media.stills import matte_picture

    if args.output != STREAM:
        check_target(Path(args.output), overwrite=args.overwrite)
    source = sys.stdin.buffer.read() if args.inputs == [STREAM] else Path(args.inputs[0])
    picture = matte_picture(matter, source, recipe)
    if args.output != STREAM:
        write_whole(Path(args.output), picture, overwrite=args.overwrite)
        return 0
    try:
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise MediaError(f"can't write to standard output: {error.strerror or error}") from error
    return 0


def _matte_files(matter: Matter, args: argparse.Namespace, jobs: list[Job], recipe: Recipe) -> int:
    from shm_deploy.media.progress import Progress
    from shm_deploy.media.stills import matte_files

    summary = matte_files(matter, jobs, recipe, overwrite=args.overwrite, progress=Progress(len(jobs), sys.stderr))
    info = matter.info()
    print(json.dumps({**asdict(summary), "backend": info.backend, "device": info.device}))
    if summary.stopped is None and not summary.failed:
        return 0
    print(f"shm-matte: {summary.written} written, {len(summary.failed)} skipped", file=sys.stderr)
    if summary.stopped is None:
        return MediaError.exit_code
    print(
        f"shm-matte: given up at {summary.stopped.source}, {summary.left} left: {summary.stopped.reason}",
        file=sys.stderr,
    )
    return BackendError.exit_code


if __name__ == "__main__":
    sys.exit(main())
