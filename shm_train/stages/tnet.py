"""Stage 1: T-Net alone learns the trimap.

Source: Chen et al. 2018, section 4.5. The baselines PSP50 Seg and PSP50 Reg of section 5.2 are this stage, too, with
another method of the network.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from shm_train.data.samples import Pack
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.config import TNET_ALONE
from shm_train.stages.config import Budget, TNetConfig
from shm_train.stages.loop import train
from shm_train.stages.machine import Machine
from shm_train.stages.objective import tnet_losses
from shm_train.stages.stage import ALPHA_SCORE, ParameterGroup, Stage


def train_tnet(
    config: TNetConfig, budget: Budget, network: SemanticHumanMatting, pack: Pack, folder: Path, machine: Machine
) -> None:
    """Train T-Net in place, M-Net as it is; see `train` for the rest."""
    network.train()
    network.mnet.eval().requires_grad_(False)
    tnet = network.tnet
    named = list(tnet.named_parameters())

    def losses(batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        return tnet_losses(network, batch)

    encoder = ParameterGroup(
        parameters=[p for name, p in named if name.startswith("encoder.")], rate=config.encoder_rate
    )
    rest = ParameterGroup(parameters=[p for name, p in named if not name.startswith("encoder.")], rate=config.rate)
    score = ALPHA_SCORE if config.network.method in TNET_ALONE else ("trimap_error",)
    stage = Stage(name="tnet", config=config, losses=losses, groups=[encoder, rest], score=score)
    train(stage, budget, network, pack, folder, machine)
