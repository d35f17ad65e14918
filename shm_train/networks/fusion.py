"""Where T-Net's probabilities and M-Net's raw alpha become alpha."""

from __future__ import annotations

from torch import Tensor, nn

from shm_deploy import spec
from shm_train.networks.ops import resize


class Fusion(nn.Module):
    """Blend T-Net's probabilities with M-Net's alpha: alpha_p = F_s + U_s * alpha_r.

    Source: Chen et al. 2018, Eq. 4.
    """

    def __init__(self, resizes: bool) -> None:
        super().__init__()
        self.resizes = resizes  # whether the trimap comes smaller than the frame

    def forward(self, trimap: Tensor, alpha_raw: Tensor) -> Tensor:
        """Softmax trimap (N, 3, h, w), alpha_raw (N, 1, H, W) -> alpha (N, 1, H, W); in 0..1 outside training."""
        if self.resizes:
            trimap = resize(trimap, alpha_raw.shape[-2:])
        return self.blend(trimap, alpha_raw)

    def blend(self, trimap: Tensor, alpha_raw: Tensor) -> Tensor:
        """Eq. 4 on planes of one size."""
        foreground = trimap[:, spec.FOREGROUND, None]  # (N, 1, H, W)
        unknown = trimap[:, spec.UNKNOWN, None]
        alpha = foreground + unknown * alpha_raw
        return alpha if self.training else alpha.clamp(0, 1)
