"""How far a graph or engine is from the reference, on photographs: the certificate of an export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy import metrics, spec
from shm_deploy.backends.protocol import Backend, Parts
from shm_deploy.export.photographs import Photograph
from shm_deploy.metrics import AlphaDifference, compare_alphas, unit_alpha

Alpha = NDArray[np.float32]

# A metric that is itself nearly zero can't bound a relative change: below it, the absolute change is bounded instead.
SMALL_METRIC = 1e-5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a candidate must hold. None: measured and recorded, not bounded."""

    alpha: spec.Tolerance  # of |Δα| against the reference
    maximum: float | None = None  # of |Δα| at any pixel
    metric: float | None = None  # of the change of each metric against the true alpha, relative to the reference's


PARTS = {variant: Limits(alpha=alpha, metric=spec.METRIC_FP32) for variant, alpha in spec.PARTS_FP32.items()}
# Both are ONNX Runtime's, so near ties fall alike, whatever the variant.
JOINED = Limits(alpha=spec.BACKENDS_FP32["live"], maximum=1 / 255, metric=spec.METRIC_FP32)
INT8 = Limits(alpha=spec.INT8)
HALF_WEIGHTS = {variant: Limits(alpha=alpha) for variant, alpha in spec.HALF_WEIGHTS.items()}
ENGINE_FP32 = {variant: Limits(alpha=alpha, metric=spec.METRIC_FP32) for variant, alpha in spec.BACKENDS_FP32.items()}
ENGINE_FP16 = Limits(alpha=spec.ENGINE_FP16, metric=spec.METRIC_FP16)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate's alpha of one photograph beside the reference's."""

    candidate: str  # "parts", "shm.onnx", "shm.plan"
    reference: str
    photograph: str
    size: tuple[int, int]  # (height, width)
    difference: AlphaDifference
    quality: metrics.Quality  # against the true alpha; where there is none, against the reference
    reference_quality: metrics.Quality | None  # of the reference against the true alpha
    limits: Limits

    def failures(self) -> list[str]:
        """What is out of bounds, in words."""
        found = []
        limit, difference = self.limits.alpha, self.difference
        if not difference.within(limit):
            found.append(
                f"{self.candidate} on {self.photograph}: |Δα| mean {difference.mean:.2e} (limit {limit.mean:.2e}), "
                f"p99.9 {difference.p999:.2e} (limit {limit.p999:.2e}), {difference.num_nan} NaN"
            )
        if self.limits.maximum is not None and difference.maximum > self.limits.maximum:
            found.append(
                f"{self.candidate} on {self.photograph}: |Δα| max {difference.maximum:.2e} "
                f"(limit {self.limits.maximum:.2e})"
            )
        for metric, change in self.metric_changes().items():
            if self.limits.metric is not None and change > self.limits.metric:
                found.append(
                    f"{self.candidate} on {self.photograph}: {metric} changes by {change:.2%} "
                    f"(limit {self.limits.metric:.2%}) against {self.reference}"
                )
        return found

    def metric_changes(self) -> dict[str, float]:
        """Each metric's change relative to the reference's; empty without a true alpha."""
        if self.reference_quality is None:
            return {}
        before, after = asdict(self.reference_quality), asdict(self.quality)
        return {name: abs(after[name] - before[name]) / max(before[name], SMALL_METRIC) for name in before}

    def record(self) -> dict[str, Any]:
        """For the sidecar."""
        height, width = self.size
        return {
            "candidate": self.candidate,
            "reference": self.reference,
            "photograph": self.photograph,
            "width": width,
            "height": height,
            "difference": asdict(self.difference),
            "limits": asdict(self.limits),
            "quality": asdict(self.quality),
            "quality_against": "reference" if self.reference_quality is None else "truth",
            "reference_quality": None if self.reference_quality is None else asdict(self.reference_quality),
            "metric_changes": self.metric_changes(),
            "passed": not self.failures(),
        }


def parts_alpha(parts: Parts, image: NDArray[np.uint8]) -> Alpha:
    """The alpha (H, W) in 0..1 that T-Net, M-Net and fusion give for an image (H, W, 3), one behind the other."""
    batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)
    trimap, features = parts.tnet(batch)
    alpha: Alpha = parts.fusion(trimap, parts.mnet(batch, trimap, features))[0, 0]
    return alpha


def joined_alpha(backend: Backend, image: NDArray[np.uint8]) -> Alpha:
    """The alpha (H, W), in steps of 1/255, that a joined graph or engine gives for an image (H, W, 3)."""
    return unit_alpha(backend.run(image[None]).alpha[0])


def in_bytes(alpha: Alpha) -> Alpha:
    """A float alpha as the joined graph would round it: in steps of 1/255."""
    return unit_alpha(np.floor(alpha * 255 + 0.5).astype(np.uint8))


def compare(
    photographs: Sequence[Photograph],
    references: Sequence[Alpha],
    alphas: Sequence[Alpha],
    candidate: str,
    reference: str,
    limits: Limits,
) -> list[Row]:
    """One row per photograph, of the candidate's alphas beside the reference's."""
    return [
        _row(photograph, expected, alpha, candidate, reference, limits)
        for photograph, expected, alpha in zip(photographs, references, alphas, strict=True)
    ]


def _row(photograph: Photograph, expected: Alpha, alpha: Alpha, candidate: str, reference: str, limits: Limits) -> Row:
    numbers = np.clip(np.nan_to_num(alpha), 0, 1)  # what is no number is counted in the difference, and fails there
    truth = photograph.alpha
    return Row(
        candidate=candidate,
        reference=reference,
        photograph=photograph.name,
        size=(alpha.shape[0], alpha.shape[1]),
        difference=compare_alphas(alpha, expected),
        quality=metrics.quality(numbers, expected if truth is None else truth),
        reference_quality=None if truth is None else metrics.quality(expected, truth),
        limits=limits,
    )
