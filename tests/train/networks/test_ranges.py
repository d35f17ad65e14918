"""Which layers half precision can't hold."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from shm_train.networks import SemanticHumanMatting
from shm_train.networks.fold import fold
from shm_train.networks.ranges import ActivationRanges, LayerRange, measure_ranges


def _ranges(*activations: float) -> ActivationRanges:
    layers = [
        LayerRange(layer=f"layer{index}", activation=value, weight=1.0) for index, value in enumerate(activations)
    ]
    return ActivationRanges(layers=tuple(layers))


def test_the_first_overflow_is_named_not_the_largest() -> None:
    """What overflows later may overflow because of it."""
    ranges = _ranges(10.0, 70000.0, 900000.0)
    assert ranges.first_overflow is not None
    assert ranges.first_overflow.layer == "layer1"
    assert ranges.record()["first_overflow"] == "layer1"
    assert ranges.record()["largest_layer"] == "layer2"


def test_the_largest_half_number_is_no_overflow() -> None:
    """65504 fits, the next does not."""
    assert _ranges(65504.0).first_overflow is None
    assert _ranges(65504.1).first_overflow is not None


@pytest.mark.parametrize("broken", [math.nan, math.inf], ids=str)
def test_a_broken_activation_counts_as_overflow(small_network: SemanticHumanMatting, broken: float) -> None:
    """NaN compares as smaller than anything; it must not pass for it."""
    network = copy.deepcopy(fold(small_network))
    network.mnet.prediction.weight.data[0, 0, 0, 0] = broken
    ranges = measure_ranges(network, [np.full((64, 80, 3), 90, np.uint8)])
    assert ranges.first_overflow is not None
    assert ranges.first_overflow.layer == "mnet.prediction"


def test_layers_come_in_the_order_in_which_they_run(small_network: SemanticHumanMatting) -> None:
    """T-Net's first convolution first, fusion last; a planted overflow in M-Net is the first one."""
    network = copy.deepcopy(fold(small_network))
    with torch.no_grad():
        network.mnet.prediction.bias.fill_(1e5)
    ranges = measure_ranges(network, [np.full((64, 80, 3), 90, np.uint8)])
    names = [layer.layer for layer in ranges.layers]
    assert names[0].startswith("tnet.encoder.stem")
    assert names[-1] == "fusion"
    assert "mnet.image_stem" in names  # which scales its weights itself
    assert ranges.first_overflow is not None
    assert ranges.first_overflow.layer == "mnet.prediction"


def test_the_largest_over_all_pictures_is_kept(small_network: SemanticHumanMatting) -> None:
    """A dark picture after a bright one does not lower the range."""
    folded = fold(small_network)
    bright, dark = np.full((64, 80, 3), 255, np.uint8), np.full((64, 80, 3), 120, np.uint8)
    both, alone = measure_ranges(folded, [bright, dark]), measure_ranges(folded, [bright])
    pairs = zip(both.layers, alone.layers, strict=True)
    assert all(kept.activation >= single.activation for kept, single in pairs)
