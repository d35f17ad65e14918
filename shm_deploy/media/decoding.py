"""Opening picture files of unknown origin with Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError, features

from shm_deploy.errors import MediaError

# What Pillow's decoders raise on broken files, found by feeding them broken files.
PILLOW_FAILURES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)

# Pictures only: left out is whatever runs a program (EPS, WMF) or is a document.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


class TooManyPixels(MediaError):
    """A picture whose header claims more pixels than it may have; none of them was decoded."""


def open_picture(source: Path | bytes, max_pixels: int | None = None, formats: Sequence[str] = FORMATS) -> Image.Image:
    """Decode a picture, or the first frame of an animation.

    Args:
        source: a file, or the bytes of one.
        max_pixels: how many its header may claim, checked before decoding; None for Pillow's own limit alone.
        formats: those that are read, by Pillow's names.

    Returns:
        The picture as it is stored: any mode, not yet upright; its file is closed.

    Raises:
        MediaError: it is missing, no picture, broken or truncated.
        TooManyPixels: it claims more than it may have.
    """
    name = "the input" if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise MediaError(f"{name} is empty: a picture was expected")
    Image.preinit()  # the five usual formats; the others are imported only if these don't fit
    try:
        picture = Image.open(io.BytesIO(data), formats=_readable(formats))
        _check_claim(picture, max_pixels, name)
        picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(
            f"{name} claims more pixels than a photograph has ({error}): "
            "scale it down first, or raise PIL.Image.MAX_IMAGE_PIXELS in your own program"
        ) from error
    except UnidentifiedImageError as error:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
            raise MediaError(f"{name} is HEIC, which is not read: convert it to JPEG, PNG or AVIF first") from error
        raise MediaError(f"{name} is no picture ({', '.join(formats)} are read)") from error
    except PILLOW_FAILURES as error:
        raise MediaError(f"{name} is broken or truncated ({error}): copy or export it again") from error
    return picture


def _check_claim(picture: Image.Image, max_pixels: int | None, name: str) -> None:
    width, height = picture.size
    if max_pixels is not None and width * height > max_pixels:
        raise TooManyPixels(
            f"{name} claims {width}x{height} px, more than the {max_pixels} allowed: scale it down first"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"can't read {path}: {error.strerror or error}") from error


def _readable(formats: Sequence[str]) -> tuple[str, ...]:
    return tuple(kind for kind in formats if kind != "AVIF" or features.check("avif"))
