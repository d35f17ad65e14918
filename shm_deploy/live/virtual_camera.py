"""A camera that other programs can choose, by pyvirtualcam."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import BackendUnavailable, MediaError
from shm_deploy.live.sources import Size


class VirtualCamera:
    """Sends frames to v4l2loopback (Linux), or whatever else pyvirtualcam finds."""

    def __init__(self, device: str | None, size: Size, rate: Fraction) -> None:
        """Open it.

        Args:
            device: such as /dev/video10; None for the first one.
            size: of the frames.
            rate: what the camera claims [frames/s].

        Raises:
            BackendUnavailable: pyvirtualcam is not installed, or finds no virtual camera.
        """
        try:
            import pyvirtualcam
        except ImportError as error:
            raise BackendUnavailable(
                f"a virtual camera needs pyvirtualcam, which does not import ({error}): pip install pyvirtualcam "
                "(GPL-2.0, so it is none of our extras)"
            ) from error
        height, width = size
        try:
            self._camera = pyvirtualcam.Camera(width=width, height=height, fps=float(rate), device=device)
        except RuntimeError as error:
            raise BackendUnavailable(
                f"no virtual camera ({error}): on Linux, modprobe v4l2loopback; elsewhere, install OBS"
            ) from error

    def write(self, pixels: NDArray[np.uint8], pts: Fraction) -> None:
        """Send (H, W, 3) RGB, or (H, W) grey; at once, whatever its time.

        Raises:
            MediaError: the camera has gone.
        """
        frame = np.ascontiguousarray(pixels if pixels.ndim == 3 else np.dstack([pixels] * 3))
        try:
            self._camera.send(frame)
        except RuntimeError as error:
            raise MediaError(f"the virtual camera takes no more frames: {error}") from error

    def close(self) -> None:
        """Let the camera go."""
        self._camera.close()
