"""Networks and photographs for the tests of export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shm_deploy.export.calibrate import calibrate
from shm_deploy.export.photographs import load_photographs
from shm_train.checkpoint import Checkpoint, save_checkpoint
from shm_train.networks import LiveConfig, NetworkConfig, PaperConfig, SemanticHumanMatting

SMALL_LIVE = LiveConfig(tnet_edge=64, tnet_width=4, mnet_widths=(4, 4, 4))


def calibrated(config: NetworkConfig) -> SemanticHumanMatting:
    """A network of seeded weights, with the batch norm statistics of the packaged photographs."""
    torch.manual_seed(0)
    return calibrate(SemanticHumanMatting(config), [photograph.image for photograph in load_photographs(max_edge=160)])


@pytest.fixture(scope="session")
def small_network() -> SemanticHumanMatting:
    """A calibrated `live` of few channels; not to be changed."""
    return calibrated(SMALL_LIVE)


@pytest.fixture(scope="session")
def small_checkpoint(small_network: SemanticHumanMatting, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network in a file."""
    path = tmp_path_factory.mktemp("small") / "small.pt"
    save_checkpoint(path, Checkpoint(config=SMALL_LIVE, weights=small_network.state_dict()))
    return path


@pytest.fixture(scope="session", params=["live", "paper"])
def network(request: pytest.FixtureRequest) -> SemanticHumanMatting:
    """Both variants at their true size, calibrated; not to be changed."""
    if request.param == "live":
        return request.getfixturevalue("live_network")
    return calibrated(PaperConfig())
