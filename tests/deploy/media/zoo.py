"""Small pictures of every odd kind, as bytes of files."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw

RED = (200, 30, 30)
BLUE = (30, 60, 200)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tag tiff:Orientation="6" dc:title="zoo"/></x:xmpmeta>'


def portrait(width: int = 48, height: int = 40) -> Image.Image:
    """A red ellipse on blue: to the tests' backends red is a person."""
    picture = Image.new("RGB", (width, height), BLUE)
    ImageDraw.Draw(picture).ellipse((width // 4, height // 4, 3 * width // 4, height), fill=RED)
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def animated(kind: str) -> bytes:
    """Two frames: the portrait, then nothing but green."""
    return encoded(portrait(), kind, save_all=True, append_images=[Image.new("RGB", (48, 40), "green")], loop=0)


def rgb_profile() -> bytes:
    """An RGB profile: sRGB, as another program would have embedded it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgb_profile_of(data: bytes) -> object:
    """The profile in a file."""
    return Image.open(io.BytesIO(data)).info.get("icc_profile")


def flat_cmyk_profile(lightness: int) -> bytes:
    """A CMYK profile in which every mixture of inks is one grey; lightness: its L*, 0..100."""
    # mft1: 4 inputs, 3 outputs, 2 points per input; identity matrix, ramps, 16 Lab entries (ICC.1:2001, 6.5.8).
    ramp = bytes(range(256))
    entry = bytes((round(lightness * 255 / 100), 128, 128))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + entry * 16 + ramp * 3
    return _profile(b"prtrCMYKLab ", {b"A2B0": table, b"A2B1": table})


def linear_grey_profile() -> bytes:
    """A grey profile whose values are proportional to light."""
    return _profile(b"mntrGRAYXYZ ", {b"kTRC": b"curv" + bytes(8)})


def linear_rgb_profile() -> bytes:
    """sRGB's colours with values proportional to light."""
    curve = b"curv" + bytes(8)
    # Colorants of sRGB adapted to D50, as fractions of 65536.
    columns = {b"rXYZ": (28579, 14581, 912), b"gXYZ": (25241, 46982, 6361), b"bXYZ": (9376, 3973, 46786)}
    colorants = {name: b"XYZ \0\0\0\0" + struct.pack(">3i", *column) for name, column in columns.items()}
    return _profile(b"mntrRGB XYZ ", {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, **colorants})


def _profile(kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile version 2; kind: device class, colour space and connection space, four letters each."""
    white = struct.pack(">3i", 63190, 65536, 54061)  # D50
    tags = {**tags, b"wtpt": b"XYZ \0\0\0\0" + white}
    directory, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4sI", start + len(body), b"test", 0x02400000) + kind
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + directory + body


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header names a size and whose data is next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def stored_as(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """How a camera stores an upright picture under an orientation (EXIF 2.3, tag 274: where row 0 and column 0 lie)."""
    return {
        1: upright,
        2: upright[:, ::-1],  # row 0 top, column 0 right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.swapaxes(0, 1),  # row 0 is the left side, column 0 the top
        6: np.rot90(upright, 1),  # right, top
        7: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
        8: np.rot90(upright, -1),  # left, bottom
    }[orientation]
