"""The seam between `Matter` and whatever runs the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shm_deploy.backends.device_arrays import DeviceArray
from shm_deploy.sidecar import Profile
from shm_deploy.spec import Tolerance


class Mattes:
    """What one run of the joined graph gives; both arrays are the caller's own. Unpacks to alpha and trimap.

    Most callers want no trimap. Where making it of a frame's size costs something, a function is given in its place,
    which is called once, when it is first asked for.
    """

    def __init__(self, alpha: NDArray[np.uint8], trimap: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]) -> None:
        """Take both.

        Args:
            alpha: (N, H, W).
            trimap: (N, H, W, 3), softmax x 255, order F, B, U; or what makes it.
        """
        self.alpha = alpha
        self._trimap = trimap

    @cached_property
    def trimap(self) -> NDArray[np.uint8]:
        """(N, H, W, 3), softmax x 255, order F, B, U."""
        return self._trimap() if callable(self._trimap) else self._trimap

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return iter((self.alpha, self.trimap))


@runtime_checkable
class Backend(Protocol):
    """Runs the joined graph: uint8 frames in, uint8 alpha and trimap out."""

    name: str
    device: str

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        """Matte a batch.

        Args:
            frames: (N, H, W, 3) uint8 RGB, sides from `spec.MIN_GRAPH_SIDE` to what the model allows.
        """
        ...

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        ...


class DeviceMattes(NamedTuple):
    """Mattes that stay on the GPU."""

    alpha: DeviceArray  # (N, H, W) or (H, W), like the frames
    trimap: DeviceArray  # (N, H, W, 3) or (H, W, 3)


@runtime_checkable
class RunsOnDevice(Protocol):
    """A backend that also takes frames which are on its GPU already."""

    def run_on_device(self, frames: Any) -> DeviceMattes:
        """Matte a frame (H, W, 3) or a batch (N, H, W, 3), uint8 RGB, by DLPack or `__cuda_array_interface__`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a backend can say about how it runs."""

    providers: tuple[str, ...] = ()  # ONNX Runtime's, in order of preference
    threads: int | None = None  # None where the host's threads do not matter
    profiles: tuple[Profile, ...] = ()  # sizes that an engine was built for; empty where any size runs
    nearness: Tolerance | None = None  # to the float32 mattes, by design; None: as near as its sidecar says


@runtime_checkable
class Describes(Protocol):
    """A backend that also tells its facts; the library's own all do."""

    def facts(self) -> Facts:
        """How it runs."""
        ...


Features = tuple[NDArray[np.float32], ...]  # each (N, C, h, w), coarsest first; none from `paper`


class Segmented(NamedTuple):
    """What T-Net makes of an image."""

    trimap: NDArray[np.float32]  # (N, 3, h, w), softmax, order F, B, U; `live` gives a smaller h, w than the image's
    features: Features = ()


@runtime_checkable
class Parts(Protocol):
    """Runs T-Net, M-Net and fusion one by one, in float32, for parity, edited trimaps and tiles."""

    def tnet(self, image: NDArray[np.float32]) -> Segmented:
        """(N, 3, H, W) RGB 0..255 -> a trimap, and what M-Net sees of T-Net beside it."""
        ...

    def mnet(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features | None = None
    ) -> NDArray[np.float32]:
        """(N, 3, H, W), a trimap of any size -> raw alpha (N, 1, H, W) in 0..1.

        Args:
            image: RGB 0..255.
            trimap: softmax, order F, B, U.
            features: T-Net's of the same image; None runs T-Net for them, where M-Net sees any.
        """
        ...

    def fusion(self, trimap: NDArray[np.float32], alpha_raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Eq. 4: a trimap of any size and raw alpha (N, 1, H, W) -> alpha (N, 1, H, W) in 0..1."""
        ...

    def close(self) -> None:
        """Release what is held; a second call does nothing."""
        ...


class LiveParts(Parts, Protocol):
    """Those of `live`, whose M-Net also runs without its last step."""

    def coefficients(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features
    ) -> NDArray[np.float32]:
        """As `mnet` -> (N, 4, h, w): raw alpha's slopes along R, G, B [1/level], offset."""
        ...
