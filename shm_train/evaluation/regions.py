"""Where in a picture an error lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_train.data.trimap import transition, true_trimap

BORDER = 0.03  # width of the image's border, of its short side


@dataclass(frozen=True, kw_only=True)
class RegionErrors:
    """SAD by region of the true trimap, each over the pixels of the whole image: the three add up to the SAD.

    Beside them the part that lies on the image's border, whatever the trimap says there.
    """

    foreground: float
    background: float
    unknown: float
    border: float


def region_errors(alpha: NDArray[np.float32], truth: NDArray[np.float32], unknown_radius: float) -> RegionErrors:
    """Divide the SAD of (H, W) in 0..1 against the truth.

    Args:
        alpha: predicted.
        truth: true.
        unknown_radius: of the trimap's dilation, of the image's short side; as in training.
    """
    error = np.abs(alpha - truth, dtype=np.float64)
    height, width = truth.shape
    trimap = true_trimap(truth, max(2, round(unknown_radius * min(height, width))))
    band = max(1, round(BORDER * min(height, width)))
    inside = np.zeros(truth.shape, np.bool_)
    inside[band : height - band, band : width - band] = True
    return RegionErrors(
        foreground=float((error * trimap[spec.FOREGROUND]).mean()),
        background=float((error * trimap[spec.BACKGROUND]).mean()),
        unknown=float((error * trimap[spec.UNKNOWN]).mean()),
        border=float((error * ~inside).mean()),
    )


def errors_by_distance(alpha: NDArray[np.float32], truth: NDArray[np.float32], bounds: Sequence[float]) -> list[float]:
    """Divide the SAD of (H, W) in 0..1 by how far from the true transition it lies.

    Args:
        alpha: predicted.
        truth: true.
        bounds: rising distances, in shares of the short side.

    Returns:
        In the transition, up to each bound, and beyond; together the SAD. Without a transition all is beyond.
    """
    error = np.abs(alpha - truth, dtype=np.float64).ravel()
    away = 1 - transition(truth)
    distance = np.full(truth.shape, np.inf)
    if not away.all():
        distance[:] = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    band = np.searchsorted([0.0, *bounds], distance.ravel() / min(truth.shape))
    return [float(error[band == index].sum() / error.size) for index in range(len(bounds) + 2)]
