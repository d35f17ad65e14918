"""What a network is built from; stored in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from shm_deploy.errors import SpecError

Variant = Literal["paper", "live"]

# How alpha comes about. `shm`: Eq. 4. The others are the paper's ablations and baselines (section 5), to be measured
# and not shipped. `no_fusion`: raw alpha is alpha. `dim`: Deep Image Matting, whose M-Net gets the trimap as one
# channel and decides only where that is unknown. `regression`: T-Net's first channel is alpha. `segmentation`: the
# same, as a mask.
Method = Literal["shm", "no_fusion", "dim", "regression", "segmentation"]
TNET_ALONE: tuple[Method, ...] = ("regression", "segmentation")


@dataclass(frozen=True, kw_only=True)
class PaperConfig:
    """PSPNet-50 and VGG-16 as published; little to choose."""

    variant: Literal["paper"] = "paper"
    method: Method = "shm"
    dropout: float = 0.1  # before the logits

    def __post_init__(self) -> None:
        _check_method(self.method)
        if not 0 <= self.dropout < 1:
            raise SpecError(f"got dropout {self.dropout}; it must lie in [0, 1)")


@dataclass(frozen=True, kw_only=True)
class LiveConfig:
    """The small network for CPUs and many streams."""

    variant: Literal["live"] = "live"
    method: Method = "shm"
    tnet_edge: int = 320  # longest side of T-Net's input [px]; its cost does not grow with the frame
    mnet_edge: int = 640  # longest side of M-Net's input, which is never enlarged [px]
    tnet_width: int = 32  # channels of T-Net's decoder at a quarter of its input; others follow from it
    mnet_widths: tuple[int, int, int] = (32, 48, 64)  # channels at 1/4, 1/8, 1/16 of the frame

    def __post_init__(self) -> None:
        _check_method(self.method)
        if self.tnet_edge < 64 or self.tnet_edge % 32:
            raise SpecError(f"got tnet_edge {self.tnet_edge}; it must be a multiple of 32, at least 64")
        if self.mnet_edge < 64 or self.mnet_edge % 16:
            raise SpecError(f"got mnet_edge {self.mnet_edge}; it must be a multiple of 16, at least 64")
        if self.tnet_width < 4 or self.tnet_width % 4:
            raise SpecError(f"got tnet_width {self.tnet_width}; it must be a multiple of 4, at least 4")
        if len(self.mnet_widths) != 3 or min(self.mnet_widths) < 1:
            raise SpecError(f"got mnet_widths {self.mnet_widths}; three positive channel counts are wanted")


NetworkConfig = PaperConfig | LiveConfig


def _check_method(method: str) -> None:
    if method not in get_args(Method):
        raise SpecError(f"got method {method!r}; known are {', '.join(get_args(Method))}")
