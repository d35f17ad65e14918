"""How long each model takes for a picture, end to end, in turn with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_models import Model
from benchmarks.turns import time_in_turn
from shm_deploy.bench.pictures import Size, shipped_pictures, size_text

SIZES: tuple[Size, ...] = ((512, 512), (720, 1280), (1080, 1920))

PAUSE_S = 0.1  # ONNX Runtime's threads, whose options are the peers' own, spin on for some 20 ms

CLOCK = (
    "time.perf_counter around each model's call: uint8 picture in, alpha of its size out, all between included; "
    "medians, the models in turn on the same pictures, after one turn that is not counted, and 0.1 s of rest before "
    "each call, so that a peer's threads that wait busily after it take no CPU from the next. Peers as their authors "
    "run them on one still picture; RVM's network alone, as a video runs it, is in speed.json."
)


def speed_rows(
    models: Mapping[str, Model], runs: int, sizes: Sequence[Size] = SIZES, pause_s: float = PAUSE_S
) -> list[dict[str, Any]]:
    """A row per size and model: the median of `runs` calls [ms], with a pause before each."""
    rows = []
    for size in sizes:
        frames = [picture.fitted(size).pixels for picture in shipped_pictures()]
        times = time_in_turn([_call(model, frames) for model in models.values()], warmup=1, runs=runs, pause_s=pause_s)
        medians = {name: round(float(np.median(taken)), 1) for name, taken in zip(models, times, strict=True)}
        rows += [{"width": size[1], "height": size[0], "model": name, "ms": ms} for name, ms in medians.items()]
        print(f"{size_text(size)}: {medians}", flush=True)
    return rows


def _call(model: Model, frames: Sequence[NDArray[np.uint8]]) -> Callable[[int], object]:
    return lambda turn: model(frames[turn % len(frames)])
