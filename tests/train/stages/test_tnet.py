"""The stage of T-Net alone: what it minimises by method, and that M-Net stays."""

import csv
from dataclasses import replace

import pytest
import torch

from shm_deploy import spec
from shm_train.checkpoint import load_checkpoint
from shm_train.data.dataset import ComposedDataset, first_examples
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.outputs import Segmented
from shm_train.stages.config import LIVE_TNET, Budget
from shm_train.stages.machine import Machine
from shm_train.stages.objective import tnet_losses
from shm_train.stages.tnet import train_tnet
from tests.train.conftest import TINY_DATA, TINY_NETWORK

TINY = replace(
    LIVE_TNET, network=TINY_NETWORK, data=TINY_DATA, warmup_steps=2, num_validation=2, validate_every=100, log_every=1
)


def fresh(method):
    torch.manual_seed(0)
    return SemanticHumanMatting(replace(TINY_NETWORK, method=method))


class FixedLogits(torch.nn.Module):
    """A T-Net that is as sure as can be of one class everywhere."""

    def __init__(self, index):
        super().__init__()
        self.index = index

    def forward(self, image):
        logits = torch.zeros(len(image), 3, *image.shape[-2:])
        logits[:, self.index] = 20
        return Segmented(logits)


@pytest.fixture(scope="module")
def batch(pack):
    return next(iter(first_examples(ComposedDataset(pack, TINY_DATA, held_out=False), 2)))


@pytest.mark.slow
def test_only_tnet_learns(pack, tmp_path):
    """M-Net keeps every bit; the encoder and the rest have rates of their own; the score is the trimap's error."""
    before = fresh("shm").state_dict()
    train_tnet(TINY, Budget(steps=1), fresh("shm"), pack, tmp_path, Machine(num_workers=0))
    last = load_checkpoint(tmp_path / "last.pt")
    changed = {name for name, tensor in last.training["weights"].items() if not torch.equal(tensor, before[name])}
    assert {name.split(".")[0] for name in changed} == {"tnet"}
    assert [group["peak"] for group in last.training["optimizer"]["param_groups"]] == [3e-4, 1e-3]
    with (tmp_path / "validation.csv").open() as stream:
        row = next(csv.DictReader(stream))
    assert float(row["score"]) == pytest.approx(float(row["trimap_error"]), abs=1e-3)


def test_regression_is_the_mean_error_of_the_foreground_channel(batch):
    """All sure of the foreground: the error is the mean of 1 - alpha where the truth is sure."""
    network = fresh("regression")
    network.tnet = FixedLogits(spec.FOREGROUND)
    expected = ((1 - batch["alpha"]) * batch["sure"]).sum() / batch["sure"].sum()
    assert tnet_losses(network, batch)["total"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_segmentation_learns_the_mask_of_all_that_is_not_clear(batch):
    """All sure of the background (20 against 0): 20 for each pixel with alpha > 0, nothing for the others."""
    network = fresh("segmentation")
    network.tnet = FixedLogits(spec.BACKGROUND)
    share = ((batch["alpha"] > 0) * batch["sure"]).sum() / batch["sure"].sum()
    assert tnet_losses(network, batch)["total"].item() == pytest.approx(20 * share.item(), rel=1e-4)


def test_the_trimap_is_what_the_paper_learns(batch):
    """All sure of unknown: 20 for each pixel of another true class."""
    network = fresh("shm")
    network.tnet = FixedLogits(spec.UNKNOWN)
    known = ((1 - batch["trimap"][:, spec.UNKNOWN, None]) * batch["sure"]).sum() / batch["sure"].sum()
    assert tnet_losses(network, batch)["total"].item() == pytest.approx(20 * known.item(), rel=1e-4)
