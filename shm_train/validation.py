"""A look at a network during training: a few numbers and a picture, on held-out samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SHEET_HEIGHT = 256  # of one row of the contact sheet [px]


@torch.no_grad()
def validate(network: nn.Module, batches: Iterable[dict[str, Tensor]], sheet: Path, max_rows: int) -> dict[str, float]:
    """Errors by sort of example, times 1000 per pixel, and a contact sheet.

    Sorts: `soft` has exact edges, `photo` is all else with people, `empty` has nobody in it. Unsure pixels don't count.

    Returns:
        `soft_sad`, `soft_mse`, `soft_iou` (0..1), the same for `photo`, and `empty_mean`, as far as such examples came.
    """
    values = defaultdict(list)
    rows: list[NDArray[np.uint8]] = []
    for batch in batches:
        result = network(batch["image"])
        for index in range(len(batch["image"])):
            alpha, truth = result.alpha[index, 0].clamp(0, 1), batch["alpha"][index, 0]
            sure = batch["sure"][index, 0]
            error = ((alpha - truth).abs() * sure).numpy()
            count = float(sure.sum())
            if not truth.any():
                values["empty_mean"].append(1000 * float(alpha.mean()))
            else:
                sort = "soft" if batch["exact"][index] else "photo"
                values[f"{sort}_sad"].append(1000 * error.sum() / count)
                values[f"{sort}_mse"].append(1000 * (error**2).sum() / count)
                here, there = (alpha > 0.5) & (sure > 0), (truth > 0.5) & (sure > 0)
                values[f"{sort}_iou"].append(float((here & there).sum() / (here | there).sum().clamp(min=1)))
            if len(rows) < max_rows:
                rows.append(_row(batch["image"][index], result.trimap[index], result.alpha_raw[index], alpha, truth))
    _write_sheet(rows, sheet)
    return {name: float(np.mean(numbers)) for name, numbers in sorted(values.items())}


def _row(image: Tensor, trimap: Tensor, alpha_raw: Tensor, alpha: Tensor, truth: Tensor) -> NDArray[np.uint8]:
    """Image, softmax trimap (F red, B green, U blue), raw alpha, alpha, truth, side by side."""
    height, width = alpha.shape
    size = (max(1, round(width * SHEET_HEIGHT / height)), SHEET_HEIGHT)
    planes = [image.float() / 255, trimap, alpha_raw.clamp(0, 1), alpha[None], truth[None]]
    pictures = []
    for plane in planes:
        pixels = (plane.expand(3, -1, -1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        pictures.append(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return np.hstack(pictures)


def _write_sheet(rows: list[NDArray[np.uint8]], path: Path) -> None:
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows]
    half = (len(padded) + 1) // 2
    columns = [np.vstack(part) for part in (padded[:half], padded[half:]) if part]
    tallest = max(column.shape[0] for column in columns)
    sheet = np.hstack([np.pad(column, ((0, tallest - column.shape[0]), (0, 4), (0, 0))) for column in columns])
    cv2.imwrite(str(path), sheet[..., ::-1])
