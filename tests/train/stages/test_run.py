"""What a run writes when the disk is full."""

import resource
from pathlib import Path

import pytest
import torch

from shm_deploy.errors import ArtifactError
from shm_train.checkpoint import load_checkpoint
from shm_train.ema import MovingAverage
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.log import append_rows
from shm_train.stages.run import Run
from tests.train.conftest import TINY_NETWORK

LIMIT = 1 << 20  # bytes of a file, far under a checkpoint's


@pytest.fixture
def small_disk():
    """Files of this process end at the limit, as they do on a full disk: with an error of the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, small_disk):
    """The new one is written beside and given up; the message says so, and nothing is left over."""
    network = SemanticHumanMatting(TINY_NETWORK)
    run = Run(
        folder=tmp_path,
        identity={"stage": "e2e"},
        network=network,
        average=MovingAverage(network, 0.9),
        optimizer=torch.optim.AdamW(network.parameters()),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        step=1,
    )
    run.save()
    run.step = 2
    small_disk()
    with pytest.raises(ArtifactError, match=r"can't write .*last\.pt .*the last one that was written stays"):
        run.save()
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]
    assert load_checkpoint(tmp_path / "last.pt").training["step"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_that_can_not_be_written_is_an_error():
    """Not a traceback; what to do is said."""
    with pytest.raises(ArtifactError, match=r"can't write /dev/full .*make room"):
        append_rows(Path("/dev/full"), [{"step": 1}])
