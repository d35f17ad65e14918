"""Video end to end, frames a second and where the time goes: `python -m benchmarks.video`.

Makes clips of a photograph that pans, at 720p and 1080p; times decoding, the network, compositing and encoding each
alone, then `shm-matte`'s whole pipeline. Writes benchmarks/results/video.json.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.artifacts import find_model
from shm_deploy.bench.pictures import Size, shipped_pictures, size_text
from shm_deploy.compositing import composite, estimate_foreground
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Colour
from shm_deploy.media.progress import Progress
from shm_deploy.media.video.clips import matte_clip
from shm_deploy.media.video.colours import BT709, LIMITED, Tags, frame_of
from shm_deploy.media.video.reading import ClipReader
from shm_deploy.media.video.recipe import ClipRecipe
from shm_deploy.media.video.targets import Content, choose_target
from shm_deploy.media.video.writing import ClipWriter
from shm_deploy.stream.steadying import Moment, reduced, steadied

SIZES: tuple[Size, ...] = ((720, 1280), (1080, 1920))
RATE = Fraction(30)
PAN_PX = 3  # a frame
GREEN = (0, 200, 0)

CLOCK = (
    "alone: wall clock and process CPU time per frame of each stage by itself, the others idle, everything in memory "
    "but the files. pipeline: `matte_clip`, H.264 file in, green background, H.264 file out, opening and closing "
    "included. bound: max(slowest stage alone, CPU time of the pipeline / CPUs); ratio: pipeline / bound."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120, help="of each clip (120)")
    parser.add_argument("--model", type=Path, help=".onnx (the packaged one)")
    parser.add_argument("--threads", type=int, help="of the network (all CPUs)")
    parser.add_argument("--out", type=Path, default=RESULTS / "video.json")
    args = parser.parse_args(argv)
    try:
        with Matter(args.model, device="cpu", threads=args.threads) as matter, tempfile.TemporaryDirectory() as folder:
            rows = [measure(matter, size, args.frames, Path(folder)) for size in SIZES]
        model_sha256 = find_model(args.model).sha256
    except MatteError as error:
        print(f"video: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.video", argv, "cpu")
    write_result(args.out, environment, {"clock": CLOCK, "model_sha256": model_sha256, "rows": rows})
    return 0


def measure(matter: Matter, size: Size, num_frames: int, folder: Path) -> dict[str, Any]:
    """One frame size: each stage alone, then all of them together."""
    source = make_clip(folder / f"{size_text(size)}.mp4", size, num_frames)
    with ClipReader(source) as clip:
        facts = clip.facts
        frames: list[NDArray[np.uint8]] = []
        decode = _timed(lambda: frames.extend(frame.pixels for frame in clip.frames()), num_frames)
    matter.warmup([size])
    alphas: list[NDArray[np.uint8]] = []
    network = _timed(lambda: alphas.extend(matter(frame) for frame in frames), num_frames)
    steady = _timed(lambda: _exhaust(steadied(map(_moment, frames, alphas), look_ahead=True)), num_frames)
    rendered: list[NDArray[np.uint8]] = []
    render = _timed(lambda: rendered.extend(map(_render, frames, alphas)), num_frames)
    target = choose_target(Path("x.mp4"), Content.OPAQUE, None)

    def write() -> None:
        with ClipWriter(folder / "alone.mp4", target, facts, source, "") as writer:
            for number, pixels in enumerate(rendered):
                writer.write(pixels, number / RATE)
            writer.finish()

    encode = _timed(write, num_frames)
    recipe = ClipRecipe(wanted=Colour(red=GREEN[0], green=GREEN[1], blue=GREEN[2]))
    whole = _timed(
        lambda: matte_clip(
            matter,
            source,
            folder / "whole.mp4",
            recipe,
            overwrite=True,
            resume=False,
            verify=False,
            progress=lambda total: Progress(total, io.StringIO()),
        ),
        num_frames,
    )
    stages = {"decode": decode, "network": network, "steady": steady, "render": render, "encode": encode}
    num_cpus = len(os.sched_getaffinity(0))
    bound_ms = max(*(stage["wall_ms"] for stage in stages.values()), whole["cpu_ms"] / num_cpus)
    row = {
        "width": size[1],
        "height": size[0],
        "frames": num_frames,
        "stages": stages,
        "pipeline": whole,
        "frames_per_s": round(1000 / whole["wall_ms"], 2),
        "bound_ms": round(bound_ms, 2),
        "ratio": round(whole["wall_ms"] / bound_ms, 3),
    }
    print(row, flush=True)
    return row


def make_clip(path: Path, size: Size, num_frames: int) -> Path:
    """A photograph of a person that pans, as H.264 with BT.709 tags."""
    height, width = size
    wide = shipped_pictures()[0].fitted((height, width)).pixels
    tags = Tags(matrix=BT709, range=LIMITED, primaries=1, transfer=1)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tags.matrix, tags.range
        for number in range(num_frames):
            shift = np.array([[1, 0, PAN_PX * (number % 60) - 90], [0, 1, 0]], np.float32)
            pixels = cv2.warpAffine(wide, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
            frame = frame_of(np.asarray(pixels, np.uint8), "yuv420p", tags)
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _moment(frame: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Moment[None]:
    return Moment(view=reduced(frame), alpha=alpha, is_still=False, carried=None)


def _render(frame: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return composite(estimate_foreground(frame, alpha), alpha, np.array(GREEN, np.uint8))


def _exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


def _timed(work: Callable[[], object], num_frames: int) -> dict[str, float]:
    """Milliseconds per frame."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    taken = {"wall_ms": time.perf_counter() - wall, "cpu_ms": time.process_time() - cpu}
    return {name: round(1000 * seconds / num_frames, 3) for name, seconds in taken.items()}


if __name__ == "__main__":
    sys.exit(main())
