"""Where pictures come to lie on a canvas: crops of photographs, places of figures, and the warp to there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from shm_train.data.augment import AugmentConfig
from shm_train.data.samples import Picture

Size = tuple[int, int]  # (height, width)


def crop_matrix(picture: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.float64]:
    """The affine map from a random crop around the person to the canvas; (2, 3), photo to canvas."""
    height, width = picture.alpha.shape
    aspect = canvas[1] / canvas[0] * rng.uniform(*config.aspect)
    largest = min(height, width / aspect)
    smallest = min(largest, canvas[0] / config.max_enlargement)
    crop_height = max(smallest, largest * rng.uniform(*config.crop) ** 0.7)
    crop_width = crop_height * aspect
    rows, columns = np.nonzero(picture.alpha[::4, ::4] > 127)
    if rows.size:
        pick = rng.integers(rows.size)
        centre_y, centre_x = rows[pick] * 4.0, columns[pick] * 4.0
    else:
        centre_y, centre_x = rng.uniform(0, height), rng.uniform(0, width)
    top = np.clip(centre_y - crop_height * rng.uniform(0.2, 0.8), 0, max(0, height - crop_height))
    left = np.clip(centre_x - crop_width * rng.uniform(0.2, 0.8), 0, max(0, width - crop_width))
    scale_y, scale_x = canvas[0] / crop_height, canvas[1] / crop_width
    matrix = np.array([[scale_x, 0, -left * scale_x], [0, scale_y, -top * scale_y]])
    if config.tilt or config.shear:
        middle = (canvas[1] / 2, canvas[0] / 2)
        matrix = _turn(middle, rng.uniform(-config.tilt, config.tilt), config, rng) @ np.vstack([matrix, [0, 0, 1]])
    return _flip(matrix, canvas, config, rng)


def placement_matrix(person: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.float64]:
    """The affine map that puts a figure on the canvas; where the source cuts a figure off, the canvas does too."""
    solid = person.alpha > 25
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    height, width = person.alpha.shape
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    figure_height = canvas[0] * np.exp(rng.uniform(*np.log(config.figure)))
    scale = figure_height / (bottom - top)
    scale = min(scale, config.max_enlargement, 2.2 * canvas[1] / (right - left))
    stretch = np.sqrt(rng.uniform(*config.aspect))
    scale_y, scale_x = scale * stretch, scale / stretch
    cut_left, cut_right, cut_bottom = left <= 1, right >= width - 1, bottom >= height - 1
    if cut_left and cut_right:
        scale_x = max(scale_x, canvas[1] / (right - left))
    figure_width, figure_height = (right - left) * scale_x, (bottom - top) * scale_y
    x = rng.uniform(-0.35 * figure_width, canvas[1] - 0.65 * figure_width)
    if cut_left and cut_right:
        x = rng.uniform(min(0.0, canvas[1] - figure_width), 0)
    elif cut_left:
        x = -rng.uniform(0, 0.3) * figure_width
    elif cut_right:
        x = canvas[1] - figure_width * rng.uniform(0.7, 1)
    lowest = canvas[0] - figure_height
    if cut_bottom:
        y = (
            rng.uniform(max(0.0, lowest), canvas[0] - 0.3 * figure_height)
            if lowest < 0
            else rng.uniform(lowest, canvas[0] - 0.6 * figure_height)
        )
        y = max(lowest, y)
    else:
        y = rng.uniform(min(lowest, 0) - 0.1 * figure_height, max(lowest, 0) + 0.1 * figure_height)
    matrix = np.array([[scale_x, 0, x - left * scale_x], [0, scale_y, y - top * scale_y]])
    if not (cut_bottom or cut_left or cut_right):
        centre = (float(x + figure_width / 2), float(y + figure_height / 2))
        turn = _turn(centre, rng.uniform(-config.rotation, config.rotation), config, rng)
        matrix = turn @ np.vstack([matrix, [0, 0, 1]])
    return _flip(matrix, canvas, config, rng)


def warp(pixels: NDArray[np.uint8], matrix: NDArray[np.float64], canvas: Size, border: int) -> NDArray[np.uint8]:
    """Bring (h, w) or (h, w, 3) onto the canvas by an affine map (2, 3); OpenCV's `border` says what is beside it."""
    shrink = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink < 0.6:  # warpAffine samples four pixels: shrink by area first, or edges alias
        size = (max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink)))
        ratio = np.array([pixels.shape[1] / size[0], pixels.shape[0] / size[1]])
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        offset = matrix[:, :2] @ ((ratio - 1) / 2) + matrix[:, 2]  # half-pixel centres
        matrix = np.column_stack([matrix[:, :2] * ratio, offset])
    return cv2.warpAffine(pixels, matrix, (canvas[1], canvas[0]), flags=cv2.INTER_LINEAR, borderMode=border)


def _turn(centre: tuple[float, float], degrees: float, config: AugmentConfig, rng: Generator) -> NDArray[np.float64]:
    """Rotation around a point (x, y), and a random shear; (2, 3)."""
    turn: NDArray[np.float64] = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    if config.shear:
        shear = rng.uniform(-config.shear, config.shear)
        turn = np.array([[1, shear, -shear * centre[1]], [0, 1, 0]]) @ np.vstack([turn, [0, 0, 1]])
    return turn


def _flip(matrix: NDArray[np.float64], canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.float64]:
    if rng.random() < config.flip:
        matrix = np.array([[-1, 0, canvas[1] - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    return matrix
