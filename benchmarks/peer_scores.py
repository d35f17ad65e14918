"""What is measured on a picture, and what is said of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shm_deploy import metrics
from shm_deploy.errors import SpecError
from shm_train.data.labels import iou
from shm_train.evaluation.cases import COMPOSED, SEEN, Scene
from shm_train.evaluation.regions import errors_by_distance

Scores = dict[str, float]

PER_MILLE = 1000
BOUNDS = {"sad_to_0.012": 0.012, "sad_to_0.05": 0.05}  # of the short side
LOWEST = 10  # [percent] of the pictures: the quantile that tells how bad the bad ones are


def score(set_name: str, scene: Scene, alpha: NDArray[np.float32]) -> Scores:
    """The scores of one alpha (H, W) in 0..1; errors are per-pixel means times 1000.

    `soft` and `seen`: the paper's four, and the SAD by distance from the true transition. `empty`: mean alpha. Others:
    mean absolute error where the truth is sure, and the intersection over union of what is over a half, on all pixels.

    Raises:
        SpecError: the alpha is not of the picture's size, or not in 0..1.
    """
    if alpha.shape != scene.truth.shape:
        raise SpecError(f"got an alpha of {alpha.shape} for a picture of {scene.truth.shape}; wanted is the same size")
    if set_name in (COMPOSED, SEEN):
        found = metrics.quality(alpha, scene.truth)
        bands = errors_by_distance(alpha, scene.truth, list(BOUNDS.values()))
        return {
            "sad": PER_MILLE * found.sad,
            "mse": PER_MILLE * found.mse,
            "gradient": PER_MILLE * found.gradient,
            "connectivity": PER_MILLE * found.connectivity,
        } | {
            name: PER_MILLE * error
            for name, error in zip(["sad_transition", *BOUNDS, "sad_beyond"], bands, strict=True)
        }
    if set_name == "empty":
        return {"mean_alpha": PER_MILLE * float(alpha.mean())}
    return {"mae": mean_error(scene, alpha), "iou": iou(alpha > 0.5, scene.truth > 0.5)}


def mean_error(scene: Scene, alpha: NDArray[np.float32]) -> float:
    """Mean absolute error where the truth is sure, times 1000; by it pictures are ordered, whatever their set."""
    return PER_MILLE * float(np.abs(alpha - scene.truth)[scene.sure].mean())


def summary(scores: Sequence[Scores]) -> Scores:
    """Means over pictures, and the tenth percentile of the intersection over union."""
    found = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    if "iou" in found:
        found["iou_p10"] = float(np.percentile([one["iou"] for one in scores], LOWEST))
    return {name: round(value, 4) for name, value in found.items()}


def ratios(found: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, float | None]:
    """Each number over the reference's; None where that is 0."""
    return {name: round(value / reference[name], 3) if reference[name] else None for name, value in found.items()}
