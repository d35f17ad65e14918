"""What the end-to-end stage minimises.

Source: Chen et al. 2018, sections 4.4 and 4.5.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from shm_train.losses import known_region_loss, prediction_loss, trimap_loss
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.ops import resize
from shm_train.stages.config import LossConfig


def end_to_end_losses(
    network: SemanticHumanMatting, batch: dict[str, Tensor], patch_size: int, config: LossConfig, progress: float
) -> dict[str, Tensor]:
    """The terms of the loss and their weighted sum `total` (Eq. 6).

    T-Net sees the whole canvas and `L_t` counts there; M-Net sees one patch of each, and of T-Net's softmax, and
    `L_p` counts there.

    Args:
        network: in training mode.
        batch: as `ComposedDataset` gives it, stacked.
        patch_size: side to which M-Net's patches are resized [px].
        config: the weights.
        progress: of the run, in 0..1.
    """
    image = batch["image"].float()
    logits = network.tnet(image)
    trimap = torch.softmax(logits.float(), dim=1)
    places = batch["patch"].tolist()
    trimap_patch = cut_patches(resize(trimap, image.shape[-2:]), places, patch_size)
    alpha_raw = network.mnet(cut_patches(image, places, patch_size), trimap_patch)
    alpha = network.fusion(trimap_patch, alpha_raw)
    truth, foreground, background, sure = (
        cut_patches(batch[name].float(), places, patch_size) for name in ("alpha", "foreground", "background", "sure")
    )
    prediction = prediction_loss(alpha, truth, foreground, background, sure, config.gamma)
    cross_entropy = trimap_loss(logits, batch["trimap"], batch["sure"])
    known = known_region_loss(trimap, batch["alpha"], batch["sure"])
    trimap_weight = config.trimap + (config.trimap_end - config.trimap) * progress
    total = prediction + trimap_weight * cross_entropy + config.known_region * known
    return {"total": total, "prediction": prediction, "trimap": cross_entropy, "known_region": known}


def cut_patches(x: Tensor, places: list[list[int]], size: int) -> Tensor:
    """Cut one square out of each of (N, C, H, W) float, resized with antialiasing: (N, C, size, size).

    Args:
        x: the whole.
        places: top, left and side of each square [px].
        size: side wanted [px].
    """
    squares = []
    for plane, (top, left, side) in zip(x, places, strict=True):
        square = plane[None, :, top : top + side, left : left + side]
        if side != size:
            square = F.interpolate(square, size=(size, size), mode="bilinear", antialias=True)
        squares.append(square)
    return torch.cat(squares)
