"""Building blocks in forms that PyTorch, ONNX Runtime and TensorRT all compute alike, at any size.

Training uses the same forms, so that nothing is rewritten for export.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_deploy import spec


def statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """ImageNet's mean and deviation of RGB 0..255, each (1, 3, 1, 1) float32."""
    mean = torch.tensor(spec.RGB_MEAN, device=device).view(1, 3, 1, 1)
    deviation = torch.tensor(spec.RGB_DEVIATION, device=device).view(1, 3, 1, 1)
    return mean, deviation


def normalise(image: Tensor, dtype: torch.dtype) -> Tensor:
    """(N, 3, H, W) RGB 0..255 -> zero mean, unit deviation by ImageNet's statistics, in `dtype`."""
    mean, deviation = statistics(image.device)
    return ((image.float() - mean) / deviation).to(dtype)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Replicate the right and bottom edge of (N, C, H, W) until both sides are multiples of `multiple`.

    By concatenation, because `F.pad` with amounts that depend on the size does not export, and `index_select` along
    rows takes ONNX Runtime as long as half of live's M-Net.
    """
    for dim in (2, 3):
        length = x.shape[dim]
        missing = (length + multiple - 1) // multiple * multiple - length
        edge = x.narrow(dim, length - 1, 1)
        most = [-1, -1, -1, -1]
        most[dim] = multiple - 1
        x = torch.cat([x, edge.expand(most).narrow(dim, 0, missing)], dim)
    return x


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, half-pixel centres, to `size` (height, width)."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def channels(x: Tensor, count: int) -> list[Tensor]:
    """(N, count, H, W) -> so many (N, 1, H, W).

    By slices: where the exporter has lost the number of channels, `split` makes a sequence, which TensorRT lacks.
    """
    return [x[:, index : index + 1] for index in range(count)]


def to_unit_range(x: Tensor) -> Tensor:
    """Clamp to 0..1; the gradient stops only where it would push what has left the range further away.

    What overshoots where the truth is 0 or 1 is right, and stays. With no clamp in training a network would have to
    meet 0 and 1 exactly, and mattes were never quite solid; with the usual one, what is beyond would never come back.
    """
    clamped: Tensor = _UnitRange.apply(x) if x.requires_grad else x.clamp(0, 1)  # type: ignore[no-untyped-call]
    return clamped


class _UnitRange(torch.autograd.Function):
    """`to_unit_range` in training."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        away = ((x > 1) & (gradient < 0)) | ((x < 0) & (gradient > 0))  # descent goes against the gradient
        return gradient.masked_fill(away, 0)


class ConvNormAct(nn.Sequential):
    """Convolution that keeps the size (or divides it by `stride`), batch norm, ReLU."""

    def __init__(self, num_in: int, num_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(num_in, num_out, kernel, stride, (kernel - 1) // 2, bias=False),
            nn.BatchNorm2d(num_out),
            nn.ReLU(inplace=True),
        )


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of each channel by itself.

    Under autocast on a CPU it stays float32 where something learns: PyTorch's bfloat16 gradients of it take three to
    six times as long, which was half of a training step.
    """

    def __init__(self, num_channels: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(num_channels, num_channels, kernel, stride, padding, groups=num_channels, bias=False)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        learns = input.requires_grad or weight.requires_grad
        if learns and input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super()._conv_forward(input.float(), weight, bias)
        return super()._conv_forward(input, weight, bias)


class SeparableNormAct(nn.Sequential):
    """Depthwise convolution, then a 1x1 convolution, batch norm, ReLU: a full convolution's reach at a ninth of it."""

    def __init__(self, num_in: int, num_out: int, kernel: int = 3) -> None:
        super().__init__(
            DepthwiseConv2d(num_in, kernel, padding=kernel // 2),
            ConvNormAct(num_in, num_out, kernel=1),
        )


class Winners(NamedTuple):
    """Which pixel of each 2x2 window held its maximum; four boolean masks (N, C, H/2, W/2), at most one set."""

    top_left: Tensor
    top_right: Tensor
    bottom_left: Tensor
    bottom_right: Tensor


class MaxPoolWinners(nn.Module):
    """2x2 max-pooling that remembers its winners. Equal to `F.max_pool2d(x, 2, return_indices=True)`, ties too.

    TensorRT's parser refuses pooling with indices; slices and comparisons it takes.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Winners]:
        """(N, C, H, W), H and W even -> maximum (N, C, H/2, W/2) and its winners."""
        top_left, top_right = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
        bottom_left, bottom_right = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
        pooled = torch.maximum(torch.maximum(top_left, top_right), torch.maximum(bottom_left, bottom_right))
        taken = first = top_left == pooled
        masks = [first]
        for pixel in (top_right, bottom_left, bottom_right):
            mask = (pixel == pooled) & ~taken
            taken = taken | mask
            masks.append(mask)
        return pooled, Winners(*masks)


class MaxUnpool(nn.Module):
    """Put each value where its window's maximum was, zero elsewhere. Equal to `F.max_unpool2d`."""

    def forward(self, x: Tensor, winners: Winners) -> Tensor:
        """(N, C, h, w) -> (N, C, 2h, 2w)."""
        zero = torch.zeros((), dtype=x.dtype, device=x.device)
        pixels = [torch.where(mask, x, zero) for mask in winners]
        top = torch.stack(pixels[:2], dim=-1).flatten(-2)  # (N, C, h, 2w)
        bottom = torch.stack(pixels[2:], dim=-1).flatten(-2)
        return torch.stack([top, bottom], dim=-2).flatten(-3, -2)  # (N, C, 2h, 2w)


def averaging_matrix(length: int, num_bins: int, like: Tensor) -> Tensor:
    """Row b averages bin b of `length` positions, as adaptive average pooling divides them: (num_bins, length).

    Bin b goes from floor(b length / num_bins) to ceil((b + 1) length / num_bins); multiplied out, because TensorRT-RTX
    can't build the integer division where there is one bin.
    """
    position = torch.arange(length, device=like.device).unsqueeze(0)
    bin_index = torch.arange(num_bins, device=like.device).unsqueeze(1)
    begun = (position + 1) * num_bins > bin_index * length
    not_ended = position * num_bins < (bin_index + 1) * length
    inside = (begun & not_ended).to(torch.float32)
    return (inside / inside.sum(dim=1, keepdim=True)).to(like.dtype)


class PyramidPooling(nn.Module):
    """Means over 1x1, 2x2, 3x3 and 6x6 bins, each reduced and resized, beside the input itself.

    Source: PSPNet, the T-Net of Chen et al. 2018, section 4.1. The means are products with averaging matrices:
    rows, then columns.
    """

    BINS = (1, 2, 3, 6)

    def __init__(self, num_in: int, num_each: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(ConvNormAct(num_in, num_each, kernel=1) for _ in self.BINS)
        self.num_out = num_in + num_each * len(self.BINS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, num_in, H, W) -> (N, num_out, H, W)."""
        height, width = x.shape[-2:]
        levels = [x]
        for num_bins, reduce in zip(self.BINS, self.reduce, strict=True):
            rows = averaging_matrix(height, num_bins, x)
            columns = averaging_matrix(width, num_bins, x)
            means = torch.matmul(torch.matmul(rows, x), columns.transpose(0, 1))  # (N, num_in, bins, bins)
            levels.append(resize(reduce(means), (height, width)))
        return torch.cat(levels, dim=1)
