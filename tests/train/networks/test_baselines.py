"""The paper's ablations, as switches of the network."""

from dataclasses import replace

import pytest
import torch

from shm_deploy import spec
from shm_deploy.errors import SpecError
from shm_train.networks import LiveConfig, SemanticHumanMatting
from shm_train.networks.baselines import ClassFusion, NoFusion, TNetAlone, TNetMask
from tests.train.conftest import TINY_NETWORK


def planes(*values):
    """(1, 3, 1, 1), order F, B, U."""
    return torch.tensor(values).view(1, 3, 1, 1)


RAW = torch.full((1, 1, 1, 1), 0.25)


def network(method):
    torch.manual_seed(0)
    return SemanticHumanMatting(replace(TINY_NETWORK, method=method)).eval()


def test_without_fusion_raw_alpha_is_alpha():
    """Whatever T-Net says."""
    assert NoFusion(resizes=False).eval()(planes(0.9, 0.05, 0.05), RAW).item() == 0.25


@pytest.mark.parametrize(
    ("trimap", "alpha"), [((0.5, 0.1, 0.4), 1.0), ((0.3, 0.4, 0.3), 0.0), ((0.3, 0.3, 0.4), 0.25)], ids=["F", "B", "U"]
)
def test_deep_image_mattings_fusion_obeys_the_likeliest_class(trimap, alpha):
    """1 in the foreground, 0 in the background, raw alpha where unknown; no probabilities."""
    assert ClassFusion(resizes=False).eval()(planes(*trimap), RAW).item() == alpha


def test_tnet_alone_answers_by_its_foreground_channel():
    """Regression as it is, segmentation as a mask; at the image's size."""
    image, trimap = torch.zeros(1, 3, 2, 2), planes(0.6, 0.3, 0.1)
    assert TNetAlone()(image, trimap, ()).alpha.tolist() == [[[[pytest.approx(0.6)] * 2] * 2]]
    assert TNetMask()(image, trimap, ()).alpha.tolist() == [[[[1.0] * 2] * 2]]


@pytest.mark.parametrize("method", ["no_fusion", "dim", "regression", "segmentation"])
def test_every_method_gives_an_alpha_of_the_images_size(method):
    """In 0..1; a mask has nothing in between."""
    torch.manual_seed(1)
    alpha = network(method)(255 * torch.rand(1, 3, 50, 70)).alpha
    assert alpha.shape == (1, 1, 50, 70)
    assert 0 <= alpha.min() <= alpha.max() <= 1
    if method == "segmentation":
        assert set(alpha.unique().tolist()) <= {0.0, 1.0}


def test_deep_image_mattings_mnet_sees_classes_not_probabilities():
    """Two softmaxes with the same likeliest class are one trimap to it."""
    mnet = network("dim").mnet
    image = 255 * torch.rand(1, 3, 32, 32)
    sure, unsure = (planes(*values).expand(1, 3, 32, 32) for values in ((0.1, 0.1, 0.8), (0.3, 0.3, 0.4)))
    features = network("dim").features(image)
    seen, same = (mnet(image, trimap, features).alpha for trimap in (sure, unsure))
    assert torch.equal(seen, same)
    assert not torch.equal(seen, mnet(image, sure[:, [spec.UNKNOWN, 1, spec.FOREGROUND]], features).alpha)


def test_a_method_that_is_not_known_is_refused():
    """With the known ones."""
    with pytest.raises(SpecError, match="known are shm, no_fusion"):
        LiveConfig(method="magic")
