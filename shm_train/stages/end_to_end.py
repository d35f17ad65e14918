"""Stage 3: T-Net sees the canvas, M-Net patches of it, and both learn together.

Source: Chen et al. 2018, section 4.5.
"""

from __future__ import annotations

import csv
import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from shm_deploy.errors import ArtifactError, MatteError
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.data.dataset import ComposedDataset, endless_batches, first_examples
from shm_train.data.samples import Pack
from shm_train.ema import MovingAverage
from shm_train.losses import known_region_loss, prediction_loss, trimap_loss
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.ops import resize
from shm_train.schedule import rate_factor
from shm_train.stages.config import EndToEndConfig, LossConfig
from shm_train.validation import validate

logger = logging.getLogger(__name__)

LAST_FILE = "last.pt"  # to resume from
BEST_FILE = "best.pt"  # averaged weights with the best validation score
LOG_FILE = "log.csv"
VALIDATION_FILE = "validation.csv"


class TrainingDiverged(MatteError):
    """A loss that is not finite; the message names the batch."""


def end_to_end_losses(
    network: SemanticHumanMatting, batch: dict[str, Tensor], patch: int, config: LossConfig, progress: float
) -> dict[str, Tensor]:
    """The terms of the loss and their weighted sum `total` (Eq. 6).

    Args:
        network: in training mode.
        batch: as `ComposedDataset` gives it, stacked.
        patch: side of M-Net's patch [px].
        config: the weights.
        progress: of the run, in 0..1.
    """
    image = batch["image"].float()
    logits = network.tnet(image)
    trimap = torch.softmax(logits.float(), dim=1)
    whole = resize(trimap, (image.shape[-2], image.shape[-1]))
    corners = batch["corner"].tolist()
    trimap_patch = _crop(whole, corners, patch)
    alpha_raw = network.mnet(_crop(image, corners, patch), trimap_patch)
    alpha = network.fusion(trimap_patch, alpha_raw)
    truth, foreground, background, sure = (
        _crop(batch[name], corners, patch) for name in ("alpha", "foreground", "background", "sure")
    )
    prediction = prediction_loss(alpha, truth, foreground, background, sure, config.gamma)
    cross_entropy = trimap_loss(logits, batch["trimap"], batch["sure"])
    known = known_region_loss(trimap, batch["alpha"], batch["sure"])
    trimap_weight = config.trimap + (config.trimap_end - config.trimap) * progress
    total = prediction + trimap_weight * cross_entropy + config.known_region * known
    return {"total": total, "prediction": prediction, "trimap": cross_entropy, "known_region": known}


def _crop(x: Tensor, corners: list[list[int]], size: int) -> Tensor:
    return torch.stack(
        [plane[:, top : top + size, left : left + size] for plane, (top, left) in zip(x, corners, strict=True)]
    )


def train_end_to_end(
    config: EndToEndConfig, network: SemanticHumanMatting, pack: Pack, folder: Path, num_workers: int
) -> None:
    """Train until the budget is spent, or until SIGINT or SIGTERM; then save. Goes on from `folder/last.pt` if there.

    Raises:
        ArtifactError: `last.pt` belongs to a run with another config.
        TrainingDiverged: a loss is not finite; the last good checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.data.seed)
    network = network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(_parameter_groups(network, config), weight_decay=config.weight_decay)
    average = MovingAverage(network, config.ema_decay)
    step, spent, best = _resume(folder / LAST_FILE, config, network, average, optimizer)
    held_out = ComposedDataset(pack, config.data, held_out=True)
    batches = endless_batches(ComposedDataset(pack, config.data, held_out=False), step, num_workers)
    with _interrupts() as stop:
        start = time.perf_counter() - spent
        while not stop and (progress := _progress(config, step, time.perf_counter() - start)) < 1:
            batch = next(batches)
            factor = rate_factor(step, config.warmup_steps, progress)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.precision == "bf16"):
                losses = end_to_end_losses(network, batch, config.data.patch, config.loss, progress)
            if not math.isfinite(losses["total"].item()):
                raise TrainingDiverged(
                    f"the loss is {losses['total'].item()} at step {step}, examples {batch['number'].tolist()}; "
                    f"lower the learning rate and go on from {folder / LAST_FILE}"
                )
            losses["total"].backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(network, step)
            step += 1
            seconds = time.perf_counter() - start
            if step % config.log_every == 0:
                numbers = {name: round(value.item(), 5) for name, value in losses.items()}
                rate = round(step * config.data.batch_size / seconds, 2)
                row = {
                    "step": step,
                    "seconds": round(seconds),
                    **numbers,
                    "norm": round(norm.item(), 3),
                    "samples_s": rate,
                }
                _append(folder / LOG_FILE, row)
                logger.info("%5.1f%% %s", 100 * progress, row)
            if step % config.validate_every == 0:
                best = _validate(config, average, held_out, folder, step, best)
            if step % config.save_every == 0:
                _save(folder / LAST_FILE, config, network, average, optimizer, step, time.perf_counter() - start, best)
        best = _validate(config, average, held_out, folder, step, best)
        _save(folder / LAST_FILE, config, network, average, optimizer, step, time.perf_counter() - start, best)


def _parameter_groups(network: SemanticHumanMatting, config: EndToEndConfig) -> list[dict[str, Any]]:
    encoder = [p for name, p in network.named_parameters() if ".encoder." in name]
    rest = [p for name, p in network.named_parameters() if ".encoder." not in name]
    return [{"params": encoder, "peak": config.encoder_rate}, {"params": rest, "peak": config.rate}]


def _progress(config: EndToEndConfig, step: int, seconds: float) -> float:
    if config.steps is not None:
        return step / config.steps
    assert config.minutes is not None
    return seconds / (60 * config.minutes)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying, so that the loop can save."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _validate(
    config: EndToEndConfig, average: MovingAverage, held_out: ComposedDataset, folder: Path, step: int, best: float
) -> float:
    batches = first_examples(held_out, config.num_validation)
    numbers = validate(average.network, batches, folder / f"sheet-{step:06d}.png", max_rows=24)
    score = sum(numbers.get(name, 0.0) for name in ("soft_sad", "photo_sad", "empty_mean"))
    _append(
        folder / VALIDATION_FILE,
        {"step": step, "score": round(score, 3), **{k: round(v, 4) for k, v in numbers.items()}},
    )
    logger.info("validation at step %d: score %.3f %s", step, score, numbers)
    if score < best:
        save_checkpoint(folder / BEST_FILE, Checkpoint(config=config.network, weights=average.network.state_dict()))
    return min(best, score)


def _save(
    path: Path,
    config: EndToEndConfig,
    network: SemanticHumanMatting,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
    best: float,
) -> None:
    training = {
        "stage": "e2e",
        "config": asdict(config),
        "step": step,
        "seconds": seconds,
        "best": best,
        "weights": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }
    save_checkpoint(path, Checkpoint(config=config.network, weights=average.network.state_dict(), training=training))


def _resume(
    path: Path,
    config: EndToEndConfig,
    network: SemanticHumanMatting,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
) -> tuple[int, float, float]:
    """Step, seconds spent and best score of the run that `path` holds; zeros where there is none."""
    if not path.is_file():
        return 0, 0.0, math.inf
    checkpoint = load_checkpoint(path)
    training = checkpoint.training
    if training is None or training.get("stage") != "e2e":
        raise ArtifactError(f"{path} holds no end-to-end run to go on from; choose another folder")
    if checkpoint.config != config.network:
        raise ArtifactError(f"{path} holds {checkpoint.config}, this run wants {config.network}: choose another folder")
    network.load_state_dict(training["weights"])
    average.network.load_state_dict(checkpoint.weights)
    optimizer.load_state_dict(training["optimizer"])
    torch.set_rng_state(training["rng"])
    logger.info("going on from step %d of %s", training["step"], path)
    return training["step"], training["seconds"], training["best"]


def _append(path: Path, row: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
