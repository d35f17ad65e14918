"""What goes into a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from shm_deploy.result import Timestamp

# "full": every frame, in order, as fast as its slowest stage. "low": whatever is stale is dropped and counted.
Latency = Literal["full", "low"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """Pixels that carry their own time.

    A stream takes bare pixels too; then the time stamp of the result is None.
    """

    pixels: Any  # (H, W, 3) uint8 RGB: NumPy, PIL, or on a GPU (DLPack, `__cuda_array_interface__`)
    pts: Timestamp | None  # time stamp [s], handed on as it is; None for none
