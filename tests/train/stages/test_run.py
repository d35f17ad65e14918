"""What a run writes, when the disk is full, too, and what it goes on from."""

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


def made_run(folder, config):
    """At its first step."""
    network = SemanticHumanMatting(TINY_NETWORK)
    return Run(
        folder=folder,
        identity={"stage": "e2e", "config": config},
        network=network,
        average=MovingAverage(network, 0.9),
        optimizer=torch.optim.AdamW(network.parameters()),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
    )


@pytest.mark.parametrize(("power", "same"), [(8.0, True), (1.0, False)])
def test_a_run_from_before_a_setting_was_known_goes_on_as_it_was(tmp_path, power, same):
    """With the value that does what was done then, and with no other."""
    made_run(tmp_path, {"rate": 1.0}).save()
    run = made_run(tmp_path, {"rate": 1.0, "ema_power": power})
    if same:
        run.resume()
    else:
        with pytest.raises(ArtifactError, match=r"ema_power is 8\.0 there and 1\.0 here"):
            run.resume()


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, small_disk):
    """The new one is written beside and given up; the message says so, and nothing is left over."""
    run = made_run(tmp_path, {})
    run.step = 1
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
