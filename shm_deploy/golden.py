"""The golden image of a sidecar: run on load, it catches a wrong driver, a miscompiled layer, swapped channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shm_deploy.backends.protocol import Backend, Describes
from shm_deploy.errors import ArtifactError
from shm_deploy.sidecar import GoldenImage, text_to_png


def check_golden(golden: GoldenImage, backend: Backend) -> None:
    """Matte the golden image and compare.

    Raises:
        ArtifactError: it came out different from how it did at export, or can't be decoded.
    """
    image = _decode(golden.image_png, channels=3)
    wanted = _decode(golden.alpha_png, channels=1)
    alpha = backend.run(image[None]).alpha[0]
    if alpha.shape != wanted.shape:
        raise ArtifactError(
            f"the golden image gave an alpha of {alpha.shape}, its sidecar has {wanted.shape}: export again"
        )
    difference = np.abs(alpha.astype(np.float64) - wanted) / 255
    mean, p999 = float(difference.mean()), float(np.quantile(difference, 0.999))
    nearness = backend.facts().nearness if isinstance(backend, Describes) else None
    allowed = nearness or golden.tolerance
    if mean > allowed.mean or p999 > allowed.p999:
        raise ArtifactError(
            f"the golden image came out different on {backend.device} with {backend.name}: mean |Δα| {mean:.2g} and "
            f"p99.9 {p999:.2g}, allowed are {allowed.mean:.2g} and {allowed.p999:.2g}: "
            "the driver or runtime computes this model wrongly; update it, export again here, or use another backend"
        )


def _decode(text: str, *, channels: int) -> NDArray[np.uint8]:
    """(H, W, 3) RGB or (H, W) uint8."""
    import cv2

    kind = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
    pixels = cv2.imdecode(np.frombuffer(text_to_png(text), np.uint8), kind)
    if pixels is None:
        raise ArtifactError("the sidecar's golden image is no readable PNG: export again")
    return np.ascontiguousarray(pixels[..., ::-1] if channels == 3 else pixels)
