"""The stage of M-Net alone: T-Net stays, several patches count, and the loop's promises hold."""

import csv
from dataclasses import replace

import pytest
import torch

from shm_deploy import spec
from shm_train.checkpoint import load_checkpoint
from shm_train.cli import train as command
from shm_train.data.dataset import ComposedDataset, first_examples
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import LIVE_MNET, Budget, MNetLossConfig
from shm_train.stages.machine import Machine
from shm_train.stages.mnet import train_mnet
from shm_train.stages.objective import cut_features, cut_patches, look, mnet_losses
from tests.train.conftest import TINY_DATA, TINY_NETWORK

TINY = replace(
    LIVE_MNET, network=TINY_NETWORK, data=TINY_DATA, warmup_steps=2, num_validation=2, validate_every=100, log_every=1
)


def fresh():
    torch.manual_seed(0)
    return SemanticHumanMatting(TINY_NETWORK)


def train(steps, pack, folder, config=TINY):
    train_mnet(config, Budget(steps=steps), fresh(), pack, folder, Machine(num_workers=0))
    return load_checkpoint(folder / "last.pt")


@pytest.mark.slow
def test_only_mnet_learns(pack, tmp_path):
    """T-Net keeps every bit, batch norms included; M-Net's weights and its batch norms move; best.pt serves."""
    before = fresh().state_dict()
    after = train(1, pack, tmp_path)
    for weights in (after.weights, after.training["weights"], load_checkpoint(tmp_path / "best.pt").weights):
        changed = {name for name, tensor in weights.items() if not torch.equal(tensor, before[name])}
        assert {name.split(".")[0] for name in changed} == {"mnet"}
        assert "mnet.decode4.0.weight" in changed
        assert "mnet.decode4.1.1.running_mean" in changed
    assert not load_checkpoint(tmp_path / "best.pt").network().training


@pytest.mark.slow
def test_a_run_resumes_to_equal_weights(pack, tmp_path):
    """One step and one more are two."""
    config = replace(TINY, final_rate=1.0)  # a schedule that does not know the budget
    whole = train(2, pack, tmp_path / "whole", config)
    train(1, pack, tmp_path / "cut", config)
    resumed = train(2, pack, tmp_path / "cut", config)
    for name, tensor in whole.training["weights"].items():
        assert torch.equal(tensor, resumed.training["weights"][name]), name


def test_the_total_is_the_weighted_sum_over_all_patches(pack):
    """L_p, L_p of raw alpha, the errors of gradient and coarse alpha; a gradient reaches M-Net only."""
    network = fresh().train()
    network.tnet.eval()
    data = replace(TINY_DATA, patches=(32, 48, 64), patch_size=32)
    batch = next(iter(first_examples(ComposedDataset(pack, data, held_out=False, num_patches=3), 2)))
    terms = mnet_losses(
        network, batch, look(network, batch, "tnet"), 32, "tnet", MNetLossConfig(raw=2.0, gradient=0.25, coarse=0.5)
    )
    expected = terms["prediction"] + 2 * terms["raw"] + 0.25 * terms["gradient"] + 0.5 * terms["coarse"]
    assert terms["total"].item() == pytest.approx(expected.item())
    terms["total"].backward()
    assert network.mnet.prediction.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.tnet.parameters())


def test_the_command_wants_a_start(pack, tmp_path, capsys):
    """M-Net makes no sense under a T-Net that knows nothing."""
    arguments = ["mnet", "--variant", "live", "--data", str(pack.folder), "--out", str(tmp_path), "--steps", "1"]
    assert command.main([*arguments, "--threads", "1"]) == 1
    assert "got no --start; live's M-Net sees what T-Net makes of the image" in capsys.readouterr().err
    arguments[2] = "paper"
    assert command.main([*arguments, "--threads", "1", "--set", "trimaps=tnet"]) == 1
    assert "got trimaps tnet without --start" in capsys.readouterr().err


def test_true_trimaps_reach_mnet_in_place_of_tnets(pack):
    """Under true trimaps, what T-Net would say of them changes nothing; L_p counts raw alpha over the whole patch."""
    network = fresh().train()
    network.tnet.eval()
    batch = next(iter(first_examples(ComposedDataset(pack, TINY_DATA, held_out=False, num_patches=1), 2)))
    config = MNetLossConfig(raw=0, gradient=0)
    before = mnet_losses(network, batch, look(network, batch, "true"), 48, "true", config)["total"].item()
    with torch.no_grad():
        network.tnet.logits.bias += 5 * torch.randn(3)
    after = mnet_losses(network, batch, look(network, batch, "true"), 48, "true", config)["total"].item()
    assert after == pytest.approx(before, rel=1e-6)
    patch = cut_patches(batch["mnet_trimap"], batch["patches"].tolist(), 48)
    image = batch["image"].float()
    features = [cut_features(x, batch["patches"].tolist(), image.shape[-2:], 48) for x in network.features(image)]
    raw = network.mnet(cut_patches(image, batch["patches"].tolist(), 48), patch, features).alpha
    truth, fore, back, sure = (
        cut_patches(batch[name].float(), batch["patches"].tolist(), 48)
        for name in ("alpha", "foreground", "background", "sure")
    )
    error = (raw - truth).abs() * sure
    contrast = (fore - back).abs().mean(1, keepdim=True) / 255
    expected = (0.5 * error + 0.5 * contrast * error).sum() / sure.sum()
    assert before == pytest.approx(expected.item(), rel=1e-4)


def test_deep_image_matting_learns_in_the_unknown_region_only(pack):
    """Its raw alpha elsewhere is overruled by the trimap, so nothing there has a gradient."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(replace(TINY_NETWORK, method="dim")).train()
    network.tnet.eval()
    batch = next(iter(first_examples(ComposedDataset(pack, TINY_DATA, held_out=False, num_patches=1), 2)))
    for trimap in (batch["mnet_trimap"], batch["trimap"]):
        trimap[:] = 0
        trimap[:, spec.BACKGROUND] = 1
    seen = look(network, batch, "true")
    mnet_losses(network, batch, seen, 48, "true", MNetLossConfig(raw=0, gradient=0, coarse=1))["total"].backward()
    assert not network.mnet.mnet.prediction.weight.grad.any()


@pytest.mark.slow
def test_mnet_learns_from_one_canvas_at_a_time(pack, tmp_path):
    """It is T-Net whose batch norms need more than one, and T-Net stays as it is."""
    config = replace(TINY, data=replace(TINY_DATA, batch_size=1))
    assert train(1, pack, tmp_path, config).training["step"] == 1


@pytest.mark.slow
def test_in_bfloat16_mnet_learns_nearly_the_same(pack, tmp_path):
    """T-Net looks in half precision, without batch norms: M-Net's loss is that of float32, but for rounding."""
    found = {}
    for precision in ("fp32", "bf16"):
        train(1, pack, tmp_path / precision, replace(TINY, precision=precision))
        with (tmp_path / precision / "log.csv").open() as log:
            found[precision] = float(next(csv.DictReader(log))["total"])
    assert found["bf16"] == pytest.approx(found["fp32"], rel=0.02)
