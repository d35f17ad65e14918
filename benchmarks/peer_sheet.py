"""A contact sheet for the eye: picture, truth, ours, the reference, and the person cut out on green."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_models import Model
from benchmarks.peer_sets import SETS
from shm_train.evaluation.cases import Case
from shm_train.sheet import grey, strip
from shm_train.sheet import write_sheet as write_rows

ROW_HEIGHT = 260  # [px]
GREEN = (0, 177, 64)
SEED = 1


@dataclass(frozen=True)
class Judged:
    """A case and the mean error of our alpha."""

    case: Case
    error: float  # times 1000


def hard_and_random(judged: Sequence[Judged], num_each: int) -> list[Judged]:
    """Of every set, the worst ones, worst first, and as many random others."""
    chosen = []
    rng = np.random.default_rng(SEED)
    for name in SETS:
        ordered = sorted((one for one in judged if one.case.set_name == name), key=lambda one: -one.error)
        worst, others = ordered[:num_each], ordered[num_each:]
        picked = rng.permutation(len(others))[:num_each]
        chosen += [*worst, *(others[index] for index in sorted(picked))]
    return chosen


def write_sheet(
    path: Path, judged: Sequence[Judged], own: Model, reference: Model | None, num_columns: int = 2
) -> None:
    """Write the sheet in columns; a case is a row: picture, truth, ours, the reference if any, ours on green.

    Raises:
        MediaError: the file can't be written.
    """
    rows = []
    for one in judged:
        scene = one.case.scene()
        alpha = own(scene.image)
        cells = [scene.image, grey(scene.truth), grey(alpha)]
        if reference is not None:
            cells.append(grey(reference(scene.image)))
        cells.append(_on_green(scene.image, alpha))
        rows.append(strip(cells, ROW_HEIGHT, [f"{one.case.set_name} {one.error:.1f}  {one.case.key}"]))
    write_rows(path, rows, num_columns)


def _on_green(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image's own colours, so that a halo of the old ground shows."""
    weight = alpha[..., None]
    return (weight * image + (1 - weight) * np.array(GREEN, np.float32) + 0.5).astype(np.uint8)
