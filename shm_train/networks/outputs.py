"""What the two networks give, whichever they are."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Segmented(NamedTuple):
    """What a T-Net makes of an image."""

    logits: Tensor  # (N, 3, h, w) float32, order F, B, U
    # What M-Net may see of it beside the trimap, coarsest first, each (N, C, h', w') float32; `paper` gives none.
    features: tuple[Tensor, ...] = ()


class RawAlpha(NamedTuple):
    """What an M-Net predicts."""

    alpha: Tensor  # (N, 1, H, W) float32; in 0..1, but for `paper` in training: gradients do not vanish
    coarse: Tensor | None = None  # (N, 1, h', w'), alpha's mean at each place that pixels are drawn from; `live` alone
