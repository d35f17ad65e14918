"""A virtual camera that nobody watches, with the signature of pyvirtualcam 0.15."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

sent: list[NDArray[np.uint8]] = []


class PixelFormat(enum.Enum):
    """Orders of channels."""

    RGB = "RGB"
    BGR = "BGR"


class Camera:
    """Takes frames."""

    def __init__(
        self,
        width: int,
        height: int,
        fps: float,
        *,
        fmt: PixelFormat = PixelFormat.RGB,
        device: str | None = None,
        backend: str | None = None,
        print_fps: bool = False,
        **options: Any,
    ) -> None:
        if device == "/dev/none":
            raise RuntimeError("'v4l2loopback' backend: Device /dev/none is not a v4l2 device")
        self._shape = (height, width, 3)

    def send(self, frame: NDArray[np.uint8]) -> None:
        """Take one."""
        assert frame.shape == self._shape
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        sent.append(frame)

    def close(self) -> None:
        """Let it go."""

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
