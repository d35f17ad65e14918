"""What a caller may hand to `Matter`: checks that say what is wrong, and conversions that cost little."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.backends.device_arrays import is_on_gpu
from shm_deploy.errors import SpecError

if TYPE_CHECKING:
    import PIL.Image

    ImageLike = NDArray[Any] | PIL.Image.Image

WANTED = "H×W×3 uint8 (RGB, 0..255), a batch N×H×W×3 of it, a list of images, or a PIL image"
SUM_SLACK = 0.02  # three channels rounded to bytes


def as_frames(image: ImageLike, *, bgr: bool) -> NDArray[np.uint8]:
    """One image or a batch as the backends want it.

    Args:
        image: (H, W, 3) or (N, H, W, 3) uint8, or a PIL image of any mode.
        bgr: channels come blue first, as from OpenCV; not for PIL images.

    Returns:
        (N, H, W, 3) uint8 RGB, contiguous; shares memory with `image` where nothing had to be changed.

    Raises:
        SpecError: another type, dtype, shape or channel count.
    """
    pixels = pil_pixels(image)
    if pixels is not None:
        if bgr:
            raise SpecError("got a PIL image with bgr=True; a PIL image names its own channels: leave bgr out")
        return pixels[None]
    frames = np.ascontiguousarray(_checked(image))
    frames = frames if frames.ndim == 4 else frames[None]
    return _swap_red_blue(frames) if bgr else frames


def check_on_gpu(frames: Any, max_edge: int | None) -> None:
    """Whether frames on the GPU may go to the network as they are.

    Raises:
        SpecError: they are not on a GPU, or of a size that the host would have to change.
    """
    if not is_on_gpu(frames):
        raise SpecError(
            f"got {type(frames).__name__} in host memory; wanted an array on the GPU: call matter(...) for it"
        )
    shape = tuple(frames.shape)
    if len(shape) not in (3, 4) or shape[-1] != 3:
        raise SpecError(f"got an array {shape} on the GPU; wanted H×W×3 or N×H×W×3 uint8 (RGB, 0..255)")
    height, width = shape[-3:-1]
    if min(height, width) < spec.MIN_GRAPH_SIDE or (max_edge is not None and max(height, width) > max_edge):
        raise SpecError(
            f"got frames of {width}x{height} px on the GPU; wanted sides from {spec.MIN_GRAPH_SIDE} px to "
            f"max_edge={max_edge}: scale them there, or copy them to the host and call matter(...)"
        )


def pil_pixels(image: object) -> NDArray[np.uint8] | None:
    """A PIL image as (H, W, 3) uint8 RGB; None for anything else. PIL is not imported for the question."""
    pil = sys.modules.get("PIL.Image")
    if pil is None or not isinstance(image, pil.Image):
        return None
    return np.asarray(image.convert("RGB"), np.uint8)


def as_trimaps(trimap: object, frames: NDArray[np.uint8], *, single: bool) -> NDArray[np.float32]:
    """An edited trimap as class probabilities.

    Args:
        trimap: for each frame a picture (H, W) uint8 of 255 / 0 / other (F / B / U), or (H, W, 3) probabilities in
            the order F, B, U: uint8 with sum 255, or floats with sum 1. A batch has N of them.
        frames: (N, H, W, 3); what the trimap belongs to.
        single: whether the caller gave one image, and so one trimap without N.

    Returns:
        (N, H, W, 3) float32 in 0..1; the caller's own.

    Raises:
        SpecError: another size, dtype or sum.
    """
    if not isinstance(trimap, np.ndarray):
        raise SpecError(f"got a trimap of type {type(trimap).__name__}; wanted a NumPy array, one per image")
    stacked = trimap[None] if single else trimap
    if stacked.shape == frames.shape[:3] and stacked.dtype == np.uint8:
        return spec.trimap_from_picture(stacked)
    if stacked.shape != frames.shape or stacked.dtype not in (np.uint8, np.float32, np.float64):
        height, width = frames.shape[1:3]
        raise SpecError(
            f"got a trimap {trimap.shape} {trimap.dtype} for an image of {width}x{height} px; wanted {height}×{width} "
            f"uint8 (255 foreground, 0 background, 128 unknown) or {height}×{width}×3 probabilities (F, B, U)"
        )
    scale = 255 if stacked.dtype == np.uint8 else 1
    probabilities: NDArray[np.float32] = np.asarray(stacked / scale, np.float32)
    # A NaN fails the comparison too.
    if not np.all(np.abs(probabilities.sum(axis=-1) - 1) <= SUM_SLACK) or probabilities.min() < 0:
        raise SpecError(
            "got a trimap whose three channels do not sum to 1 (255 in bytes) in every pixel; "
            "wanted probabilities F, B, U, or one channel with 255 / 0 / 128"
        )
    return probabilities


def _checked(image: object) -> NDArray[np.uint8]:
    if not isinstance(image, np.ndarray):
        raise SpecError(f"got {type(image).__name__}; wanted {WANTED}{_how_from(image)}")
    got = f"got an array {image.shape} {image.dtype}; wanted {WANTED}"
    if image.dtype != np.uint8:
        raise SpecError(f"{got}: {_how_to_bytes(image)}")
    if image.ndim == 2 or (image.ndim in (3, 4) and image.shape[-1] == 1):
        raise SpecError(f"{got}: a grey image becomes RGB with np.stack([grey] * 3, axis=-1)")
    if image.ndim not in (3, 4):
        raise SpecError(got)
    if image.shape[-1] == 4:
        raise SpecError(f"{got}: drop the fourth channel with image[..., :3]")
    if image.shape[-1] != 3:
        channels_first = image.shape[-3] == 3
        raise SpecError(f"{got}" + (": channels go last, np.moveaxis(image, -3, -1)" if channels_first else ""))
    if image.size == 0:
        raise SpecError(f"{got}: it is empty")
    return image


def _how_from(image: object) -> str:
    if isinstance(image, (str, bytes, bytearray)):
        return ": read the file first, with PIL.Image.open or cv2.imread (and bgr=True)"
    return ": call .cpu().numpy() on it" if hasattr(image, "__dlpack__") else ""


def _how_to_bytes(image: NDArray[Any]) -> str:
    if image.dtype.kind == "f":
        return "scale it to 0..255, replace NaN, then .astype(np.uint8)"
    if image.dtype == np.uint16:
        return "keep the upper byte, (image >> 8).astype(np.uint8)"
    return "convert it with .astype(np.uint8) after scaling to 0..255"


def _swap_red_blue(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    # cvtColor takes one image, so the batch goes in as one tall one; it is ten times faster than a reversed view.
    tall = frames.reshape(-1, frames.shape[2], 3)
    return np.asarray(cv2.cvtColor(tall, cv2.COLOR_BGR2RGB), np.uint8).reshape(frames.shape)
