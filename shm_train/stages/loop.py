"""The loop of every stage: from a new run, or one that goes on, to the end of its budget."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from shm_deploy.errors import ArtifactError, MatteError, SpecError
from shm_train.data.dataset import ComposedDataset, endless_batches
from shm_train.data.samples import Pack
from shm_train.ema import MovingAverage
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.fold import compute_norms_in_convolutions
from shm_train.stages.config import Budget, RunConfig
from shm_train.stages.interrupts import interrupts
from shm_train.stages.machine import Machine
from shm_train.stages.processes import Processes, join_processes
from shm_train.stages.reporting import Reporter
from shm_train.stages.run import Run
from shm_train.stages.stage import Objective, Stage
from shm_train.stages.step import take_step

logger = logging.getLogger(__name__)


class LoaderFailed(MatteError):
    """A process that makes examples has died."""


def train(
    stage: Stage, budget: Budget, network: SemanticHumanMatting, pack: Pack, folder: Path, machine: Machine
) -> None:
    """Train until the budget is spent, or until SIGINT or SIGTERM; then save. Goes on from `folder/last.pt` if there.

    Started by `torchrun`, all processes train one network: each takes its share of every batch, the first one logs,
    validates and saves.

    Args:
        stage: what is minimised, and how.
        budget: how long it goes; a run that goes on may get another.
        network: with the weights to start from, in the modes that the stage wants; trained in place.
        pack: the pictures.
        folder: of the run; made if missing.
        machine: where it is computed, and what is shown.

    Raises:
        ArtifactError: `last.pt` belongs to a run with another config or pack; a picture is missing; the disk is full.
        LoaderFailed: a process that makes examples died.
        TrainingDiverged: a loss or gradient is not finite. In each case the last good checkpoint stays.
    """
    with join_processes(machine.device) as processes, interrupts() as signals, _clear_ends():
        # A call of its own, so that `DistributedDataParallel` has gone when the group of processes is left: who frees
        # that group must not hold Python's lock, for which gloo's thread may still wait.
        last_step = _train_joined(stage, budget, network, pack, folder, machine, processes, signals)
    if signals:
        logger.info("stopped by signal %d at step %d; the same command goes on", signals[0], last_step)


def _train_joined(
    stage: Stage,
    budget: Budget,
    network: SemanticHumanMatting,
    pack: Pack,
    folder: Path,
    machine: Machine,
    processes: Processes,
    signals: list[int],
) -> int:
    """Train as `train` says; the step at which it ended."""
    config = stage.config
    _check_shares(config, processes, learns_tnet=network.tnet.training)
    training_set = ComposedDataset(pack, config.data, held_out=False, num_patches=stage.num_patches)
    held_out = ComposedDataset(pack, config.data, held_out=True)
    _make_folder(folder)
    run = _start(stage, network, pack, folder, processes)
    objective = _objective(stage, network, processes)
    reporter = Reporter(stage, run, held_out, processes.device, machine) if processes.is_first else None
    batches = endless_batches(training_set, run.step, machine.num_workers, processes.rank, processes.count)
    began = time.perf_counter() - run.seconds
    stop, progress = processes.agree(False, budget.progress(run.step, run.seconds))
    while progress < 1 and not stop:
        batch = next(batches)
        losses, norm = take_step(run, objective, batch, progress, config, training_set, processes)
        run.seconds = time.perf_counter() - began
        stop, progress = processes.agree(bool(signals), budget.progress(run.step, run.seconds))
        if run.step % config.log_every == 0:
            losses = {name: processes.mean(value) for name, value in losses.items()}
            if reporter is not None:
                reporter.report(losses, norm, progress)
        if reporter is not None and (run.step % config.validate_every == 0 or progress >= 1):
            reporter.validate()
        if processes.is_first and run.step % config.save_every == 0 and progress < 1:
            run.save()
    if processes.is_first:
        run.save()
    if reporter is not None:
        reporter.close()
    return run.step


def _check_shares(config: RunConfig, processes: Processes, *, learns_tnet: bool) -> None:
    each, rest = divmod(config.data.batch_size, processes.count * config.accumulate)
    if rest or not each:
        raise SpecError(
            f"got batches of {config.data.batch_size} for {processes.count} processes of {config.accumulate} parts; "
            "a multiple of both is wanted: change data.batch_size"
        )
    if each == 1 and learns_tnet and not config.freeze_norms:
        raise SpecError(
            "got one example at a time, from which T-Net's batch norms can't learn; give a larger data.batch_size, "
            "fewer parts (accumulate), or freeze_norms=True"
        )


def _start(stage: Stage, network: SemanticHumanMatting, pack: Pack, folder: Path, processes: Processes) -> Run:
    """A new run, or the one that the folder holds."""
    config = stage.config
    memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
    network.to(processes.device, memory_format=memory_format)  # type: ignore[call-overload]
    if config.freeze_norms:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    _freeze(network, config.frozen)
    run = Run(
        folder=folder,
        identity={"stage": stage.name, "config": asdict(config), "pack": pack.digest},
        network=network,
        average=MovingAverage(network, config.ema_decay, config.ema_power),
        optimizer=torch.optim.AdamW(
            [{"params": group.parameters, "peak": group.rate} for group in stage.groups],
            weight_decay=config.weight_decay,
        ),
        scaler=torch.amp.GradScaler(processes.device.type, enabled=config.precision == "fp16"),
    )
    if run.last_file.is_file():
        run.resume()
        logger.info("going on from step %d of %s", run.step, run.last_file)
    return run


def _freeze(network: SemanticHumanMatting, beginnings: tuple[str, ...]) -> None:
    for beginning in beginnings:
        found = [tensor for name, tensor in network.named_parameters() if name.startswith(beginning)]
        if not found:
            raise SpecError(f"got frozen {beginning!r}, with which no parameter begins; see the checkpoint's names")
        for tensor in found:
            tensor.requires_grad_(False)


def _objective(stage: Stage, network: SemanticHumanMatting, processes: Processes) -> nn.Module:
    """What a step asks for its losses; made after the moving average has copied the network as it is."""
    if stage.config.freeze_norms:
        compute_norms_in_convolutions(network)
    if stage.config.compile:
        network.tnet.compile()
        network.mnet.compile()
    objective = Objective(network, stage)
    return objective if processes.count == 1 else DistributedDataParallel(objective)


@contextmanager
def _clear_ends() -> Iterator[None]:
    """Say plainly what PyTorch's loader wraps into tracebacks, or raises wherever it interrupts this process."""
    try:
        yield
    except MatteError as error:
        *_, last = str(error).strip().splitlines()  # of a worker's traceback, or the message itself
        raise type(error)(last.removeprefix(f"{type(error).__module__}.{type(error).__name__}: ")) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise LoaderFailed(
            f"a process that makes examples has died ({str(error).splitlines()[0].strip()}); was it killed for memory? "
            "The same command goes on from the last checkpoint; try fewer --workers"
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"can't make {folder} ({error}); choose another folder") from error
