"""What the stages minimise.

Source: Chen et al. 2018, sections 4.4 and 4.5.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from shm_deploy import spec
from shm_train.losses import absolute_loss, gradient_loss, known_region_loss, prediction_loss, trimap_loss
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.ops import resize
from shm_train.stages.config import LossConfig, MNetLossConfig, Trimaps


def tnet_losses(network: SemanticHumanMatting, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What T-Net alone minimises, by the network's method, as `total`.

    L_t on the true trimap; for `segmentation` the same on the mask alpha > 0, without an unknown region; for
    `regression` the mean error of T-Net's first channel as alpha.

    Source: Chen et al. 2018, sections 4.5 and 5.2.

    Args:
        network: T-Net in training mode.
        batch: as `ComposedDataset` gives it, stacked.
    """
    logits = network.tnet(batch["image"].float())
    match network.config.method:
        case "regression":
            foreground = torch.softmax(logits.float(), dim=1)[:, spec.FOREGROUND, None]
            total = absolute_loss(foreground, batch["alpha"], batch["sure"])
        case "segmentation":
            person = (batch["alpha"] > 0).float()
            mask = torch.zeros_like(batch["trimap"])
            mask[:, spec.FOREGROUND, None], mask[:, spec.BACKGROUND, None] = person, 1 - person
            total = trimap_loss(logits, mask, batch["sure"])
        case _:
            total = trimap_loss(logits, batch["trimap"], batch["sure"])
    return {"total": total}


def end_to_end_losses(
    network: SemanticHumanMatting, batch: dict[str, Tensor], patch_size: int, config: LossConfig, progress: float
) -> dict[str, Tensor]:
    """The terms of the loss and their weighted sum `total` (Eq. 6).

    T-Net sees the whole canvas and `L_t` counts there; M-Net sees patches of each, and of T-Net's softmax, and
    `L_p` counts there. Hard masks count for `L_t` alone.

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
    places = batch["patches"].tolist()
    trimap_patch = cut_patches(resize(trimap, image.shape[-2:]), places, patch_size)
    alpha_raw = network.mnet(cut_patches(image, places, patch_size), trimap_patch)
    alpha = network.fusion(trimap_patch, alpha_raw)
    sure = _sure_of_soft(batch)
    truth, foreground, background, sure_patch = _patches_of_truth(batch, sure, patch_size)
    prediction = prediction_loss(alpha, truth, foreground, background, sure_patch, config.gamma)
    cross_entropy = trimap_loss(logits, batch["trimap"], batch["sure"])
    known = known_region_loss(trimap, batch["alpha"], sure)
    trimap_weight = config.trimap + (config.trimap_end - config.trimap) * progress
    total = prediction + trimap_weight * cross_entropy + config.known_region * known
    return {"total": total, "prediction": prediction, "trimap": cross_entropy, "known_region": known}


def mnet_losses(
    network: SemanticHumanMatting,
    batch: dict[str, Tensor],
    patch_size: int,
    trimaps: Trimaps,
    config: MNetLossConfig,
) -> dict[str, Tensor]:
    """The terms of the loss of M-Net alone and their weighted sum `total`.

    `prediction` is L_p. Under true trimaps of random width it counts raw alpha over the whole patch, as in the paper,
    but for `dim`, which answers for the unknown region only. Under T-Net's own trimaps, which it gives for the whole
    canvas without a gradient, it counts alpha: M-Net learns from such trimaps as it will get. `raw` is L_p on raw alpha
    where the true trimap is unknown, which a T-Net in error can't mute.

    Args:
        network: T-Net in evaluation mode, the rest in training mode.
        batch: as `ComposedDataset` gives it, stacked.
        patch_size: side to which M-Net's patches are resized [px].
        trimaps: which ones M-Net gets.
        config: the weights.
    """
    image = batch["image"].float()
    places = batch["patches"].tolist()
    if trimaps == "true":
        trimap_patch = cut_patches(batch["mnet_trimap"], places, patch_size)
    else:
        with torch.no_grad():
            trimap = torch.softmax(network.tnet(image).float(), dim=1)
            trimap_patch = cut_patches(resize(trimap, image.shape[-2:]), places, patch_size)
    alpha_raw = network.mnet(cut_patches(image, places, patch_size), trimap_patch)
    alone = trimaps == "true" and network.config.method != "dim"
    alpha = alpha_raw if alone else network.fusion(trimap_patch, alpha_raw)
    truth, foreground, background, sure_patch = _patches_of_truth(batch, _sure_of_soft(batch), patch_size)
    unknown = sure_patch * cut_patches(batch["trimap"][:, spec.UNKNOWN, None], places, patch_size)
    prediction = prediction_loss(alpha, truth, foreground, background, sure_patch, config.gamma)
    raw = prediction_loss(alpha_raw, truth, foreground, background, unknown, config.gamma)
    gradient = gradient_loss(alpha, truth, unknown)
    total = prediction + config.raw * raw + config.gradient * gradient
    return {"total": total, "prediction": prediction, "raw": raw, "gradient": gradient}


def _sure_of_soft(batch: dict[str, Tensor]) -> Tensor:
    """Where alpha counts, (N, 1, H, W): nowhere in a picture whose truth is a hard mask, which is for `L_t` alone."""
    return batch["sure"].float() * batch["soft"].view(-1, 1, 1, 1)


def _patches_of_truth(batch: dict[str, Tensor], sure: Tensor, patch_size: int) -> tuple[Tensor, ...]:
    """M-Net's patches of alpha, foreground, background and `sure`."""
    whole = (batch["alpha"], batch["foreground"], batch["background"], sure)
    return tuple(cut_patches(plane.float(), batch["patches"].tolist(), patch_size) for plane in whole)


def cut_patches(x: Tensor, places: list[list[list[int]]], size: int) -> Tensor:
    """Cut K squares out of each of (N, C, H, W) float, resized with antialiasing: (N K, C, size, size).

    Args:
        x: the whole.
        places: for each, top, left and side of its squares [px].
        size: side wanted [px].
    """
    squares = []
    for plane, places_there in zip(x, places, strict=True):
        for top, left, side in places_there:
            square = plane[None, :, top : top + side, left : left + side]
            if side != size:
                square = F.interpolate(square, size=(size, size), mode="bilinear", antialias=True)
            squares.append(square)
    return torch.cat(squares)
