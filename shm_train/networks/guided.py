"""Alpha at the frame's size from a much smaller one: colour says where within its places edges lie."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_train.networks.ops import channels, resize


class GuidedFilter(nn.Module):
    """In each window, the linear function of colour that fits a coarse alpha best, read at every pixel's own colour.

    Of the pixels i around each place it minimises  sum_i w_i (a . I_i + b - p_i)^2 + epsilon |a|^2 sum_i w_i, with
    colours I in 0..1, coarse alpha p and weights w: where a person's and the ground's colours differ, alpha gets their
    finest edges, hair too, although p has none. Always float32: differences of products leave half precision nothing.

    Source: He et al. 2010, Guided Image Filtering, with a colour guide, and weighted.
    """

    RADIUS = 1  # of the windows [places of the coarse alpha]
    EPSILON = 1e-5  # [squared colour difference]

    def forward(self, image: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
        """Image (N, 3, sH, sW) RGB 0..255, alpha and positive weight (N, 1, H, W) -> coefficients (N, 4, H, W) float32.

        They are `draw`'s: alpha's slopes along R, G and B [1 per level], then its offset.
        """
        image = image.float()
        square = image.shape[-1] // alpha.shape[-1]
        slopes, offset = self._fit(F.avg_pool2d(image, square) / 255, alpha.float(), weight.float())
        return torch.cat([slopes / 255, offset], dim=1)

    def _fit(self, colour: Tensor, alpha: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Colour (N, 3, H, W), alpha, weight (N, 1, H, W) -> slopes (N, 3, H, W), offset (N, 1, H, W)."""
        planes = torch.cat([alpha, colour, _products(alpha, colour)], dim=1)
        sums = self._sums(torch.cat([weight, weight * planes], dim=1))
        means = sums[:, 1:] / sums[:, :1]
        mean_alpha, mean_colour = means[:, :1], means[:, 1:4]
        rr, rg, rb, gg, gb, bb, ar, ag, ab = channels(means[:, 4:] - _products(mean_alpha, mean_colour), 9)
        covariance = Symmetric(rr + self.EPSILON, rg, rb, gg + self.EPSILON, gb, bb + self.EPSILON)
        slopes = torch.cat(solve(covariance, (ar, ag, ab), least=self.EPSILON), dim=1)
        return slopes, mean_alpha - (slopes * mean_colour).sum(dim=1, keepdim=True)

    def _sums(self, x: Tensor) -> Tensor:
        """Means over windows, in which what lies beyond the border counts as zero: its weight, too."""
        side = 2 * self.RADIUS + 1
        rows = F.avg_pool2d(x, (side, 1), 1, (self.RADIUS, 0))
        return F.avg_pool2d(rows, (1, side), 1, (0, self.RADIUS))


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


def _products(alpha: Tensor, colour: Tensor) -> Tensor:
    """(N, 1, H, W), (N, 3, H, W) -> (N, 9, H, W): each pair of colour's planes once, then alpha with each."""
    red, green, blue = channels(colour, 3)
    return torch.cat([red * colour, green * colour[:, 1:], blue * blue, alpha * colour], dim=1)


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
