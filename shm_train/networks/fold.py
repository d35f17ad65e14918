"""Batch norms as a part of the convolutions before them: for good, or for as long as their statistics rest."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from shm_train.networks.shm import SemanticHumanMatting

# Small, of two different sides; only the order of the layers is looked at.
PROBE_SIZE = (64, 96)


def fold(network: SemanticHumanMatting) -> SemanticHumanMatting:
    """A copy of the network without batch norms, equal to it up to rounding.

    In float32, before anything is rounded to half. Which convolution feeds which batch norm is observed in one run, not
    guessed from names, so that the networks may be written as they like.

    Args:
        network: float32; stays as it is, in whatever mode.
    """
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        module.__dict__.pop("forward", None)  # of norms computed in convolutions
    for norm, convolution in convolution_before(folded).items():
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            statistic(norm.running_mean),
            statistic(norm.running_var),
            norm.eps,
            norm.weight,
            norm.bias,
        )
    for parent in list(folded.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
    return folded.requires_grad_(False)


def compute_norms_in_convolutions(network: SemanticHumanMatting) -> None:
    """Let every convolution do the work of the batch norm after it, whose statistics rest; all parameters still learn.

    A norm that rests scales and shifts its input. Here the convolution's weights are scaled, which are few, instead of
    its output: the same values and gradients up to rounding, without two passes over every map.

    Args:
        network: changed in place, for this process; its parameters and state stay as they are.
    """
    for norm, convolution in convolution_before(network).items():
        convolution.forward = partial(_convolve_and_norm, convolution, norm)  # type: ignore[method-assign]
        norm.forward = _pass  # type: ignore[assignment, method-assign]


def _convolve_and_norm(convolution: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    # Not by `fuse_conv_bn_weights`: it makes new parameters, through which the old ones would not learn.
    mean, variance = statistic(norm.running_mean), statistic(norm.running_var)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    offset = mean if convolution.bias is None else mean - convolution.bias
    weight = convolution.weight * scale[:, None, None, None]
    return convolution._conv_forward(x, weight, norm.bias - offset * scale)


def _pass(x: Tensor) -> Tensor:
    return x


def convolution_before(network: SemanticHumanMatting) -> dict[nn.BatchNorm2d, nn.Conv2d]:
    """The convolution that feeds each batch norm, as one run of the network shows."""
    made_by: dict[int, nn.Conv2d] = {}
    kept: list[Tensor] = []  # no tensor may be freed meanwhile: its id would be given to another
    pairs: dict[nn.BatchNorm2d, nn.Conv2d] = {}

    def made(convolution: nn.Module, _: Any, output: Tensor) -> None:
        assert isinstance(convolution, nn.Conv2d)
        kept.append(output)
        made_by[id(output)] = convolution

    def used(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert id(inputs[0]) in made_by, "a batch norm whose input no convolution made can't be folded"
        pairs[norm] = made_by[id(inputs[0])]

    hooks = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(made))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(used))
    with torch.no_grad():
        network(torch.zeros(1, 3, *PROBE_SIZE, device=next(network.parameters()).device))
    for hook in hooks:
        hook.remove()
    return pairs


def statistic(buffer: Tensor | None) -> Tensor:
    """A running mean or variance, which PyTorch's types let be missing."""
    assert buffer is not None, "batch norms here track their statistics"
    return buffer
