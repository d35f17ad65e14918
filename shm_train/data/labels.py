"""Alphas for photographs that have none: join the teachers' mattes, and reject what they can't agree on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import SpecError

BAND = 0.03  # half width of the band around a person's outline in which details are drawn, of the longest side


def fuse(person: NDArray[np.float32], detail: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let one teacher say who the person is and another draw the edge, where the second is reliable.

    The second is reliable where it also finds the body beside the band solid and the ground beside it empty.

    Args:
        person: (H, W) in 0..1, a person matte.
        detail: (H, W) in 0..1, a matte of the salient object.

    Returns:
        (H, W) in 0..1; the caller's own.
    """
    radius = max(3, round(BAND * max(person.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    body = (person > 0.5).astype(np.uint8)
    core = cv2.erode(body, disc)
    reach = cv2.dilate(body, disc)
    band = cv2.GaussianBlur(((reach > 0) & (core == 0)).astype(np.float32), (0, 0), radius / 4)
    solid = _local_mean(detail, core.astype(np.float32), 8 * radius + 1)
    empty = 1 - _local_mean(detail, (reach == 0).astype(np.float32), 8 * radius + 1)
    reliable = np.clip((solid - 0.90) / 0.08, 0, 1) * np.clip((empty - 0.70) / 0.2, 0, 1)
    share = np.clip(band, 0, 1) * reliable
    return np.clip(share * detail + (1 - share) * person, 0, 1).astype(np.float32)


def _local_mean(values: NDArray[np.float32], where: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    size = (window, window)
    mean: NDArray[np.float32] = cv2.boxFilter(values * where, -1, size) / np.maximum(
        cv2.boxFilter(where, -1, size), 1e-3
    )
    return mean


@dataclass(frozen=True, kw_only=True)
class LabelRules:
    """When a label is rejected. Shares of the picture and intersections over unions, in 0..1."""

    min_area: float = 0.01
    min_solid: float = 0.8  # of the area above 0.1, the share above 0.9
    min_person_iou: float = 0.75  # with the segmenter's person classes
    min_mask_iou: float = 0.85  # with a person's hard mask, where one exists


def judge(
    alpha: NDArray[np.float32],
    person: NDArray[np.bool_] | None,
    mask: NDArray[np.bool_] | None,
    rules: LabelRules,
) -> str | None:
    """Say why a label is to be rejected, or None if it is good.

    Args:
        alpha: (H, W) in 0..1.
        person: (H, W), what a segmenter takes for a person.
        mask: (H, W), a hard mask made by a human.
        rules: the bounds.
    """
    for name, other in (("person", person), ("mask", mask)):
        if other is not None and other.shape != alpha.shape:
            raise SpecError(f"got a {name} of shape {other.shape} for an alpha of {alpha.shape}: resize it first")
    body = alpha > 0.5
    if body.mean() < rules.min_area:
        return f"area {body.mean():.3f}"
    solid = (alpha > 0.9).sum() / max((alpha > 0.1).sum(), 1)
    if solid < rules.min_solid:
        return f"solid {solid:.2f}"
    if person is not None and (agreement := iou(body, person)) < rules.min_person_iou:
        return f"person IoU {agreement:.2f}"
    if mask is not None and (agreement := iou(body, mask)) < rules.min_mask_iou:
        return f"mask IoU {agreement:.2f}"
    return None


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union; 1 if both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0
