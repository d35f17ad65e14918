"""The end-to-end stage: exact resume, and clear ends."""

import csv
import os
import signal
from dataclasses import replace

import pytest
import torch

from shm_deploy.errors import ArtifactError
from shm_train.checkpoint import load_checkpoint
from shm_train.data.samples import Pack
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import Budget
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.machine import Machine
from shm_train.stages.step import TrainingDiverged


def fresh(config):
    torch.manual_seed(0)
    return SemanticHumanMatting(config.network)


def train(config, steps, pack, folder):
    """Train in this process and give what `last.pt` then holds."""
    train_end_to_end(config, Budget(steps=steps), fresh(config), pack, folder, Machine(num_workers=0))
    return load_checkpoint(folder / "last.pt")


def rows(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def assert_bit_equal(one, other):
    assert one.training["step"] == other.training["step"]
    for name, tensor in one.training["weights"].items():
        assert torch.equal(tensor, other.training["weights"][name]), name
    for name, tensor in one.weights.items():
        assert torch.equal(tensor, other.weights[name]), name


class EventfulPack(Pack):
    """A pack with which something happens at the read after a number of reads."""

    def __init__(self, folder, num_reads, happens):
        super().__init__(folder)
        self.reads_left = num_reads
        self.happens = happens

    def read(self, sample):
        self.reads_left -= 1
        if self.reads_left == -1:
            self.happens(self.file(sample))
        return super().read(sample)


def be_missing(path):
    raise ArtifactError(f"{path} is missing or unreadable")


def be_told_to_end(path):
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
def test_a_run_cut_by_an_error_resumes_to_equal_weights(tiny_config, pack, tmp_path):
    """Saved at step 2, dead in step 3 or 4, gone on with: every weight has the bits of a run that was not cut."""
    config = replace(tiny_config, save_every=2)
    whole = train(config, 4, pack, tmp_path / "whole")
    with pytest.raises(ArtifactError, match="is missing"):
        train(config, 4, EventfulPack(pack.folder, 10, be_missing), tmp_path / "cut")
    assert 0 < load_checkpoint(tmp_path / "cut" / "last.pt").training["step"] < 4
    assert_bit_equal(train(config, 4, pack, tmp_path / "cut"), whole)
    assert [row["step"] for row in rows(tmp_path / "cut" / "log.csv")] == list("1234")


@pytest.mark.slow
def test_a_run_stopped_by_sigterm_saves_and_resumes_to_equal_weights(tiny_config, pack, tmp_path):
    """SIGTERM ends the run after the step it is in, with that step saved."""
    config = replace(tiny_config, save_every=1000)
    whole = train(config, 4, pack, tmp_path / "whole")
    stopped = train(config, 4, EventfulPack(pack.folder, 10, be_told_to_end), tmp_path / "cut")
    assert 0 < stopped.training["step"] < 4
    assert_bit_equal(train(config, 4, pack, tmp_path / "cut"), whole)


@pytest.mark.slow
def test_a_run_goes_on_only_with_its_own_config_and_pack(tiny_config, pack, tmp_path):
    """Every number counts, not only the network's; the message says which differ."""
    train(tiny_config, 1, pack, tmp_path)
    with pytest.raises(ArtifactError, match=r"config\.ema_decay is 0\.998 there and 0\.5 here"):
        train(replace(tiny_config, ema_decay=0.5), 2, pack, tmp_path)
    with pytest.raises(ArtifactError, match=r"config\.data\.seed is 0 there and 1 here"):
        train(replace(tiny_config, data=replace(tiny_config.data, seed=1)), 2, pack, tmp_path)
    other = Pack(pack.folder)
    other.digest = "of other pictures"
    with pytest.raises(ArtifactError, match="pack is"):
        train(tiny_config, 2, other, tmp_path)


@pytest.mark.slow
def test_a_budget_may_grow(tiny_config, pack, tmp_path):
    """A run that is done goes on when it is given more steps, and does nothing when it is not."""
    train(tiny_config, 1, pack, tmp_path)
    assert train(tiny_config, 1, pack, tmp_path).training["step"] == 1
    assert train(tiny_config, 2, pack, tmp_path).training["step"] == 2


def test_a_loss_that_is_not_finite_stops_with_the_files(tiny_config, pack, tmp_path):
    """The message has the examples and their pictures; the checkpoint before stays, with finite weights."""
    config = replace(tiny_config, rate=1e30, encoder_rate=1e30, warmup_steps=0, save_every=1)
    with pytest.raises(TrainingDiverged, match=r"(?s)at step \d, examples \d+\.\.\d+, made of .*\.jpg.*lower"):
        train(config, 9, pack, tmp_path)
    weights = load_checkpoint(tmp_path / "last.pt").training["weights"]
    assert all(tensor.isfinite().all() for tensor in weights.values())


@pytest.mark.slow
def test_a_run_leaves_the_best_weights_and_validation_behind(tiny_config, pack, tmp_path):
    """best.pt serves: it has no training state; the table and the contact sheet are there."""
    train(replace(tiny_config, validate_every=2), 3, pack, tmp_path)
    assert load_checkpoint(tmp_path / "best.pt").training is None
    assert [row["step"] for row in rows(tmp_path / "validation.csv")] == ["2", "3"]
    assert (tmp_path / "sheet-000003.png").is_file()
