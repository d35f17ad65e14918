"""Size rules: the paper's 1500 px rule and the host's padding. The same for `Matter` and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.errors import SpecError

Pixel = TypeVar("Pixel", np.uint8, np.float32)


def working_size(size: tuple[int, int], max_edge: int | None = spec.MAX_EDGE) -> tuple[int, int]:
    """The (height, width) at which the network sees an image of this (height, width).

    Source: section 5.1, "longest edge over 1500: scaled to 1500 first".

    Args:
        size: (height, width) in pixels.
        max_edge: longest side allowed; None keeps the full size.

    Raises:
        SpecError: a side under `spec.MIN_SIDE`, before or after scaling.
    """
    height, width = size
    if min(height, width) < spec.MIN_SIDE:
        raise SpecError(
            f"got an image of {width}x{height} px; both sides must be at least {spec.MIN_SIDE} px: enlarge it first"
        )
    longest = max(height, width)
    if max_edge is None or longest <= max_edge:
        return size
    scaled = (max(1, round(height * max_edge / longest)), max(1, round(width * max_edge / longest)))
    if min(scaled) < spec.MIN_SIDE:
        raise SpecError(
            f"got an image of {width}x{height} px, {scaled[1]}x{scaled[0]} px after scaling to max_edge={max_edge}; "
            f"both sides must be at least {spec.MIN_SIDE} px: crop it, or raise max_edge"
        )
    return scaled


def shrink(image: NDArray[Pixel], size: tuple[int, int]) -> NDArray[Pixel]:
    """Scale an image (H, W, 3) down to `size` (height, width); the same array if it has that size.

    By pixel areas, but to more than two thirds of its sides bilinearly: every pixel still counts then, and 1080p to
    1500 px takes a seventh of the time.
    """
    if image.shape[:2] == size:
        return image
    import cv2

    if 2 * image.shape[0] < 3 * size[0] and 2 * image.shape[1] < 3 * size[1]:
        return _bilinear(image, size)
    scaled = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    # A mean of floats may leave their range by a rounding; an alpha over 1 is no alpha.
    return np.asarray(np.clip(scaled, image.min(), image.max()) if image.dtype == np.float32 else scaled, image.dtype)


def enlarge(plane: NDArray[Pixel], size: tuple[int, int]) -> NDArray[Pixel]:
    """Scale (H, W) or (H, W, C) to `size` bilinearly, half-pixel centres; the same array if it has that size."""
    return plane if plane.shape[:2] == size else _bilinear(plane, size)


def _bilinear(plane: NDArray[Pixel], size: tuple[int, int]) -> NDArray[Pixel]:
    import cv2

    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR), plane.dtype)


def pad_to_graph(image: NDArray[Pixel]) -> NDArray[Pixel]:
    """Replicate the right and bottom edge of (..., H, W, 3) until both sides reach `spec.MIN_GRAPH_SIDE`."""
    height, width = image.shape[-3:-1]
    missing = (max(0, spec.MIN_GRAPH_SIDE - height), max(0, spec.MIN_GRAPH_SIDE - width))
    if missing == (0, 0):
        return image
    widths = [(0, 0)] * (image.ndim - 3) + [(0, missing[0]), (0, missing[1]), (0, 0)]
    return np.pad(image, widths, mode="edge")


def budget_size(
    size: tuple[int, int], edge: int, multiple: int = 32, larger: Callable[[int, int], int] = max
) -> tuple[int, int]:
    """The (height, width) at which a network with a fixed budget of pixels looks at a frame.

    The longest side becomes `edge`, both become the nearest multiple, at least one. Integer arithmetic on the shape,
    so that it exports exactly; `larger` is `torch.sym_max` there.
    """
    height, width = size
    longest = larger(height, width)

    def scaled(side: int) -> int:
        return larger(multiple, (side * edge // longest + multiple // 2) // multiple * multiple)

    return scaled(height), scaled(width)


def capped_size(
    size: tuple[int, int],
    edge: int,
    multiple: int = 16,
    larger: Callable[[int, int], int] = max,
    smaller: Callable[[int, int], int] = min,
) -> tuple[int, int]:
    """`budget_size`, but that small frames are not enlarged, only rounded; a size that it gives stays as it is."""
    return budget_size(size, smaller(larger(*size), edge), multiple, larger)
