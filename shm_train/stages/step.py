"""One step of the optimiser: forward in parts, backward, clipped, checked, averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shm_deploy.errors import MatteError
from shm_train.data.dataset import ComposedDataset
from shm_train.schedule import rate_factor
from shm_train.stages.config import RunConfig
from shm_train.stages.processes import Processes
from shm_train.stages.run import Run

MIN_LOSS_SCALE = 1.0  # of fp16; below, gradients overflow because they diverge


class TrainingDiverged(MatteError):
    """A loss or gradient that is not finite; the message names the batch."""


def take_step(
    run: Run,
    objective: nn.Module,
    batch: dict[str, Tensor],
    progress: float,
    config: RunConfig,
    dataset: ComposedDataset,
    processes: Processes,
) -> tuple[dict[str, Tensor], Tensor]:
    """Move the weights once, in as many parts of the batch as the config says.

    Args:
        run: what the step changes.
        objective: batch, progress -> terms of the loss, with `total`.
        batch: this process' share.
        progress: of the run, in 0..1.
        config: of the run.
        dataset: what the batch is made of.
        processes: this one and the others.

    Returns:
        The terms of the loss, means over the parts, and the gradient's norm before it was clipped.

    Raises:
        TrainingDiverged: the loss or the gradient is not finite; no weight was moved.
    """
    # What is random in a step (dropout) hangs on nothing before it, so that a resumed run needs no state.
    torch.manual_seed((config.data.seed << 40) + run.step * processes.count + processes.rank)
    factor = rate_factor(run.step, config.warmup_steps, progress, config.final_rate, config.schedule)
    for group in run.optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    sums: dict[str, Tensor] = {}
    for index, part in enumerate(_parts(batch, config.accumulate)):
        part = {name: tensor.to(processes.device, non_blocking=True) for name, tensor in part.items()}
        last = index == config.accumulate - 1
        waits = objective.no_sync() if isinstance(objective, DistributedDataParallel) and not last else nullcontext()
        with waits:
            with torch.autocast(processes.device.type, config.autocast_dtype, enabled=config.precision != "fp32"):
                losses = objective(part, progress)
            run.scaler.scale(losses["total"] / config.accumulate).backward()
        for name, value in losses.items():
            sums[name] = sums.get(name, torch.zeros_like(value)) + value.detach() / config.accumulate
    run.scaler.unscale_(run.optimizer)
    norm = nn.utils.clip_grad_norm_(run.network.parameters(), config.clip_norm)
    _check_finite(sums["total"], norm, run, batch, dataset)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.average.update(run.network, run.step)
    run.step += 1
    return sums, norm


def _parts(batch: dict[str, Tensor], count: int) -> Iterator[dict[str, Tensor]]:
    size = len(batch["number"]) // count
    for start in range(0, size * count, size):
        yield {name: tensor[start : start + size] for name, tensor in batch.items()}


def _check_finite(loss: Tensor, norm: Tensor, run: Run, batch: dict[str, Tensor], dataset: ComposedDataset) -> None:
    # fp16 gradients overflow now and then: the scaler then skips the step and scales less.
    skips = run.scaler.is_enabled() and run.scaler.get_scale() >= MIN_LOSS_SCALE
    if math.isfinite(loss.item()) and (skips or math.isfinite(norm.item())):
        return
    numbers = batch["number"].tolist()
    files = sorted({str(dataset.pack.file(sample)) for number in numbers for sample in dataset.draw(number).samples})
    raise TrainingDiverged(
        f"the loss is {loss.item()} and its gradient's norm {norm.item()} at step {run.step}, "
        f"examples {numbers[0]}..{numbers[-1]}, made of {', '.join(files)}; "
        f"look at them, or lower the learning rate; {run.last_file}, where it was written, is good"
    )
