"""An exponential moving average of a network: what is validated and shipped."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class MovingAverage(Generic[Network]):
    """Weights and batch-norm statistics, averaged over the last 1 / (1 - decay) steps."""

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Take step number `step` (from 0) in; early steps count for more, so that the start is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
