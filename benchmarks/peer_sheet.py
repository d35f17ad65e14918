"""A contact sheet for the eye: picture, truth, ours, the reference, and the person cut out on green."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_models import Model
from benchmarks.peer_sets import SETS, Case
from shm_deploy.errors import MediaError

ROW_HEIGHT = 260  # [px]
CELL_WIDTH = 260  # [px]
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


def write_sheet(path: Path, judged: Sequence[Judged], own: Model, reference: Model | None) -> None:
    """Write the sheet in two columns; a case is a row: picture, truth, ours, the reference if any, ours on green.

    Raises:
        MediaError: the file can't be written.
    """
    rows = []
    for one in judged:
        scene = one.case.scene()
        alpha = own(scene.image)
        cells = [scene.image, _grey(scene.truth), _grey(alpha)]
        if reference is not None:
            cells.append(_grey(reference(scene.image)))
        cells.append(_on_green(scene.image, alpha))
        row = np.hstack([_cell(cell) for cell in cells])
        text = f"{one.case.set_name} {one.error:.1f}  {one.case.key}"
        cv2.putText(row, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 0, 0), 1, cv2.LINE_AA)
        rows.append(row)
    if len(rows) % 2:
        rows.append(np.zeros_like(rows[0]))
    half = len(rows) // 2
    sheet = np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])])  # two columns: screens are wide
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise MediaError(f"can't write {path}; give a name that ends in .png or .jpg, on a disk with room")


def _grey(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.repeat(np.round(alpha * 255).astype(np.uint8)[..., None], 3, axis=2)


def _on_green(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image's own colours, so that a halo of the old ground shows."""
    weight = alpha[..., None]
    return (weight * image + (1 - weight) * np.array(GREEN, np.float32) + 0.5).astype(np.uint8)


def _cell(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = min(ROW_HEIGHT / height, CELL_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(np.pad(shrunk, ((0, ROW_HEIGHT - size[1]), (0, CELL_WIDTH - size[0]), (0, 0))), np.uint8)
