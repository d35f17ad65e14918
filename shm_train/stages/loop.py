"""The loop of every stage: steps, log, validation and checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shm_deploy import spec
from shm_deploy.errors import ArtifactError, MatteError, SpecError
from shm_train.data.dataset import ComposedDataset, endless_batches, first_examples
from shm_train.data.samples import Pack
from shm_train.ema import MovingAverage
from shm_train.networks import Matting, SemanticHumanMatting
from shm_train.networks.fold import fold
from shm_train.networks.ranges import measure_ranges
from shm_train.schedule import rate_factor
from shm_train.stages.board import Board
from shm_train.stages.config import Budget, RunConfig
from shm_train.stages.interrupts import interrupts
from shm_train.stages.log import append_rows, drop_rows_after
from shm_train.stages.machine import Machine
from shm_train.stages.processes import Processes, join_processes
from shm_train.stages.run import Run
from shm_train.validation import validate

logger = logging.getLogger(__name__)

LAST_FILE = "last.pt"  # to resume from
BEST_FILE = "best.pt"  # averaged weights with the best validation score
LOG_FILE = "log.csv"
VALIDATION_FILE = "validation.csv"
RANGES_FILE = "ranges.csv"  # the largest activation of each layer, against what half precision holds
SHEET_ROWS = 24
RANGE_PICTURES = 4
ALPHA_SCORE = ("soft_sad", "photo_sad", "empty_mean")
MIN_LOSS_SCALE = 1.0  # of fp16; below, gradients overflow because they diverge


class TrainingDiverged(MatteError):
    """A loss or gradient that is not finite; the message names the batch."""


class LoaderFailed(MatteError):
    """A process that makes examples has died."""


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """Parameters that learn at one rate."""

    parameters: list[nn.Parameter]
    rate: float  # before the schedule


def _whole(network: SemanticHumanMatting, batch: dict[str, Tensor]) -> Matting:
    return network(batch["image"])


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one stage has of its own."""

    name: str
    config: RunConfig  # every number of the run; kept in its checkpoints
    losses: Callable[[dict[str, Tensor], float], dict[str, Tensor]]  # batch, progress -> terms, with `total`
    groups: list[ParameterGroup]  # what learns
    predict: Callable[[SemanticHumanMatting, dict[str, Tensor]], Matting] = _whole  # what is validated
    score: tuple[str, ...] = ALPHA_SCORE  # numbers of the validation whose sum chooses the best weights
    num_patches: int = 1  # of each example


class Objective(nn.Module):
    """A network with what it minimises, as one module: the gradients of `DistributedDataParallel` want that."""

    def __init__(self, network: SemanticHumanMatting, stage: Stage) -> None:
        super().__init__()
        self.network = network
        self.losses = stage.losses

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        """Batch, progress -> terms of the loss, with `total`."""
        return self.losses(batch, progress)


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
    config = stage.config
    with join_processes(machine.device) as processes, interrupts() as signals, _clear_ends():
        _check_shares(config, processes, learns_tnet=network.tnet.training)
        training_set = ComposedDataset(pack, config.data, held_out=False, num_patches=stage.num_patches)
        held_out = ComposedDataset(pack, config.data, held_out=True)
        _make_folder(folder)
        run = _start(stage, network, pack, folder, processes)
        objective = _objective(stage, network, processes)
        first = processes.is_first
        board = Board(folder, run.step) if machine.tensorboard and first else None
        batches = endless_batches(training_set, run.step, machine.num_workers, processes.rank, processes.count)
        began = time.perf_counter() - run.seconds
        stop, progress = processes.agree(False, budget.progress(run.step, run.seconds))
        while progress < 1 and not stop:
            batch = next(batches)
            losses, norm = _step(stage, run, objective, batch, progress, training_set, folder, processes)
            run.seconds = time.perf_counter() - began
            stop, progress = processes.agree(bool(signals), budget.progress(run.step, run.seconds))
            if run.step % config.log_every == 0:
                losses = {name: processes.mean(value) for name, value in losses.items()}
                if first:
                    _report(folder, run, losses, norm, progress, config.data.batch_size, board)
            if first and (run.step % config.validate_every == 0 or progress >= 1):
                _validate(folder, run, stage, held_out, processes.device, board)
            if first and run.step % config.save_every == 0 and progress < 1:
                run.save(folder / LAST_FILE)
        if first:
            run.save(folder / LAST_FILE)
        if board is not None:
            board.close()
    if signals:
        logger.info("stopped by signal %d at step %d; the same command goes on", signals[0], run.step)


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
    run = Run(
        identity={"stage": stage.name, "config": asdict(config), "pack": pack.digest},
        network=network,
        average=MovingAverage(network, config.ema_decay),
        optimizer=torch.optim.AdamW(
            [{"params": group.parameters, "peak": group.rate} for group in stage.groups],
            weight_decay=config.weight_decay,
        ),
        scaler=torch.amp.GradScaler(processes.device.type, enabled=config.precision == "fp16"),
    )
    last = folder / LAST_FILE
    if last.is_file():
        run.resume(last)
        logger.info("going on from step %d of %s", run.step, last)
    if processes.is_first:
        for name in (LOG_FILE, VALIDATION_FILE, RANGES_FILE):
            drop_rows_after(folder / name, run.step)
    return run


def _objective(stage: Stage, network: SemanticHumanMatting, processes: Processes) -> nn.Module:
    if stage.config.compile:  # after the moving average has copied the network
        network.tnet.compile()
        network.mnet.compile()
    objective = Objective(network, stage)
    return objective if processes.count == 1 else DistributedDataParallel(objective)


def _step(
    stage: Stage,
    run: Run,
    objective: nn.Module,
    batch: dict[str, Tensor],
    progress: float,
    dataset: ComposedDataset,
    folder: Path,
    processes: Processes,
) -> tuple[dict[str, Tensor], Tensor]:
    """One step of the optimiser, in as many parts as the config says.

    Returns:
        The terms of the loss, means over the parts, and the gradient's norm before it was clipped.
    """
    config = stage.config
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
            with torch.autocast(processes.device.type, _autocast_dtype(config), enabled=config.precision != "fp32"):
                losses = objective(part, progress)
            run.scaler.scale(losses["total"] / config.accumulate).backward()
        for name, value in losses.items():
            sums[name] = sums.get(name, torch.zeros_like(value)) + value.detach() / config.accumulate
    run.scaler.unscale_(run.optimizer)
    norm = nn.utils.clip_grad_norm_(run.network.parameters(), config.clip_norm)
    _check_finite(sums["total"], norm, run.scaler, batch, dataset, run.step, folder)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.average.update(run.network, run.step)
    run.step += 1
    return sums, norm


def _autocast_dtype(config: RunConfig) -> torch.dtype:
    return torch.float16 if config.precision == "fp16" else torch.bfloat16


def _parts(batch: dict[str, Tensor], count: int) -> Iterator[dict[str, Tensor]]:
    size = len(batch["number"]) // count
    for start in range(0, size * count, size):
        yield {name: tensor[start : start + size] for name, tensor in batch.items()}


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


def _check_finite(
    loss: Tensor,
    norm: Tensor,
    scaler: torch.amp.GradScaler,
    batch: dict[str, Tensor],
    dataset: ComposedDataset,
    step: int,
    folder: Path,
) -> None:
    # fp16 gradients overflow now and then: the scaler then skips the step and scales less.
    skips = scaler.is_enabled() and scaler.get_scale() >= MIN_LOSS_SCALE
    if math.isfinite(loss.item()) and (skips or math.isfinite(norm.item())):
        return
    numbers = batch["number"].tolist()
    files = sorted({str(dataset.pack.file(sample)) for number in numbers for sample in dataset.draw(number).samples})
    raise TrainingDiverged(
        f"the loss is {loss.item()} and its gradient's norm {norm.item()} at step {step}, "
        f"examples {numbers[0]}..{numbers[-1]}, made of {', '.join(files)}; "
        f"look at them, or lower the learning rate; {folder / LAST_FILE}, where it was written, is good"
    )


def _report(
    folder: Path,
    run: Run,
    losses: dict[str, Tensor],
    norm: Tensor,
    progress: float,
    batch_size: int,
    board: Board | None,
) -> None:
    row = {
        "step": run.step,
        "seconds": round(run.seconds),
        **{name: round(value.item(), 5) for name, value in losses.items()},
        "norm": round(norm.item(), 3),
        "rate": run.optimizer.param_groups[-1]["lr"],
        "samples_s": round(run.step * batch_size / run.seconds, 2),
    }
    append_rows(folder / LOG_FILE, [row])
    terms = ", ".join(f"{name} {value:g}" for name, value in row.items() if name not in ("step", "seconds", "rate"))
    left = run.seconds * (1 - progress) / progress
    logger.info("%5.1f%%, %s left, step %d: %s", 100 * min(progress, 1), clock(max(left, 0)), run.step, terms)
    if board is not None:
        board.scalars(row, "train")


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _validate(
    folder: Path, run: Run, stage: Stage, held_out: ComposedDataset, device: torch.device, board: Board | None
) -> None:
    """Judge the averaged weights on the same examples each time, and keep them if they are the best so far."""
    network = run.average.network

    def predict(batch: dict[str, Tensor]) -> Matting:
        return stage.predict(network, {name: tensor.to(device) for name, tensor in batch.items()})

    found = validate(predict, first_examples(held_out, stage.config.num_validation), SHEET_ROWS)
    found.write_sheet(folder / f"sheet-{run.step:06d}.png")
    score = sum(found.numbers.get(name, 0.0) for name in stage.score)
    rounded = {name: round(value, 4) for name, value in found.numbers.items()}
    row = {"step": run.step, "score": round(score, 3), **rounded}
    append_rows(folder / VALIDATION_FILE, [row])
    logger.info("validation at step %d: score %.3f %s", run.step, score, rounded)
    if board is not None:
        board.scalars(row, "validation")
        board.pictures(found.rows, run.step)
    if score < run.best:
        run.best = score
        run.save_best(folder / BEST_FILE)
    _log_ranges(folder, run, held_out)


def _log_ranges(folder: Path, run: Run, held_out: ComposedDataset) -> None:
    """The FP16-range monitor: what an export in half precision would have to hold, known before it."""
    batches = first_examples(held_out, RANGE_PICTURES)
    images = [image.permute(1, 2, 0).numpy() for batch in batches for image in batch["image"]]
    ranges = measure_ranges(fold(run.average.network), islice(images, RANGE_PICTURES))
    rows: list[dict[str, float | str]] = [
        {"step": run.step, "layer": layer.layer, "largest": layer.largest, "share": layer.largest / spec.FP16_MAX}
        for layer in ranges.layers
    ]
    append_rows(folder / RANGES_FILE, rows)
    largest = ranges.largest
    text = "largest activation or weight %g in %s, %.1f%% of what half precision holds"
    numbers = (largest.largest, largest.layer, 100 * largest.largest / spec.FP16_MAX)
    if ranges.first_overflow is None:
        logger.info(text, *numbers)
    else:
        logger.warning(text + "; an FP16 export would be refused", *numbers)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"can't make {folder} ({error}); choose another folder") from error
