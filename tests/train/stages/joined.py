"""What one of two processes does in the tests of training together; a module of its own, to be imported by both."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

from shm_train.data.dataset import ComposedDataset, endless_batches
from shm_train.data.samples import Pack
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import Budget, EndToEndConfig
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.machine import Machine
from shm_train.stages.objective import end_to_end_losses
from shm_train.stages.processes import join_processes
from shm_train.stages.stage import Objective, ParameterGroup, Stage


def run(rank: int, count: int, ports: tuple[int, int], config: EndToEndConfig, pack_folder: Path, folder: Path) -> None:
    """As `torchrun` would start it: train two steps, keep the weights, then the gradient of one batch."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(ports[0])}
    torch.set_num_threads(1)
    pack = Pack(pack_folder)
    torch.manual_seed(rank)  # the first process' weights are those that count
    network = SemanticHumanMatting(config.network)
    train_end_to_end(config, Budget(steps=2), network, pack, folder / "run", Machine(num_workers=0))
    torch.save(network.state_dict(), folder / f"weights{rank}.pt")
    os.environ["MASTER_PORT"] = str(ports[1])  # the first meeting may not be over for the other one
    with join_processes("cpu") as processes:
        _keep_gradients(config, pack, rank, count, folder if processes.is_first else None)


def _keep_gradients(config: EndToEndConfig, pack: Pack, rank: int, count: int, folder: Path | None) -> None:
    network, objective = frozen(config)
    batches = endless_batches(ComposedDataset(pack, config.data, held_out=False, num_patches=1), 0, 0, rank, count)
    together = DistributedDataParallel(objective)  # kept until the gradients are there
    together(next(batches), 0.5)["total"].backward()
    if folder is not None:
        torch.save(gradients(network), folder / "gradients.pt")


def frozen(config: EndToEndConfig) -> tuple[SemanticHumanMatting, Objective]:
    """A seeded network whose batch norms keep their statistics, and what it minimises."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(config.network)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    group = ParameterGroup(parameters=list(network.parameters()), rate=1e-3)

    def losses(batch: dict[str, torch.Tensor], progress: float) -> dict[str, torch.Tensor]:
        return end_to_end_losses(network, batch, config.data.patch_size, config.loss, progress)

    stage = Stage(name="e2e", config=replace(config, freeze_norms=True), losses=losses, groups=[group])
    return network, Objective(network, stage)


def gradients(network: SemanticHumanMatting) -> dict[str, torch.Tensor]:
    """By the parameters' names."""
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
