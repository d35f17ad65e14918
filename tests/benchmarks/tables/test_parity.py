"""The worst of all sizes, in one line."""

from benchmarks.tables.parity import parity_table
from tests.benchmarks.tables import ENVIRONMENT


def test_parity_shows_the_worst_of_all_sizes():
    """Two sizes of one network become one line, and each network says what it was measured on."""

    def row(side: int, mean: float, maximum: float) -> dict:
        difference = {"mean": mean, "p999": maximum / 2, "maximum": maximum, "num_nan": 0}
        return {"width": side, "height": side, "difference": difference}

    live = {
        "variant": "live",
        "precision": "fp32",
        "environment": ENVIRONMENT,
        "joined": [row(256, 1e-6, 2 / 255), row(1500, 3e-6, 1 / 255)],
        "parts": [row(256, 2e-7, 1e-4), row(1500, 1e-7, 1e-3)],
    }
    paper = {**live, "variant": "paper", "environment": {**ENVIRONMENT, "device": "another one"}}
    text = parity_table({"device": "a processor", "models": [live, paper]})
    assert "| live, FP32 | 2, 256×256 … 1500×1500 | 2.0e-07 | 5.0e-04 | 3.0e-06 | 1.00 | 2 | 0 |" in text
    assert "live: a processor, 2 CPUs" in text
    assert "paper: another one, 2 CPUs" in text
