"""From pictures of a pack to training examples on a canvas: crops, compositions, colours, camera faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from shm_deploy.errors import SpecError
from shm_train.data.foreground import continue_colours, per_channel
from shm_train.data.samples import Picture

Size = tuple[int, int]  # (height, width)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Probabilities in 0..1 and ranges of the changes made to training pictures."""

    flip: float = 0.5
    aspect: tuple[float, float] = (0.8, 1.25)
    crop: tuple[float, float] = (0.35, 1.0)  # side of a crop, of the largest that fits into the photo
    max_enlargement: float = 2.0  # of a crop, to the canvas
    rotation: float = 12.0  # [degrees], largest, of a composed foreground
    tilt: float = 0.0  # [degrees], largest, of a photograph or background
    shear: float = 0.0  # largest, of all of them: what goes right per pixel down
    figure: tuple[float, float] = (0.4, 2.2)  # height of a composed figure, of the canvas' height
    second_person: float = 0.15
    blurred_background: float = 0.35
    gain: tuple[float, float] = (0.6, 1.5)
    gamma: tuple[float, float] = (0.65, 1.5)
    colour: tuple[float, float] = (0.88, 1.12)  # gain of each channel by itself
    contrast: tuple[float, float] = (0.8, 1.15)
    foreground_gain: tuple[float, float] = (1.0, 1.0)  # light on the people alone
    offset: float = 8.0  # [levels], largest, up or down
    low_light: float = 0.08
    grey: float = 0.03
    noise: float = 0.3
    blur: float = 0.1
    jpeg: float = 0.4

    def __post_init__(self) -> None:
        for name in ("flip", "second_person", "blurred_background", "low_light", "grey", "noise", "blur", "jpeg"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"got {name} {getattr(self, name)}; a probability in 0..1 is wanted")
        for name in ("rotation", "tilt", "shear", "offset"):
            if getattr(self, name) < 0:
                raise SpecError(f"got {name} {getattr(self, name)}; at least 0 is wanted")
        for name in ("aspect", "crop", "figure", "gain", "gamma", "colour", "contrast", "foreground_gain"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise SpecError(f"got {name} {(low, high)}; a range of positive numbers, lowest first, is wanted")


UNCHANGED = AugmentConfig(  # but for figures' scale and place, which are drawn
    flip=0.0,
    aspect=(1.0, 1.0),
    crop=(1.0, 1.0),
    rotation=0.0,
    second_person=0.0,
    blurred_background=0.0,
    gain=(1.0, 1.0),
    gamma=(1.0, 1.0),
    colour=(1.0, 1.0),
    contrast=(1.0, 1.0),
    offset=0.0,
    low_light=0.0,
    grey=0.0,
    noise=0.0,
    blur=0.0,
    jpeg=0.0,
)


class Example(NamedTuple):
    """One training example; all of the canvas' size."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    foreground: NDArray[np.uint8]  # (H, W, 3), colours of the person alone
    background: NDArray[np.uint8]  # (H, W, 3), colours of the ground alone
    alpha: NDArray[np.float32]  # (H, W) in 0..1
    sure: NDArray[np.float32]  # (H, W), 0 where alpha is not to be trusted, else 1


def photo_example(picture: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> Example:
    """A crop of a photograph as it is."""
    matrix = _crop(picture, canvas, config, rng)
    image = _warp(picture.image, matrix, canvas, cv2.BORDER_REFLECT_101)
    foreground = _warp(picture.foreground, matrix, canvas, cv2.BORDER_REFLECT_101)
    alpha = np.divide(_warp(picture.alpha, matrix, canvas, cv2.BORDER_REFLECT_101), 255, dtype=np.float32)
    sure = _warp(picture.sure, matrix, canvas, cv2.BORDER_REFLECT_101)
    background = continue_colours(image, np.clip(1 - alpha * 8, 0, 1, dtype=np.float32))
    image, foreground, background = _same_light((image, foreground, background), config, rng)
    lit = _own_light(foreground, config, rng)
    if lit is not foreground:
        change = per_channel(alpha) * (lit.astype(np.float32) - foreground)
        image, foreground = np.clip(image + change + 0.5, 0, 255).astype(np.uint8), lit
    return Example(_camera(image, config, rng), foreground, background, alpha, (sure > 250).astype(np.float32))


def empty_example(ground: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> Example:
    """A picture in which nobody is."""
    image = _ground(ground, canvas, config, rng)
    (image,) = _same_light((image,), config, rng)
    nothing = np.zeros(canvas, np.float32)
    return Example(_camera(image, config, rng), image, image, nothing, np.ones_like(nothing))


def composed_example(
    people: list[Picture], ground: Picture, canvas: Size, config: AugmentConfig, rng: Generator
) -> Example:
    """People, the later over the earlier, over another background.

    Before the camera's faults, `image` is alpha F + (1 - alpha) B, rounded.

    Source: Chen et al. 2018, Eq. 1 and section 3.
    """
    background = _ground(ground, canvas, config, rng)
    (background,) = _same_light((background,), config, rng)
    foreground, alpha = _figure(people[0], canvas, config, rng)
    for person in people[1:]:
        colours, over = _figure(person, canvas, config, rng)
        joint = over + alpha * (1 - over)
        foreground = _blend(colours, foreground, np.where(joint > 0, over / np.maximum(joint, 1e-6), 1))
        alpha = joint
    foreground, background = _same_light((foreground, background), config, rng)
    foreground = _own_light(foreground, config, rng)
    image = _blend(foreground, background, alpha)
    return Example(_camera(image, config, rng), foreground, background, alpha, np.ones_like(alpha))


def _figure(
    person: Picture, canvas: Size, config: AugmentConfig, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colours (H, W, 3) and alpha (H, W) in 0..1 of one person, placed on the canvas."""
    matrix = _placement(person, canvas, config, rng)
    (colours,) = _same_light((person.foreground,), config, rng)
    colours = _warp(colours, matrix, canvas, cv2.BORDER_REPLICATE)
    alpha = np.divide(_warp(person.alpha, matrix, canvas, cv2.BORDER_CONSTANT), 255, dtype=np.float32)
    return colours, alpha


def _blend(over: NDArray[np.uint8], under: NDArray[np.uint8], weight: NDArray[np.float32]) -> NDArray[np.uint8]:
    """weight * over + (1 - weight) * under, rounded; (H, W, 3) and (H, W)."""
    mixed = under.astype(np.float32)
    mixed += per_channel(weight) * (over - mixed)
    mixed += 0.5
    return mixed.astype(np.uint8)


def _crop(picture: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.float64]:
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


def _placement(person: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.float64]:
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


def _ground(ground: Picture, canvas: Size, config: AugmentConfig, rng: Generator) -> NDArray[np.uint8]:
    matrix = _crop(ground, canvas, config, rng)
    image = _warp(ground.image, matrix, canvas, cv2.BORDER_REFLECT_101)
    if rng.random() < config.blurred_background:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 7))
    return image


def _warp(pixels: NDArray[np.uint8], matrix: NDArray[np.float64], canvas: Size, border: int) -> NDArray[np.uint8]:
    shrink = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink < 0.6:  # warpAffine samples four pixels: shrink by area first, or edges alias
        size = (max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink)))
        ratio = np.array([pixels.shape[1] / size[0], pixels.shape[0] / size[1]])
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        offset = matrix[:, :2] @ ((ratio - 1) / 2) + matrix[:, 2]  # half-pixel centres
        matrix = np.column_stack([matrix[:, :2] * ratio, offset])
    return cv2.warpAffine(pixels, matrix, (canvas[1], canvas[0]), flags=cv2.INTER_LINEAR, borderMode=border)


def _same_light(
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


def _own_light(foreground: NDArray[np.uint8], config: AugmentConfig, rng: Generator) -> NDArray[np.uint8]:
    """Colours of people who stand in another light than what is behind them."""
    if config.foreground_gain == (1.0, 1.0):
        return foreground
    gain = np.exp(rng.uniform(*np.log(config.foreground_gain)))
    table = np.clip(np.arange(256) * gain + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(foreground, table), np.uint8)


def _camera(image: NDArray[np.uint8], config: AugmentConfig, rng: Generator) -> NDArray[np.uint8]:
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
