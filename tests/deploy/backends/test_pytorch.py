"""The PyTorch reference: checkpoints in, the same contract out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from shm_deploy.errors import ArtifactError, BackendUnavailable
from shm_deploy.matter import Matter
from shm_train.checkpoint import Checkpoint, save_checkpoint
from shm_train.networks import LiveConfig, SemanticHumanMatting


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained `live` network."""
    path = tmp_path_factory.mktemp("checkpoint") / "live.pt"
    network = SemanticHumanMatting(LiveConfig())
    save_checkpoint(path, Checkpoint(config=network.config, weights=network.state_dict()))
    return path


def test_checkpoint_mattes_joined_and_by_parts(checkpoint: Path) -> None:
    """Bytes are the float alpha, rounded."""
    image = np.random.default_rng(2).integers(0, 256, (70, 90, 3), np.uint8)
    with Matter(checkpoint, "cpu") as matter:
        joined, floats = matter(image), matter(image, dtype=np.float32)
        assert joined.shape == floats.shape == (70, 90)
        assert np.abs(floats * 255 - joined).max() <= 0.5 + 1e-3
        assert matter(image, trimap=np.full((70, 90), 255, np.uint8)).min() == 255
        assert matter.info().backend == "pytorch"


def test_truncated_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    """Nothing is half-loaded."""
    cut = tmp_path / "cut.pt"
    cut.write_bytes(checkpoint.read_bytes()[:-1000])
    with pytest.raises(ArtifactError, match="truncated"):
        Matter(cut)


def test_cuda_without_a_device_is_refused(checkpoint: Path) -> None:
    """It never becomes the CPU."""
    index = torch.cuda.device_count()
    with pytest.raises(BackendUnavailable, match=f"sees {index} CUDA devices"):
        Matter(checkpoint, f"cuda:{index}")
