"""Stage 3: T-Net sees the canvas, M-Net patches of it, and both learn together.

Source: Chen et al. 2018, section 4.5.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from shm_train.data.samples import Pack
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import Budget, EndToEndConfig
from shm_train.stages.loop import train
from shm_train.stages.machine import Machine
from shm_train.stages.objective import end_to_end_losses
from shm_train.stages.stage import ParameterGroup, Stage

PARTS = ("tnet", "mnet")


def train_end_to_end(
    config: EndToEndConfig, budget: Budget, network: SemanticHumanMatting, pack: Pack, folder: Path, machine: Machine
) -> None:
    """Train both networks in place; see `train` for the rest."""
    network.train()
    named = list(network.named_parameters())

    def losses(batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        return end_to_end_losses(network, batch, config.data.patch_size, config.loss, progress)

    encoder = ParameterGroup(parameters=[p for name, p in named if ".encoder." in name], rate=config.encoder_rate)
    rest = {part: [p for name, p in named if name.startswith(part) and ".encoder." not in name] for part in PARTS}
    decoder = ParameterGroup(parameters=rest["tnet"], rate=config.rate * config.decoder_share)
    mnet = ParameterGroup(parameters=rest["mnet"], rate=config.rate)
    stage = Stage(
        name="e2e",
        config=config,
        losses=losses,
        groups=[encoder, decoder, mnet],
        num_patches=config.patches_per_canvas,
    )
    train(stage, budget, network, pack, folder, machine)
