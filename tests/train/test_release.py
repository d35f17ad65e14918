"""What ships: halves, no training state, nothing lost in silence."""

import pytest
import torch

from shm_deploy.errors import SpecError
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.networks import LiveConfig, SemanticHumanMatting
from shm_train.release import release


@pytest.fixture
def checkpoint():
    network = SemanticHumanMatting(LiveConfig())
    return Checkpoint(config=network.config, weights=network.state_dict(), training={"step": 3})


def test_released_weights_are_halves_without_training_state(checkpoint, tmp_path):
    """The file shrinks to what serving needs; counters stay whole numbers."""
    save_checkpoint(tmp_path / "run.pt", checkpoint)
    release(tmp_path / "run.pt", tmp_path / "shm-live.pt")
    released = load_checkpoint(tmp_path / "shm-live.pt")
    assert released.training is None
    assert {x.dtype for x in released.weights.values()} == {torch.float16, torch.int64}
    name = "mnet.prediction.weight"
    assert torch.equal(released.weights[name], checkpoint.weights[name].half())


def test_a_weight_beyond_half_precision_is_refused(checkpoint, tmp_path):
    """65,504 is the largest half; the layer is named, and nothing is written."""
    checkpoint.weights["mnet.prediction.bias"] = torch.full((4,), 70000.0)
    save_checkpoint(tmp_path / "run.pt", checkpoint)
    with pytest.raises(SpecError, match=r"mnet\.prediction\.bias"):
        release(tmp_path / "run.pt", tmp_path / "shm-live.pt")
    assert not (tmp_path / "shm-live.pt").exists()
