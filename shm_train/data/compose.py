"""From pictures of a pack to training examples on a canvas: photographs, compositions, empty grounds."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from shm_train.data.augment import AugmentConfig
from shm_train.data.foreground import continue_colours, per_channel
from shm_train.data.light import camera_faults, own_light, same_light
from shm_train.data.placing import Size, crop_matrix, placement_matrix, warp
from shm_train.data.samples import Picture


class Example(NamedTuple):
    """One training example; all of the canvas' size."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    foreground: NDArray[np.uint8]  # (H, W, 3), colours of the person alone
    background: NDArray[np.uint8]  # (H, W, 3), colours of the ground alone
    alpha: NDArray[np.float32]  # (H, W) in 0..1
    sure: NDArray[np.float32]  # (H, W), 0 where alpha is not to be trusted, else 1


def photo_example(picture: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> Example:
    """A crop of a photograph as it is."""
    matrix = crop_matrix(picture, canvas, config, rng)
    image = warp(picture.image, matrix, canvas, cv2.BORDER_REFLECT_101)
    foreground = warp(picture.foreground, matrix, canvas, cv2.BORDER_REFLECT_101)
    alpha = np.divide(warp(picture.alpha, matrix, canvas, cv2.BORDER_REFLECT_101), 255, dtype=np.float32)
    sure = warp(picture.sure, matrix, canvas, cv2.BORDER_REFLECT_101)
    background = continue_colours(image, np.clip(1 - alpha * 8, 0, 1, dtype=np.float32))
    image, foreground, background = same_light((image, foreground, background), config, rng)
    lit = own_light(foreground, config, rng)
    if lit is not foreground:
        change = per_channel(alpha) * (lit.astype(np.float32) - foreground)
        image, foreground = np.clip(image + change + 0.5, 0, 255).astype(np.uint8), lit
    return Example(camera_faults(image, config, rng), foreground, background, alpha, (sure > 250).astype(np.float32))


def empty_example(ground: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> Example:
    """A picture in which nobody is."""
    image = _ground(ground, canvas, config, rng)
    (image,) = same_light((image,), config, rng)
    nothing = np.zeros(canvas, np.float32)
    return Example(camera_faults(image, config, rng), image, image, nothing, np.ones_like(nothing))


def composed_example(
    people: list[Picture], ground: Picture, canvas: Size, config: AugmentConfig, rng: Generator
) -> Example:
    """People, the later over the earlier, over another background.

    Before the camera's faults, `image` is alpha F + (1 - alpha) B, rounded.

    Source: Chen et al. 2018, Eq. 1 and section 3.
    """
    background = _ground(ground, canvas, config, rng)
    (background,) = same_light((background,), config, rng)
    foreground, alpha = _figure(people[0], canvas, config, rng)
    for person in people[1:]:
        colours, over = _figure(person, canvas, config, rng)
        joint = over + alpha * (1 - over)
        foreground = _blend(colours, foreground, np.where(joint > 0, over / np.maximum(joint, 1e-6), 1))
        alpha = joint
    foreground, background = same_light((foreground, background), config, rng)
    foreground = own_light(foreground, config, rng)
    image = _blend(foreground, background, alpha)
    return Example(camera_faults(image, config, rng), foreground, background, alpha, np.ones_like(alpha))


def _figure(
    person: Picture, canvas: Size, config: AugmentConfig, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colours (H, W, 3) and alpha (H, W) in 0..1 of one person, placed on the canvas."""
    matrix = placement_matrix(person, canvas, config, rng)
    (colours,) = same_light((person.foreground,), config, rng)
    colours = warp(colours, matrix, canvas, cv2.BORDER_REPLICATE)
    alpha = np.divide(warp(person.alpha, matrix, canvas, cv2.BORDER_CONSTANT), 255, dtype=np.float32)
    return colours, alpha


def _blend(over: NDArray[np.uint8], under: NDArray[np.uint8], weight: NDArray[np.float32]) -> NDArray[np.uint8]:
    """weight * over + (1 - weight) * under, rounded; (H, W, 3) and (H, W)."""
    mixed = under.astype(np.float32)
    mixed += per_channel(weight) * (over - mixed)
    mixed += 0.5
    return mixed.astype(np.uint8)


def _ground(ground: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.uint8]:
    matrix = crop_matrix(ground, canvas, config, rng)
    image = warp(ground.image, matrix, canvas, cv2.BORDER_REFLECT_101)
    if rng.random() < config.blurred_background:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 7))
    return image
