"""The whole line by its commands: checkpoint, graphs, engine, proof, and a person cut out of a photograph."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shm_deploy import spec
from shm_deploy.cli import bench, export, matte
from shm_deploy.export.photographs import PACKAGED_FOLDER
from shm_deploy.sidecar import read_sidecar

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ASTRONAUT = ROOT / "docs" / "images" / "astronaut.jpg"
PACKAGED_CHECKPOINT = ROOT / "shm_deploy" / "weights" / "shm-live.pt"


def test_packaged_model_cuts_the_astronaut_out(tmp_path: Path) -> None:
    """Face and chest are solid, the wall and the shuttle are gone, colours of solid pixels are the photograph's."""
    target = tmp_path / "astronaut.png"
    assert matte.main([str(ASTRONAUT), "-o", str(target)]) == 0
    cutout = np.asarray(Image.open(target))
    photograph = np.asarray(Image.open(ASTRONAUT).convert("RGB"))
    alpha = cutout[..., 3]
    assert cutout.shape == (512, 512, 4)
    assert alpha[60:140, 195:250].min() > 230  # face
    assert alpha[300:420, 120:220].min() > 230  # chest
    assert alpha[:140, 330:].max() < 25  # shuttle and wall
    assert alpha[:100, 90:140].max() < 25  # wall
    assert np.abs(cutout[100, 220, :3].astype(int) - photograph[100, 220]).max() <= 2


@pytest.fixture(scope="module", params=["live", "paper"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged weights, and the paper's network with batch norms that have seen photographs."""
    if request.param == "live":
        return PACKAGED_CHECKPOINT
    from shm_deploy.export.calibrate import calibrate
    from shm_deploy.export.photographs import load_photographs
    from shm_train.checkpoint import Checkpoint, save_checkpoint
    from shm_train.networks import PaperConfig, SemanticHumanMatting

    torch.manual_seed(0)
    network = SemanticHumanMatting(PaperConfig())
    calibrate(network, [photograph.image for photograph in load_photographs(max_edge=320)][:2])
    path = tmp_path_factory.mktemp("paper") / "e2e.pt"
    save_checkpoint(path, Checkpoint(config=network.config, weights=network.state_dict()))
    return path


@pytest.fixture(scope="module")
def two_photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of those that ship, with their alphas: the paper's network takes seconds for each."""
    folder = tmp_path_factory.mktemp("photographs")
    for path in sorted(PACKAGED_FOLDER.glob("curl*")):
        shutil.copy(path, folder)
    return folder


def test_checkpoint_becomes_a_half_engine_with_a_parity_table(
    checkpoint: Path, two_photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """shm-export, then shm-bench: on its graph with a table, on its plan with exit code 4 where no GPU is."""
    if torch.cuda.is_available():
        pytest.skip("this is the line of a machine without a GPU")
    engines = tmp_path / "engines"
    sizes = ["--min-size", "64x64", "--opt-size", "320x256", "--max-size", "512x512"]
    choices = ["--fp16", "--flavour", "rtx", "--compute-capability", "8.6"]
    images = ["--images", str(two_photographs), "--images-edge", "320"]
    code = export.main(["--ckpt", str(checkpoint), "--out", str(engines), *choices, *sizes, *images])
    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("PASSED (engine built, not run: no GPU)")
    parts = spec.LIVE_PARTS if checkpoint == PACKAGED_CHECKPOINT else spec.PARTS
    names = {*parts.values(), "shm.onnx", "shm.fp16.onnx", "shm.plan", "shm.json"}
    assert {path.name for path in engines.iterdir()} == names
    sidecar = read_sidecar(engines / "shm.json")
    assert sidecar.engine is not None
    assert not sidecar.engine.verified
    assert sidecar.engine.half_layers > sidecar.engine.float_layers
    assert sidecar.certificate["passed"]
    assert {row["photograph"] for row in sidecar.certificate["parity"]} == {"curls", "curly-beard"}

    report = tmp_path / "bench.json"
    effort = ["--size", "320x256", "--runs", "2", "--warmup", "1"]
    options = [*effort, "--images", str(two_photographs), "--json", str(report)]
    code = bench.main(["--engine", str(engines / "shm.onnx"), "--ckpt", str(checkpoint), *options])
    assert code == 0
    (row,) = json.loads(report.read_text())["results"][0]["parity"]
    assert (row["passed"], row["num_images"]) == (True, 2)
    assert row["quality"] is not None  # the alphas beside them were found
    assert bench.main(["--engine", str(engines / "shm.plan"), *options]) == 4
    assert "shm.onnx" in capsys.readouterr().err
