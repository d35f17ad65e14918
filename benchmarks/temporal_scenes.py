"""Sequences whose alpha is known: keyed people who move before a background that moves, and stills under noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import composite
from shm_deploy.errors import ArtifactError

PAN = (2.3, 0.7)  # px per frame, right and down, by which the background passes
DRIFT = 1.7  # px per frame by which the person goes to the right, beside moving in the clip
FIRST = 10  # frame of a clip with which a sequence begins
MOVING_NOISE = 2.0  # levels, standard deviation of the sensor's noise in a sequence
STILL_NOISE = 4.0  # and in a still
JPEG_QUALITY = 80


@dataclass(frozen=True, kw_only=True, eq=False)
class Sequence:
    """Frames and what their alpha should be."""

    name: str
    frames: NDArray[np.uint8]  # (T, H, W, 3) RGB
    truth: NDArray[np.float32]  # (T, H, W), 0..1


def moving(clip: Path, background: Path, length: int) -> Sequence:
    """A person of a keyed clip (numbered RGBA PNGs), who drifts, before a picture that passes by."""
    files = sorted(clip.glob("*.png"))[FIRST : FIRST + length]
    ground = cv2.imread(str(background))
    if len(files) < length or ground is None:
        raise ArtifactError(f"got {len(files)} frames of {clip} and {background}; wanted {length} PNGs and a picture")
    layers = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]
    height, width = layers[0].shape[:2]
    margin = np.array(PAN[::-1]) * length
    scale = max((height + margin[0]) / ground.shape[0], (width + margin[1]) / ground.shape[1])
    ground = cv2.resize(ground, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frames, truth = [], []
    for number, layer in enumerate(layers):
        behind = _shifted(ground, (-PAN[0] * number, -PAN[1] * number), (width, height))
        person = _shifted(layer, (DRIFT * (number - length / 2), 0.0), (width, height))
        alpha = person[..., 3]
        frames.append(_noisy(composite(person[..., 2::-1], alpha, behind[..., ::-1]), MOVING_NOISE, number))
        truth.append(alpha / np.float32(255))
    return Sequence(name=clip.name, frames=np.stack(frames), truth=np.stack(truth))


def still(sequence: Sequence, length: int) -> Sequence:
    """The middle frame of a sequence again and again, each time under new noise, and coded as JPEG."""
    middle = len(sequence.frames) // 2
    frames = []
    for number in range(length):
        picture = _noisy(sequence.frames[middle], STILL_NOISE, 1000 + number)
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        frames.append(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED))
    return Sequence(
        name=sequence.name, frames=np.stack(frames), truth=np.repeat(sequence.truth[middle : middle + 1], length, 0)
    )


def _shifted(image: NDArray[np.uint8], by: tuple[float, float], size: tuple[int, int]) -> NDArray[np.uint8]:
    transform = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    border = cv2.BORDER_REFLECT if image.shape[2] == 3 else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(image, transform, size, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _noisy(image: NDArray[np.uint8], deviation: float, seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
