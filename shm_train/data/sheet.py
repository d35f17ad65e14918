"""A contact sheet of labels: what teachers drew, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import composite
from shm_train.data.pictures import stored_size

SIDE = 200  # longest, of a picture [px]
GREEN = (0, 177, 64)
RED, GREY = (200, 30, 30), (110, 110, 110)
COLUMNS = 3


class Entry(NamedTuple):
    """One photograph on the sheet."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    alpha: NDArray[np.float32]  # (H, W) in 0..1, of any size
    title: str
    rejected: str | None


def contact_sheet(entries: Sequence[Entry]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: of each photograph itself, its alpha, and the person on green; reasons of rejection in red.

    Args:
        entries: at least one.
    """
    cells = [np.pad(_cell(entry), ((0, 6), (0, 6), (0, 0))) for entry in entries]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
    return np.vstack([np.hstack(cells[start : start + COLUMNS]) for start in range(0, len(cells), COLUMNS)])


def _cell(entry: Entry) -> NDArray[np.uint8]:
    height, width = stored_size((entry.image.shape[0], entry.image.shape[1]), SIDE)
    image = np.asarray(cv2.resize(entry.image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    alpha = np.round(cv2.resize(entry.alpha, (width, height), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    over = composite(image, alpha, np.array(GREEN, np.uint8))
    margins = ((0, SIDE - height), (0, SIDE - width), (0, 0))
    pictures = [np.pad(pixels, margins) for pixels in (image, np.repeat(alpha[..., None], 3, 2), over)]
    title = np.zeros((18, 3 * SIDE, 3), np.uint8)
    title[:] = GREY if entry.rejected is None else RED
    text = entry.title if entry.rejected is None else f"{entry.rejected}: {entry.title}"
    cv2.putText(title, text, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([title, np.hstack(pictures)])
