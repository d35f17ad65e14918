"""Everything that is to be known about a GPU, in one command: `python -m benchmarks.gpu [MODEL...]`.

Numerics, speed beside the floor, streams, and the runtime under stress, for each model; writes
benchmarks/results/gpu.json. A MODEL is the joined .onnx of an export with its sidecar, checkpoint, FP16 graph and
plan beside it; default: the packaged one. Needs PyTorch, and for the ONNX and engine rows ONNX Runtime with
CUDA and TensorRT; a row that this device refuses holds its exact words. Nothing is downloaded. With `--tiny` sizes and
counts are so small that a CPU does it: a rehearsal, whose numbers mean nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_numerics, gpu_runtime, gpu_speed, gpu_streams
from benchmarks.gpu_speed import Amount
from benchmarks.gpu_streams import Load
from benchmarks.gpu_ways import Variant, attempt
from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.bench.pictures import Picture, Size, parse_size, shipped_pictures
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    numeric_sizes: tuple[Size, ...]
    speed_sizes: tuple[Size, ...]
    stream_size: Size
    mixed_sizes: tuple[Size, ...]
    num_mixed_frames: int
    frames_per_thread: int
    amount: Amount
    load: Load


def _sizes(*texts: str) -> tuple[Size, ...]:
    return tuple(parse_size(text) for text in texts)


FULL = Plan(
    numeric_sizes=_sizes("256", "384", "512", "333x517", "640", "768", "1024", "1280x720", "1500x1125"),
    speed_sizes=_sizes("512", "1280x720", "1920x1080", "1500x1125"),
    stream_size=parse_size("1280x720"),
    mixed_sizes=_sizes("256", "640x480", "333x517", "1280x720"),
    num_mixed_frames=10_000,
    frames_per_thread=50,
    amount=gpu_speed.FULL,
    load=Load(),
)
TINY = Plan(
    numeric_sizes=_sizes("64", "80x72"),
    speed_sizes=_sizes("64"),
    stream_size=parse_size("64"),
    mixed_sizes=_sizes("64", "80x72"),
    num_mixed_frames=6,
    frames_per_thread=2,
    amount=gpu_speed.TINY,
    load=Load(seconds=0.2, numbers=(1, 2)),
)
SECTIONS = ("numerics", "speed", "streams", "runtime")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = _parser().parse_args(argv)
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        print("gpu: PyTorch sees no CUDA device here; rehearse with --device cpu --tiny", file=sys.stderr)
        return 4
    plan = TINY if args.tiny else FULL
    try:
        variants = [Variant.of(model) for model in args.models or [None]]
        pictures = shipped_pictures()
    except MatteError as error:
        print(f"gpu: {error}", file=sys.stderr)
        return error.exit_code
    found: dict[str, Any] = {"rehearsal": args.tiny, "versions_cuda": torch.version.cuda}
    for section in args.section or SECTIONS:
        found[section] = _section(section, variants, pictures, plan, args.device)
        environment = environment_of("benchmarks.gpu", argv, args.device)
        write_result(args.out, environment, found)  # after each, so that a run that is cut off leaves what it found
    print(table(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", help="joined .onnx files; default: the packaged one")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--section", action="append", choices=SECTIONS, help="repeatable; default: all")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json")
    return parser


def _section(
    section: str, variants: Sequence[Variant], pictures: Sequence[Picture], plan: Plan, device: str
) -> dict[str, Any]:
    print(f"gpu: {section}", file=sys.stderr, flush=True)
    match section:
        case "numerics":
            measure = partial(gpu_numerics.measure_numerics, pictures=pictures, sizes=plan.numeric_sizes, device=device)
            return {variant.name: measure(variant) for variant in variants}
        case "speed":
            parts = [gpu_speed.measure_speed(each, plan.speed_sizes, device, plan.amount) for each in variants]
            return {**parts[0], "rows": [row for part in parts for row in part["rows"]]}
        case "streams":
            return {
                variant.name: _by_role(variant, partial(_streams, plan=plan, device=device)) for variant in variants
            }
        case _:
            return {
                variant.name: _by_role(variant, partial(_runtime, plan=plan, device=device)) for variant in variants
            }


def _by_role(variant: Variant, measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The FP16 graph and the engine of a network, or why not."""

    def found(role: str) -> dict[str, Any]:
        return measure(variant.sibling(role).path)

    return {role: attempt(partial(found, role)) for role in ("joined_fp16", "plan")}


def _streams(model: Path, plan: Plan, device: str) -> dict[str, Any]:
    frame = shipped_pictures()[0].fitted(plan.stream_size).pixels
    with Matter(model, device) as matter:
        return gpu_streams.curve(matter, frame, plan.load, partial(gpu_runtime.device_mib, device))


def _runtime(model: Path, plan: Plan, device: str) -> dict[str, Any]:
    make = partial(Matter, model, device)
    with make() as matter:
        found = {
            "threads": gpu_runtime.check_threads(matter, plan.mixed_sizes, plan.frames_per_thread),
            "exchange": attempt(partial(gpu_runtime.check_exchange, matter, plan.stream_size, device)),
            "growth": gpu_runtime.check_growth(matter, plan.mixed_sizes, plan.num_mixed_frames, device),
        }
    return {
        **found,
        "release": gpu_runtime.check_release(make, plan.stream_size, device),
        "out_of_memory": gpu_runtime.check_out_of_memory(make, plan.speed_sizes[-1], device),
    }


def table(found: dict[str, Any]) -> str:
    """The speed rows for a terminal."""
    lines = []
    for row in found.get("speed", {}).get("rows", []):
        label = f"{row['variant']:6} {row['width']}x{row['height']:<5} {row['way']:32}"
        if "failed" in row:
            lines.append(f"{label} failed: {row['failed'].splitlines()[0][:80]}")
        else:
            lines.append(
                f"{label} {row['network_ms']['p50']:9.3f} ms, from host {row['from_host_ms']['p50']:9.3f} ms, "
                f"best {row['ms_per_frame']:9.3f} ms a frame at batch {row['batch']}, floor {row['floor_ms']:.3f} ms"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
