"""Light and cameras: what they do to the colours of training pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from shm_train.data.augment import AugmentConfig


def same_light(
    images: tuple[NDArray[np.uint8], ...], config: AugmentConfig, rng: Generator
) -> tuple[NDArray[np.uint8], ...]:
    """One random curve per channel, applied to all of the images."""
    level = np.arange(256, dtype=np.float32)[:, None] / 255
    gamma = np.exp(rng.uniform(*np.log(config.gamma)))
    gain = np.exp(rng.uniform(*np.log(config.gain)))
    if rng.random() < config.low_light:
        gain *= rng.uniform(0.15, 0.5)
    colour = rng.uniform(*config.colour, (1, 3))
    contrast = rng.uniform(*config.contrast)
    curve = ((level**gamma * gain * colour) - 0.5) * contrast + 0.5
    offset = rng.uniform(-config.offset, config.offset)
    table = np.clip(curve * 255 + offset + 0.5, 0, 255).astype(np.uint8).reshape(1, 256, 3)
    grey = rng.random() < config.grey
    changed = []
    for image in images:
        lit = cv2.LUT(image, table)
        changed.append(cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) if grey else lit)
    return tuple(changed)


def own_light(foreground: NDArray[np.uint8], config: AugmentConfig, rng: Generator) -> NDArray[np.uint8]:
    """Colours of people who stand in another light than what is behind them."""
    if config.foreground_gain == (1.0, 1.0):
        return foreground
    gain = np.exp(rng.uniform(*np.log(config.foreground_gain)))
    table = np.clip(np.arange(256) * gain + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(foreground, table), np.uint8)


def camera_faults(image: NDArray[np.uint8], config: AugmentConfig, rng: Generator) -> NDArray[np.uint8]:
    """Blur, noise and compression: what a camera does to the image but not to the truth."""
    if rng.random() < config.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0))
    if rng.random() < config.noise:
        image = _with_noise(image, rng.uniform(2, 14), rng)
    if rng.random() < config.jpeg:
        options = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 92))]
        _, stream = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
        image = cv2.cvtColor(cv2.imdecode(stream, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return image


def _with_noise(image: NDArray[np.uint8], deviation: float, rng: Generator) -> NDArray[np.uint8]:
    """Add normal noise; by OpenCV's generator, seeded from `rng`, which is four times as fast as numpy's."""
    height, width, channels = image.shape
    noise = np.empty((height, width * channels), np.int16)  # one channel, or randn treats channels differently
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(noise, 0, deviation)
    return cv2.add(image.reshape(noise.shape), noise, dtype=cv2.CV_8U).reshape(image.shape)
