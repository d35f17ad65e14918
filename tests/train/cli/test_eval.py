"""shm-eval from the command line."""

import csv
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest
import torch

from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.cli import eval as command
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import LIVE_E2E
from tests.train.conftest import TINY_NETWORK
from tests.train.data.folders import ALPHA, picture, write


@pytest.fixture
def run(tmp_path):
    """A folder with two pictures, an untrained checkpoint, and the command on them."""
    for index in range(2):
        write(tmp_path / "data" / "image" / f"{index}.jpg", picture(index))
        write(tmp_path / "data" / "alpha" / f"{index}.png", ALPHA)
    torch.manual_seed(0)
    network = SemanticHumanMatting(TINY_NETWORK)
    save_checkpoint(tmp_path / "e2e.pt", Checkpoint(config=network.config, weights=network.state_dict()))
    fixed = ["--ckpt", str(tmp_path / "e2e.pt"), "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    return lambda *more: command.main([*fixed, "--threads", "1", *more])


def test_everything_that_is_asked_for_is_written(run, tmp_path, capsys):
    """Tables on stdout and in a file, a row per picture and method, sheets."""
    also = ["--also", str(tmp_path / "e2e.pt"), "true-mnet"]
    assert run("--figures", "1", "--sizes", "64", "96", *also) == 0
    tables = capsys.readouterr().out
    assert "| SAD (×10⁻³) at | 64 px | 96 px |" in tables
    assert tables.strip() == (tmp_path / "out" / "tables.md").read_text().strip()
    with (tmp_path / "out" / "images.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    assert float(rows[0]["sad"]) > 0
    assert cv2.imread(str(tmp_path / "out" / "figures.png")).shape[1] > 8 * 240  # eight pictures in a row
    assert cv2.imread(str(tmp_path / "out" / "worst.png")) is not None


def test_the_worst_pictures_are_shown_worst_first(run, tmp_path):
    """By SAD: a black and a white picture, side by side on the sheet."""
    for index, level in enumerate((0, 255)):
        write(tmp_path / "data" / "image" / f"{index}.jpg", np.full((*ALPHA.shape, 3), level, np.uint8))
    write(tmp_path / "data" / "alpha" / "1.png", 255 - ALPHA)
    assert run() == 0
    with (tmp_path / "out" / "images.csv").open() as stream:
        sads = [float(row["sad"]) for row in csv.DictReader(stream)]
    assert sads[0] != sads[1]
    sheet = cv2.imread(str(tmp_path / "out" / "worst.png"))
    shown = [int(sheet[100, left + 100, 0]) for left in (0, sheet.shape[1] // 2)]  # within each row's own picture
    assert shown == ([255, 0] if sads[1] > sads[0] else [0, 255])


def test_the_table_has_the_mean_over_the_pictures(run, tmp_path, capsys):
    """In thousandths, as the paper prints it."""
    assert run() == 0
    with (tmp_path / "out" / "images.csv").open() as stream:
        sads = [float(row["sad"]) for row in csv.DictReader(stream)]
    assert f"| {1000 * sum(sads) / 2:.3f} |" in capsys.readouterr().out


def test_the_unknown_region_is_as_wide_as_in_training(run, tmp_path, capsys):
    """As the run in the checkpoint says; in one that holds weights alone, as the variant's own recipe says."""
    alone = _tables(run, capsys)
    assert alone == _tables(run, capsys, "--unknown-radius", str(LIVE_E2E.data.unknown_radius))
    checkpoint = load_checkpoint(tmp_path / "e2e.pt")
    wide = replace(LIVE_E2E.data, unknown_radius=0.2)
    identity = {"config": asdict(replace(LIVE_E2E, data=wide))}
    save_checkpoint(tmp_path / "e2e.pt", replace(checkpoint, training={"identity": identity}))
    trained_wide = _tables(run, capsys)
    assert trained_wide == _tables(run, capsys, "--unknown-radius", "0.2")
    assert trained_wide != alone


def _tables(run, capsys, *more):
    assert run(*more) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--sizes", "8"], "at least 64 px"),
        (["--also", "x.pt", "magic"], "known methods are network, cf"),
        (["--also", "gone.pt", "cf"], "no checkpoint gone.pt"),
        (["--also", "x.pt", "cf", "--also", "x.pt", "cf"], "twice"),
    ],
)
def test_what_makes_no_sense_ends_with_one_line(run, capsys, more, message):
    """Exit code 1, before any picture is judged."""
    assert run(*more) == 1
    assert message in capsys.readouterr().err
