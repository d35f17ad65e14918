"""The paper's ablations and baselines, as other fusions and another M-Net in the same places.

Source: Chen et al. 2018, sections 5.2 and 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_deploy import spec
from shm_train.networks.config import LiveConfig, PaperConfig
from shm_train.networks.fusion import Fusion
from shm_train.networks.live import LiveMNet
from shm_train.networks.ops import resize
from shm_train.networks.outputs import RawAlpha
from shm_train.networks.paper import PaperMNet

# The trimap as one channel, as Deep Image Matting's fourth: by class.
PICTURE_LEVELS = {spec.FOREGROUND: 1.0, spec.BACKGROUND: 0.0, spec.UNKNOWN: 0.5}


def classes(trimap: Tensor) -> Tensor:
    """Softmax (N, 3, H, W) -> one-hot of the likeliest class, the same shape and dtype."""
    return F.one_hot(trimap.argmax(dim=1), 3).permute(0, 3, 1, 2).to(trimap.dtype)


class NoFusion(Fusion):
    """Raw alpha as it is: alpha_p = alpha_r (Table 5)."""

    def forward(self, trimap: Tensor, alpha_raw: Tensor) -> Tensor:
        return alpha_raw


class ClassFusion(Fusion):
    """Raw alpha where the likeliest class is unknown, else 0 or 1: what users of trimaps do."""

    def forward(self, trimap: Tensor, alpha_raw: Tensor) -> Tensor:
        if self.resizes:
            trimap = resize(trimap, alpha_raw.shape[-2:])
        return self.blend(classes(trimap), alpha_raw)


class TNetAlone(nn.Module):
    """In M-Net's place: T-Net's foreground channel as raw alpha (PSP50 Reg)."""

    def forward(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor]) -> RawAlpha:
        """Image (N, 3, H, W), softmax trimap (N, 3, h, w), features of no use -> raw alpha."""
        return RawAlpha(resize(trimap[:, spec.FOREGROUND, None], image.shape[-2:]))


class TNetMask(TNetAlone):
    """The same as a mask of 0 and 1 (PSP50 Seg)."""

    def forward(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor]) -> RawAlpha:
        return RawAlpha((super().forward(image, trimap, features).alpha > 0.5).to(trimap.dtype))


class PictureMNet(nn.Module):
    """Deep Image Matting's input: image and one channel that holds the likeliest class of the trimap."""

    def __init__(self, config: PaperConfig | LiveConfig) -> None:
        super().__init__()
        match config:
            case PaperConfig():
                self.mnet: nn.Module = PaperMNet(num_trimap_channels=1)
            case LiveConfig():
                self.mnet = LiveMNet(config)
                stem = self.mnet.trimap_stem
                self.mnet.trimap_stem = nn.Conv2d(1, stem.out_channels, 1, bias=False)

    @property
    def encoder(self) -> nn.Module:
        """What ImageNet weights go to; only `paper` has one."""
        return self.mnet.get_submodule("encoder")

    def forward(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor]) -> RawAlpha:
        """Image (N, 3, H, W), softmax trimap (N, 3, h, w), T-Net's features -> raw alpha."""
        levels = torch.tensor([PICTURE_LEVELS[index] for index in range(3)], device=trimap.device, dtype=trimap.dtype)
        picture = (classes(trimap) * levels.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        raw_alpha: RawAlpha = self.mnet(image, picture, features)
        return raw_alpha
