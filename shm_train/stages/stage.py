"""What one stage of training has of its own; the loop has the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from shm_train.networks import Matting, SemanticHumanMatting
from shm_train.stages.config import RunConfig

ALPHA_SCORE = ("soft_sad", "photo_sad", "empty_mean")


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
    num_patches: int = 0  # for M-Net, of each example


class Objective(nn.Module):
    """A network with what it minimises, as one module: the gradients of `DistributedDataParallel` want that."""

    def __init__(self, network: SemanticHumanMatting, stage: Stage) -> None:
        super().__init__()
        self.network = network
        self.losses = stage.losses

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        """Batch, progress -> terms of the loss, with `total`."""
        return self.losses(batch, progress)
