"""The photographs on which an export checks itself: four of its own, or a folder of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from shm_deploy.eight_bits import in_eight_bits
from shm_deploy.errors import MediaError, SpecError
from shm_deploy.geometry import Pixel, enlarge, shrink, working_size
from shm_deploy.metrics import unit_alpha
from shm_deploy.sidecar import Profile

PACKAGED_FOLDER = Path(__file__).parent / "images"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
ALPHA_SUFFIX = ".alpha.png"  # `portrait.alpha.png` is the true alpha of `portrait.jpg`
MAX_EDGE = 512  # longest side at which parity is measured by default [px]


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A picture and, where it is known, its true alpha."""

    name: str
    image: NDArray[np.uint8]  # (H, W, 3) RGB
    alpha: NDArray[np.float32] | None  # (H, W) in 0..1


def load_photographs(folder: Path = PACKAGED_FOLDER, max_edge: int = MAX_EDGE) -> list[Photograph]:
    """Read every picture of a folder, in the order of their names.

    Args:
        folder: holds `NAME.jpg` (or .jpeg, .png, .webp), and `NAME.alpha.png` where the true alpha is known.
        max_edge: longer ones are scaled down to this longest side [px].

    Raises:
        SpecError: no picture there, a side too short, or an alpha of another size than its picture.
        MediaError: a file that can't be read.
    """
    paths = [
        path
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.endswith(ALPHA_SUFFIX)
    ]
    if not paths:
        raise SpecError(f"got {folder} for parity images; wanted a folder with {', '.join(SUFFIXES)} in it")
    return [_load(path, max_edge) for path in paths]


def read_alpha(path: Path) -> NDArray[np.uint8]:
    """A true alpha (H, W): a grey picture of 8 or 16 bit, or the alpha channel of a cut-out.

    Raises:
        MediaError: it can't be read, or is a colour picture without an alpha channel.
    """
    upright = _open_upright(path)
    if upright.has_transparency_data:
        return np.array(upright.convert("RGBA").getchannel("A"), np.uint8)
    colours = np.array(upright.convert("RGB"), np.uint8)
    grey = np.ascontiguousarray(colours[..., 0])
    if (colours != grey[..., None]).any():
        raise MediaError(f"{path} is a colour picture without an alpha channel; an alpha is grey, or RGBA")
    return grey


def fitted(photograph: Photograph, profiles: Sequence[Profile]) -> Photograph:
    """A photograph that an engine takes: as it is, or scaled and cropped to the nearest size of the first profile.

    Args:
        photograph: of any size.
        profiles: of the engine; none of them bounds nothing.
    """
    height, width = photograph.image.shape[:2]
    if not profiles or any(profile.holds((profile.minimum[0], height, width)) for profile in profiles):
        return photograph
    (_, low_height, low_width), (_, high_height, high_width) = profiles[0].minimum, profiles[0].maximum
    size = (min(max(height, low_height), high_height), min(max(width, low_width), high_width))
    alpha = photograph.alpha
    return Photograph(
        name=photograph.name, image=cover(photograph.image, size), alpha=None if alpha is None else cover(alpha, size)
    )


def cover(plane: NDArray[Pixel], size: tuple[int, int]) -> NDArray[Pixel]:
    """Scale (H, W) or (H, W, C) to the least size that covers `size` (height, width), and cut out its middle."""
    height, width = plane.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    covering = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    scaled = shrink(plane, covering) if scale < 1 else enlarge(plane, covering)
    top, left = (covering[0] - size[0]) // 2, (covering[1] - size[1]) // 2
    return np.ascontiguousarray(scaled[top : top + size[0], left : left + size[1]])


def _load(path: Path, max_edge: int) -> Photograph:
    image = np.array(_open_upright(path).convert("RGB"), np.uint8)
    size = working_size((image.shape[0], image.shape[1]), max_edge)
    alpha_path = path.with_name(path.stem + ALPHA_SUFFIX)
    alpha = None
    if alpha_path.is_file():
        plane = read_alpha(alpha_path)
        if plane.shape != image.shape[:2]:
            raise SpecError(
                f"got {alpha_path.name} of {plane.shape[1]}x{plane.shape[0]} px for {path.name} of "
                f"{image.shape[1]}x{image.shape[0]} px: make the true alpha as large as its picture"
            )
        alpha = unit_alpha(shrink(plane, size))
    return Photograph(name=path.stem, image=shrink(image, size), alpha=alpha)


def _open_upright(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return in_eight_bits(ImageOps.exif_transpose(image), image.format, str(path))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise MediaError(
            f"{path} can't be read as an image ({error}): take it out of the folder, or repair it"
        ) from error
