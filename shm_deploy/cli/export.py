"""`shm-export`: a checkpoint becomes ONNX graphs and a TensorRT engine that have proved themselves."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TextIO

from shm_deploy import spec
from shm_deploy.errors import BackendUnavailable, MatteError, SpecError
from shm_deploy.export.engine import COMPUTE_CAPABILITIES, DEFAULT_PROFILE, BuildSpec
from shm_deploy.export.photographs import MAX_EDGE, PACKAGED_FOLDER
from shm_deploy.export.progress import Progress
from shm_deploy.export.triton import write_repository
from shm_deploy.export.wanted import ExportSpec
from shm_deploy.sidecar import Profile

QUIET_SECONDS = 10.0  # how long a log without a terminal goes without a line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        wanted = _wanted(args)
    except SpecError as error:
        parser.error(str(error))
    try:
        return _export(wanted, args.triton)
    except MatteError as error:
        print(f"shm-export: {error}", file=sys.stderr)
        return error.exit_code


def _export(wanted: ExportSpec, triton: Path | None) -> int:
    _require_extra()
    from shm_deploy.export.pipeline import ExportFailed, export_model

    lines = _ProgressLines(sys.stderr)
    try:
        exported = export_model(wanted, lines.tell)
    except ExportFailed as error:
        print(f"shm-export: {error}", file=sys.stderr)
        print(f"FAILED: {error.report}")
        return error.exit_code
    finally:
        lines.finish()
    engine = exported.sidecar.engine
    unproven = ""
    if engine is not None and not engine.verified:
        reason = "no GPU" if engine.gpu is None else f"not for {engine.gpu}"
        unproven = f" (engine built, not run: {reason})"
    print(f"PASSED{unproven}: {exported.report}")
    if triton is not None:
        _add_to_repository(wanted, triton)
    return 0


def _add_to_repository(wanted: ExportSpec, repository: Path) -> None:
    for model in write_repository(wanted.out / wanted.files()["joined"], repository):
        print(f"{model.folder}, version {model.version}")


def _require_extra() -> None:
    for module in ("torch", "onnx", "onnxscript", "onnxruntime"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise BackendUnavailable(
                f"export needs {module}, which does not import ({error}): "
                "pip install 'semantic-human-matting[export,cpu]'"
            ) from error


def _wanted(args: argparse.Namespace) -> ExportSpec:
    return ExportSpec(
        checkpoint=args.ckpt,
        out=args.out,
        name=args.name,
        fp16=args.fp16,
        int8=args.int8,
        parts_only=args.parts_only,
        compact=args.compact,
        engine=_build_spec(args),
        opset=args.opset,
        photographs=args.images,
        max_edge=args.images_edge,
    )


def _build_spec(args: argparse.Namespace) -> BuildSpec | None:
    flavour: Literal["auto", "tensorrt", "rtx", "none"] = args.flavour or (
        "none" if args.parts_only or args.compact else "auto"
    )
    if args.triton is not None and (args.parts_only or flavour in ("auto", "rtx")):
        raise SpecError(
            "got --triton with parts, or an engine that may be TensorRT-RTX's, which Triton does not run; wanted "
            "--flavour tensorrt on the machine that serves it, or --flavour none for the graph alone"
        )
    if args.triton is not None and args.triton.exists() and not args.triton.is_dir():
        raise SpecError(f"got --triton {args.triton}, which is a file; wanted a folder")
    if flavour == "none":
        options = (
            "min_size",
            "opt_size",
            "max_size",
            "profile",
            "batch",
            "compute_capability",
            "timing_cache",
            "workspace",
        )
        given = [f"--{name.replace('_', '-')}" for name in options if getattr(args, name) is not None]
        if given:
            raise SpecError(
                f"got {', '.join(given)} without an engine to build: "
                "leave out --flavour none, --compact or --parts-only"
            )
        return None
    return BuildSpec(
        flavour=flavour,
        profiles=_profiles(args),
        compute_capabilities=tuple(args.compute_capability) if args.compute_capability else None,
        timing_cache=args.timing_cache,
        workspace_mib=args.workspace,
    )


def _profiles(args: argparse.Namespace) -> tuple[Profile, ...]:
    batch = 1 if args.batch is None else args.batch
    if args.profile and (args.min_size or args.opt_size or args.max_size):
        raise SpecError("got --profile beside --min-size, --opt-size or --max-size: each --profile has all three sizes")
    ranges = args.profile or [
        (
            args.min_size or DEFAULT_PROFILE.minimum[1:],
            args.opt_size or DEFAULT_PROFILE.optimum[1:],
            args.max_size or DEFAULT_PROFILE.maximum[1:],
        )
    ]
    return tuple(
        Profile(minimum=(1, *low), optimum=(batch, *likely), maximum=(batch, *high)) for low, likely, high in ranges
    )


def _size(text: str) -> tuple[int, int]:
    """ "800x608" (width x height) -> (608, 800)."""
    match = re.fullmatch(r"(\d+)[xX×](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"got {text!r}; wanted WIDTHxHEIGHT, such as 800x608")
    return int(match.group(2)), int(match.group(1))


def _profile(text: str) -> tuple[tuple[int, int], ...]:
    sizes = tuple(_size(part) for part in text.split(":"))
    if len(sizes) != 3:
        raise argparse.ArgumentTypeError(f"got {text!r}; wanted MIN:OPT:MAX, such as 64x64:800x608:1504x1504")
    return sizes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shm-export",
        description="Turn a checkpoint into ONNX graphs and a TensorRT engine, and check them on photographs.",
        epilog="Exit codes: 0 good, 1 error, 2 usage, 3 a check failed and nothing was exported.",
    )
    parser.add_argument("--ckpt", type=Path, required=True, metavar="FILE", help="checkpoint of shm-train")
    parser.add_argument("--out", type=Path, default=Path("engines"), metavar="FOLDER", help="default: engines")
    parser.add_argument("--name", default="shm", help="of the joined files, NAME.onnx and so on (default: shm)")
    parser.add_argument("--fp16", action="store_true", help="half precision: NAME.fp16.onnx, and the engine from it")
    parser.add_argument("--int8", action="store_true", help=f"{spec.TNET_INT8_FILE} too, of live, for backend='int8'")
    parser.add_argument("--parts-only", action="store_true", help=f"only {', '.join(spec.PARTS.values())}")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="to ship: half-precision weights, in NAME.weights for all graphs, and the rounded checkpoint NAME.pt",
    )
    parser.add_argument(
        "--triton",
        type=Path,
        metavar="FOLDER",
        help="add the graph, and the engine of --flavour tensorrt, to this model repository of Triton Inference Server",
    )
    parser.add_argument("--opset", type=int, default=spec.OPSET, help=f"of the graphs (default: {spec.OPSET})")

    engine = parser.add_argument_group("engine")
    engine.add_argument(
        "--flavour",
        choices=("auto", "tensorrt", "rtx", "none"),
        help="none is ONNX only; auto, the default, is TensorRT where it is installed and has a GPU, else TensorRT-RTX",
    )
    default = DEFAULT_PROFILE
    for option, shape, what in (
        ("--min-size", default.minimum, "smallest"),
        ("--opt-size", default.optimum, "likeliest"),
        ("--max-size", default.maximum, "largest"),
    ):
        text = f"{what} image (default: {shape[2]}x{shape[1]})"
        engine.add_argument(option, type=_size, metavar="WxH", help=text)
    engine.add_argument(
        "--profile", type=_profile, action="append", metavar="MIN:OPT:MAX", help="sizes of one profile; repeatable"
    )
    engine.add_argument("--batch", type=int, metavar="N", help="largest and likeliest batch (default: 1)")
    engine.add_argument(
        "--compute-capability",
        nargs="+",
        metavar="X.Y",
        help=f"GPUs that a TensorRT-RTX engine is for (default: {' '.join(COMPUTE_CAPABILITIES)})",
    )
    engine.add_argument("--timing-cache", type=Path, metavar="FILE", help="read and written by TensorRT")
    engine.add_argument("--workspace", type=int, metavar="MIB", help="scratch memory that the engine may use")

    checks = parser.add_argument_group("checks")
    checks.add_argument(
        "--images",
        type=Path,
        default=PACKAGED_FOLDER,
        metavar="FOLDER",
        help="photographs NAME.jpg, with NAME.alpha.png where the truth is known (default: four that come along)",
    )
    checks.add_argument(
        "--images-edge", type=int, default=MAX_EDGE, metavar="PX", help=f"scale them down to (default: {MAX_EDGE})"
    )
    return parser


class _ProgressLines:
    """One line per stage; on a terminal the running stage's line is rewritten, in a log it is repeated now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._spoke = time.monotonic()
        self._open = False  # whether a line without its end stands there

    def tell(self, progress: Progress) -> None:
        line = f"{progress.stage:<26}{progress.seconds:6.1f} s  {progress.detail}"
        if progress.state == "done":
            self._write(line, "\n")
        elif self._live:
            self._write(line[:118], "")
        elif time.monotonic() - self._spoke > QUIET_SECONDS:
            self._write(f"{line} ...", "\n")

    def finish(self) -> None:
        """End the line of a stage that did not."""
        if self._open:
            self._write("", "\n")

    def _write(self, line: str, end: str) -> None:
        rewind = "\r\x1b[K" if self._open else ""
        self._stream.write(f"{rewind}{line}{end}")
        self._stream.flush()
        self._open = not end
        self._spoke = time.monotonic()
