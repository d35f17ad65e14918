"""What is put behind the person of a clip, frame by frame."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError
from shm_deploy.media.backgrounds import (
    Background,
    Blur,
    Colour,
    Picture,
    blur_surroundings,
    parse_background,
    pixels_behind,
)
from shm_deploy.media.images import Photo
from shm_deploy.media.metadata import Metadata
from shm_deploy.media.video.reading import ClipReader
from shm_deploy.media.video.targets import is_clip
from shm_deploy.stream.frames import Frame


@dataclass(frozen=True, kw_only=True)
class Film:
    """Another video: scaled until it covers the frame, centred, cropped; from its start again when it is over."""

    path: Path


Backdrop: TypeAlias = Background | Film

# (image, foreground, alpha, pts [s]) -> (H, W, 3), or (3,) where it is one colour
PixelsBehind = Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], Fraction], NDArray[np.uint8]]


def parse_backdrop(text: str) -> Backdrop:
    """A background as a command line names it: as for pictures, or a video file.

    Raises:
        SpecError: none of these.
        MediaError: a file that is missing or can't be read.
    """
    path = Path(text)
    if not is_clip(path):
        return parse_background(text)
    if not path.is_file():
        raise MediaError(f"the background {path} does not exist")
    return Film(path=path)


def backdrop_name(backdrop: Backdrop) -> str:
    """A short name that differs where the pictures do."""
    match backdrop:
        case Colour(red=red, green=green, blue=blue):
            return f"#{red:02x}{green:02x}{blue:02x}"
        case Picture(photo=photo):
            return f"picture {zlib.crc32(photo.pixels.tobytes()):08x}"
        case Film(path=path):
            return f"film {path.name} {path.stat().st_size}"
        case Blur():
            return "blur"


@contextmanager
def open_backdrop(backdrop: Backdrop, size: tuple[int, int]) -> Iterator[PixelsBehind]:
    """Make a background ready for frames of one size (height, width).

    Raises:
        MediaError: a video that can't be read.
    """
    match backdrop:
        case Blur():
            yield lambda image, foreground, alpha, pts: blur_surroundings(image, foreground, alpha)
        case Film(path=path):
            with _Projector(path, size) as projector:
                yield lambda image, foreground, alpha, pts: projector.at(pts)
        case _:
            empty = np.zeros((*size, 3), np.uint8)
            still = pixels_behind(
                backdrop, Photo(pixels=empty, opacity=None, metadata=Metadata()), empty, empty[..., 0]
            )
            yield lambda image, foreground, alpha, pts: still


class _Projector:
    """Shows a film at rising times."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._path = path
        self._size = size
        self._roll(Fraction(0))

    def at(self, pts: Fraction) -> NDArray[np.uint8]:
        """The picture (H, W, 3) that is shown at this time [s]."""
        while pts >= self._until:
            if self._next is None:
                self._reader.close()
                self._roll(self._until)
            else:
                self._show(self._next)
        return self._pixels

    def __enter__(self) -> _Projector:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def _roll(self, begin: Fraction) -> None:
        """Begin the film at this time."""
        self._begin = begin
        self._reader = ClipReader(self._path)
        self._frames = self._reader.frames()
        self._show(next(self._frames))

    def _show(self, frame: Frame) -> None:
        self._pixels = _covering(frame.pixels, self._size)
        self._next = next(self._frames, None)
        pts = Fraction(frame.pts or 0) + 1 / self._reader.facts.rate if self._next is None else self._next.pts
        self._until = self._begin + Fraction(pts or 0)


def _covering(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale (h, w, 3) until it covers `size`, and cut what stands over."""
    height, width = size
    scale = max(height / pixels.shape[0], width / pixels.shape[1])
    scaled = (max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    covering = np.asarray(cv2.resize(pixels, scaled, interpolation=interpolation), np.uint8)
    top, left = (covering.shape[0] - height) // 2, (covering.shape[1] - width) // 2
    return np.ascontiguousarray(covering[top : top + height, left : left + width])
