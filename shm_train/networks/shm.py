"""Semantic Human Matting: T-Net, M-Net and fusion in one module, and the graph that applications run."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from shm_train.networks.baselines import ClassFusion, NoFusion, PictureMNet, TNetAlone, TNetMask
from shm_train.networks.config import LiveConfig, NetworkConfig, PaperConfig
from shm_train.networks.fusion import Fusion
from shm_train.networks.live import LiveMNet, LiveTNet
from shm_train.networks.ops import resize
from shm_train.networks.paper import PaperMNet, PaperTNet


class Matting(NamedTuple):
    """Everything that one forward pass gives."""

    logits: Tensor  # (N, 3, h, w)
    trimap: Tensor  # (N, 3, h, w), softmax, order F, B, U
    alpha_raw: Tensor  # (N, 1, H, W)
    alpha: Tensor  # (N, 1, H, W)


class SemanticHumanMatting(nn.Module):
    """The whole network; `variant` says which.

    Source: Chen et al. 2018, Fig. 3.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        match config:
            case PaperConfig():
                self.tnet: nn.Module = PaperTNet(config.dropout)
            case LiveConfig():
                self.tnet = LiveTNet(config)
        self.mnet = _mnet(config)
        self.fusion = _fusion(config)

    def forward(self, image: Tensor) -> Matting:
        """(N, 3, H, W) RGB 0..255 -> logits, trimap (Eq. 2), raw alpha, alpha (Eq. 4)."""
        logits, features = self.tnet(image)
        trimap = torch.softmax(logits, dim=1)
        alpha_raw = self.mnet(image, trimap, features).alpha
        return Matting(logits, trimap, alpha_raw, self.fusion(trimap, alpha_raw))

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        """What M-Net sees of T-Net beside a trimap of others: nothing in `paper`, whose T-Net then need not run."""
        features: tuple[Tensor, ...] = self.tnet(image).features if isinstance(self.config, LiveConfig) else ()
        return features


def _mnet(config: NetworkConfig) -> nn.Module:
    match config.method:
        case "shm" | "no_fusion":
            return PaperMNet() if isinstance(config, PaperConfig) else LiveMNet(config)
        case "dim":
            return PictureMNet(config)
        case "regression":
            return TNetAlone()
        case "segmentation":
            return TNetMask()


def _fusion(config: NetworkConfig) -> Fusion:
    resizes = isinstance(config, LiveConfig)
    match config.method:
        case "shm":
            return Fusion(resizes)
        case "dim":
            return ClassFusion(resizes)
        case "no_fusion" | "regression" | "segmentation":
            return NoFusion(resizes)


class FrameEntry(nn.Module):
    """What an application has, as what the networks take."""

    def forward(self, frames: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> (N, 3, H, W) float32, RGB 0..255."""
        return frames.float().permute(0, 3, 1, 2)  # TensorRT does nothing with bytes but cast them


class FrameExit(nn.Module):
    """What the networks give, as what an application takes: bytes of the frame's size."""

    def __init__(self, resizes: bool) -> None:
        super().__init__()
        self.resizes = resizes  # whether the trimap comes smaller than the frame

    def forward(self, alpha: Tensor, trimap: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W), (N, 3, h, w) in 0..1 -> alpha (N, H, W), trimap (N, H, W, 3), both uint8, value x 255."""
        if self.resizes:
            trimap = resize(trimap, alpha.shape[-2:])
        return _to_bytes(alpha[:, 0]), _to_bytes(trimap.permute(0, 2, 3, 1))


class FrameGraph(nn.Module):
    """What an application runs: uint8 frames in, uint8 alpha and trimap out."""

    def __init__(self, network: SemanticHumanMatting) -> None:
        super().__init__()
        self.entry = FrameEntry()
        self.network = network
        self.exit = FrameExit(network.fusion.resizes)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 RGB -> alpha (N, H, W) uint8, trimap (N, H, W, 3) uint8 (softmax x 255)."""
        matting = self.network(self.entry(frames))
        alpha, trimap = self.exit(matting.alpha, matting.trimap)
        return alpha, trimap


def _to_bytes(x: Tensor) -> Tensor:
    return torch.floor(x * 255 + 0.5).to(torch.uint8)
