"""Colour spaces: ICC profiles read and applied."""

from __future__ import annotations

import io
import logging

from PIL import Image, ImageCms

logger = logging.getLogger(__name__)


def profile_space(profile: bytes) -> str | None:
    """The colour space of an ICC profile ("RGB", "GRAY", "CMYK", "Lab"); None if it can't be read."""
    try:
        return str(ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space).strip()
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


def change_profile(picture: Image.Image, source: bytes | None, target: bytes | None) -> Image.Image | None:
    """Pixels of one colour space in another, relative colorimetric with black point compensation.

    Args:
        picture: RGB, L or CMYK, as the source profile describes it.
        source: ICC profile of the picture; None is sRGB.
        target: ICC profile of RGB colours; None is sRGB.

    Returns:
        An RGB picture; None where a profile can't be applied, with a line in the log.
    """
    try:
        return ImageCms.profileToProfile(
            picture,
            _profile(source),
            _profile(target),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError) as error:
        logger.warning("a colour profile can't be applied: %s", error)
        return None


def _profile(data: bytes | None) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB") if data is None else io.BytesIO(data))
