"""Batch norms in convolutions, for good or while they rest."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from shm_train.networks import SemanticHumanMatting
from shm_train.networks.fold import compute_norms_in_convolutions, fold


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


@pytest.fixture
def resting(small_network: SemanticHumanMatting) -> SemanticHumanMatting:
    """A network in training whose norms keep statistics that are not those they begin with."""
    network = copy.deepcopy(small_network).train().requires_grad_(True)
    generator = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            for tensor, least in ((module.running_mean, -0.2), (module.running_var, 0.5), (module.weight, 0.5)):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=generator) + least
    return network


def learn(network: SemanticHumanMatting) -> dict[str, Tensor]:
    image = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(1)) * 255
    logits, features = network.tnet(image)
    (logits.square().mean() + sum(feature.square().mean() for feature in features)).backward()
    return {name: parameter.grad for name, parameter in network.tnet.named_parameters() if parameter.grad is not None}


def test_norms_in_convolutions_learn_the_same(resting: SemanticHumanMatting) -> None:
    """Values and all gradients, those of the norms' own parameters too, are as those of norms by themselves."""
    quick = copy.deepcopy(resting)
    compute_norms_in_convolutions(quick)
    expected, got = learn(resting), learn(quick)
    assert expected.keys() == got.keys()
    assert any(".1.weight" in name for name in got)  # of a norm
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()), msg=name)


def test_norms_in_convolutions_keep_the_state(resting: SemanticHumanMatting) -> None:
    """Checkpoints of such a run are as any other's, and it is folded for good as any other is."""
    quick = copy.deepcopy(resting)
    compute_norms_in_convolutions(quick)
    before, after = resting.state_dict(), quick.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    image = torch.rand(1, 3, 80, 112, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        torch.testing.assert_close(fold(quick)(image).logits, fold(resting)(image).logits, rtol=1e-5, atol=1e-5)
