"""What was found, as CSV, Markdown and pictures."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from shm_deploy import spec
from shm_deploy.errors import ArtifactError
from shm_deploy.metrics import Quality
from shm_train.evaluation.cases import Scene
from shm_train.evaluation.judge import Judgement, mean_quality, mean_regions
from shm_train.evaluation.methods import Prediction
from shm_train.sheet import Picture, grey, strip

ROW_HEIGHT = 240  # [px]
FIGURE_LABELS = ("image", "trimap", "alpha_r", "F_s", "U_s alpha_r", "alpha_p", "truth")
# The columns of the paper's tables: error, heading, factor.
COLUMNS = (
    ("sad", "SAD (×10⁻³)", 1e3),
    ("mse", "MSE (×10⁻³)", 1e3),
    ("gradient", "Gradient (×10⁻⁵)", 1e5),
    ("connectivity", "Connectivity (×10⁻⁵)", 1e5),
)


def markdown(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def quality_cells(quality: Quality) -> list[str]:
    """The four errors, in the units of the paper's columns."""
    return [f"{getattr(quality, name) * factor:.3f}" for name, _, factor in COLUMNS]


def quality_table(judgements: Mapping[str, Sequence[Judgement]]) -> str:
    """The paper's Table 3, for methods by their labels."""
    rows = [[label, *quality_cells(mean_quality(found))] for label, found in judgements.items()]
    return markdown(["method", *(heading for _, heading, _ in COLUMNS)], rows)


def region_table(judgements: Mapping[str, Sequence[Judgement]]) -> str:
    """Where the SAD lies; foreground, unknown and background add up to it."""
    rows = []
    for label, found in judgements.items():
        regions = mean_regions(found)
        values = (regions.foreground, regions.unknown, regions.background, regions.border)
        rows.append([label, *(f"{1e3 * value:.3f}" for value in values)])
    return markdown(["SAD (×10⁻³) in", "foreground", "unknown", "background", "of it at the image's border"], rows)


def sweep_table(found: Sequence[tuple[str, int, float]]) -> str:
    """SAD by the size at which a method saw the pictures."""
    edges = sorted({edge for _, edge, _ in found})
    errors = {(label, edge): error for label, edge, error in found}
    rows = [
        [label, *(f"{1e3 * errors[label, edge]:.3f}" for edge in edges)]
        for label in dict.fromkeys(label for label, _, _ in found)
    ]
    return markdown(["SAD (×10⁻³) at", *(f"{edge} px" for edge in edges)], rows)


def write_csv(path: Path, rows: Sequence[Mapping[str, str | float]]) -> None:
    """Write a table with the names of its columns first."""
    try:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ArtifactError(f"can't write {path} ({error}); is the disk full?") from error


def worst_row(case: str, error: float, scene: Scene, prediction: Prediction) -> Picture:
    """Image, trimap (F red, B green, U blue), alpha, truth, and where they differ."""
    difference = grey(np.abs(prediction.alpha - scene.truth))
    pictures = [scene.image, _colours(prediction), grey(prediction.alpha), grey(scene.truth), difference]
    return strip(pictures, ROW_HEIGHT, (f"{1000 * error:.1f}  {case}",))


def figure(scene: Scene, predictions: Mapping[str, Prediction]) -> Picture:
    """A row of the paper's figures: image, trimap, raw alpha, F_s, U_s raw alpha, alpha, truth; then baselines' alphas.

    Args:
        scene: the picture.
        predictions: the first is what the row is about, the others are baselines, by their labels.
    """
    (_, prediction), *baselines = predictions.items()
    foreground, unknown = (prediction.trimap[index] for index in (spec.FOREGROUND, spec.UNKNOWN))
    trimap = spec.picture_from_trimap(prediction.trimap.transpose(1, 2, 0))
    planes = [prediction.alpha_raw, foreground, unknown * prediction.alpha_raw, prediction.alpha, scene.truth]
    pictures = [scene.image, np.repeat(trimap[..., None], 3, axis=2), *map(grey, planes)]
    pictures += [grey(baseline.alpha) for _, baseline in baselines]
    return strip(pictures, ROW_HEIGHT, (*FIGURE_LABELS, *(label for label, _ in baselines)))


def _colours(prediction: Prediction) -> Picture:
    return np.round(prediction.trimap.transpose(1, 2, 0) * 255).astype(np.uint8)
