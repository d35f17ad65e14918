"""Draw speed against quality from benchmarks/results/peers.json: `python -m benchmarks.peer_plot`.

A panel per kind of picture, a point per model: the nearer to the lower left corner, the better. Writes
docs/images/peers.png. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results_file import PROJECT, RESULTS, read_result
from benchmarks.tables.quality import PLAIN_NAMES
from shm_deploy.bench.plots import new_figure
from shm_deploy.errors import ArtifactError, MatteError

# Set, its error, and what that is called.
PANELS = (
    ("soft", "sad", "composites, exact alpha: SAD × 1000"),
    ("whole_body", "mae", "whole bodies, hard masks: MAE × 1000"),
    ("upper_body", "mae", "upper bodies, hard masks: MAE × 1000"),
    ("empty", "mean_alpha", "nobody there: mean alpha × 1000"),
)
HEIGHT = 720  # of the frame whose time is drawn [px]
OURS = "ours"
BELOW = ("ours", "rvm_mobilenetv3")  # labels that would lie on others
LEFT = ("ours_int8",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS / "peers.json")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "images" / "peers.png")
    args = parser.parse_args(argv)
    try:
        if not args.results.is_file():
            raise ArtifactError(f"no {args.results}: run python -m benchmarks.peers first")
        draw(args.out, points(read_result(args.results)))
    except MatteError as error:
        print(f"peer_plot: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def points(record: Mapping[str, Any]) -> dict[str, list[tuple[str, float, float]]]:
    """For each panel's set: name, milliseconds and error of each model."""
    ms = {row["model"]: row["ms"] for row in record["speed"] if row["height"] == HEIGHT}
    errors = {(row["set"], row["model"]): row["scores"] for row in record["rows"] if row["source"] == "all"}
    return {name: [(model, ms[model], errors[name, model][error]) for model in ms] for name, error, _ in PANELS}


def draw(path: Path, found: Mapping[str, Sequence[tuple[str, float, float]]]) -> None:
    """One picture of all panels.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    figure = new_figure(11, 8)
    for axes, (name, _, title) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        for model, ms, error in found[name]:
            axes.scatter(ms, error, color="tab:red" if model.startswith(OURS) else "tab:blue")
            axes.annotate(
                PLAIN_NAMES[model],
                (ms, error),
                xytext=(-5 if model in LEFT else 5, -12 if model in BELOW else 5),
                textcoords="offset points",
                horizontalalignment="right" if model in LEFT else "left",
                fontsize=8,
            )
        axes.set_yscale("symlog", linthresh=1)  # an error may be 0
        axes.set(xscale="log", title=title, xlabel=f"ms for a picture of 1280×{HEIGHT}")
        axes.margins(0.2)
        axes.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    sys.exit(main())
