"""Backends whose answers can be worked out by hand, for tests of everything above them."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from shm_deploy.backends import Mattes, Segmented
from shm_deploy.backends.protocol import Features


class FakeBackend:
    """Alpha is the red channel; the trimap is the frame itself."""

    name = "fake"
    device = "cpu"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []  # of every batch that it was given
        self.num_closed = 0

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        assert frames.flags.c_contiguous
        self.shapes.append(frames.shape)
        return Mattes(frames[..., 0].copy(), frames.copy())

    def close(self) -> None:
        self.num_closed += 1


class FakeParts(FakeBackend):
    """T-Net says unknown everywhere; M-Net's alpha is the red channel."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def tnet(self, image: NDArray[np.float32]) -> Segmented:
        self.calls.append("tnet")
        trimap = np.zeros_like(image)
        trimap[:, 2] = 1
        return Segmented(trimap)

    def mnet(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features | None = None
    ) -> NDArray[np.float32]:
        assert image.dtype == trimap.dtype == np.float32
        assert image.shape == trimap.shape
        self.calls.append("mnet")
        return image[:, :1] / 255

    def fusion(self, trimap: NDArray[np.float32], alpha_raw: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append("fusion")
        return trimap[:, :1] + trimap[:, 2:] * alpha_raw


class HeldBackend(FakeBackend):
    """A run says that it has begun, and ends when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go = threading.Event()

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        self.entered.set()
        assert self.go.wait(10)
        return super().run(frames)
