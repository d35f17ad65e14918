"""What the loop promises to every stage: exact resume, parts of a batch, precision, clear ends."""

import csv
import logging
import math
import os
import signal
from dataclasses import replace

import pytest
import torch
import torch.utils.data

from shm_deploy import spec
from shm_deploy.errors import ArtifactError, SpecError
from shm_train.checkpoint import load_checkpoint
from shm_train.data.dataset import MixConfig
from shm_train.data.samples import Pack
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import Budget
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.interrupts import interrupts
from shm_train.stages.loop import LoaderFailed, train
from shm_train.stages.machine import Machine
from shm_train.stages.reporting import clock
from shm_train.stages.stage import ParameterGroup, Stage
from shm_train.stages.step import TrainingDiverged

HERE = Machine(num_workers=0)


@pytest.fixture
def config(tiny_config):
    """One that does not know its budget, with a picture or two to validate on."""
    return replace(tiny_config, final_rate=1.0, num_validation=1)


def fresh(config):
    torch.manual_seed(0)
    return SemanticHumanMatting(config.network)


def end_to_end(config, steps, pack, folder, machine=HERE):
    train_end_to_end(config, Budget(steps=steps), fresh(config), pack, folder, machine)
    return load_checkpoint(folder / "last.pt")


def rows(path):
    with path.open() as stream:
        return [dict(row) for row in csv.DictReader(stream)]


class ReadsThenFails(Pack):
    """A pack with which something happens after a number of reads."""

    def __init__(self, folder, num_reads, happens):
        super().__init__(folder)
        self.reads_left = num_reads
        self.happens = happens

    def read(self, sample):
        self.reads_left -= 1
        if self.reads_left < 0:
            self.happens(self.file(sample))
        return super().read(sample)


def be_missing(path):
    raise ArtifactError(f"{path} is missing or unreadable: pack again")


def die(path):
    assert torch.utils.data.get_worker_info() is not None, "not in the test's own process"
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 2])
def test_a_run_cut_at_any_step_resumes_to_equal_bits(config, pack, tmp_path, cut):
    """With random numbers in the loss, as dropout draws them, with parts of a batch, and with averaged weights."""
    data = replace(config.data, batch_size=4)
    config = replace(config, data=data, accumulate=2, ema_decay=0.9, num_validation=1)

    def run(steps, folder):
        network = fresh(config).train()
        weight = network.mnet.prediction.weight

        def losses(batch, progress):
            return {"total": (torch.rand_like(weight) * weight).sum() + weight.sum() * batch["alpha"].mean()}

        group = ParameterGroup(parameters=[weight], rate=1e-2)
        stage = Stage(name="noise", config=config, losses=losses, groups=[group])
        train(stage, Budget(steps=steps), network, pack, folder, HERE)
        return load_checkpoint(folder / "last.pt")

    whole = run(3, tmp_path / "whole")
    run(cut, tmp_path / "cut")
    resumed = run(3, tmp_path / "cut")
    name = "mnet.prediction.weight"
    assert not torch.equal(whole.training["weights"][name], fresh(config).state_dict()[name])
    assert torch.equal(whole.training["weights"][name], resumed.training["weights"][name])
    assert torch.equal(whole.weights[name], resumed.weights[name])


@pytest.mark.slow
def test_parts_of_a_batch_have_the_gradient_of_the_whole(config, pack, tmp_path):
    """Two parts of two, with batch norms that keep their statistics and all pixels sure.

    Without the losses of details: those are means over the unknown region, which no two parts have as much of.
    """
    data = replace(config.data, batch_size=4, mix=MixConfig(cutout=1, photo=0, recomposed=0, mask=0, nobody=0))
    found = []
    for parts in (1, 2):
        loss = replace(config.loss, raw=0, gradient=0, coarse=0)
        cut = replace(config, data=data, loss=loss, accumulate=parts, freeze_norms=True)
        end_to_end(cut, 1, pack, tmp_path / str(parts))
        found.append(rows(tmp_path / str(parts) / "log.csv")[0])
    assert float(found[0]["total"]) == pytest.approx(float(found[1]["total"]), abs=2e-5)
    assert float(found[0]["norm"]) == pytest.approx(float(found[1]["norm"]), rel=1e-3)


def test_a_batch_that_can_not_be_divided_is_refused(config):
    """By the number that divides it."""
    with pytest.raises(SpecError, match="accumulate 3"):
        replace(config, accumulate=3)


def test_one_example_at_a_time_is_refused(config, pack, tmp_path):
    """Batch norms have nothing to compare it with; said before the first step, with the ways out."""
    with pytest.raises(SpecError, match="freeze_norms=True"):
        end_to_end(replace(config, accumulate=2), 1, pack, tmp_path)


@pytest.mark.slow
def test_half_precision_scales_the_loss_and_keeps_the_scale(config, pack, tmp_path):
    """The scale goes on where it was; weights stay float32 and finite."""
    found = end_to_end(replace(config, precision="fp16", num_validation=1), 1, pack, tmp_path)
    assert found.training["scaler"]["scale"] > 1
    for tensor in found.training["weights"].values():
        assert tensor.dtype != torch.float16
        assert tensor.isfinite().all()


@pytest.mark.slow
def test_options_of_a_step_reach_it(config, pack, tmp_path):
    """bf16 in products, weights with channels last, a gradient of ones clipped to length 1."""
    config = replace(config, precision="bf16", clip_norm=1.0, freeze_norms=True)
    network = fresh(config).train()
    learns = next(weight for weight in network.mnet.parameters() if weight.dim() == 4)
    seen = []

    def losses(batch, progress):
        seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        seen.append(learns.is_contiguous(memory_format=torch.channels_last))
        return {"total": learns.sum()}

    stage = Stage(name="options", config=config, losses=losses, groups=[ParameterGroup(parameters=[learns], rate=1e-3)])
    train(stage, Budget(steps=1), network, pack, tmp_path, HERE)
    (state,) = load_checkpoint(tmp_path / "last.pt").training["optimizer"]["state"].values()
    assert seen == [torch.bfloat16, True]
    # Adam's first moment is a tenth of the gradient that it is given
    assert float(state["exp_avg"].norm()) == pytest.approx(0.1, rel=1e-4)
    assert float(rows(tmp_path / "log.csv")[0]["norm"]) == pytest.approx(math.sqrt(learns.numel()), rel=1e-3)


@pytest.mark.slow
def test_frozen_norms_keep_their_statistics(config, pack, tmp_path):
    """While everything else learns."""
    found = end_to_end(replace(config, freeze_norms=True), 1, pack, tmp_path).training["weights"]
    before = fresh(config).state_dict()
    changed = {name for name, tensor in found.items() if not torch.equal(tensor, before[name])}
    assert changed
    assert not any("running" in name for name in changed)


@pytest.mark.slow
def test_frozen_parameters_stay(config, pack, tmp_path):
    """The encoder's stem; its first stage, behind it, learns."""
    frozen = replace(config, frozen=("tnet.encoder.stem",), freeze_norms=True)
    found = end_to_end(frozen, 1, pack, tmp_path).training["weights"]
    before = fresh(config).state_dict()
    changed = {name for name, tensor in found.items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith("tnet.encoder.stem") for name in changed)
    assert any(name.startswith("tnet.encoder.stages.0") for name in changed)


def test_a_name_that_freezes_nothing_is_refused(config, pack, tmp_path):
    """With the name: a typing error would train for hours what was to stay."""
    with pytest.raises(SpecError, match=r"'tnet\.encoder\.stam'"):
        end_to_end(replace(config, frozen=("tnet.encoder.stam",)), 1, pack, tmp_path)


@pytest.mark.slow
def test_a_missing_picture_ends_the_run_with_its_name(config, pack, tmp_path):
    """From a worker, too, without its traceback; the last good checkpoint stays."""
    broken = ReadsThenFails(pack.folder, 12, be_missing)
    with pytest.raises(ArtifactError, match=r"^\S+\.jpg is missing or unreadable: pack again$"):
        end_to_end(replace(config, save_every=1), 50, broken, tmp_path, Machine(num_workers=1))
    assert load_checkpoint(tmp_path / "last.pt").training["step"] >= 1


@pytest.mark.slow
def test_a_killed_worker_ends_the_run(config, pack, tmp_path):
    """Not with a hang, and not with a traceback of the loader's; the last good checkpoint stays."""
    end_to_end(config, 1, pack, tmp_path)
    broken = ReadsThenFails(pack.folder, 4, die)
    with pytest.raises(LoaderFailed, match=r"has died \(DataLoader worker .*killed for memory"):
        end_to_end(config, 50, broken, tmp_path, Machine(num_workers=1))
    assert load_checkpoint(tmp_path / "last.pt").training["step"] == 1


@pytest.mark.slow
def test_fp16_that_overflows_for_good_is_divergence(config, pack, tmp_path):
    """A scaler that has come below 1 no longer skips steps: the gradient itself is infinite."""
    diverging = replace(config, precision="fp16", freeze_norms=True, rate=1e30, encoder_rate=1e30, warmup_steps=0)
    with pytest.raises(TrainingDiverged, match=r"made of .*\.jpg"):
        end_to_end(diverging, 9, pack, tmp_path)


@pytest.mark.slow
def test_each_layer_is_held_against_half_precision(config, pack, tmp_path, caplog):
    """A weight over 65504 is warned of, with its layer; every layer has a row."""
    network = fresh(config)
    with torch.no_grad():
        network.mnet.prediction.weight[0, 0, 0, 0] = 1e6
    with caplog.at_level(logging.INFO):
        train_end_to_end(config, Budget(steps=1), network, pack, tmp_path, HERE)
    found = {row["layer"]: float(row["share"]) for row in rows(tmp_path / "ranges.csv")}
    assert found["mnet.prediction"] == pytest.approx(1e6 / spec.FP16_MAX, rel=1e-2)
    assert 0 < found["tnet.logits"] < 1
    assert "in mnet.prediction" in caplog.text
    assert "an FP16 export would be refused" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_are_collected(number):
    """And act as ever afterwards."""
    before = signal.getsignal(number)
    with interrupts() as received:
        os.kill(os.getpid(), number)
    assert received == [number]
    assert signal.getsignal(number) is before


@pytest.mark.slow
def test_the_time_left_is_said(config, pack, tmp_path, caplog):
    """In every report."""
    with caplog.at_level(logging.INFO):
        end_to_end(config, 2, pack, tmp_path)
    assert " 50.0%, 0:00:" in caplog.text
    assert "100.0%, 0:00:00 left, step 2" in caplog.text
    assert clock(3723.4) == "1:02:03"


@pytest.mark.slow
def test_tensorboard_has_scalars_and_pictures(config, pack, tmp_path):
    """Losses by step, validation, and strips of image, trimap, raw alpha, alpha and truth."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    end_to_end(config, 1, pack, tmp_path, replace(HERE, tensorboard=True))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert events.Scalars("train/total")[0].step == 1
    assert math.isfinite(events.Scalars("validation/score")[0].value)
    picture = events.Images("held-out/0")[0]
    assert picture.width >= 5 * picture.height / 2


@pytest.mark.slow
def test_compiled_networks_are_saved_by_their_own_names(config, pack, tmp_path, monkeypatch):
    """torch.compile works in place; a checkpoint does not tell."""
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    found = end_to_end(replace(config, compile=True), 1, pack, tmp_path)
    assert compiled == ["LiveTNet", "LiveMNet"]
    assert found.training["weights"].keys() == fresh(config).state_dict().keys()
