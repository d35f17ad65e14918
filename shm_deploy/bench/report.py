"""What a benchmark found, as JSON, CSV, table and picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shm_deploy.bench.environment import Environment
from shm_deploy.bench.latency import Latency
from shm_deploy.bench.parity import Parity
from shm_deploy.bench.plots import new_figure

SCHEMA_VERSION = 1
STAGES = ("preprocess", "network", "postprocess", "total")


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A model file and where it ran."""

    file: str
    kind: str
    sha256: str
    num_bytes: int
    variant: str | None  # None without a sidecar
    precision: str
    backend: str
    device: str
    threads: int | None  # as asked for; None is every CPU of the process


@dataclass(frozen=True, kw_only=True)
class ModelResult:
    """One model's rows, one per size."""

    model: ModelRecord
    latency: tuple[Latency, ...]
    parity: tuple[Parity, ...]  # empty where no reference was asked for


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole benchmark."""

    schema_version: int = SCHEMA_VERSION
    device: str
    environment: Environment
    clock: str
    parity_method: str | None = None
    reference: ModelRecord | None
    results: tuple[ModelResult, ...]

    def failures(self) -> list[str]:
        """Every model and size out of its tolerance, in words."""
        return [
            f"{result.model.file} at {row.width}x{row.height}: mean |Δα| {row.difference.mean:.2e} "
            f"(at most {row.tolerance.mean:.2e}), p99.9 {row.difference.p999:.2e} (at most {row.tolerance.p999:.2e}), "
            f"{row.difference.num_nan} NaN"
            for result in self.results
            for row in result.parity
            if not row.passed
        ]


def write_json(path: Path, report: Report) -> None:
    """The whole report."""
    path.write_text(json.dumps(asdict(report), indent=1) + "\n")


def write_csv(path: Path, report: Report) -> None:
    """One line per model and size."""
    stream = io.StringIO()
    rows = list(_flat_rows(report))
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue())


def write_plot(path: Path, report: Report) -> None:
    """End-to-end latency over frame size, median with a whisker up to p95, a line per model.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    figure = new_figure(7, 4.5)
    axes = figure.add_subplot()
    for result in report.results:
        rows = sorted(result.latency, key=lambda row: row.megapixels)
        median = [row.total_ms.p50 for row in rows]
        above = [row.total_ms.p95 - row.total_ms.p50 for row in rows]
        axes.errorbar(
            [row.megapixels for row in rows],
            median,
            yerr=[[0.0] * len(rows), above],
            marker="o",
            capsize=3,
            label=f"{result.model.file} ({result.model.backend}, {result.model.device})",
        )
    axes.set(xlabel="frame [megapixels]", ylabel="end to end [ms]", title=report.device, yscale="log")
    axes.legend()
    figure.savefig(path, dpi=150)


def tables(report: Report) -> str:
    """For a terminal: a latency table, and a parity table where there was a reference."""
    lines = [
        f"device {report.device}, driver {report.environment.driver or '-'}, "
        f"clock {_megahertz(report.environment.clock_mhz)}, "
        f"load {report.environment.load_average} on {report.environment.num_cpus} CPUs"
    ]
    for result in report.results:
        model = result.model
        lines += ["", f"{model.file}: {model.backend} on {model.device}, {model.precision}, sha256 {model.sha256[:12]}"]
        lines += _aligned([_latency_cells(row) for row in result.latency])
        if result.parity:
            assert report.reference is not None  # what parity is with
            lines += ["", f"against {report.reference.file}: {report.reference.backend} on {report.reference.device}"]
            lines += _aligned([_parity_cells(row) for row in result.parity])
        if any(row.quality for row in result.parity):
            lines += ["", "against the true alphas, model / reference"]
            lines += _aligned([_quality_cells(row) for row in result.parity])
    return "\n".join(lines)


def _megahertz(clock: float | None) -> str:
    return "-" if clock is None else f"{clock:.0f} MHz"


def _flat_rows(report: Report) -> Iterator[dict[str, object]]:
    for result in report.results:
        parity = {(row.width, row.height): row for row in result.parity}
        for row in result.latency:
            flat: dict[str, object] = {**asdict(result.model), "width": row.width, "height": row.height}
            flat |= {name: getattr(row, name) for name in ("batch", "streams", "warmup", "runs")}
            for stage in STAGES:
                flat |= {f"{stage}_{name}_ms": value for name, value in asdict(getattr(row, f"{stage}_ms")).items()}
            flat |= {name: getattr(row, name) for name in ("images_per_s", "cpu_s_per_frame", "peak_memory_mib")}
            flat |= _flat_parity(parity.get((row.width, row.height))) if parity else {}
            yield flat


def _flat_parity(row: Parity | None) -> dict[str, object]:
    if row is None:  # frames over 1500 px are compared at the size that the network sees
        return {}
    flat: dict[str, object] = {f"difference_{name}": value for name, value in asdict(row.difference).items()}
    flat |= {f"{name}_against_reference": value for name, value in asdict(row.against_reference).items()}
    for title, found in (("quality", row.quality), ("reference_quality", row.reference_quality)):
        flat |= {f"{title}_{name}": value for name, value in asdict(found).items()} if found else {}
    return flat | {"passed": row.passed}


def _latency_cells(row: Latency) -> dict[str, str]:
    total = row.total_ms
    return {
        "size": f"{row.width}x{row.height}",
        "streams": str(row.streams),
        "warm-up+runs": f"{row.warmup}+{row.runs}",
        "pre ms": f"{row.preprocess_ms.p50:.2f}",
        "network ms": f"{row.network_ms.p50:.2f}",
        "post ms": f"{row.postprocess_ms.p50:.2f}",
        "total ms p50/p90/p95/p99": f"{total.p50:.2f} / {total.p90:.2f} / {total.p95:.2f} / {total.p99:.2f}",
        "images/s": f"{row.images_per_s:.2f}",
        "CPU s": f"{row.cpu_s_per_frame:.3f}",
        "MiB": f"{row.peak_memory_mib:.0f}",
    }


def _parity_cells(row: Parity) -> dict[str, str]:
    found = row.against_reference
    return {
        "size": f"{row.width}x{row.height}",
        "pictures": str(row.num_images),
        "mean |Δα|": f"{row.difference.mean:.2e}",
        "p99.9": f"{row.difference.p999:.2e}",
        "max": f"{row.difference.maximum:.3f}",
        "NaN": str(row.difference.num_nan),
        "SAD": f"{found.sad:.2e}",
        "MSE": f"{found.mse:.2e}",
        "Gradient": f"{found.gradient:.2e}",
        "Connectivity": f"{found.connectivity:.2e}",
        "": "passed" if row.passed else "FAILED",
    }


def _quality_cells(row: Parity) -> dict[str, str]:
    cells = {"size": f"{row.width}x{row.height}"}
    if row.quality and row.reference_quality:
        reference = asdict(row.reference_quality)
        cells |= {name: f"{value:.4e} / {reference[name]:.4e}" for name, value in asdict(row.quality).items()}
    return cells


def _aligned(rows: list[dict[str, str]]) -> list[str]:
    """Rows of equal keys as lines of right-aligned columns, under their headings."""
    table = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
