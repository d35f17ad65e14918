"""The part of `shm-matte` that is about video."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from shm_deploy.errors import CheckFailed, MediaError, SpecError

# As in `matte`: whatever takes long to import is imported after the arguments have been read.
if TYPE_CHECKING:
    from shm_deploy.matter import Matter
    from shm_deploy.media.progress import Progress
    from shm_deploy.media.video.clips import ClipSummary
    from shm_deploy.media.video.recipe import ClipRecipe

VIDEO_OPTIONS = ("codec", "premultiplied", "resume", "verify")


def wants_clip(args: argparse.Namespace, usage_error: Callable[[str], NoReturn]) -> bool:
    """Whether a command line is about a video; refuses what does not go with one, and a video's options without one."""
    from shm_deploy.media.video.targets import is_clip

    clips = [name for name in args.inputs if is_clip(Path(name))]
    if clips and (len(args.inputs) > 1 or args.runner != "here"):
        usage_error(f"got {clips[0]} among other inputs, or with --runner ray; a video is matted alone and here")
    asked = [f"--{option}" for option in VIDEO_OPTIONS if getattr(args, option)]
    if asked and not clips:
        usage_error(f"got {' '.join(asked)} without a video among the inputs")
    return bool(clips)


def matte_clip(
    args: argparse.Namespace,
    usage_error: Callable[[str], NoReturn],
    open_matter: Callable[[argparse.Namespace], Matter],
) -> int:
    """Run the command for one video; returns its exit code."""
    from shm_deploy.media.video.library import require_av

    require_av()
    from shm_deploy.media.video import clips
    from shm_deploy.media.video.targets import choose_target

    source, output = Path(args.inputs[0]), Path(args.output)
    into_folder = args.output.endswith(os.sep) or output.is_dir()
    try:
        recipe = _recipe(args)
        if not into_folder:
            choose_target(output, recipe.content, recipe.codec)
    except SpecError as error:
        usage_error(str(error))
    if not source.is_file():
        raise MediaError(f"{source} does not exist")
    if output.exists() and source.samefile(output):
        raise MediaError(f"{source} is both input and output: name another output")
    run = clips.matte_clip_to_pngs if into_folder else clips.matte_clip
    with open_matter(args) as matter:
        summary = run(
            matter,
            source,
            output,
            recipe,
            overwrite=args.overwrite,
            resume=args.resume,
            verify=args.verify,
            progress=_progress,
        )
        info = matter.info()
    print(json.dumps({**asdict(summary), "backend": info.backend, "device": info.device}))
    return _say(summary)


def _recipe(args: argparse.Namespace) -> ClipRecipe:
    from shm_deploy.media.products import Product
    from shm_deploy.media.video.backdrops import Backdrop, parse_backdrop
    from shm_deploy.media.video.recipe import ClipRecipe, Wanted

    if args.trimap or args.format:
        raise SpecError("got --trimap or --format with a video; they are for pictures")
    wanted: Wanted = Product.CUTOUT
    if args.background is not None:
        background: Backdrop = parse_backdrop(args.background)
        wanted = background
    elif args.alpha:
        wanted = Product.ALPHA
    elif args.foreground:
        wanted = Product.FOREGROUND
    if args.premultiplied and wanted is not Product.CUTOUT:
        raise SpecError("got --premultiplied with an opaque result; it is for cut-outs")
    return ClipRecipe(wanted=wanted, codec=args.codec, premultiplied=args.premultiplied, quality=args.quality)


def _progress(num_frames: int | None) -> Progress:
    from shm_deploy.media.progress import Progress

    return Progress(num_frames, sys.stderr, unit="frames")


def _say(summary: ClipSummary) -> int:
    """What a person should know, on standard error; returns the exit code."""
    lines = [*summary.notes]
    for number, track in enumerate(summary.audio, start=1):
        if track.written_as != "copied":
            lines.append(f"audio track {number} ({track.source_codec}) was encoded again by {track.written_as}")
    if summary.num_corrupt:
        lines.append(f"{summary.num_corrupt} packets or frames of the source are damaged")
    lines += [f"lost: {line}" for line in summary.lost or ()]
    for line in lines:
        print(f"shm-matte: {line}", file=sys.stderr)
    return CheckFailed.exit_code if summary.lost else 0
