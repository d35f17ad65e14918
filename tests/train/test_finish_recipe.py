"""The recipe of the checkpoint that ships: means, a surer T-Net, raw alpha that reaches its ends."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shm_deploy import spec
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.guided import draw
from tests.train.conftest import TINY_NETWORK, load_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "finish.py"


@pytest.fixture(scope="module")
def recipe():
    """The recipe as a module."""
    return load_recipe(RECIPE)


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
    """(1 + 2 x) times, all along the way through the filter; T-Net stays, and so does what M-Net is sure of."""
    before = checkpoint()
    after = recipe.with_raw_alpha(before, stretch)
    trimap = torch.softmax(torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(2)), dim=1)
    old, new = (raw_alpha(each.network(), trimap) for each in (before, after))
    torch.testing.assert_close(new - 0.5, (1 + 2 * stretch) * (old - 0.5), atol=1e-4, rtol=1e-4)
    changed = {name for name, tensor in after.weights.items() if not torch.equal(tensor, before.weights[name])}
    assert changed == ({"mnet.prediction.weight", "mnet.prediction.bias"} if stretch else set())
    for name in changed:
        assert torch.equal(after.weights[name][4:], before.weights[name][4:])


@torch.no_grad()
def test_sharpened_logits_are_surer_and_ask_more(recipe):
    """T-Net's logits times a number, and another one on top of the unknown region's."""
    before = checkpoint()
    old, _ = before.network().tnet(image())
    new, _ = recipe.with_logits(before, 1.3, 0.5).network().tnet(image())
    wanted = 1.3 * old
    wanted[:, spec.UNKNOWN] += 0.5
    torch.testing.assert_close(new, wanted, atol=1e-5, rtol=1e-4)


@pytest.fixture
def finish(tmp_path):
    """The command, on three runs, two of which are averaged."""
    paths = [tmp_path / f"{index}.pt" for index in range(3)]
    for seed, path in enumerate(paths):
        save_checkpoint(path, checkpoint(seed))

    def run(*options):
        command = [sys.executable, str(RECIPE), *map(str, paths[:2]), "--mnet", str(paths[2]), *options]
        return subprocess.run(
            [*command, "--out", str(tmp_path / "live.pt")], capture_output=True, text=True, check=False
        )

    return run


def test_the_command_writes_the_mean_at_the_sizes_that_ship(finish, tmp_path):
    """Of T-Net's weights; M-Net is another one's, and each option does its work."""
    ended = finish("--sharpen", "1.3", "--stretch", "0.03")
    assert ended.returncode == 0, ended.stderr
    made, (first, second, third) = (
        load_checkpoint(tmp_path / "live.pt"),
        (checkpoint(seed).weights for seed in range(3)),
    )
    assert (made.config.tnet_edge, made.config.mnet_edge) == (416, 512)
    for name in ("tnet.encoder.stem.1.weight", "tnet.reduce.0.weight"):
        torch.testing.assert_close(made.weights[name], (first[name] + second[name]) / 2)
    name = "tnet.logits.weight"
    torch.testing.assert_close(made.weights[name], 1.3 * (first[name] + second[name]) / 2)
    name = "mnet.prediction.bias"
    torch.testing.assert_close(made.weights[name][:4], 1.06 * third[name][:4] - 0.03)


@pytest.mark.parametrize("stretch", ["-0.1", "nan"])
def test_a_stretch_that_would_shrink_is_refused(finish, stretch):
    """With what was got."""
    ended = finish("--stretch", stretch)
    assert ended.returncode != 0
    assert f"got --stretch {stretch}" in ended.stderr


def test_what_is_no_checkpoint_is_said_in_one_line(finish, tmp_path):
    """With its name, and without a traceback; nothing is written."""
    (tmp_path / "1.pt").write_text("no checkpoint")
    ended = finish()
    assert ended.returncode != 0
    assert len(ended.stderr.splitlines()) == 1
    assert "1.pt" in ended.stderr
    assert not (tmp_path / "live.pt").exists()


def test_runs_of_other_shapes_are_refused(finish, tmp_path):
    """They have no mean."""
    config = replace(TINY_NETWORK, tnet_width=2 * TINY_NETWORK.tnet_width)
    other = Checkpoint(config=config, weights=SemanticHumanMatting(config).state_dict())
    save_checkpoint(tmp_path / "1.pt", other)
    ended = finish()
    assert ended.returncode != 0
    assert len(ended.stderr.splitlines()) == 1
    assert "another shape" in ended.stderr
