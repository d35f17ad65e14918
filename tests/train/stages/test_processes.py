"""Several processes that train one network: two of them on a CPU, joined by gloo as torchrun joins them."""

import socket
from dataclasses import replace

import pytest
import torch

from shm_deploy.errors import BackendUnavailable, SpecError
from shm_train.data.dataset import ComposedDataset, MixConfig, endless_batches
from shm_train.device import find_device
from shm_train.stages.config import LIVE_E2E, Budget
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.machine import Machine
from shm_train.stages.processes import Processes
from tests.train.conftest import TINY_DATA, TINY_NETWORK
from tests.train.stages.joined import frozen, gradients, run


@pytest.fixture(scope="module")
def shared_config():
    """A config with batches that two processes can share; hard masks, too, whose edges don't count."""
    mix = MixConfig(cutout=0.3, photo=0.1, recomposed=0.1, mask=0.5, nobody=0.0)
    data = replace(TINY_DATA, batch_size=8, mix=mix)
    return replace(
        LIVE_E2E, network=TINY_NETWORK, data=data, num_validation=1, validate_every=100, log_every=1, accumulate=2
    )


@pytest.fixture(scope="module")
def joined(shared_config, pack, tmp_path_factory):
    """The folder that two processes leave behind."""
    folder = tmp_path_factory.mktemp("joined")
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        ports = (one.getsockname()[1], other.getsockname()[1])
    torch.multiprocessing.spawn(run, (2, ports, shared_config, pack.folder, folder), nprocs=2)
    return folder


@pytest.mark.slow
def test_both_have_equal_weights(joined):
    """After two steps, to the bit; the second began with others."""
    first, second = (torch.load(joined / f"weights{rank}.pt", weights_only=True) for rank in range(2))
    for name, tensor in first.items():
        if "running" not in name:  # each sees its own share; the first one's are saved
            assert torch.equal(tensor, second[name]), name


@pytest.mark.slow
def test_their_mean_gradient_is_that_of_the_joined_batch(joined, shared_config, pack):
    """Within 1e-6, with batch norms that keep their statistics, though one has more sure pixels than the other."""
    network, objective = frozen(shared_config)
    batch = next(endless_batches(ComposedDataset(pack, shared_config.data, held_out=False, num_patches=1), 0, 0))
    counts = batch["sure"].sum(dim=(1, 2, 3))
    assert counts[:4].sum() != counts[4:].sum()
    objective(batch, 0.5)["total"].backward()
    together = torch.load(joined / "gradients.pt", weights_only=True)
    alone = gradients(network)
    assert together.keys() == alone.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(together[name], gradient, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_one_of_them_logs_and_saves(joined):
    """One row per step, one checkpoint, at the step that both reached."""
    assert (joined / "run" / "log.csv").read_text().count("\n") == 3
    assert (joined / "run" / "last.pt").is_file()


def test_shares_are_the_parts_of_one_batch(pack, shared_config):
    """Two processes see what one would, each its half, from any step on."""
    dataset = ComposedDataset(pack, shared_config.data, held_out=False)
    numbers = [next(endless_batches(dataset, 3, 0, rank, 2))["number"].tolist() for rank in range(2)]
    assert numbers == [[24, 25, 26, 27], [28, 29, 30, 31]]


def test_a_batch_that_the_processes_can_not_share_is_refused(shared_config, pack, tmp_path, monkeypatch):
    """Before anything is written."""
    three = Processes(device=torch.device("cpu"), rank=0, count=3)
    monkeypatch.setattr("shm_train.stages.loop.join_processes", lambda device: _Joined(three))
    network, _ = frozen(shared_config)
    with pytest.raises(SpecError, match="8 for 3 processes of 2 parts"):
        train_end_to_end(shared_config, Budget(steps=1), network, pack, tmp_path / "run", Machine(num_workers=0))
    assert not (tmp_path / "run").exists()


class _Joined:
    def __init__(self, processes):
        self.processes = processes

    def __enter__(self):
        return self.processes

    def __exit__(self, *error):
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_never_becomes_the_cpu():
    """What was asked for, or an error; only auto chooses."""
    with pytest.raises(BackendUnavailable, match="sees no GPU"):
        find_device("cuda")
    assert find_device("auto").type == "cpu"
