"""What can be put behind a person: a colour, another picture, or their own surroundings, blurred."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from shm_deploy.errors import SpecError
from shm_deploy.media.colours import change_profile
from shm_deploy.media.formats import INPUT_SUFFIXES
from shm_deploy.media.images import Photo, read_photo

_BLUR_SHARE = 0.02  # standard deviation of the blur, of the picture's longer side
_WORKING_DEVIATION = 6.0  # px; the blur runs on a picture so small that its deviation is this there
_PRIOR = 1e-3  # weight of the mean background where no background is near; 1 is a neighbourhood of nothing else


@dataclass(frozen=True, kw_only=True)
class Colour:
    """One sRGB colour, each channel 0..255."""

    red: int
    green: int
    blue: int


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Another picture: scaled until it covers the frame, centred, cropped."""

    photo: Photo


@dataclass(frozen=True)
class Blur:
    """The photograph's own background, out of focus."""


Background: TypeAlias = Colour | Picture | Blur


def parse_background(text: str) -> Background:
    """A background as a command line names it.

    Args:
        text: "blur", a picture file, or a colour ("white", "#20a0ff", "rgb(32, 160, 255)").

    Raises:
        SpecError: none of these, or a colour with transparency.
        MediaError: a picture that can't be read.
    """
    if text == "blur":
        return Blur()
    if Path(text).is_file() or Path(text).suffix.lower() in INPUT_SUFFIXES:
        return Picture(photo=read_photo(Path(text)))
    return parse_colour(text)


def parse_colour(text: str) -> Colour:
    """A colour by its name or numbers ("white", "#20a0ff", "rgb(32, 160, 255)").

    Raises:
        SpecError: no colour, or one with transparency.
    """
    try:
        channels = ImageColor.getrgb(text)
    except ValueError as error:
        raise SpecError(
            f"got the background {text!r}, wanted 'blur', a picture file, or a colour such as white or '#20a0ff'"
        ) from error
    if len(channels) != 3:
        raise SpecError(f"got the background {text!r} with transparency; wanted an opaque colour such as {text[:-2]!r}")
    return Colour(red=channels[0], green=channels[1], blue=channels[2])


def pixels_behind(
    background: Background, photo: Photo, foreground: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The background of one photograph, in its size and in its colour space.

    Args:
        background: what is wanted.
        photo: (H, W) px, the photograph.
        foreground: (H, W, 3) RGB, the person's own colours.
        alpha: (H, W), the person's share.

    Returns:
        (H, W, 3) uint8 RGB, or (3,) where it is one colour; the caller's own.
    """
    height, width = alpha.shape
    match background:
        case Colour(red=red, green=green, blue=blue):
            swatch = _in_space_of(photo, Image.new("RGB", (1, 1), (red, green, blue)), None)
            return np.array(swatch)[0, 0]
        case Picture(photo=other):
            covering = ImageOps.fit(Image.fromarray(other.pixels), (width, height), Image.Resampling.LANCZOS)
            return np.array(_in_space_of(photo, covering, other.metadata.icc_profile))
        case Blur():
            return blur_surroundings(photo.pixels, foreground, alpha)


def blur_surroundings(
    image: NDArray[np.uint8], foreground: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Blur what is behind a person without letting the person bleed into it.

    Normalised convolution: the blurred (1 − α)·B over the blurred (1 − α), where (1 − α)·B = I − α·F (Eq. 1), so that
    not even the mixed pixels of hair bring their share of the person along. Where no background is near, its mean.

    Args:
        image: (H, W, 3) uint8 RGB.
        foreground: (H, W, 3) uint8 RGB, the person's own colours.
        alpha: (H, W) uint8.

    Returns:
        (H, W, 3) uint8 RGB, the caller's own.

    Source: Knutsson and Westin 1993, Normalized and Differential Convolution.
    """
    height, width = alpha.shape
    alphas = cv2.merge([alpha, alpha, alpha])
    weighted = cv2.subtract(image, cv2.multiply(foreground, alphas, scale=1 / 255))  # (1 - alpha) B, 0..255
    deviation = max(1.0, _BLUR_SHARE * max(height, width))
    scale = min(1.0, _WORKING_DEVIATION / deviation)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))  # OpenCV's (width, height)
    planes = cv2.merge([weighted, 255 - alpha])  # (H, W, 4)
    planes = cv2.resize(planes, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mean = planes.mean(axis=(0, 1))  # of (1 - alpha) B and of 1 - alpha
    prior = mean / max(float(mean[3]), 1 / (255 * height * width))
    blurred = cv2.GaussianBlur(planes, (0, 0), deviation * scale, borderType=cv2.BORDER_REFLECT) + _PRIOR * prior
    surroundings = blurred[..., :3] / np.maximum(blurred[..., 3:], _PRIOR)
    pixels = np.rint(surroundings * 255).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _in_space_of(photo: Photo, picture: Image.Image, profile: bytes | None) -> Image.Image:
    if photo.metadata.icc_profile == profile:
        return picture
    converted = change_profile(picture, profile, photo.metadata.icc_profile)
    return picture if converted is None else converted
