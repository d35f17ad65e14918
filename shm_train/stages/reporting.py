"""What a run tells of itself: rows of CSV files, lines of the log, pictures, and its best weights."""

from __future__ import annotations

import logging
from itertools import islice

import torch
from torch import Tensor

from shm_deploy import spec
from shm_train.data.dataset import ComposedDataset, first_examples
from shm_train.networks import Matting
from shm_train.networks.fold import fold
from shm_train.networks.ranges import measure_ranges
from shm_train.stages.board import Board
from shm_train.stages.log import append_rows, drop_rows_after
from shm_train.stages.machine import Machine
from shm_train.stages.run import Run
from shm_train.stages.stage import Stage
from shm_train.validation import validate

logger = logging.getLogger(__name__)

LOG_FILE = "log.csv"
VALIDATION_FILE = "validation.csv"
RANGES_FILE = "ranges.csv"  # the largest activation of each layer, against what half precision holds
SHEET_ROWS = 24
RANGE_PICTURES = 4


class Reporter:
    """Writes into the folder of a run; of several processes that train together, one has it."""

    def __init__(
        self, stage: Stage, run: Run, held_out: ComposedDataset, device: torch.device, machine: Machine
    ) -> None:
        """Forget what was written after the step from which the run goes on.

        Args:
            stage: how the network is validated, and by what.
            run: what is told of.
            held_out: examples to validate on.
            device: of the network.
            machine: whether TensorBoard is told, too.
        """
        self._stage = stage
        self._run = run
        self._held_out = held_out
        self._device = device
        for name in (LOG_FILE, VALIDATION_FILE, RANGES_FILE):
            drop_rows_after(run.folder / name, run.step)
        self._board = Board(run.folder, run.step) if machine.tensorboard else None

    def report(self, losses: dict[str, Tensor], norm: Tensor, progress: float) -> None:
        """Tell of the step that was just made.

        Args:
            losses: the terms of its loss.
            norm: of its gradient.
            progress: share of the run that is done.

        Raises:
            ArtifactError: the log can't be written.
        """
        run = self._run
        row = {
            "step": run.step,
            "seconds": round(run.seconds),
            **{name: round(value.item(), 5) for name, value in losses.items()},
            "norm": round(norm.item(), 3),
            "rate": run.optimizer.param_groups[-1]["lr"],
            "samples_s": round(run.step * self._stage.config.data.batch_size / run.seconds, 2),
        }
        append_rows(run.folder / LOG_FILE, [row])
        terms = ", ".join(f"{name} {value:g}" for name, value in row.items() if name not in ("step", "seconds", "rate"))
        left = run.seconds * (1 - progress) / progress
        logger.info("%5.1f%%, %s left, step %d: %s", 100 * min(progress, 1), clock(max(left, 0)), run.step, terms)
        if self._board is not None:
            self._board.scalars(row, "train")

    def validate(self) -> None:
        """Judge the averaged weights on the same examples each time, and keep them if they are the best so far.

        Raises:
            ArtifactError: a row or the weights can't be written.
        """
        run, stage = self._run, self._stage
        network = run.average.network

        def predict(batch: dict[str, Tensor]) -> Matting:
            return stage.predict(network, {name: tensor.to(self._device) for name, tensor in batch.items()})

        found = validate(predict, first_examples(self._held_out, stage.config.num_validation), SHEET_ROWS)
        found.write_sheet(run.folder / f"sheet-{run.step:06d}.png")
        score = sum(found.numbers.get(name, 0.0) for name in stage.score)
        rounded = {name: round(value, 4) for name, value in found.numbers.items()}
        row = {"step": run.step, "score": round(score, 3), **rounded}
        append_rows(run.folder / VALIDATION_FILE, [row])
        logger.info("validation at step %d: score %.3f %s", run.step, score, rounded)
        if self._board is not None:
            self._board.scalars(row, "validation")
            self._board.pictures(found.rows, run.step)
        if score < run.best:
            run.best = score
            run.save_best()
        self._log_ranges()

    def close(self) -> None:
        """Write what is left."""
        if self._board is not None:
            self._board.close()

    def _log_ranges(self) -> None:
        """The FP16-range monitor: what an export in half precision would have to hold, known before it."""
        run = self._run
        batches = first_examples(self._held_out, RANGE_PICTURES)
        images = [image.permute(1, 2, 0).numpy() for batch in batches for image in batch["image"]]
        ranges = measure_ranges(fold(run.average.network), islice(images, RANGE_PICTURES))
        rows: list[dict[str, float | str]] = [
            {"step": run.step, "layer": layer.layer, "largest": layer.largest, "share": layer.largest / spec.FP16_MAX}
            for layer in ranges.layers
        ]
        append_rows(run.folder / RANGES_FILE, rows)
        largest = ranges.largest
        text = "largest activation or weight %g in %s, %.1f%% of what half precision holds"
        numbers = (largest.largest, largest.layer, 100 * largest.largest / spec.FP16_MAX)
        if ranges.first_overflow is None:
            logger.info(text, *numbers)
        else:
            logger.warning(text + "; an FP16 export would be refused", *numbers)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
