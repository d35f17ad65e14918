"""The paper's losses, and one that lets a small T-Net learn the whole image. Free functions; all give scalars.

Every loss is a mean over the pixels that count: `sure` is 1 there and 0 where the truth is not to be trusted. Where
several processes train together, it is a mean over the pixels of all of them: their mean gradient is then that of one
process on the joined batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, distributed

from shm_deploy import spec


def trimap_loss(logits: Tensor, trimap: Tensor, sure: Tensor) -> Tensor:
    """L_t: cross entropy of the trimap, at the size of the logits.

    Source: Chen et al. 2018, section 4.4. Truth that is larger than the logits is averaged over their pixels.

    Args:
        logits: (N, 3, h, w), order F, B, U.
        trimap: (N, 3, H, W) one-hot truth.
        sure: (N, 1, H, W).
    """
    truth = shrink(trimap * sure, logits.shape[-2:])
    return _mean(-(truth * F.log_softmax(logits.float(), dim=1)), truth)


def prediction_loss(alpha: Tensor, true_alpha: Tensor, contrast: Tensor, sure: Tensor, gamma: float) -> Tensor:
    """L_p = gamma |alpha_p - alpha_g| + (1 - gamma) |c_p - c_g|, over the entire image.

    Source: Chen et al. 2018, Eq. 5. The two composites differ by (alpha_p - alpha_g)(F - B); colours in 0..1.

    Args:
        alpha: (N, 1, H, W), predicted.
        true_alpha: (N, 1, H, W) in 0..1.
        contrast: (N, 1, H, W), mean |F - B| in 0..1, see `colour_contrast`.
        sure: (N, 1, H, W).
        gamma: share of the alpha's own error, in 0..1.
    """
    error = (alpha - true_alpha).abs()
    return _mean((gamma + (1 - gamma) * contrast) * error * sure, sure)


def colour_contrast(foreground: Tensor, background: Tensor) -> Tensor:
    """Mean |F - B| of the three colours, in 0..1.

    Args:
        foreground: (N, 3, H, W) colours 0..255, true.
        background: (N, 3, H, W) colours 0..255, true.

    Returns:
        (N, 1, H, W) float32.
    """
    return (foreground.float() - background.float()).abs().mean(dim=1, keepdim=True) / 255


def known_region_loss(trimap: Tensor, true_alpha: Tensor, sure: Tensor) -> Tensor:
    """Mean |F_s + U_s alpha_g - alpha_g|: what fusion would be off by, were M-Net perfect.

    Ours. M-Net sees patches only; this carries L_p to T-Net's known regions over the whole image.

    Args:
        trimap: (N, 3, h, w) softmax, order F, B, U.
        true_alpha: (N, 1, H, W) in 0..1.
        sure: (N, 1, H, W).
    """
    size = trimap.shape[-2:]
    weight = shrink(sure, size)
    truth = shrink(true_alpha * sure, size) / weight.clamp(min=1e-6)
    fused = trimap[:, spec.FOREGROUND, None] + trimap[:, spec.UNKNOWN, None] * truth
    return _mean((fused - truth).abs() * weight, weight)


def gradient_loss(alpha: Tensor, true_alpha: Tensor, weight: Tensor) -> Tensor:
    """Mean |difference of the alphas' steps to the right and the lower neighbour|: hair that is blurred costs.

    Ours.

    Args:
        alpha: (N, 1, H, W), predicted.
        true_alpha: (N, 1, H, W) in 0..1.
        weight: (N, 1, H, W); a step counts as the lesser of its two pixels does.
    """
    error = alpha - true_alpha
    across = error.diff(dim=-1).abs() * torch.minimum(weight[..., 1:], weight[..., :-1])
    down = error.diff(dim=-2).abs() * torch.minimum(weight[..., 1:, :], weight[..., :-1, :])
    return _mean(across, weight) + _mean(down, weight)


def coarse_loss(coarse: Tensor, true_alpha: Tensor, unknown: Tensor, sure: Tensor, known: float) -> Tensor:
    """Mean |alpha at each place - mean of alpha_g there|, above all where the trimap is unknown.

    Ours.

    Args:
        coarse: (N, 1, h, w), predicted.
        true_alpha: (N, 1, H, W) in 0..1.
        unknown: (N, 1, H, W) in 0..1, where a trimap is unknown and the truth is sure.
        sure: (N, 1, H, W).
        known: how much the rest of what is sure counts, beside the unknown region's 1.
    """
    size = coarse.shape[-2:]
    truth = shrink(true_alpha * sure, size) / shrink(sure, size).clamp(min=1e-6)
    weight = shrink(unknown + known * (sure - unknown), size)
    return _mean((coarse - truth).abs() * weight, weight)


def absolute_loss(alpha: Tensor, true_alpha: Tensor, sure: Tensor) -> Tensor:
    """Mean |alpha - alpha_g|, at the size of `alpha`.

    Source: Chen et al. 2018, section 5.2, the baseline PSP50 Reg.

    Args:
        alpha: (N, 1, h, w), predicted.
        true_alpha: (N, 1, H, W) in 0..1.
        sure: (N, 1, H, W).
    """
    size = alpha.shape[-2:]
    weight = shrink(sure, size)
    truth = shrink(true_alpha * sure, size) / weight.clamp(min=1e-6)
    return _mean((alpha - truth).abs() * weight, weight)


def shrink(x: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Means over the pixels of `size` (height, width)."""
    return x if x.shape[-2:] == size else F.interpolate(x, size=tuple(size), mode="area")


def _mean(weighted: Tensor, weight: Tensor) -> Tensor:
    """The sum of `weighted` over the sum of `weight`, or over its mean sum of all processes."""
    total = weight.sum()
    if distributed.is_available() and distributed.is_initialized():
        total = total.detach().clone()
        distributed.all_reduce(total)
        total /= distributed.get_world_size()
    return weighted.sum() / total.clamp(min=1)
