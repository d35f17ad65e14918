"""`shm-live`: cut people out of live frames."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, NoReturn

from shm_deploy.cli.model_options import add_model_options, max_edge_of
from shm_deploy.errors import MatteError, SpecError

# Whatever takes long to import is imported after the arguments have been read.
if TYPE_CHECKING:
    from shm_deploy.live.running import LiveJob

BLUR = "blur"
GRACE_S = 1.0  # for a source to be closed


def command() -> NoReturn:
    """Run the command and end the process, at once where a source can't be closed."""
    code = main()
    from shm_deploy.live.feed import feed_is_stuck

    if feed_is_stuck(GRACE_S):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return _live(args, parser.error)
    except MatteError as error:
        _tell(str(error))
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shm-live",
        description="Cut people out of live video, and put something else behind them.",
        epilog="Ctrl-C and SIGTERM finish what was read; a second one ends at once. Speed, latency and dropped frames "
        "go to standard error; a summary in JSON goes to standard output, or to standard error where frames go there. "
        "Exit codes: 0 ended, 1 the source or the output failed, 2 wrong usage, 4 the engine does not fit the device. "
        "Live output carries no sound.",
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="camera (0 or /dev/video0), video file, address (rtmp, rtsp, udp, tcp, http), lavfi:GRAPH (FFmpeg's test "
        "pictures), or - for raw frames on standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="window",
        help="window (the default), camera or camera:/dev/video10 (virtual, needs pyvirtualcam), address (rtmp, rtsp, "
        "udp, tcp), .mp4, .mov, .mkv or .webm file, or - for raw frames on standard output",
    )
    result = parser.add_mutually_exclusive_group()
    result.add_argument(
        "--background",
        action="append",
        metavar="COLOUR|IMAGE|VIDEO|blur",
        help=f"put this behind the person (default: {BLUR}); the keys 1 to 9 and n switch between several, 0 shows the "
        "source as it is, q ends",
    )
    result.add_argument("--alpha", action="store_true", help="write the alpha alone, in grey")
    result.add_argument("--cutout", action="store_true", help="write RGBA: to -, .mov, .webm or .mkv")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    source = parser.add_argument_group("source")
    source.add_argument("--size", metavar="WxH", help="of raw frames; of a camera, what to ask it for")
    source.add_argument("--rate", type=_rate, help="frames/s, as --size")
    source.add_argument("--pixels", choices=("rgb24", "rgba", "gray"), help="of raw frames (default: rgb24)")
    source.add_argument("--listen", action="store_true", help="wait for a sender at this address (rtmp, rtsp, tcp)")
    source.add_argument(
        "--latency",
        choices=("full", "low"),
        help="full keeps every frame, low drops what is stale (default: low where the source is live or somebody "
        "watches the output, else full)",
    )
    source.add_argument(
        "--timeout", type=_seconds, default=10.0, help="seconds without a frame that are a failure (10)"
    )
    source.add_argument(
        "--retry",
        type=_seconds,
        default=0.0,
        help="seconds in which to open a camera or an address again when it ends, stalls or vanishes (0)",
    )
    add_model_options(parser.add_argument_group("model"))
    return parser


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except ZeroDivisionError as error:
        raise argparse.ArgumentTypeError(f"got {text}, wanted a number that exists, such as 30000/1001") from error
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"got {text}, wanted frames per second such as 30 or 30000/1001")
    return rate


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"got {text}, wanted seconds, 0 or more")
    return seconds


def _live(args: argparse.Namespace, usage_error: Callable[[str], NoReturn]) -> int:
    from shm_deploy.media.video.library import require_av

    require_av()
    from shm_deploy.live.outputs import ToPipe
    from shm_deploy.live.running import run_live
    from shm_deploy.matter import Matter

    try:
        job = _job(args)
    except SpecError as error:
        usage_error(str(error))
    with Matter(args.model, device=args.device, threads=args.threads, max_edge=max_edge_of(args)) as matter:
        info = matter.info()
        with _stopped_by_signals() as stop:
            tally = run_live(matter, job, sys.stdout.buffer, stop, _tell)
    summary = json.dumps({**asdict(tally), "backend": info.backend, "device": info.device})
    print(summary, file=sys.stderr if isinstance(job.output, ToPipe) else sys.stdout)
    return 0


def _job(args: argparse.Namespace) -> LiveJob:
    from shm_deploy.live.outputs import parse_output
    from shm_deploy.live.running import LiveJob
    from shm_deploy.live.sources import parse_size, parse_source
    from shm_deploy.media.video.backdrops import parse_backdrop
    from shm_deploy.media.video.targets import Content

    content = Content.ALPHA if args.alpha else Content.CUTOUT if args.cutout else Content.OPAQUE
    size = None if args.size is None else parse_size(args.size)
    backgrounds = (args.background or [BLUR]) if content is Content.OPAQUE else []
    return LiveJob(
        source=parse_source(args.input, size=size, rate=args.rate, pixels=args.pixels, listen=args.listen),
        output=parse_output(args.output, content),
        content=content,
        backdrops=tuple(parse_backdrop(text) for text in backgrounds),
        latency=args.latency,
        timeout_s=args.timeout,
        retry_s=args.retry,
        overwrite=args.overwrite,
    )


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that the first SIGTERM or Ctrl-C sets; the second ends the process as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        stop.set()

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(message: str) -> None:
    print(f"shm-live: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    command()
