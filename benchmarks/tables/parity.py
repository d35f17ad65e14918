"""How near ONNX Runtime comes to PyTorch."""

from __future__ import annotations

from benchmarks.tables.markdown import Record, origin, table


def parity_table(record: Record) -> str:
    """ONNX Runtime against PyTorch: one line per network, the worst of all its sizes."""
    rows = [_parity_cells(model) for model in record["models"]]
    heading = ["network", "sizes", "mean, float", "p99.9, float", "mean, bytes", "p99.9 /255", "max /255", "NaN"]
    note = (
        "The worst |Δα| of any size between ONNX Runtime and PyTorch; float: the parts, bytes: what `Matter` "
        "gives, for live by tiles. Every size and the four metrics: benchmarks/results/parity.json."
    )
    origins = [f"{model['variant']}: {origin(model)}" for model in record["models"]]
    return "\n".join([table(heading, rows), "", " ".join([note, *origins])])


def _parity_cells(model: Record) -> list[str]:
    joined, parts = ([row["difference"] for row in model[way]] for way in ("joined", "parts"))
    first, last = model["joined"][0], model["joined"][-1]
    return [
        f"{model['variant']}, {model['precision'].upper()}",
        f"{len(joined)}, {first['width']}×{first['height']} … {last['width']}×{last['height']}",
        _power(max(row["mean"] for row in parts)),
        _power(max(row["p999"] for row in parts)),
        _power(max(row["mean"] for row in joined)),
        f"{max(row['p999'] for row in joined) * 255:.2f}",
        f"{max(row['maximum'] for row in joined) * 255:.0f}",
        str(sum(row["num_nan"] for row in (*parts, *joined))),
    ]


def _power(value: float) -> str:
    return f"{value:.1e}"
