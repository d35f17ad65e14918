"""Contact sheets: rows of pictures, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError

Picture = NDArray[np.uint8]  # (H, W, 3) RGB

GAP = 4  # [px]
LABEL_COLOUR = (255, 0, 0)


def grey(plane: NDArray[np.float32]) -> Picture:
    """(H, W) in 0..1 -> (H, W, 3)."""
    return np.repeat(np.round(np.clip(plane, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def strip(pictures: Sequence[Picture], height: int, labels: tuple[str, ...] = ()) -> Picture:
    """Pictures side by side, all in the first one's proportions and one height [px].

    Args:
        pictures: at least one.
        height: of the strip.
        labels: a line of text over each picture; ASCII, or OpenCV draws question marks; may be fewer.
    """
    width = max(1, round(pictures[0].shape[1] * height / pictures[0].shape[0]))
    row = np.hstack([_scaled(picture, (height, width)) for picture in pictures])
    for index, label in enumerate(labels):
        place = (index * width + GAP, 14)
        cv2.putText(row, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, LABEL_COLOUR, 1, cv2.LINE_AA)
    return row


def _scaled(picture: Picture, size: tuple[int, int]) -> Picture:
    shrinks = size[0] < picture.shape[0]
    scaled = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(scaled, np.uint8)


def write_sheet(path: Path, rows: Sequence[Picture], num_columns: int = 2) -> None:
    """Write rows of any widths one under the other, in columns: screens are wide.

    Raises:
        MediaError: the file can't be written.
    """
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0))) for row in rows]
    each = -(-len(padded) // num_columns)
    columns = [np.vstack(padded[start : start + each]) for start in range(0, len(padded), each)]
    tallest = max(column.shape[0] for column in columns)
    sheet = np.hstack([np.pad(column, ((0, tallest - column.shape[0]), (0, GAP), (0, 0))) for column in columns])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise MediaError(f"can't write {path}; give a name that ends in .png or .jpg, on a disk with room")
