"""The ways to an alpha."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from shm_deploy import spec
from shm_deploy.errors import SpecError
from shm_train.evaluation.methods import predictor
from shm_train.networks import SemanticHumanMatting
from tests.train.conftest import TINY_NETWORK

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
TRUTH = np.zeros((48, 64), np.float32)
TRUTH[:, 32:] = 1
TRUTH[:, 30:34] = 0.5


def network(method="shm"):
    torch.manual_seed(0)
    return SemanticHumanMatting(replace(TINY_NETWORK, method=method)).eval()


def test_the_network_is_judged_as_it_is():
    """The same alpha, raw alpha and softmax as one forward pass gives."""
    judged = network()
    found = predictor(judged, "network", 0.05)(IMAGE, TRUTH)
    with torch.no_grad():
        whole = judged(torch.from_numpy(IMAGE.transpose(2, 0, 1)[None].astype(np.float32)))
    assert np.array_equal(found.alpha, whole.alpha[0, 0].numpy())
    assert np.array_equal(found.alpha_raw, whole.alpha_raw[0, 0].numpy())
    assert found.trimap.shape == (3, 48, 64)


def test_a_true_trimap_leaves_only_the_unknown_region_to_mnet():
    """Far from the edge alpha is the truth, whatever T-Net would say."""
    found = predictor(network(), "true-mnet", 0.1)(IMAGE, TRUTH)
    assert not found.alpha[:, :16].any()
    assert (found.alpha[:, 48:] == 1).all()


# pymatting compiles its search of neighbours when it is first called: most of a minute
@pytest.mark.parametrize("method", ["true-cf", pytest.param("true-knn", marks=pytest.mark.slow)])
def test_matting_finds_an_alpha_that_the_colours_show(method):
    """Two colours mixed along a ramp: far nearer to it than the trimap's own half everywhere."""
    ramp = np.tile(np.clip((np.arange(64, dtype=np.float32) - 24) / 16, 0, 1), (48, 1))
    image = np.round(ramp[..., None] * [200, 40, 90] + (1 - ramp[..., None]) * [20, 160, 30]).astype(np.uint8)
    found = predictor(network(), method, 0.1)(image, ramp)
    unknown = found.trimap[spec.UNKNOWN] > 0
    error, trivial = (np.abs(alpha - ramp)[unknown].mean() for alpha in (found.alpha, np.full_like(ramp, 0.5)))
    assert error < trivial / 4


def test_a_trimap_without_foreground_gives_an_empty_matte():
    """There is nothing to spread; pymatting would refuse."""
    found = predictor(network(), "true-cf", 0.1)(IMAGE, np.zeros_like(TRUTH))
    assert not found.alpha.any()


def test_a_network_without_mnet_takes_no_trimap():
    """PSP50 Seg and Reg are T-Nets alone."""
    with pytest.raises(SpecError, match="no M-Net"):
        predictor(network("regression"), "true-mnet", 0.1)
