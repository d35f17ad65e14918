"""Still images: any picture file to upright 8-bit RGB, and arrays back to files."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shm_deploy.eight_bits import in_eight_bits
from shm_deploy.errors import MediaError
from shm_deploy.media.colours import change_profile, profile_space
from shm_deploy.media.decoding import FORMATS, PILLOW_FAILURES, open_picture
from shm_deploy.media.formats import ImageFormat
from shm_deploy.media.metadata import Metadata, read_metadata, save_options

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """An upright picture in 8 bit.

    Transparent input is laid over white, and its own opacity kept beside: nothing that was transparent comes back.
    """

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB
    opacity: NDArray[np.uint8] | None  # (H, W), 255 is opaque; None where the whole picture is
    metadata: Metadata


def read_photo(source: Path | bytes, max_pixels: int | None = None, formats: Sequence[str] = FORMATS) -> Photo:
    """Read a picture of any kind: grey, palette, 16-bit, CMYK, transparent, rotated by EXIF, animated (first frame).

    RGB keeps its pixels and its ICC profile. Grey and CMYK with a profile are converted to sRGB by it,
    without one by Pillow's plain formulas. 16-bit values are scaled by the type's range, never by the picture's own.

    Args:
        source: a file, or the bytes of one.
        max_pixels, formats: as in `open_picture`.

    Raises:
        MediaError: `open_picture` refuses it, or its pixels have no defined range (32-bit integers, floats).
    """
    stored = open_picture(source, max_pixels, formats)
    name = "the input" if isinstance(source, bytes) else str(source)
    try:
        upright = ImageOps.exif_transpose(stored)
    except PILLOW_FAILURES as error:
        logger.warning("%s has broken EXIF (%s): its orientation is not applied", name, error)
        upright = stored
    metadata = read_metadata(stored, (upright.height, upright.width))
    try:
        colours, opacity = _to_rgb(in_eight_bits(upright, stored.format, name), stored.info.get("icc_profile"))
    except ValueError as error:
        raise MediaError(f"{name} has pixels of the kind {upright.mode}, which are not read: save it as RGB") from error
    return Photo(pixels=np.array(colours), opacity=opacity, metadata=metadata)


def encode_image(pixels: NDArray[np.uint8], kind: ImageFormat, metadata: Metadata) -> bytes:
    """Encode an array as a picture file.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha.
        kind: the format; RGBA needs one that holds alpha.
        metadata: what to store beside the pixels, as far as the format takes it.

    Raises:
        MediaError: the picture does not fit into the format, or the encoder fails.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > kind.max_side:
        raise MediaError(
            f"got {width}x{height} px, {kind.name} holds at most {kind.max_side} px a side: write PNG or TIFF"
        )
    grey = pixels.ndim == 2
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    options = {**(kind.grey_options if grey else kind.colour_options), **save_options(metadata, kind.name, grey=grey)}
    stream = io.BytesIO()
    try:
        picture.save(stream, format=kind.name, **options)
    except PILLOW_FAILURES as error:
        raise MediaError(f"can't encode {width}x{height} px as {kind.name}: {error}") from error
    return stream.getvalue()


_LEFT_BY_PROFILE = (("L", "GRAY"), ("CMYK", "CMYK"))  # modes, with the colour space of a profile that fits them


def _to_rgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """RGB over white, and the opacity where there is one."""
    if not picture.has_transparency_data:
        return _colours(picture, profile), None
    layered = picture.convert("RGBA")
    opacity = layered.getchannel("A")
    opaque = picture.convert("L") if picture.mode in ("L", "LA") else layered.convert("RGB")
    white = Image.new("RGB", picture.size, "white")
    return Image.composite(_colours(opaque, profile), white, opacity), np.array(opacity)


def _colours(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB of an opaque picture; grey and CMYK go through their profile, because it can't stay with RGB pixels."""
    if profile is None or (picture.mode, profile_space(profile)) not in _LEFT_BY_PROFILE:
        return picture.convert("RGB")
    converted = change_profile(picture, profile, None)
    return picture.convert("RGB") if converted is None else converted
