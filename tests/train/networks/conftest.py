"""A tiny network with batch norms that have seen something."""

from __future__ import annotations

import pytest
import torch

from shm_train.networks import SemanticHumanMatting
from tests.train.conftest import TINY_NETWORK


@pytest.fixture(scope="module")
def small_network() -> SemanticHumanMatting:
    """In evaluation mode, with statistics of noise."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the statistics of what comes, not a mean with what was
    network(255 * torch.rand(4, 3, 64, 96))
    return network.eval()
