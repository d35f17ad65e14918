"""Calibrating batch norms on photographs."""

from __future__ import annotations

import torch
from torch import nn

from shm_train.networks import SemanticHumanMatting
from tests.deploy.export.conftest import SMALL_LIVE


def test_calibrated_network_answers_more_than_one_half(small_network: SemanticHumanMatting) -> None:
    """Alpha varies over a picture, so that a difference somewhere in the network shows."""
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2)) * 255
    with torch.no_grad():
        alpha = small_network(image).alpha
    assert alpha.std() > 0.01


def test_calibrated_network_is_in_evaluation_mode(small_network: SemanticHumanMatting) -> None:
    """What comes next must not move the statistics."""
    assert not any(module.training for module in small_network.modules())


def test_statistics_are_those_of_the_photographs(small_network: SemanticHumanMatting) -> None:
    """No batch norm still has the zeros and ones that it began with."""
    fresh = SemanticHumanMatting(SMALL_LIVE)
    norms = [module for module in small_network.modules() if isinstance(module, nn.BatchNorm2d)]
    begun = [module for module in fresh.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(not torch.equal(a.running_var, b.running_var) for a, b in zip(norms, begun, strict=True))
