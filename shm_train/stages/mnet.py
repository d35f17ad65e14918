"""Stage 2: M-Net alone learns, on several patches of each canvas.

Source: Chen et al. 2018, section 4.5: with trimaps made from the truth by random kernels. Or with T-Net's own, soft
ones: then it comes after T-Net is good, and T-Net, which takes most of a step's time when it learns, only looks.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from torch import Tensor

from shm_train.data.samples import Pack
from shm_train.networks import Matting, SemanticHumanMatting
from shm_train.networks.fold import fold
from shm_train.stages.config import Budget, MNetConfig
from shm_train.stages.loop import train
from shm_train.stages.machine import Machine
from shm_train.stages.objective import look, mnet_losses
from shm_train.stages.stage import ParameterGroup, Stage


def train_mnet(
    config: MNetConfig, budget: Budget, network: SemanticHumanMatting, pack: Pack, folder: Path, machine: Machine
) -> None:
    """Train M-Net in place, T-Net as it is; see `train` for the rest."""
    network.train()
    network.tnet.eval().requires_grad_(False)

    @cache
    def looking() -> SemanticHumanMatting:
        """Made at the first step: not before a run that goes on has read its weights."""
        return _for_looking(network, config)

    def losses(batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        seen = look(looking(), batch, config.trimaps)
        return mnet_losses(network, batch, seen, config.data.patch_size, config.trimaps, config.loss)

    def predict(judged: SemanticHumanMatting, batch: dict[str, Tensor]) -> Matting:
        if config.trimaps == "tnet":
            return judged(batch["image"])
        trimap = batch["mnet_trimap"]
        alpha_raw = judged.mnet(batch["image"], trimap, judged.features(batch["image"])).alpha
        return Matting(trimap, trimap, alpha_raw, judged.fusion(trimap, alpha_raw))

    mnet = ParameterGroup(parameters=list(network.mnet.parameters()), rate=config.rate)
    stage = Stage(
        name="mnet",
        config=config,
        losses=losses,
        groups=[mnet],
        predict=predict,
        num_patches=config.patches_per_canvas,
    )
    train(stage, budget, network, pack, folder, machine)


def _for_looking(network: SemanticHumanMatting, config: MNetConfig) -> SemanticHumanMatting:
    """A copy without batch norms, in the run's precision: T-Net looks in less than half the time."""
    folded = fold(network)
    return folded if config.precision == "fp32" else folded.to(config.autocast_dtype)
