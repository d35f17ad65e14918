"""Folding batch norms into convolutions."""

from __future__ import annotations

import torch
from torch import nn

from shm_train.networks import SemanticHumanMatting
from shm_train.networks.fold import fold


def test_folded_network_gives_the_same_alpha(small_network: SemanticHumanMatting) -> None:
    """Folding is exact up to rounding, which the guided filter amplifies on noise: its windows have few colours."""
    image = torch.rand(1, 3, 80, 112, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        expected, folded = small_network(image).alpha, fold(small_network)(image).alpha
    difference = (folded - expected).abs()
    assert difference.mean() < 1e-5
    assert difference.max() < 5e-3  # in a corner, whose window has four places for four unknowns
    assert expected.std() > 0.01


def test_no_batch_norm_is_left(small_network: SemanticHumanMatting) -> None:
    """Every batch norm of every part found its convolution."""
    assert not [module for module in fold(small_network).modules() if isinstance(module, nn.BatchNorm2d)]


def test_the_network_itself_stays(small_network: SemanticHumanMatting) -> None:
    """The caller's weights are not touched: the reference is computed with them."""
    before = {name: tensor.clone() for name, tensor in small_network.state_dict().items()}
    fold(small_network)
    after = small_network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
