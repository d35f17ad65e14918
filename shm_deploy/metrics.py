"""How good an alpha is against the true one, and how far apart two alphas are.

`sad`, `mse`, `gradient` and `connectivity` take float alphas in 0..1 and give the mean over all pixels of the image.

Sources: Rhemann et al. 2009, A Perceptually Motivated Online Benchmark for Image Matting (the definitions);
Chen et al. 2018, section 5.1 (over the entire image, averaged by the pixel number).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import SpecError
from shm_deploy.spec import Tolerance

Alpha = NDArray[np.float32] | NDArray[np.float64]

GRADIENT_SIGMA = 1.4  # of the Gaussian whose derivatives are taken [px]
CONNECTIVITY_STEPS = 10  # thresholds at 1/10, 2/10, ... 10/10
CONNECTIVITY_SLACK = 0.15  # distances below it count as connected

# An alpha of 0.3 must reach the threshold 0.3 in float32 as in float64, and as 76.5 * (1 / 255): above the rounding of
# float32, far below a level of 8 bits.
ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The paper's four errors of one alpha; per-pixel means, 0 is perfect."""

    sad: float
    mse: float
    gradient: float
    connectivity: float


@dataclass(frozen=True, kw_only=True)
class AlphaDifference:
    """|Δα| between two alphas in 0..1. A pixel that is not finite in either counts as 1, the largest there is."""

    mean: float
    p999: float  # 99.9th percentile
    maximum: float
    num_nan: int  # pixels that are NaN or infinite in either

    def within(self, tolerance: Tolerance) -> bool:
        """Whether mean and 99.9th percentile hold, with every pixel finite."""
        return self.num_nan == 0 and self.mean <= tolerance.mean and self.p999 <= tolerance.p999


def unit_alpha(alpha: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 alpha 0..255 of any shape -> float32 in 0..1, what the functions here take; the caller's own."""
    return alpha.astype(np.float32) / np.float32(255)


def compare_alphas(a: Alpha, b: Alpha) -> AlphaDifference:
    """How far apart two alphas are.

    Args:
        a: float32 or float64 of any shape, meant to lie in 0..1; may hold NaN, which is counted.
        b: the same shape.

    Raises:
        SpecError: the shapes differ, an array is empty or of another dtype.
    """
    _check_float(a, "first alpha")
    _check_float(b, "second alpha")
    _check_same_shape(a, b)
    finite = np.isfinite(a) & np.isfinite(b)
    difference = np.ones(a.shape, np.float64)
    np.subtract(a, b, out=difference, where=finite)
    np.abs(difference, out=difference)
    return AlphaDifference(
        mean=float(difference.mean()),
        p999=float(np.quantile(difference, 0.999)),
        maximum=float(difference.max()),
        num_nan=int(difference.size - np.count_nonzero(finite)),
    )


def quality(predicted: Alpha, true: Alpha) -> Quality:
    """All four errors at once; arguments and errors as `sad`."""
    return Quality(
        sad=sad(predicted, true),
        mse=mse(predicted, true),
        gradient=gradient(predicted, true),
        connectivity=connectivity(predicted, true),
    )


def sad(predicted: Alpha, true: Alpha) -> float:
    """Mean absolute difference.

    Args:
        predicted: (H, W) float32 or float64 in 0..1.
        true: (H, W) likewise.

    Raises:
        SpecError: another dtype or shape, a value outside 0..1, NaN. So say all four errors.
    """
    p, g = _checked(predicted, true)
    return float(np.abs(p - g).mean())


def mse(predicted: Alpha, true: Alpha) -> float:
    """Mean squared difference; arguments and errors as `sad`."""
    p, g = _checked(predicted, true)
    return float(np.square(p - g).mean())


def gradient(predicted: Alpha, true: Alpha) -> float:
    """Mean squared difference of the gradients' magnitudes; arguments and errors as `sad`.

    Gradients are first-order Gaussian derivatives, each kernel scaled to unit L2 norm, the border replicated.
    """
    p, g = _checked(predicted, true)
    return float(np.square(_gradient_magnitude(p) - _gradient_magnitude(g)).mean())


def connectivity(predicted: Alpha, true: Alpha) -> float:
    """Mean difference of how firmly each pixel hangs on the body common to both; arguments and errors as `sad`.

    A pixel's level is the last threshold at which it still belongs to the largest 4-connected region where both
    alphas reach that threshold. Its connectivity in an alpha is 1 - d, with d the alpha above that level, where d is
    not negligible.
    """
    p, g = _checked(predicted, true)
    level = np.zeros(p.shape)
    connected = np.ones(p.shape, np.bool_)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        threshold = step / CONNECTIVITY_STEPS  # a quotient: 0.1 + 0.1 + 0.1 is 0.30000000000000004
        connected &= _largest_region(np.minimum(p, g) >= threshold - ROUNDING)
        level[connected] = threshold
    return float(np.abs(_connectedness(p, level) - _connectedness(g, level)).mean())


def _connectedness(alpha: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    distance = alpha - level
    return 1 - distance * (distance >= CONNECTIVITY_SLACK - ROUNDING)


def _largest_region(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 4-connected region of a boolean (H, W); the first in reading order of equals; empty if none is."""
    import cv2

    num_labels, labels, statistics, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=4)
    if num_labels == 1:  # nothing but label 0, what is outside
        return np.zeros(inside.shape, np.bool_)
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest, np.bool_)


def _gradient_magnitude(alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    import cv2

    gaussian, derivative = _gradient_kernels()
    along_x = cv2.sepFilter2D(alpha, cv2.CV_64F, derivative, gaussian, borderType=cv2.BORDER_REPLICATE)
    along_y = cv2.sepFilter2D(alpha, cv2.CV_64F, gaussian, derivative, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(along_x, along_y), np.float64)


def _gradient_kernels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Gaussian and its derivative, (9,) each of unit L2 norm, and so is every outer product of the two."""
    sigma = GRADIENT_SIGMA
    half_size = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * 0.01)))
    x = np.arange(-half_size, half_size + 1, dtype=np.float64)
    gaussian = np.exp(-np.square(x) / (2 * sigma**2))
    derivative = -x * gaussian
    return gaussian / np.linalg.norm(gaussian), derivative / np.linalg.norm(derivative)


def _checked(predicted: Alpha, true: Alpha) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    for alpha, name in ((predicted, "predicted alpha"), (true, "true alpha")):
        _check_float(alpha, name)
        if alpha.ndim != 2:
            raise SpecError(f"got a {name} of shape {alpha.shape}; (H, W) is wanted: pass one alpha, without channels")
        num_nan = int(np.count_nonzero(np.isnan(alpha)))
        if num_nan:
            raise SpecError(
                f"got a {name} with {num_nan} NaN; every pixel must be a number: find out where they came from"
            )
        if alpha.min() < 0 or alpha.max() > 1:
            raise SpecError(
                f"got a {name} from {alpha.min():g} to {alpha.max():g}; 0 to 1 is wanted: divide bytes by 255, or clip"
            )
    _check_same_shape(predicted, true)
    return predicted.astype(np.float64), true.astype(np.float64)


def _check_float(alpha: Alpha, name: str) -> None:
    if not isinstance(alpha, np.ndarray) or alpha.dtype not in (np.float32, np.float64):
        got = alpha.dtype if isinstance(alpha, np.ndarray) else type(alpha).__name__
        raise SpecError(
            f"got a {name} of {got}; a NumPy array of float32 or float64 in 0..1 is wanted: "
            "bytes become that with shm_deploy.metrics.unit_alpha"
        )
    if alpha.size == 0:
        raise SpecError(f"got a {name} of shape {alpha.shape}, without a pixel; at least one is wanted")


def _check_same_shape(a: Alpha, b: Alpha) -> None:
    if a.shape != b.shape:
        raise SpecError(
            f"got alphas of shapes {a.shape} and {b.shape}; they must be equal: scale one to the other's size"
        )
