"""What stage 3 minimises: Eq. 6 and the patches of section 4.5."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from shm_train.data.dataset import ComposedDataset, MixConfig, first_examples
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import LossConfig, MNetLossConfig
from shm_train.stages.objective import cut_features, cut_patches, end_to_end_losses, look, mnet_losses
from tests.train.conftest import TINY_DATA, TINY_NETWORK


def test_patches_are_cut_where_they_are_wanted():
    """A square of the same side is the pixels themselves; one twice as large is shrunk to their means, roughly."""
    x = torch.arange(64.0).view(1, 1, 8, 8).repeat(2, 1, 1, 1)
    patches = cut_patches(x, [[[1, 2, 4]], [[0, 0, 8]]], 4)
    assert torch.equal(patches[0, 0], x[0, 0, 1:5, 2:6])
    assert patches[1, 0].mean().item() == pytest.approx(31.5, abs=0.1)


def test_features_are_cut_where_the_patches_of_their_canvas_are():
    """Maps of half and a quarter of the canvas' sides; each place of a ramp is the mean of the pixels it stands for."""
    canvas = torch.arange(64.0).view(1, 1, 1, 64) + 100 * torch.arange(48.0).view(1, 1, 48, 1)
    places = [[[8, 16, 32], [16, 0, 32]]]
    patches = cut_patches(canvas, places, 32)
    for stride in (2, 4):
        cut = cut_features(F.avg_pool2d(canvas, stride), places, canvas.shape[-2:], 32)
        torch.testing.assert_close(cut, F.avg_pool2d(patches, stride))


def test_features_of_several_patches_and_canvases_lie_as_the_patches_do():
    """Two of each of two canvases, whose maps are not scaled alike along both sides."""
    canvas = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    places = [[[0, 0, 32], [32, 64, 32]], [[16, 32, 32], [32, 0, 32]]]
    maps = F.avg_pool2d(canvas, (2, 4))
    cut = cut_features(maps, places, canvas.shape[-2:], 32)
    assert cut.shape == (4, 3, 16, 16)
    expected = F.interpolate(F.avg_pool2d(cut_patches(canvas, places, 32), (2, 4)), (16, 16), mode="bilinear")
    torch.testing.assert_close(cut[:, :, :, 1:-1], expected[:, :, :, 1:-1])  # at its sides it also sees what is beyond


def test_features_of_a_patch_that_is_resized_keep_their_share_of_it():
    """A square of 32 px as 16: its features have half of the places that they have in the canvas."""
    maps = torch.full((1, 2, 24, 32), 3.0)
    cut = cut_features(maps, [[[0, 0, 32]]], torch.Size((48, 64)), 16)
    torch.testing.assert_close(cut, torch.full((1, 2, 8, 8), 3.0))


def test_several_patches_of_one_canvas_lie_together():
    """Two of the first canvas come before two of the second."""
    x = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    places = [[[0, 0, 4], [2, 2, 4]], [[1, 1, 4], [4, 4, 4]]]
    assert cut_patches(x, places, 4)[:, 0, 0, 0].tolist() == [0, 0, 1, 1]


def test_a_constant_stays_constant_when_a_patch_is_resized():
    """Resizing may not darken borders, where the antialiasing filter ends."""
    patches = cut_patches(torch.full((1, 2, 64, 64), 7.0), [[[0, 0, 64]]], 16)
    torch.testing.assert_close(patches, torch.full((1, 2, 16, 16), 7.0))


@pytest.fixture(scope="module")
def terms(pack):
    """The losses of one batch under a number of weights: progress, config -> terms."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK).eval()
    batch = next(iter(first_examples(ComposedDataset(pack, TINY_DATA, held_out=False, num_patches=1), 2)))

    def compute(progress, config):
        with torch.no_grad():
            return {k: v.item() for k, v in end_to_end_losses(network, batch, 48, config, progress).items()}

    return compute


def test_the_total_is_equation_six(terms):
    """L = L_p + 0.01 L_t with the paper's weights, at any time of the run."""
    paper = LossConfig(trimap=0.01, trimap_end=0.01, known_region=0)
    for progress in (0, 0.7):
        found = terms(progress, paper)
        assert found["total"] == pytest.approx(found["prediction"] + 0.01 * found["trimap"])


def test_the_live_weights_change_over_the_run(terms):
    """Lambda falls linearly from 0.3 to 0.05; the known region counts once."""
    for progress, weight in ((0, 0.3), (0.5, 0.175), (1, 0.05)):
        found = terms(progress, LossConfig())
        expected = found["prediction"] + weight * found["trimap"] + found["known_region"]
        assert found["total"] == pytest.approx(expected)


def test_hard_masks_are_learned_by_the_trimap_loss_alone(pack):
    """L_p, its term for known regions and what M-Net alone minimises are 0; L_t is not, and gives M-Net no gradient."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK).train()
    masks = replace(TINY_DATA, mix=MixConfig(cutout=0, photo=0, recomposed=0, mask=1, nobody=0))
    batch = next(iter(first_examples(ComposedDataset(pack, masks, held_out=False, num_patches=1), 2)))
    found = end_to_end_losses(network, batch, 48, LossConfig(), 0)
    assert found["prediction"].item() == found["known_region"].item() == 0
    assert found["trimap"].item() > 0
    found["total"].backward()
    assert not network.mnet.prediction.weight.grad.any()
    assert network.tnet.logits.weight.grad.any()
    network.tnet.eval()
    assert mnet_losses(network, batch, look(network, batch, "tnet"), 48, "tnet", MNetLossConfig())["total"].item() == 0


def test_mnet_answers_for_what_tnet_calls_unknown(pack):
    """Where nobody is, nothing is truly unknown; a T-Net that calls all of it so asks M-Net, who is then wrong."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK).eval()
    torch.nn.init.zeros_(network.tnet.logits.weight)
    torch.nn.init.constant_(network.mnet.prediction.bias, 2.0)
    nobody = replace(TINY_DATA, mix=MixConfig(cutout=1e-9, photo=0, recomposed=0, mask=0, nobody=1))
    batch = next(iter(first_examples(ComposedDataset(pack, nobody, held_out=False, num_patches=1), 2)))

    def raw_loss(known: float) -> float:
        network.tnet.logits.bias.data = torch.tensor([0.0, known, 100.0 - known])  # order F, B, U
        with torch.no_grad():
            return mnet_losses(network, batch, look(network, batch, "tnet"), 48, "tnet", MNetLossConfig())["raw"].item()

    assert raw_loss(known=100.0) < 1e-6
    assert raw_loss(known=0.0) > 0.3


def test_patches_of_several_sizes_train_together(pack):
    """The paper's M-Net sees 320, 480 and 640 at one size: a gradient reaches both networks."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK).train()
    data = replace(TINY_DATA, patches=(32, 48, 64), patch_size=32)
    batch = next(iter(first_examples(ComposedDataset(pack, data, held_out=False, num_patches=1), 2)))
    end_to_end_losses(network, batch, data.patch_size, LossConfig(), 0)["total"].backward()
    assert network.tnet.encoder.stem[1].weight.grad.abs().sum() > 0
    assert network.mnet.prediction.weight.grad.abs().sum() > 0


def test_without_patches_mnet_sees_what_it_will_see_of_frames(pack):
    """L_p, and that of M-Net alone, is then that of the alpha which the network gives for the whole canvas."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK).eval()
    batch = next(iter(first_examples(ComposedDataset(pack, TINY_DATA, held_out=False, num_patches=0), 2)))
    with torch.no_grad():
        alpha = network(batch["image"].float()).alpha
        found = end_to_end_losses(network, batch, 48, LossConfig(gamma=1.0), 0)
        alone = mnet_losses(network, batch, look(network, batch, "tnet"), 48, "tnet", MNetLossConfig(gamma=1.0))
    sure = batch["sure"] * batch["soft"].view(-1, 1, 1, 1)
    expected = ((alpha - batch["alpha"]).abs() * sure).sum() / sure.sum()
    assert found["prediction"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert alone["prediction"].item() == pytest.approx(expected.item(), rel=1e-5)
