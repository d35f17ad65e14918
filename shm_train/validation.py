"""A look at a network during training: a few numbers and pictures, on held-out samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shm_train.networks import Matting
from shm_train.networks.ops import resize
from shm_train.sheet import Picture, strip, write_sheet

ROW_HEIGHT = 256  # of one row of the contact sheet [px]


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What was found."""

    numbers: dict[str, float]
    rows: list[Picture]  # image, softmax trimap (F red, B green, U blue), raw alpha, alpha, truth, side by side

    def write_sheet(self, path: Path) -> None:
        """The rows as one picture."""
        write_sheet(path, self.rows)


@torch.no_grad()
def validate(
    predict: Callable[[dict[str, Tensor]], Matting], batches: Iterable[dict[str, Tensor]], max_rows: int
) -> Validation:
    """Errors by sort of example, times 1000 per pixel, and pictures of the first examples.

    Sorts: `soft` has exact edges, `photo` is all else with people, `empty` has nobody in it. Unsure pixels don't count.
    The numbers are `soft_sad`, `soft_mse`, `soft_iou` (0..1), the same for `photo`, and `empty_mean`, as far as such
    examples came; and `trimap_error`, how many pixels of the true trimap another class is likelier for.
    """
    values = defaultdict(list)
    rows: list[Picture] = []
    for batch in batches:
        result = Matting(*(tensor.cpu() for tensor in predict(batch)))
        classes = resize(result.trimap, batch["alpha"].shape[-2:]).argmax(dim=1)
        for index in range(len(batch["image"])):
            alpha, truth = result.alpha[index, 0].clamp(0, 1), batch["alpha"][index, 0]
            sure = batch["sure"][index, 0]
            error = ((alpha - truth).abs() * sure).numpy()
            count = float(sure.sum())
            wrong = (classes[index] != batch["trimap"][index].argmax(dim=0)) * sure
            values["trimap_error"].append(1000 * float(wrong.sum()) / count)
            if not truth.any():
                values["empty_mean"].append(1000 * float(alpha.mean()))
            else:
                sort = "soft" if batch["exact"][index] else "photo"
                values[f"{sort}_sad"].append(1000 * error.sum() / count)
                values[f"{sort}_mse"].append(1000 * (error**2).sum() / count)
                here, there = (alpha > 0.5) & (sure > 0), (truth > 0.5) & (sure > 0)
                values[f"{sort}_iou"].append(float((here & there).sum() / (here | there).sum().clamp(min=1)))
            if len(rows) < max_rows:
                image, raw = batch["image"][index].float() / 255, result.alpha_raw[index].clamp(0, 1)
                rows.append(_row([image, result.trimap[index], raw, alpha[None], truth[None]]))
    return Validation(numbers={name: float(np.mean(found)) for name, found in sorted(values.items())}, rows=rows)


def _row(planes: list[Tensor]) -> Picture:
    return strip(
        [(plane.expand(3, -1, -1).permute(1, 2, 0).numpy() * 255).astype(np.uint8) for plane in planes], ROW_HEIGHT
    )
