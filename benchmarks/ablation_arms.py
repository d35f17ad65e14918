"""What the paper's tables compare, as trainings and as ways to an alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shm_deploy.metrics import Quality
from shm_train.evaluation.methods import Method
from shm_train.networks.config import Variant
from shm_train.stages.config import RECIPES, RunConfig

Setting = tuple[str, Any]  # dotted name in the config, value

# Whatever the network: the losses and trimaps of the paper, or an ablation would take away what another term gives.
PAPERS_LOSSES: dict[str, tuple[Setting, ...]] = {
    "tnet": (),
    "mnet": (
        *(("trimaps", "true"), ("patches_per_canvas", 3)),
        *(("loss.raw", 0.0), ("loss.gradient", 0.0), ("loss.coarse", 0.0)),
    ),
    "e2e": (
        *(("loss.trimap", 0.01), ("loss.trimap_end", 0.01), ("loss.known_region", 0.0)),
        *(("loss.raw", 0.0), ("loss.gradient", 0.0), ("loss.coarse", 0.0), ("patches_per_canvas", 1)),
    ),
}


@dataclass(frozen=True)
class Arm:
    """One training."""

    stage: Literal["tnet", "mnet", "e2e"]
    start: str | None = None  # the arm whose weights it starts from
    settings: tuple[Setting, ...] = ()


ARMS = {
    "tnet": Arm("tnet"),
    "segmentation": Arm("tnet", settings=(("network.method", "segmentation"),)),
    "regression": Arm("tnet", settings=(("network.method", "regression"),)),
    "mnet": Arm("mnet", "tnet"),
    "dim": Arm("mnet", "tnet", (("network.method", "dim"),)),
    "shm": Arm("e2e", "mnet"),
    "no_fusion": Arm("e2e", "mnet", (("network.method", "no_fusion"),)),
    "no_lt": Arm("e2e", "mnet", (("loss.trimap", 0.0), ("loss.trimap_end", 0.0))),
}


@dataclass(frozen=True)
class Row:
    """One line of a table: what is judged, and what the paper found."""

    name: str  # as the paper prints it
    arm: str
    method: Method
    paper: Quality | None  # None: the paper has no such line


def _paper(sad: float, mse: float, gradient: float, connectivity: float) -> Quality:
    """In the units of the paper's columns: 1e-3, 1e-3, 1e-5, 1e-5."""
    return Quality(sad=1e-3 * sad, mse=1e-3 * mse, gradient=1e-5 * gradient, connectivity=1e-5 * connectivity)


SHM = Row("SHM", "shm", "network", _paper(3.833, 1.534, 5.179, 36.513))
TABLES: dict[str, tuple[Row, ...]] = {
    "Table 3, automatic": (
        Row("PSP50 Seg", "segmentation", "network", _paper(14.821, 11.530, 52.336, 44.854)),
        Row("PSP50 Reg", "regression", "network", _paper(10.098, 5.430, 15.441, 65.217)),
        Row("PSP50+CF", "tnet", "cf", _paper(8.809, 5.218, 21.819, 43.927)),
        Row("PSP50+KNN", "tnet", "knn", _paper(7.806, 4.390, 20.476, 56.328)),
        Row("PSP50+DIM", "dim", "network", _paper(6.140, 3.834, 19.414, 41.884)),
        SHM,
    ),
    "Table 4, true trimaps": (
        Row("TrimapGT+CF", "tnet", "true-cf", _paper(6.772, 2.258, 9.0390, 34.248)),
        Row("TrimapGT+KNN", "tnet", "true-knn", _paper(8.379, 3.413, 16.451, 83.458)),
        Row("TrimapGT+DIM", "dim", "true-mnet", _paper(2.642, 0.589, 3.035, 25.773)),
        Row("TrimapGT+M-Net", "mnet", "true-mnet", None),
        SHM,
    ),
    # The paper's first line has the numbers of PSP50+IFM in its Table 3: probably a slip.
    "Table 5, ablation": (
        Row("no end-to-end", "mnet", "network", _paper(7.576, 4.275, 19.762, 52.470)),
        Row("no fusion", "no_fusion", "network", _paper(4.231, 2.146, 5.230, 56.402)),
        Row("no L_t", "no_lt", "network", _paper(4.536, 2.278, 5.424, 52.546)),
        SHM,
    ),
}


def needed_arms(names: Sequence[str]) -> list[str]:
    """The arms of that name and those that they start from, in an order in which they can be trained."""
    needed: set[str] = set()
    for name in names:
        start: str | None = name
        while start is not None:
            needed.add(start)
            start = ARMS[start].start
    return [name for name in ARMS if name in needed]


def settings_of(name: str, budget_settings: Sequence[Setting]) -> list[Setting]:
    """Everything in which an arm's config differs from its stage's recipe."""
    arm = ARMS[name]
    return [*PAPERS_LOSSES[arm.stage], *budget_settings, *arm.settings]


def recipe(variant: Variant, name: str) -> RunConfig:
    """What an arm's config is made from."""
    config: RunConfig = getattr(RECIPES[variant], ARMS[name].stage)
    return config
