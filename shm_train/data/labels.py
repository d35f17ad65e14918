"""Alphas for photographs that have none: join the teachers' mattes, and reject what they can't agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError, SpecError
from shm_train.data.layout import Label
from shm_train.data.pictures import plane_at, read_marked, read_plane, read_plane_at

FLICKER = 0.02  # what teachers are off by where they mean 0 or 1
PROPORTIONS = 0.03  # by which those of a label may differ: labels are shrunk to whole pixels
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
    radius = _band_radius(person)
    core, reach = _core_and_reach(person > 0.5, radius)
    band = cv2.GaussianBlur(((reach > 0) & (core == 0)).astype(np.float32), (0, 0), radius / 4)
    solid = _local_mean(detail, core.astype(np.float32), 8 * radius + 1)
    empty = 1 - _local_mean(detail, (reach == 0).astype(np.float32), 8 * radius + 1)
    reliable = np.clip((solid - 0.90) / 0.08, 0, 1) * np.clip((empty - 0.70) / 0.2, 0, 1)
    share = np.clip(band, 0, 1) * reliable
    return np.clip(share * detail + (1 - share) * person, 0, 1).astype(np.float32)


def _band_radius(alpha: NDArray[np.float32]) -> int:
    return max(3, round(BAND * max(alpha.shape)))


def _core_and_reach(body: NDArray[np.bool_], radius: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A body, eroded and dilated: what lies between is the band around its outline."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = body.astype(np.uint8)
    return np.asarray(cv2.erode(solid, disc), np.uint8), np.asarray(cv2.dilate(solid, disc), np.uint8)


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
    merge_masks: bool = False  # a hard mask decides, but for its edge where the teachers agree with what is beside it


class JudgedLabel(NamedTuple):
    """What the teachers of a photograph say together, and why that is rejected, if it is."""

    alpha: NDArray[np.float32]  # (H, W) in 0..1
    rejected: str | None


def judge_label(label: Label, mask: NDArray[np.bool_] | None, size: tuple[int, int], rules: LabelRules) -> JudgedLabel:
    """Join the files of a label.

    Args:
        label: its files.
        mask: (H, W), a hard mask made by a human.
        size: (height, width) wanted, the mask's.
        rules: when to reject it.

    Raises:
        MediaError: a file can't be read, or is of another picture.
    """
    alpha = read_matte(label, size)
    if label.detail is not None:
        # The mean of the two has the best measured error: the first teacher draws edges softer, the fused one finer.
        alpha = np.float32(0.5) * (alpha + fuse(alpha, read_plane_at(label.detail, size)))
    person = None
    if label.person is not None:
        classes = read_marked(label.person).astype(np.uint8)
        person = cv2.resize(classes, size[::-1], interpolation=cv2.INTER_NEAREST) > 0
    for meant in (person, mask):
        if meant is not None:
            alpha = keep_meant(alpha, meant)
    if mask is not None and rules.merge_masks:
        alpha = fuse(mask.astype(np.float32), alpha)
    return JudgedLabel(alpha, judge(alpha, person, mask, rules))


def read_matte(label: Label, size: tuple[int, int]) -> NDArray[np.float32]:
    """The person matte of a label, (H, W) in 0..1, resized to the photograph's `size` (height, width).

    Raises:
        MediaError: it can't be read, or has other proportions than the photograph.
    """
    plane = read_plane(label.matte)
    height, width = plane.shape
    if abs(np.log(width / height * size[0] / size[1])) > PROPORTIONS:
        raise MediaError(f"label of {width}x{height} px for a picture of {size[1]}x{size[0]}: is it of another one?")
    return plane_at(plane, size)


def keep_meant(alpha: NDArray[np.float32], meant: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Leave out what does not touch the person who is meant: by-standers, dogs, mannequins.

    Args:
        alpha: (H, W) in 0..1.
        meant: (H, W), a mask of that person; it may be rough, its surroundings count as touched.

    Returns:
        (H, W) in 0..1; the caller's own.
    """
    radius = _band_radius(alpha)
    _, reach = _core_and_reach(meant, radius)
    count, parts = cv2.connectedComponents((alpha > FLICKER).astype(np.uint8))
    touched = np.zeros(count, np.bool_)
    touched[np.unique(parts[reach > 0])] = True
    return np.where(touched[parts], alpha, 0).astype(np.float32)


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
