"""How steady mattes are in time, beside RobustVideoMatting: `python -m benchmarks.temporal --data DIR --peers DIR`.

Error and dtSSD on keyed clips over moving backgrounds, flicker on stills under noise, without and with the stream's
steadying, and what a still scene costs. Writes benchmarks/results/temporal.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import temporal_scenes as scenes
from benchmarks.results_file import RESULTS, environment_of, write_result
from benchmarks.rvm import RvmNetwork, find_rvm
from shm_deploy.artifacts import find_model
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter
from shm_deploy.stream.steadying import Moment, reduced, steadied

CLIPS = ("jen_a", "joey", "maria", "robyn", "keep_1", "shirt_eye")
CLIPS_OF_STILLS = CLIPS[:3]
BACKGROUNDS = "backgrounds/debian_wallpapers"
BACKGROUND_STEP = 8  # every so-manieth picture of the folder
SETTLING = 4  # frames at the start of each sequence that are not counted
RVM_EDGE = 512  # RVM's authors run its inner network at this longest side

METRICS = (
    "sad: mean |alpha - truth| x 1000. dtssd: per pair of frames, the root of the mean square of (change of alpha - "
    "change of truth), x 100, mean. Both on keyed people who drift by 1.7 px a frame before a background that passes "
    "by 2.4 px a frame, sensor noise of 2 levels. flicker: mean |change of alpha| x 1000 on one frame under new noise "
    "of 4 levels and JPEG 80 each time. none: each frame for itself. low: from the past alone. full: with one frame "
    "of lag. rvm: recurrent, its authors' ratio. The stream's rest where nothing moves is not part of these."
)

Alphas = NDArray[np.float32]  # (T, H, W) in 0..1
Method = Callable[[scenes.Sequence], Alphas]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="rgba_video/ and backgrounds/")
    parser.add_argument("--peers", type=Path, required=True, metavar="DIR", help="holds rvm_mobilenetv3/")
    parser.add_argument("--model", type=Path, help=".onnx (the packaged one)")
    parser.add_argument("--length", type=int, default=24, help="frames of each sequence (24)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "temporal.json")
    args = parser.parse_args(argv)
    try:
        sequences = _moving(args.data, args.length)
        stills = [scenes.still(one, args.length) for one in sequences if one.name in CLIPS_OF_STILLS]
        rvm_file = find_rvm(args.peers)
        with Matter(args.model, device="cpu", threads=args.threads) as matter:
            rows = compare(sequences, stills, _methods(matter, rvm_file, args.threads))
            still_scene = still_cost(matter, args.length)
        model_sha256 = find_model(args.model).sha256
    except MatteError as error:
        print(f"temporal: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.temporal", argv, "cpu")
    found = {
        "metrics": METRICS,
        "model_sha256": model_sha256,
        "length": args.length,
        "clips": CLIPS,
        "rows": rows,
        "still_scene": still_scene,
    }
    write_result(args.out, environment, found)
    return 0


def compare(
    sequences: Sequence[scenes.Sequence], stills: Sequence[scenes.Sequence], methods: Mapping[str, Method]
) -> list[dict[str, Any]]:
    """A row of means per method."""
    rows = []
    for name, method in methods.items():
        moving = [(method(one)[SETTLING:], one.truth[SETTLING:]) for one in sequences]
        row = {
            "method": name,
            "sad": round(float(np.mean([1e3 * np.abs(found - true).mean() for found, true in moving])), 3),
            "dtssd": round(float(np.mean([1e2 * dtssd(found, true) for found, true in moving])), 3),
            "flicker": round(float(np.mean([1e3 * flicker(method(one)[SETTLING:]) for one in stills])), 3),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def dtssd(found: Alphas, true: Alphas) -> float:
    """Erofeev et al. 2015, Perceptually Motivated Benchmark for Video Matting: as VideoMatte240K's tables use it."""
    difference = np.diff(found, axis=0) - np.diff(true, axis=0)
    return float(np.sqrt((difference**2).mean(axis=(1, 2))).mean())


def flicker(found: Alphas) -> float:
    """Mean change from frame to frame of what should not change."""
    return float(np.abs(np.diff(found, axis=0)).mean())


def still_cost(matter: Matter, length: int) -> dict[str, float]:
    """A 720p photograph under noise, through a stream that steadies and through one that does not: CPU seconds."""
    from shm_deploy.bench.pictures import shipped_pictures

    picture = shipped_pictures()[0].fitted((720, 1280)).pixels
    scene = scenes.Sequence(name="still", frames=picture[None], truth=np.zeros((1, 720, 1280), np.float32))
    frames = list(scenes.still(scene, length).frames)
    seconds = {}
    for name, steady in (("each_frame", False), ("steady", True)):
        begin = time.process_time()
        for _ in matter.stream(frames, steady=steady):
            pass
        seconds[name] = round((time.process_time() - begin) / length, 4)
    print(seconds, flush=True)
    return {f"cpu_s_per_frame_{name}": value for name, value in seconds.items()}


def _moving(data: Path, length: int) -> list[scenes.Sequence]:
    grounds = sorted((data / BACKGROUNDS).glob("*.jpg"))[5::BACKGROUND_STEP]
    (folder,) = (data / "rgba_video").iterdir()
    return [scenes.moving(folder / clip, grounds[number % len(grounds)], length) for number, clip in enumerate(CLIPS)]


def _methods(matter: Matter, rvm_file: Path, threads: int) -> dict[str, Method]:
    known: dict[int, NDArray[np.uint8]] = {}

    def alphas(sequence: scenes.Sequence) -> NDArray[np.uint8]:
        if id(sequence) not in known:
            known[id(sequence)] = np.stack([matter(frame) for frame in sequence.frames])
        return known[id(sequence)]

    def steady(sequence: scenes.Sequence, look_ahead: bool) -> Alphas:
        moments = (
            Moment(view=reduced(frame), alpha=alpha, is_still=False, carried=None)
            for frame, alpha in zip(sequence.frames, alphas(sequence), strict=True)
        )
        return np.stack([alpha for alpha, _ in steadied(moments, look_ahead=look_ahead)]) / np.float32(255)

    def rvm(sequence: scenes.Sequence) -> Alphas:
        ratio = min(RVM_EDGE / max(sequence.frames.shape[1:3]), 1.0)
        network = RvmNetwork(rvm_file, ratio, threads)
        return np.stack([network.run(network.prepared(frame))[0, 0].clip(0, 1) for frame in sequence.frames])

    return {
        "none": lambda sequence: alphas(sequence) / np.float32(255),
        "low": lambda sequence: steady(sequence, look_ahead=False),
        "full": lambda sequence: steady(sequence, look_ahead=True),
        "rvm": rvm,
    }


if __name__ == "__main__":
    sys.exit(main())
