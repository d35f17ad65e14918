"""What belongs to one listed picture, read and held against each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError
from shm_train.data.layout import Job
from shm_train.data.pictures import read_colours, read_plane

MIN_SIDE = 64  # [px] of a picture; below, it shows nothing that could be learned
MIN_OPAQUE = 128  # an alpha that nowhere gets there shows nobody


class Original(NamedTuple):
    """A picture and its truth; all arrays of one height and width."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB; of a cut-out the colours of the person alone
    alpha: NDArray[np.uint8] | None  # (H, W), true and soft
    foreground: NDArray[np.uint8] | None  # (H, W, 3) RGB, where a file has it
    mask: NDArray[np.bool_] | None  # (H, W), hard


def read_original(job: Job) -> Original:
    """Read the files of one job, but for labels.

    Raises:
        MediaError: one can't be read, they differ in size, or there is nobody in an alpha or mask.
    """
    pixels = read_colours(job.picture)
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise MediaError(f"{width}x{height} px; at least {MIN_SIDE} a side are wanted")
    image = np.ascontiguousarray(pixels[..., :3])
    alpha = foreground = mask = None
    if job.alpha is not None:
        alpha = read_plane(job.alpha)
    elif job.kind == "cutout":
        if pixels.shape[2] != 4:
            raise MediaError("no alpha channel")
        alpha = np.ascontiguousarray(pixels[..., 3])
    if job.foreground is not None:
        foreground = np.ascontiguousarray(read_colours(job.foreground)[..., :3])
    if job.mask is not None:
        mask = _hard(read_plane(job.mask))
    for name, plane in (("alpha", alpha), ("foreground", foreground), ("mask", mask)):
        if plane is not None and plane.shape[:2] != (height, width):
            raise MediaError(f"{name} of {plane.shape[1]}x{plane.shape[0]} px for a picture of {width}x{height}")
    if alpha is not None and alpha.max() < MIN_OPAQUE:
        raise MediaError("empty alpha")
    if alpha is not None and alpha.min() == 255:
        raise MediaError("alpha is opaque everywhere")
    return Original(image, alpha, foreground, mask)


def _hard(plane: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if plane.max() == 1:
        raise MediaError("mask of zeros and ones: multiply it by 255")
    if plane.max() < MIN_OPAQUE:
        raise MediaError("empty mask")
    return plane > 127
