"""What a picture carries beside its pixels, and how it travels into another format."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from shm_deploy.media.colours import profile_space
from shm_deploy.media.decoding import PILLOW_FAILURES

logger = logging.getLogger(__name__)

# Tags that describe the picture. The others describe how its file stores pixels (a TIFF's strips, the orientation,
# which is applied when a picture is read) and would be wrong in another file; so would the thumbnail (IFD 1).
_KEPT_TAGS = (
    ExifTags.Base.DocumentName,
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)
_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation=(?:"[^"]*"|'[^']*')|<tiff:Orientation>[^<]*</tiff:Orientation>""")
_TIFF_XMP_TAG = 700
_JPEG_SEGMENT = 65502  # bytes that fit into one APP1 segment beside its name


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata of an upright RGB picture."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc_profile: bytes | None = None  # of RGB pixels
    dpi: tuple[float, float] | None = None


def read_metadata(picture: Image.Image, size: tuple[int, int]) -> Metadata:
    """Collect what a picture carries; what can't be read is left out with a line in the log.

    Args:
        picture: as Pillow opened and loaded it, before it is turned upright.
        size: (height, width) of the upright picture.
    """
    profile = picture.info.get("icc_profile")
    return Metadata(
        exif=_read_exif(picture, size),
        xmp=_read_xmp(picture),
        icc_profile=profile if isinstance(profile, bytes) and profile_space(profile) == "RGB" else None,
        dpi=_read_dpi(picture),
    )


def save_options(metadata: Metadata, format_name: str, *, grey: bool) -> dict[str, Any]:
    """Arguments of Pillow's `save` that store the metadata in a format.

    Args:
        metadata: what to store.
        format_name: Pillow's name of the format.
        grey: whether the picture has one channel, which an RGB profile must not be attached to.
    """
    options: dict[str, Any] = {}
    exif, xmp = metadata.exif, metadata.xmp
    if format_name == "JPEG":
        exif, xmp = _within_segment(exif, "EXIF"), _within_segment(xmp, "XMP")
    if metadata.icc_profile is not None and not grey:
        options["icc_profile"] = metadata.icc_profile
    if metadata.dpi is not None and format_name in ("PNG", "JPEG", "TIFF"):
        options["dpi"] = metadata.dpi
    if format_name == "TIFF":
        tags = Image.Exif()
        if exif is not None:
            tags.load(exif)
        if xmp is not None:
            tags[_TIFF_XMP_TAG] = xmp
        options["exif"] = tags
        if ExifTags.IFD.Exif in tags or ExifTags.IFD.GPSInfo in tags:
            options["compression"] = "raw"  # libtiff, which compresses, can't write directories within directories
        return options
    if exif is not None:
        options["exif"] = exif
    if xmp is not None and format_name == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8"))
    elif xmp is not None:
        options["xmp"] = xmp
    return options


def _within_segment(block: bytes | None, name: str) -> bytes | None:
    if block is not None and len(block) > _JPEG_SEGMENT:
        logger.warning("%s of %d bytes does not fit into a JPEG (%d): left out", name, len(block), _JPEG_SEGMENT)
        return None
    return block


def _read_exif(picture: Image.Image, size: tuple[int, int]) -> bytes | None:
    try:
        source = picture.getexif()
        kept = Image.Exif()
        kept.endian = source.endian
        for tag in _KEPT_TAGS:
            if tag in source:
                kept[tag] = source[tag]
        details = dict(source.get_ifd(ExifTags.IFD.Exif))
        if details:
            if ExifTags.IFD.Interop in details:
                details[ExifTags.IFD.Interop] = dict(source.get_ifd(ExifTags.IFD.Interop))
            details[ExifTags.Base.ExifImageHeight], details[ExifTags.Base.ExifImageWidth] = size
            kept[ExifTags.IFD.Exif] = details
        place = dict(source.get_ifd(ExifTags.IFD.GPSInfo))
        if place:
            kept[ExifTags.IFD.GPSInfo] = place
        return kept.tobytes() if len(kept) else None
    except PILLOW_FAILURES as error:
        logger.warning("broken EXIF (%s): left out", error)
        return None


def _read_xmp(picture: Image.Image) -> bytes | None:
    xmp = picture.info.get("xmp", picture.info.get("XML:com.adobe.xmp"))
    if isinstance(xmp, str):
        xmp = xmp.encode("utf-8")
    if not isinstance(xmp, bytes):
        return None
    xmp = _XMP_ORIENTATION.sub(b"", xmp.rstrip(b"\0"))
    try:
        xmp.decode("utf-8")
    except UnicodeDecodeError as error:
        logger.warning("broken XMP (%s): left out", error)
        return None
    return xmp or None


def _read_dpi(picture: Image.Image) -> tuple[float, float] | None:
    dpi = picture.info.get("dpi")
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    try:
        across, down = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # Stored as 16-bit whole numbers in a JPEG and as a ratio elsewhere.
    if not all(math.isfinite(value) and 1 <= value <= 65535 for value in (across, down)):
        return None
    return across, down
