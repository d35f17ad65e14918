"""Alpha at the frame's size from a much smaller one: colour says where within its places edges lie."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_train.networks.ops import channels, resize

PLACES = 2  # of a square's side


class GuidedFilter(nn.Module):
    """In each window, the linear function of colour that fits a coarse alpha best, read at every pixel's own colour.

    Places lie in squares of 2x2, a window holds 3x3 squares, and each square has one. Of the places i of a window it
    minimises  sum_i w_i (a . I_i + b - p_i)^2 + epsilon |a|^2 sum_i w_i, with colours I in 0..1, coarse alpha p and
    weights w: where a person's and the ground's colours differ, alpha gets their finest edges, hair too, although p
    has none. Always float32: differences of products leave half precision nothing.

    Source: He et al. 2010, Guided Image Filtering, with a colour guide, and weighted.
    """

    EPSILON = 1e-5  # [squared colour difference]

    def forward(self, image: Tensor, alpha: Tensor, weight: Tensor, share: Tensor) -> Tensor:
        """The coefficients of `draw`: alpha's slopes along R, G and B [1 per level], then its offset.

        Args:
            image: (N, 3, 2H, 2W) RGB 0..255, a pixel for each place.
            alpha: (N, 4, H, W), of the places of each square, as `F.pixel_unshuffle` orders them.
            weight: the same shape, positive.
            share: (N, 1, H, W), any number: how much of the way the line is moved, its slopes as they are, from where
                the fit has it (0) to the plain mean of its own square's alpha (1), which is nearer to the truth where
                colours mislead. Ours.

        Returns:
            (N, 4, H, W) float32.
        """
        # Slices, not `F.pixel_unshuffle`: what that exports as takes ONNX Runtime three times as long.
        places = [image[..., row::PLACES, column::PLACES] for row in range(PLACES) for column in range(PLACES)]
        colours = torch.stack(places, dim=2).float() / 255  # (N, 3, 4, H, W)
        colour = [colours[:, :1], colours[:, 1:2], colours[:, 2:]]
        alpha = alpha.float()
        slopes, offset = self._fit(colour, alpha, weight.float())
        fitted = (slopes * colours.mean(dim=2)).sum(dim=1, keepdim=True) + offset
        offset = offset + share.float() * (alpha.mean(dim=1, keepdim=True) - fitted)
        return torch.cat([slopes / 255, offset], dim=1)

    def _fit(self, colour: list[Tensor], alpha: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Colours 3 x (N, 1, 4, H, W), alpha, weight (N, 4, H, W) -> slopes (N, 3, H, W), offset (N, 1, H, W)."""
        planes = torch.cat([alpha[:, None], *colour, *_products(alpha[:, None], *colour)], dim=1)  # (N, 13, 4, H, W)
        weight = weight[:, None]
        sums = _windows(torch.cat([weight, weight * planes], dim=1).sum(dim=2))
        means = sums[:, 1:] / sums[:, :1]
        mean_alpha, *mean_colour = channels(means[:, :4], 4)
        covariances = means[:, 4:] - torch.cat(_products(mean_alpha, *mean_colour), dim=1)
        rr, rg, rb, gg, gb, bb, ar, ag, ab = channels(covariances, 9)
        covariance = Symmetric(rr + self.EPSILON, rg, rb, gg + self.EPSILON, gb, bb + self.EPSILON)
        slopes = torch.cat(solve(covariance, (ar, ag, ab), least=self.EPSILON), dim=1)
        return slopes, mean_alpha - (slopes * means[:, 1:4]).sum(dim=1, keepdim=True)


def draw(image: Tensor, coefficients: Tensor) -> Tensor:
    """Read a guided filter at every pixel: alpha is a . I + b, with a and b between those of the places around.

    Source: He & Sun 2015, Fast Guided Filter: solved at a small size, read at a larger one.

    Args:
        image: (N, 3, H, W) RGB 0..255, of any size.
        coefficients: (N, 4, h, w), the filter's.

    Returns:
        (N, 1, H, W) float32, not clamped.
    """
    at_pixels = resize(coefficients, image.shape[-2:])
    red, green, blue = channels(at_pixels[:, :3] * image.float(), 3)
    return red + green + blue + at_pixels[:, 3:]


def _windows(x: Tensor) -> Tensor:
    """Sums over 3x3 squares, in which what lies beyond the border counts as zero: its weight, too.

    Added by hand: pooling takes ONNX Runtime several times as long, and convolutions would round to TF32 on a GPU.
    """
    x = F.pad(x, (0, 0, 1, 1))
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    x = F.pad(x, (1, 1, 0, 0))
    return x[..., :-2] + x[..., 1:-1] + x[..., 2:]


def _products(alpha: Tensor, red: Tensor, green: Tensor, blue: Tensor) -> list[Tensor]:
    """Each pair of colour's planes once, then alpha with each."""
    pairs = (red, red), (red, green), (red, blue), (green, green), (green, blue), (blue, blue)
    return [one * other for one, other in (*pairs, (alpha, red), (alpha, green), (alpha, blue))]


class Symmetric(NamedTuple):
    """The upper half of a symmetric 3x3 matrix, each entry a tensor of one shape."""

    m00: Tensor
    m01: Tensor
    m02: Tensor
    m11: Tensor
    m12: Tensor
    m22: Tensor


def solve(matrix: Symmetric, right: tuple[Tensor, Tensor, Tensor], least: float) -> tuple[Tensor, Tensor, Tensor]:
    """x of matrix x = right, element by element, by matrix = L D L^T, which nearly singular matrices do not upset.

    Args:
        matrix: positive definite.
        right: three tensors of the same shape.
        least: a lower bound of its eigenvalues, and so of D.
    """
    l10, l20 = matrix.m01 / matrix.m00, matrix.m02 / matrix.m00
    d1 = (matrix.m11 - l10 * matrix.m01).clamp(min=least)
    rest = matrix.m12 - l10 * matrix.m02
    l21 = rest / d1
    d2 = (matrix.m22 - l20 * matrix.m02 - l21 * rest).clamp(min=least)
    y0 = right[0]
    y1 = right[1] - l10 * y0
    y2 = right[2] - l20 * y0 - l21 * y1
    x2 = y2 / d2
    x1 = y1 / d1 - l21 * x2
    return y0 / matrix.m00 - l10 * x1 - l20 * x2, x1, x2
