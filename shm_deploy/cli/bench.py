"""`shm-bench`: how fast a model is here, and how far its mattes are from the reference's."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from shm_deploy.bench.baseline import parse_share, read_baseline, regressions
from shm_deploy.bench.latency import Effort
from shm_deploy.bench.pictures import Picture, parse_size, read_pictures, shipped_pictures
from shm_deploy.bench.report import Report, tables, write_csv, write_json, write_plot
from shm_deploy.bench.session import BenchSpec, run_bench
from shm_deploy.errors import CheckFailed, DeviceMismatch, MatteError, SpecError
from shm_deploy.sidecar import read_sidecar, sidecar_path

DEFAULT_SIZES = ("256", "512", "768", "1024", "1500x1125")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        task, allowed = _task(args), parse_share(args.fail_over)
    except SpecError as error:
        parser.error(str(error))
    try:
        baseline = read_baseline(args.baseline) if args.baseline else None
        report = run_bench(task, _pictures(args), ["shm-bench", *arguments], _tell)
        _hand_over(report, args)
        failures = report.failures() + (regressions(report, baseline, allowed) if baseline else [])
        if failures:
            raise CheckFailed("\n  ".join(["out of bounds:", *failures]))
    except DeviceMismatch as error:
        print(f"shm-bench: {error}; {_way_out(task.models, arguments)}", file=sys.stderr)
        return error.exit_code
    except MatteError as error:
        print(f"shm-bench: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shm-bench",
        description="Measure a model: latency by stage, and parity with the PyTorch reference on the same pictures.",
        epilog="Exit codes: 0 good, 1 error, 2 usage, 3 parity or speed out of bounds, 4 nothing here runs the engine.",
    )
    measured = parser.add_argument_group("what is measured")
    measured.add_argument(
        "--engine", type=Path, metavar="FILE", help=".plan, .onnx or .pt; default: the packaged model"
    )
    measured.add_argument("--compare", type=Path, nargs="+", default=[], metavar="OTHER", help="more models, beside it")
    measured.add_argument("--ckpt", type=Path, metavar="FILE", help="reference; default: the one the sidecar names")
    measured.add_argument("--no-parity", action="store_true", help="latency only: no reference, no PyTorch")
    measured.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    measured.add_argument("--threads", type=int, metavar="N", help="CPU threads of one run (default: every CPU)")

    inputs = parser.add_argument_group("on what")
    inputs.add_argument(
        "--images", type=Path, nargs="+", metavar="PATH", help="files or folders; default: four shipped"
    )
    inputs.add_argument(
        "--alphas", type=Path, metavar="FOLDER", help="true alphas, one of each image's stem; default: NAME.alpha.png"
    )
    inputs.add_argument(
        "--size",
        action="append",
        metavar="WxH",
        help=f"512 or 1500x1125; repeatable; default: {' '.join(DEFAULT_SIZES)}",
    )

    effort = parser.add_argument_group("how long")
    effort.add_argument("--warmup", type=int, default=Effort.warmup, metavar="N", help="frames before the clock (3)")
    effort.add_argument(
        "--runs", type=int, default=Effort.runs, metavar="N", help="timed frames per size, at most (30)"
    )
    effort.add_argument(
        "--seconds", type=float, default=Effort.seconds, metavar="S", help="per size; stops after it once 5 ran (20)"
    )
    effort.add_argument("--streams", type=int, default=1, metavar="N", help="threads sending frames at once (1)")

    results = parser.add_argument_group("results")
    results.add_argument("--json", type=Path, metavar="FILE", help="everything")
    results.add_argument("--csv", type=Path, metavar="FILE", help="one line per model and size")
    results.add_argument("--plot", type=Path, metavar="FILE", help="latency over size, as a picture")
    results.add_argument(
        "--baseline", type=Path, metavar="FILE", help="an earlier --json of this device to compare with"
    )
    results.add_argument("--fail-over", default="5%", metavar="SHARE", help="median may grow by it (5%%)")
    return parser


def _task(args: argparse.Namespace) -> BenchSpec:
    if args.alphas and not args.images:
        raise SpecError("--alphas belong to --images: give both, or neither")
    for file in (args.json, args.csv, args.plot):
        if file and not file.parent.is_dir():
            raise SpecError(f"no folder {file.parent} for {file.name}: make it first")
        if file and file.is_dir():
            raise SpecError(f"got the folder {file}; wanted the name of a file")
    return BenchSpec(
        models=(args.engine, *args.compare),
        reference=args.ckpt,
        compares=not args.no_parity,
        sizes=tuple(parse_size(text) for text in args.size or DEFAULT_SIZES),
        device=args.device,
        threads=args.threads,
        effort=Effort(warmup=args.warmup, runs=args.runs, seconds=args.seconds, streams=args.streams),
    )


def _pictures(args: argparse.Namespace) -> tuple[Picture, ...]:
    return read_pictures(args.images, args.alphas) if args.images else shipped_pictures()


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _hand_over(report: Report, args: argparse.Namespace) -> None:
    print(tables(report))
    if args.json:
        write_json(args.json, report)
    if args.csv:
        write_csv(args.csv, report)
    if args.plot:
        write_plot(args.plot, report)


def _way_out(models: Sequence[Path | None], arguments: Sequence[str]) -> str:
    """The same command for the ONNX graphs from the same exports, which run on any machine."""
    graphs = {str(model): _graph_of(model) for model in models if model and model.suffix == ".plan"}
    for plan, graph in graphs.items():
        arguments = [argument.replace(plan, str(graph)) for argument in arguments]
    missing = [str(graph) for graph in graphs.values() if not graph.is_file()]
    first = f"copy {', '.join(missing)} from the export, then this" if missing else "this"
    return f"{first} runs here: {shlex.join(['shm-bench', *arguments])}"


def _graph_of(plan: Path) -> Path:
    """`shm.onnx` for `shm.plan`, as their sidecar names it."""
    files = read_sidecar(sidecar_path(plan)).files if sidecar_path(plan).is_file() else {}
    return plan.with_name(files["joined"].file) if "joined" in files else plan.with_suffix(".onnx")
