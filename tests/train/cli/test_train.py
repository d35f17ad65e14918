"""shm-train from the command line."""

import csv
import logging

import pytest
import torch

from shm_train.checkpoint import load_checkpoint
from shm_train.cli import train
from shm_train.networks import PaperConfig

TINY = ["--set", "data.canvases=((64, 64),)", "--set", "data.patches=(32, 64)", "--set", "data.patch_size=32"]


def end_to_end(variant, pack, out, *more):
    fixed = ["--data", str(pack.folder), "--out", str(out), "--workers", "0", "--threads", "1", "--batch-size", "2"]
    return train.main(["e2e", "--variant", variant, *fixed, *TINY, "--set", "num_validation=2", *more])


@pytest.mark.slow
def test_the_paper_variant_takes_a_step(pack, tmp_path):
    """Full-size networks on a tiny canvas; the loss is L_p + 0.01 L_t, and the rate the paper's."""
    assert end_to_end("paper", pack, tmp_path, "--steps", "1", "--set", "log_every=1") == 0
    checkpoint = load_checkpoint(tmp_path / "last.pt")
    assert checkpoint.config == PaperConfig()
    assert [group["lr"] for group in checkpoint.training["optimizer"]["param_groups"]] == 3 * [1e-5]
    with (tmp_path / "log.csv").open() as stream:
        row = {name: float(value) for name, value in next(csv.DictReader(stream)).items()}
    assert row["total"] == pytest.approx(row["prediction"] + 0.01 * row["trimap"], abs=2e-5)


def test_a_setting_that_does_not_exist_ends_with_one_line(pack, tmp_path, capsys):
    """Exit code 1, nothing is written, the known names are listed."""
    assert end_to_end("live", pack, tmp_path / "run", "--steps", "1", "--set", "data.canvas=64") == 1
    assert "known are batch_size, canvases" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [("--seed", "-1"), ("--set", "data.seed=99999999")], ids=" ".join)
def test_a_seed_that_can_not_be_used_ends_with_one_line(arguments, pack, tmp_path, capsys):
    """Exit code 1, before anything is made."""
    assert end_to_end("live", pack, tmp_path / "run", "--steps", "1", *arguments) == 1
    assert "0 to 16777215 is wanted" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_largest_seed_trains(pack, tmp_path):
    """Each step's own seed, which is made of it, is one that PyTorch takes."""
    assert end_to_end("live", pack, tmp_path, "--steps", "1", "--seed", "16777215") == 0


def test_a_folder_that_is_no_pack_ends_with_one_line(tmp_path, capsys):
    """Exit code 1 and what to do."""
    arguments = ["e2e", "--variant", "live", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--steps", "1"]
    assert train.main([*arguments, "--threads", "1"]) == 1
    assert "make the pack with shm-data pack" in capsys.readouterr().err


@pytest.mark.slow
def test_three_commands_train_the_network_stage_by_stage(pack, tmp_path, caplog):
    """T-Net; M-Net under true trimaps; both together, from what the stages before left."""
    tiny = ["--set", "network.tnet_edge=64", "--set", "network.tnet_width=4", "--set", "network.mnet_widths=(4,4,4)"]
    fixed = ["--variant", "live", "--data", str(pack.folder), "--workers", "0", "--threads", "1", "--batch-size", "2"]
    fixed += [*TINY, *tiny, "--set", "num_validation=2", "--steps", "1"]

    def stage(name, *more):
        assert train.main([name, *fixed, "--out", str(tmp_path / name), *more]) == 0
        return load_checkpoint(tmp_path / name / "last.pt").training["weights"]

    with caplog.at_level(logging.INFO):
        first = stage("tnet")
        second = stage("mnet", "--start", str(tmp_path / "tnet" / "last.pt"), "--set", "trimaps=true")
        stage("e2e", "--start", str(tmp_path / "mnet" / "last.pt"))
    assert "tnet and mnet from" in caplog.text
    averaged = load_checkpoint(tmp_path / "tnet" / "last.pt").weights["tnet.logits.weight"]
    assert torch.equal(second["tnet.logits.weight"], averaged)
    assert not torch.equal(second["mnet.prediction.weight"], first["mnet.prediction.weight"])
