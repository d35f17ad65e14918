"""What a run carries from step to step, and how it is saved and gone on with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shm_deploy.errors import ArtifactError
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.ema import MovingAverage
from shm_train.networks import SemanticHumanMatting

LAST_FILE = "last.pt"  # to resume from
BEST_FILE = "best.pt"  # averaged weights with the best validation score
ADDED = {"config.ema_power": 8.0}  # settings that older runs do not name, with what was done there


@dataclass(kw_only=True)
class Run:
    """A training run between two steps: all that the next steps depend on."""

    folder: Path  # where it is saved
    identity: dict[str, Any]  # stage, config and data: a run goes on only with the same; plain values
    network: SemanticHumanMatting
    average: MovingAverage[SemanticHumanMatting]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # of the loss, for fp16; else it does nothing
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf  # validation score

    @property
    def last_file(self) -> Path:
        """What `save` writes."""
        return self.folder / LAST_FILE

    def save(self) -> None:
        """Write the run as a checkpoint whose weights are the averaged ones.

        Raises:
            ArtifactError: it can't be written; the file that was there stays.
        """
        training = {
            "identity": self.identity,
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "weights": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        self._write(self.last_file, training)

    def save_best(self) -> None:
        """Write the averaged weights alone; errors as in `save`."""
        self._write(self.folder / BEST_FILE, None)

    def _write(self, path: Path, training: dict[str, Any] | None) -> None:
        weights = self.average.network.state_dict()
        try:
            save_checkpoint(path, Checkpoint(config=self.network.config, weights=weights, training=training))
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            raise ArtifactError(f"can't write {path} ({error}); the last one that was written stays") from error

    def resume(self) -> None:
        """Take over the state of the run that was saved in the folder.

        Raises:
            ArtifactError: that is no training run, or one of another stage, config or pack.
        """
        path = self.last_file
        checkpoint = load_checkpoint(path)
        training = checkpoint.training
        if training is None or not {"identity", "scaler"} <= training.keys():
            raise ArtifactError(f"{path} holds no run to go on from; choose another folder, or give it to --start")
        differences = list(_differences(training["identity"], self.identity, ""))
        if differences:
            raise ArtifactError(
                f"{path} is another run: {'; '.join(differences)}. Choose another folder, or the same settings"
            )
        self.network.load_state_dict(training["weights"])
        self.average.network.load_state_dict(checkpoint.weights)
        self.optimizer.load_state_dict(training["optimizer"])
        self.scaler.load_state_dict(training["scaler"])
        self.step, self.seconds, self.best = training["step"], training["seconds"], training["best"]


def _differences(there: dict[str, Any], wanted: dict[str, Any], prefix: str) -> Iterator[str]:
    """What two trees of values differ in, each with its dotted name."""
    for name in sorted(there.keys() | wanted.keys()):
        old, new = there.get(name, ADDED.get(f"{prefix}{name}")), wanted.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} is {old!r} there and {new!r} here"
