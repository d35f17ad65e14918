"""What is made of a photograph: a cut-out, its alpha, the person's colours, the trimap, or another background."""

from __future__ import annotations

import enum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.compositing import Quality, composite, estimate_foreground
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Background, pixels_behind
from shm_deploy.media.images import Photo


class Product(enum.Enum):
    """Results that need nothing but the photograph."""

    CUTOUT = "cutout"  # RGBA
    ALPHA = "alpha"  # grey
    FOREGROUND = "foreground"  # RGB
    TRIMAP = "trimap"  # grey: 255, 128, 0


OfAlpha = Literal[Product.CUTOUT, Product.ALPHA, Product.FOREGROUND]


def render(matter: Matter, photo: Photo, wanted: Product | Background, quality: Quality) -> NDArray[np.uint8]:
    """Matte a photograph and make of it what is wanted.

    Args:
        matter: the network.
        photo: (H, W) px. Where it was transparent already the result is so too.
        wanted: a product, or a background to put behind the person.
        quality: how foreground colours are estimated.

    Returns:
        (H, W, 4) for a cut-out, (H, W) for an alpha or trimap, (H, W, 3) otherwise; uint8, the caller's own.
    """
    if wanted is Product.TRIMAP:
        return trimap_picture(photo, matter.trimap(photo.pixels))
    return render_alpha(photo, matter(photo.pixels), wanted, quality)


def trimap_picture(photo: Photo, trimap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) uint8 of 255, 128, 0 from a trimap (H, W, 3) of a photograph."""
    return _under(photo.opacity, spec.picture_from_trimap(trimap))


def render_alpha(
    photo: Photo, alpha: NDArray[np.uint8], wanted: OfAlpha | Background, quality: Quality
) -> NDArray[np.uint8]:
    """Make of a photograph and its alpha (H, W) what is wanted; otherwise as `render`."""
    alpha = _under(photo.opacity, alpha)
    if wanted is Product.ALPHA:
        return alpha
    foreground = estimate_foreground(photo.pixels, alpha, quality)
    match wanted:
        case Product.CUTOUT:
            return np.dstack([foreground, alpha])
        case Product.FOREGROUND:
            return foreground
        case background:
            return composite(foreground, alpha, pixels_behind(background, photo, foreground, alpha))


def _under(opacity: NDArray[np.uint8] | None, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An alpha or trimap (H, W) that is nowhere more than the photograph's own opacity."""
    return plane if opacity is None else np.minimum(plane, opacity)
