"""The loop of every stage: steps, log, validation and checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from shm_deploy.errors import MatteError
from shm_train.data.dataset import ComposedDataset, endless_batches, first_examples
from shm_train.data.samples import Pack
from shm_train.ema import MovingAverage
from shm_train.networks import SemanticHumanMatting
from shm_train.schedule import rate_factor
from shm_train.stages.config import Budget, RunConfig
from shm_train.stages.interrupts import interrupts
from shm_train.stages.log import append_row, drop_rows_after
from shm_train.stages.run import Run
from shm_train.validation import validate

logger = logging.getLogger(__name__)

LAST_FILE = "last.pt"  # to resume from
BEST_FILE = "best.pt"  # averaged weights with the best validation score
LOG_FILE = "log.csv"
VALIDATION_FILE = "validation.csv"
SHEET_ROWS = 24


class TrainingDiverged(MatteError):
    """A loss or gradient that is not finite; the message names the batch."""


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """Parameters that learn at one rate."""

    parameters: list[nn.Parameter]
    rate: float  # before the schedule


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one stage has of its own."""

    name: str
    config: RunConfig  # every number of the run; kept in its checkpoints
    losses: Callable[[dict[str, Tensor], float], dict[str, Tensor]]  # batch, progress -> terms, with `total`
    groups: list[ParameterGroup]  # what learns
    num_patches: int = 1  # of each example


def train(
    stage: Stage, budget: Budget, network: SemanticHumanMatting, pack: Pack, folder: Path, num_workers: int
) -> None:
    """Train until the budget is spent, or until SIGINT or SIGTERM; then save. Goes on from `folder/last.pt` if there.

    Args:
        stage: what is minimised, and how.
        budget: how long it goes; a run that goes on may get another.
        network: with the weights to start from, in the modes that the stage wants; trained in place.
        pack: the pictures.
        folder: of the run; made if missing.
        num_workers: processes that make examples; 0 makes them here.

    Raises:
        ArtifactError: `last.pt` belongs to a run with another config or pack.
        TrainingDiverged: a loss or gradient is not finite; the last good checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = stage.config
    training_set = ComposedDataset(pack, config.data, held_out=False, num_patches=stage.num_patches)
    held_out = ComposedDataset(pack, config.data, held_out=True)
    run = _start(stage, network, pack, folder)
    batches = endless_batches(training_set, run.step, num_workers)
    began = time.perf_counter() - run.seconds
    progress = budget.progress(run.step, run.seconds)
    with interrupts() as signals:
        while progress < 1 and not signals:
            batch = next(batches)
            factor = rate_factor(run.step, config.warmup_steps, progress, config.final_rate)
            for group in run.optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.precision == "bf16"):
                losses = stage.losses(batch, progress)
            losses["total"].backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(run.network.parameters(), config.clip_norm)
            _check_finite(losses["total"], norm, batch, training_set, run.step, folder)
            run.optimizer.step()
            run.optimizer.zero_grad(set_to_none=True)
            run.average.update(run.network, run.step)
            run.step += 1
            run.seconds = time.perf_counter() - began
            progress = budget.progress(run.step, run.seconds)
            if run.step % config.log_every == 0:
                _report(folder / LOG_FILE, run, losses, norm, progress, config.data.batch_size)
            if run.step % config.validate_every == 0 or progress >= 1:
                _validate(folder, run, held_out, config.num_validation)
            if run.step % config.save_every == 0 and progress < 1:
                run.save(folder / LAST_FILE)
        run.save(folder / LAST_FILE)
    if signals:
        logger.info("stopped by signal %d at step %d; the same command goes on", signals[0], run.step)


def _start(stage: Stage, network: SemanticHumanMatting, pack: Pack, folder: Path) -> Run:
    """A new run, or the one that the folder holds."""
    torch.manual_seed(stage.config.data.seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = Run(
        identity={"stage": stage.name, "config": asdict(stage.config), "pack": pack.digest},
        network=network,
        average=MovingAverage(network, stage.config.ema_decay),
        optimizer=torch.optim.AdamW(
            [{"params": group.parameters, "peak": group.rate} for group in stage.groups],
            weight_decay=stage.config.weight_decay,
        ),
    )
    last = folder / LAST_FILE
    if last.is_file():
        run.resume(last)
        logger.info("going on from step %d of %s", run.step, last)
    for name in (LOG_FILE, VALIDATION_FILE):
        drop_rows_after(folder / name, run.step)
    return run


def _check_finite(
    loss: Tensor, norm: Tensor, batch: dict[str, Tensor], dataset: ComposedDataset, step: int, folder: Path
) -> None:
    if math.isfinite(loss.item()) and math.isfinite(norm.item()):
        return
    numbers = batch["number"].tolist()
    files = sorted({str(dataset.pack.file(sample)) for number in numbers for sample in dataset.draw(number).samples})
    raise TrainingDiverged(
        f"the loss is {loss.item()} and its gradient's norm {norm.item()} at step {step}, "
        f"examples {numbers[0]}..{numbers[-1]}, made of {', '.join(files)}; "
        f"look at them, or lower the learning rate; {folder / LAST_FILE}, where it was written, is good"
    )


def _report(path: Path, run: Run, losses: dict[str, Tensor], norm: Tensor, progress: float, batch_size: int) -> None:
    row = {
        "step": run.step,
        "seconds": round(run.seconds),
        **{name: round(value.item(), 5) for name, value in losses.items()},
        "norm": round(norm.item(), 3),
        "samples_s": round(run.step * batch_size / run.seconds, 2),
    }
    append_row(path, row)
    logger.info("%5.1f%% %s", 100 * progress, row)


def _validate(folder: Path, run: Run, held_out: ComposedDataset, num_examples: int) -> None:
    """Judge the averaged weights on the same examples each time, and keep them if they are the best so far."""
    batches = first_examples(held_out, num_examples)
    numbers = validate(run.average.network, batches, folder / f"sheet-{run.step:06d}.png", max_rows=SHEET_ROWS)
    score = sum(numbers.get(name, 0.0) for name in ("soft_sad", "photo_sad", "empty_mean"))
    rounded = {name: round(value, 4) for name, value in numbers.items()}
    append_row(folder / VALIDATION_FILE, {"step": run.step, "score": round(score, 3), **rounded})
    logger.info("validation at step %d: score %.3f %s", run.step, score, rounded)
    if score < run.best:
        run.best = score
        run.save_best(folder / BEST_FILE)
