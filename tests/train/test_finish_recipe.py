"""The recipe of the checkpoint that ships: means, a surer T-Net, raw alpha that reaches its ends."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from shm_deploy import spec
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.guided import draw
from tests.train.conftest import TINY_NETWORK

RECIPE = Path(__file__).parents[2] / "recipes" / "finish.py"


@pytest.fixture(scope="module")
def recipe():
    """The recipe as a module."""
    found = importlib.util.spec_from_file_location("finish_recipe", RECIPE)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def checkpoint(seed=0):
    torch.manual_seed(seed)
    return Checkpoint(config=TINY_NETWORK, weights=SemanticHumanMatting(TINY_NETWORK).state_dict(), training=None)


def image():
    return torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 255


@torch.no_grad()
def raw_alpha(network, trimap):
    """Not clamped, as the filter draws it."""
    _, features = network.tnet(image())
    return draw(image(), network.mnet.coefficients(image(), trimap, features))


@pytest.mark.parametrize("stretch", [0.0, 0.03, 0.2])
def test_stretched_raw_alpha_is_further_from_a_half(recipe, stretch):
    """(1 + 2 x) times, all along the way through the filter; T-Net stays."""
    before = checkpoint()
    after = recipe.with_raw_alpha(before, stretch)
    trimap = torch.softmax(torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(2)), dim=1)
    old, new = (raw_alpha(each.network(), trimap) for each in (before, after))
    torch.testing.assert_close(new - 0.5, (1 + 2 * stretch) * (old - 0.5), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(after.weights[name], before.weights[name]) for name in before.weights if "tnet" in name)


@torch.no_grad()
def test_sharpened_logits_are_surer_and_ask_more(recipe):
    """T-Net's logits times a number, and another one on top of the unknown region's."""
    before = checkpoint()
    old, _ = before.network().tnet(image())
    new, _ = recipe.with_logits(before, 1.3, 0.5).network().tnet(image())
    wanted = 1.3 * old
    wanted[:, spec.UNKNOWN] += 0.5
    torch.testing.assert_close(new, wanted, atol=1e-5, rtol=1e-4)


def test_the_command_writes_the_mean_at_the_sizes_that_ship(recipe, tmp_path):
    """Of all weights but counters; M-Net may be another one's."""
    runs = [checkpoint(seed) for seed in range(3)]
    paths = [tmp_path / f"{index}.pt" for index in range(3)]
    for run, path in zip(runs, paths, strict=True):
        save_checkpoint(path, run)
    out = tmp_path / "live.pt"
    command = [sys.executable, str(RECIPE), str(paths[0]), str(paths[1]), "--mnet", str(paths[2]), "--out", str(out)]
    subprocess.run(command, check=True)
    made = load_checkpoint(out)
    assert (made.config.tnet_edge, made.config.mnet_edge) == (416, 512)
    name = "tnet.logits.weight"
    torch.testing.assert_close(made.weights[name], (runs[0].weights[name] + runs[1].weights[name]) / 2)
    name = "mnet.prediction.weight"
    torch.testing.assert_close(made.weights[name], runs[2].weights[name])
