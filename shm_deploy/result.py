"""What comes out of `Matter` beside a bare alpha."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy.trust import Trust

if TYPE_CHECKING:
    from shm_deploy.backends.device_arrays import DeviceArray

Timestamp = Fraction | float | int  # seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The matte of one image or frame, and how far it can be trusted."""

    alpha: NDArray[np.uint8]  # (H, W) of the frame's own size, 0..255; the caller's own
    trust: Trust
    frame: Any  # what was matted, as it was given
    pts: Timestamp | None = None  # the frame's own time stamp [s], as it was given
    index: int = 0  # the frame's number in its stream, from 0
    num_dropped: int = 0  # stale frames passed over since the result before


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceResult:
    """The matte of a frame that never left the GPU; there its trust figures can be made of `trimap`."""

    alpha: DeviceArray  # (H, W) uint8, 0..255
    trimap: DeviceArray  # (H, W, 3) uint8, softmax x 255, order F, B, U
    frame: Any  # this and what follows: as in `Result`
    pts: Timestamp | None = None  # s
    index: int = 0
    num_dropped: int = 0
