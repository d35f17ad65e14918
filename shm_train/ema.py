"""A moving average of a network: what is validated and shipped."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class MovingAverage(Generic[Network]):
    """Weights and batch-norm statistics, averaged over the later part of all steps, or over 1 / (1 - decay) of them.

    Whichever is fewer. Batch norms that learn have statistics of each step's own weights, not of the mean's: averages
    over thousands of steps are for norms that are frozen.

    Source: Shamir & Zhang 2013, polynomial-decay averaging; then exponential.
    """

    def __init__(self, network: Network, decay: float, power: float = 8.0) -> None:
        """Begin with the network as it is.

        Args:
            network: copied.
            decay: of the exponential average, in 0..1; 0 averages nothing, with 1 `power` alone counts.
            power: step t weighs as t ** power does, until the exponential average is narrower: with 8, the mean is a
                tenth of all steps so far old, with 1 a third. At least 0, which weighs all alike.
        """
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.power = power

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Take step number `step` (from 0) in; early ones move the mean further, so that the start is forgotten."""
        decay = min(self.decay, (1 + step) / (2 + step + self.power))
        for mean, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
