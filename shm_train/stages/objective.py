"""What the stages minimise.

Source: Chen et al. 2018, sections 4.4 and 4.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from shm_deploy import spec
from shm_train.losses import (
    absolute_loss,
    coarse_loss,
    colour_contrast,
    gradient_loss,
    known_region_loss,
    prediction_loss,
    trimap_loss,
)
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.ops import resize
from shm_train.networks.outputs import RawAlpha
from shm_train.stages.config import LossConfig, MNetLossConfig, Trimaps

COARSE_KNOWN = 0.05  # of the coarse alpha's error in the known region, to that in the unknown one


def tnet_losses(network: SemanticHumanMatting, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What T-Net alone minimises, by the network's method, as `total`.

    L_t on the true trimap; for `segmentation` the same on the mask alpha > 0, without an unknown region; for
    `regression` the mean error of T-Net's first channel as alpha.

    Source: Chen et al. 2018, sections 4.5 and 5.2.

    Args:
        network: T-Net in training mode.
        batch: as `ComposedDataset` gives it, stacked.
    """
    logits, _ = network.tnet(batch["image"].float())
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
    `L_p` counts there; without patches, it sees the whole canvas, too. Hard masks count for `L_t` alone. `raw`,
    `gradient` and `coarse` are as in `mnet_losses`.

    Args:
        network: in training mode.
        batch: as `ComposedDataset` gives it, stacked.
        patch_size: side to which M-Net's patches are resized [px].
        config: the weights.
        progress: of the run, in 0..1.
    """
    image = batch["image"].float()
    segmented = network.tnet(image)
    trimap = torch.softmax(segmented.logits, dim=1)
    patches = Patches.of(batch, patch_size)
    seen = patches.cut_seen(Seen(trimap, segmented.features))
    raw_alpha = network.mnet(patches.cut(image), *seen)
    alpha = network.fusion(seen.trimap, raw_alpha.alpha)
    truth = _truth_of_patches(batch, patches, seen.trimap)
    terms = {
        "prediction": truth.prediction_loss(alpha, config.gamma),
        "trimap": trimap_loss(segmented.logits, batch["trimap"], batch["sure"]),
        "known_region": known_region_loss(trimap, batch["alpha"], _sure_of_soft(batch)),
    }
    weights = {
        "prediction": 1.0,
        "trimap": config.trimap + (config.trimap_end - config.trimap) * progress,
        "known_region": config.known_region,
    }
    return _weighted(terms, weights, truth, raw_alpha, alpha, config, COARSE_KNOWN)


class Seen(NamedTuple):
    """What M-Net gets beside the image."""

    trimap: Tensor  # (N, 3, h, w) float32 in 0..1, of the image's size or a smaller one
    features: Sequence[Tensor]  # T-Net's, see `SemanticHumanMatting.features`


class Patches(NamedTuple):
    """M-Net's squares of each canvas; none: it sees whole canvases as they are, just as it will get frames."""

    places: list[list[list[int]]]  # of each canvas, top, left and side of its squares [px]
    size: int  # side to which they are resized [px]
    canvas: torch.Size  # (height, width) [px]

    @classmethod
    def of(cls, batch: dict[str, Tensor], size: int) -> Patches:
        """Those of a batch of `ComposedDataset`."""
        return cls(batch["patches"].tolist(), size, batch["image"].shape[-2:])

    def cut(self, x: Tensor) -> Tensor:
        """The squares, (N K, C, size, size), of planes of the canvas' size, (N, C, H, W); float32."""
        return cut_patches(x.float(), self.places, self.size) if self.places[0] else x.float()

    def cut_seen(self, seen: Seen) -> Seen:
        """What belongs to the squares."""
        if not self.places[0]:
            return seen
        features = [cut_features(map_, self.places, self.canvas, self.size) for map_ in seen.features]
        return Seen(self.cut(resize(seen.trimap, self.canvas)), features)


@torch.no_grad()
def look(network: SemanticHumanMatting, batch: dict[str, Tensor], trimaps: Trimaps) -> Seen:
    """True trimaps of random width, or T-Net's own, and its features, of whole canvases; without a gradient.

    Args:
        network: in evaluation mode.
        batch: as `ComposedDataset` gives it, stacked.
        trimaps: which ones.
    """
    image = batch["image"].float()
    if trimaps == "true":
        return Seen(batch["mnet_trimap"], network.features(image))
    logits, features = network.tnet(image)
    return Seen(torch.softmax(logits, dim=1), features)


def mnet_losses(
    network: SemanticHumanMatting,
    batch: dict[str, Tensor],
    seen: Seen,
    patch_size: int,
    trimaps: Trimaps,
    config: MNetLossConfig,
) -> dict[str, Tensor]:
    """The terms of the loss of M-Net alone and their weighted sum `total`.

    `prediction` is L_p. Under true trimaps of random width it counts raw alpha over the whole patch, as in the paper,
    but for `dim`, which answers for the unknown region only. Under T-Net's own trimaps, which it gives for the whole
    canvas without a gradient, it counts alpha: M-Net learns from such trimaps as it will get. `raw` is L_p on raw alpha
    where the true trimap is unknown, which a T-Net in error can't mute, or that which M-Net gets; `gradient` is
    `gradient_loss` on alpha there.
    `coarse` is the error of the coarse alpha from which `live` draws pixels: through the guided filter alone it would
    learn nothing where M-Net is not sure of it, and M-Net would never become sure.

    Args:
        network: its M-Net in training mode.
        batch: as `ComposedDataset` gives it, stacked.
        seen: what `look` gives.
        patch_size: side to which M-Net's patches are resized [px]; without patches, it sees whole canvases.
        trimaps: which ones M-Net gets.
        config: the weights.
    """
    patches = Patches.of(batch, patch_size)
    seen = patches.cut_seen(seen)
    raw_alpha = network.mnet(patches.cut(batch["image"]), *seen)
    alone = trimaps == "true" and network.config.method != "dim"
    alpha = raw_alpha.alpha if alone else network.fusion(seen.trimap, raw_alpha.alpha)
    truth = _truth_of_patches(batch, patches, seen.trimap)
    terms = {"prediction": truth.prediction_loss(alpha, config.gamma)}
    coarse_known = 0.0 if network.config.method == "dim" else COARSE_KNOWN
    return _weighted(terms, {"prediction": 1.0}, truth, raw_alpha, alpha, config, coarse_known)


def _sure_of_soft(batch: dict[str, Tensor]) -> Tensor:
    """Where alpha counts, (N, 1, H, W): nowhere in a picture whose truth is a hard mask, which is for `L_t` alone."""
    return batch["sure"].float() * batch["soft"].view(-1, 1, 1, 1)


class PatchTruth(NamedTuple):
    """What is true in M-Net's patches, each (N K, 1, size, size), or on its whole canvases, (N, 1, H, W)."""

    alpha: Tensor
    contrast: Tensor  # of foreground and background
    sure: Tensor
    unknown: Tensor  # and sure, in 0..1: in the true trimap, or as much as in that which M-Net gets

    def prediction_loss(self, alpha: Tensor, gamma: float) -> Tensor:
        """L_p over the whole patch."""
        return prediction_loss(alpha, self.alpha, self.contrast, self.sure, gamma)

    def raw_loss(self, alpha_raw: Tensor, gamma: float) -> Tensor:
        """L_p where one of the two trimaps is unknown."""
        return prediction_loss(alpha_raw, self.alpha, self.contrast, self.unknown, gamma)


def _truth_of_patches(batch: dict[str, Tensor], patches: Patches, trimap_patch: Tensor) -> PatchTruth:
    """M-Net answers for what it is asked, too: a T-Net in error calls things beside people unknown."""
    unknown = batch["trimap"][:, spec.UNKNOWN, None]
    whole = (batch["alpha"], batch["foreground"], batch["background"], _sure_of_soft(batch), unknown)
    alpha, foreground, background, sure, unknown = map(patches.cut, whole)
    said = resize(trimap_patch[:, spec.UNKNOWN, None].detach().float(), unknown.shape[-2:])
    asked = torch.maximum(unknown, said)
    return PatchTruth(alpha, colour_contrast(foreground, background), sure, sure * asked)


def _weighted(
    terms: dict[str, Tensor],
    weights: dict[str, float],
    truth: PatchTruth,
    raw_alpha: RawAlpha,
    alpha: Tensor,
    config: LossConfig | MNetLossConfig,
    coarse_known: float,
) -> dict[str, Tensor]:
    """These terms and those about M-Net's details that the config weighs, and their weighted sum, as `total`."""
    if config.raw:
        terms["raw"] = truth.raw_loss(raw_alpha.alpha, config.gamma)
    if config.gradient:
        terms["gradient"] = gradient_loss(alpha, truth.alpha, truth.unknown)
    if config.coarse and raw_alpha.coarse is not None:
        terms["coarse"] = coarse_loss(raw_alpha.coarse, truth.alpha, truth.unknown, truth.sure, coarse_known)
    weights = weights | {"raw": config.raw, "gradient": config.gradient, "coarse": config.coarse}
    return {"total": sum((weights[name] * term for name, term in terms.items()), torch.zeros(())), **terms}


def cut_features(x: Tensor, places: list[list[list[int]]], canvas: torch.Size, size: int) -> Tensor:
    """Cut what belongs to K squares out of each of (N, C, h, w), maps of whole canvases: (N K, C, s, s).

    Args:
        x: the maps.
        places: top, left and side of the squares [px of the canvas].
        canvas: (height, width) that the maps cover [px].
        size: side to which the squares themselves are resized [px]; s is to `size` as h to the canvas' height.
    """
    height, width = canvas
    side_out = max(1, round(size * x.shape[-2] / height))
    squares = torch.tensor(places, device=x.device).flatten(0, 1)[:, :, None]  # (N K, 3, 1)
    steps = (torch.arange(side_out, device=x.device) + 0.5) / side_out  # (s,)
    rows = (squares[:, 0] + steps * squares[:, 2]) / height * 2 - 1  # (N K, s), in -1..1
    columns = (squares[:, 1] + steps * squares[:, 2]) / width * 2 - 1
    shape = (len(rows), side_out, side_out)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=-1)
    repeated = x.repeat_interleave(len(places[0]), dim=0)
    return F.grid_sample(repeated, grid, padding_mode="border", align_corners=False)


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
