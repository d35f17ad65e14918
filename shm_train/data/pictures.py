"""Picture files to arrays and back; what can't be read says why."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shm_deploy.eight_bits import in_eight_bits
from shm_deploy.errors import MediaError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def read_colours(path: Path) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 RGBA where the picture has transparency, else (H, W, 3) RGB; upright.

    Raises:
        MediaError: it can't be read.
    """
    upright = _open_upright(path)
    return np.array(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))


def read_plane(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8: an alpha or a mask of 8 or 16 bit; upright.

    Raises:
        MediaError: it can't be read.
    """
    return np.array(_open_upright(path).convert("L"))


def read_marked(path: Path) -> NDArray[np.bool_]:
    """(H, W): where a picture of classes, of 8 or 16 bit, is not 0; upright.

    Raises:
        MediaError: it can't be read.
    """
    upright, _ = _open(path)
    return np.array(upright if upright.mode.startswith("I") else upright.convert("L")) > 0


def read_plane_at(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) float32 in 0..1, resized to `size` (height, width).

    Raises:
        MediaError: as `read_plane`.
    """
    return plane_at(read_plane(path), size)


def plane_at(plane: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) uint8 -> float32 in 0..1, resized to `size` (height, width)."""
    method = cv2.INTER_AREA if plane.shape[1] > size[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=method), np.float32) / np.float32(255)


def stored_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """(height, width) shrunk so that no side is longer than `longest_side` [px]; never enlarged."""
    scale = min(1.0, longest_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrink(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Shrink (H, W) or (H, W, C) uint8 to `size` (height, width) by pixel areas; as it is if it has that size."""
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def write_whole(path: Path, pixels: NDArray[np.uint8], *, quality: int | None = None) -> None:
    """Write (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8 in the format that the name says; beside, then renamed.

    Args:
        path: where to; folders above it are made.
        pixels: the picture.
        quality: of JPEG, 0..100; None for formats without loss.

    Raises:
        MediaError: the disk refuses.
    """
    part = path.with_name(path.name + ".part")
    options = {"quality": quality} if quality is not None else {"lossless": True} if path.suffix == ".webp" else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(part, Image.registered_extensions()[path.suffix], **options)
        part.replace(path)
    except OSError as error:
        if part.is_file():
            part.unlink()
        raise MediaError(f"can't write {path}: {error.strerror or error}; is the disk full?") from error


def _open_upright(path: Path) -> Image.Image:
    upright, format_name = _open(path)
    return in_eight_bits(upright, format_name, path.name)


def _open(path: Path) -> tuple[Image.Image, str | None]:
    """A picture, upright but as deep as it is, and the format of its file."""
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture), picture.format
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"unreadable: {path.name}: {error}") from error
