"""Run methods over cases, at the paper's sizes, and keep what was found of every picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry, metrics, spec
from shm_deploy.metrics import Quality
from shm_train.evaluation.cases import Case, Scene
from shm_train.evaluation.methods import Predict, Prediction
from shm_train.evaluation.regions import RegionErrors, region_errors

MIN_EDGE = spec.MIN_GRAPH_SIDE  # of a size in a sweep [px]


@dataclass(frozen=True)
class Contender:
    """A method under the name that tables give it."""

    label: str
    predict: Predict
    unknown_radius: float  # of the true trimap's dilation, as the method's network was trained


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How good one method was on one picture; errors are per-pixel means over the entire image."""

    label: str
    case: str
    source: str
    width: int
    height: int
    quality: Quality
    regions: RegionErrors

    def row(self) -> dict[str, str | float]:
        """For a CSV."""
        named = {"method": self.label, "case": self.case, "source": self.source}
        sizes = {"width": self.width, "height": self.height}
        regions = {f"sad_{name}": value for name, value in asdict(self.regions).items()}
        return named | sizes | asdict(self.quality) | regions


def predict_at(
    predict: Predict, scene: Scene, max_edge: int | None = spec.MAX_EDGE, edge: int | None = None
) -> Prediction:
    """Predict by the paper's rule: shrunk to `max_edge` first, the alpha brought back to the image's size.

    Source: Chen et al. 2018, section 4.5 ("larger than 1500 pixels"); the same functions as `Matter`'s.

    Args:
        predict: the method.
        scene: the picture.
        max_edge: longest side that is not shrunk [px]; None for any.
        edge: in its place, the longest side to which every picture is brought, up or down [px].
    """
    own = (scene.truth.shape[0], scene.truth.shape[1])
    size = geometry.working_size(own, max_edge) if edge is None else _scaled(own, edge)
    fit = geometry.shrink if max(size) <= max(own) else geometry.enlarge
    found = predict(fit(scene.image, size), fit(scene.truth, size))
    planes = found.trimap.transpose(1, 2, 0)  # (h, w, 3)
    return Prediction(
        np.clip(_back(found.alpha, own), 0, 1), _back(planes, own).transpose(2, 0, 1), _back(found.alpha_raw, own)
    )


def judge(contender: Contender, case: Case, scene: Scene, prediction: Prediction) -> Judgement:
    """Measure one prediction."""
    height, width = scene.truth.shape
    return Judgement(
        label=contender.label,
        case=case.key,
        source=case.source,
        width=width,
        height=height,
        quality=metrics.quality(prediction.alpha, scene.truth),
        regions=region_errors(prediction.alpha, scene.truth, contender.unknown_radius),
    )


def sweep(
    contenders: Sequence[Contender], cases: Sequence[Case], edges: Sequence[int]
) -> Iterator[tuple[str, int, float]]:
    """The mean SAD of each method with every picture brought to one longest side: label, that side [px], SAD."""
    for contender in contenders:
        for edge in edges:
            errors = []
            for case in cases:
                scene = case.scene()
                errors.append(metrics.sad(predict_at(contender.predict, scene, edge=edge).alpha, scene.truth))
            yield contender.label, edge, float(np.mean(errors))


def mean_quality(judgements: Sequence[Judgement]) -> Quality:
    """The mean of each error over pictures, as the paper prints it."""
    rows = [asdict(one.quality) for one in judgements]
    return Quality(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})


def mean_regions(judgements: Sequence[Judgement]) -> RegionErrors:
    """The mean of each region's error over pictures."""
    rows = [asdict(one.regions) for one in judgements]
    return RegionErrors(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})


def _scaled(size: tuple[int, int], edge: int) -> tuple[int, int]:
    longest = max(size)
    return max(MIN_EDGE, round(size[0] * edge / longest)), max(MIN_EDGE, round(size[1] * edge / longest))


def _back(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if max(plane.shape[:2]) > max(size):
        return geometry.shrink(plane, size)
    return geometry.enlarge(plane, size)
