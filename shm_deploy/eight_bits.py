"""Pictures of 16 bit as 8 bit: Pillow's own conversion cuts values off at 255 instead of scaling them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shm_deploy.errors import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
_SIXTEEN_BIT_AS_INTEGERS = ("PNG", "PPM")  # formats of at most 16 bit, which some versions of Pillow open as mode I


def in_eight_bits(picture: Image, format_name: str | None, name: str) -> Image:
    """16-bit grey as 8 bit, rounded (65535 is 255); other 8-bit modes as they are.

    Args:
        picture: as it was opened, or turned upright.
        format_name: of the file, which a picture that was turned no longer knows.
        name: for the message.

    Raises:
        MediaError: its pixels have no defined range (32-bit integers, floats).
    """
    from PIL import Image

    if picture.mode in _SIXTEEN_BIT or (picture.mode == "I" and format_name in _SIXTEEN_BIT_AS_INTEGERS):
        values = np.array(picture).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode in ("I", "F"):
        kind = "32-bit integer" if picture.mode == "I" else "floating-point"
        raise MediaError(f"{name} has {kind} pixels, whose white is not defined: save it with 8 or 16 bit first")
    return picture
