"""The tables and curves of the ablation."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from benchmarks.ablation_arms import Row
from shm_deploy.bench.plots import new_figure
from shm_deploy.metrics import Quality
from shm_train.evaluation.report import COLUMNS, markdown, quality_cells

Curve = list[tuple[int, float]]  # step, SAD times 1000 on held-out pictures with exact alphas

MISSING = "–"


def table(title: str, rows: Sequence[Row], judged: Mapping[str, Quality]) -> str:
    """One of the paper's tables: ours, paper; lines that were not judged are left out."""
    heading = [title, *(f"{name}: ours, paper" for _, name, _ in COLUMNS)]
    lines = []
    for row in rows:
        if row.name not in judged:
            continue
        ours = quality_cells(judged[row.name])
        papers = [MISSING] * len(COLUMNS) if row.paper is None else quality_cells(row.paper)
        lines.append([row.name, *(f"{own}, {paper}" for own, paper in zip(ours, papers, strict=True))])
    return markdown(heading, lines)


def agreement(tables: Mapping[str, Sequence[Row]], judged: Mapping[str, Quality]) -> str:
    """How many pairs of each table lie in the paper's order, by each error; and which do not, by SAD."""
    lines = []
    for title, rows in tables.items():
        pairs = list(combinations([row for row in rows if row.name in judged and row.paper is not None], 2))
        counts = [f"{name} {sum(_same(pair, name, judged) for pair in pairs)}" for name, _, _ in COLUMNS]
        other = [f"{a.name} / {b.name}" for a, b in pairs if not _same((a, b), "sad", judged)]
        text = f"{title}: of {len(pairs)} pairs in the paper's order: {', '.join(counts)}"
        lines.append(f"{text}; not by SAD: {', '.join(other)}" if other else text)
    return "\n".join(lines)


def _same(pair: tuple[Row, Row], error: str, judged: Mapping[str, Quality]) -> bool:
    a, b = pair
    papers = getattr(a.paper, error) < getattr(b.paper, error)
    return bool(papers == (getattr(judged[a.name], error) < getattr(judged[b.name], error)))


def curve(path: Path) -> Curve:
    """The validation of a run, as far as it went."""
    with path.open(newline="") as stream:
        return [(int(row["step"]), float(row["soft_sad"])) for row in csv.DictReader(stream) if row.get("soft_sad")]


def draw_curves(path: Path, curves: Mapping[str, Curve]) -> None:
    """Draw them; all but T-Net's, whose M-Net has not learned.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    figure = new_figure(8, 4.5)
    axes = figure.add_subplot()
    for name, points in curves.items():
        if name != "tnet":
            axes.plot([step for step, _ in points], [sad for _, sad in points], marker=".", label=name)
    axes.set(xlabel="step of the arm's own stage", ylabel="SAD × 1000, held-out composites", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
