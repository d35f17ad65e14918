"""Quality beside other ways."""

import pytest

from benchmarks.tables.quality import compositing_table, peers_table, rvm_table
from tests.benchmarks.tables import ENVIRONMENT


def row(source: str, model: str, iou: float, ratio: float) -> dict:
    return {
        "set": "whole_body",
        "source": source,
        "num_pictures": 7,
        "model": model,
        "scores": {"mae": 4.26, "iou": iou, "iou_p10": 0.9},
        "ratio_to_rvm": {"mae": ratio, "iou": 1.0, "iou_p10": None},
    }


PEERS = {
    "device": "a processor",
    "environment": ENVIRONMENT,
    "metrics": "How.",
    "model_sha256": "ab" * 32,
    "rows": [
        row("all", "ours", 0.95, 0.8),
        row("all", "rvm_mobilenetv3", 0.93, 1.0),
        row("ccp", "ours", 0.96, 0.7),
        row("ccp", "rvm_mobilenetv3", 0.94, 1.0),
    ],
    "clock": "So.",
    "speed": [
        {"width": width, "height": 720, "model": model, "ms": ms}
        for width in (720, 1280)
        for model, ms in (("ours", 40.04), ("rvm_mobilenetv3", 120.0))
    ],
}


@pytest.mark.parametrize("of_quality", [peers_table, rvm_table])
def test_peers_stand_beside_ours(of_quality):
    """Numbers of all pictures for each model, and the ratio below ours."""
    lines = of_quality(PEERS).splitlines()
    assert lines[0] == "| model | whole body: MAE / IoU / p10 |"
    assert lines[2:6] == [
        "| pictures | 7 |",
        "| **ours** | 4.3 / 0.950 / 0.900 |",
        "| ours / RVM | 0.80 / 1.00 / – |",
        "| RobustVideoMatting, MobileNetV3 | 4.3 / 0.930 / 0.900 |",
    ]


def test_the_peer_to_beat_stands_beside_ours_by_source():
    """A line per source, and no times."""
    text = rvm_table(PEERS)
    assert "| ccp | 7 | 4.3 / 0.960 / 0.900 | 4.3 / 0.940 / 0.900 | 0.70 / 1.00 / – |" in text
    assert text.endswith("How. Model abababababab. a processor, 2 CPUs, commit 0123456, 2026-11-22.")


def test_where_the_soft_error_lies_is_said_of_composites():
    """A line for each model on held-out people, then on training's; bands are in no other table."""
    bands = {"sad_transition": 2.5, "sad_to_0.012": 1.5, "sad_to_0.05": 0.5, "sad_beyond": 0.25}
    composites = [
        row("all", model, 0.9, 1.0)
        | {"set": set_name, "scores": {"sad": 4.75} | bands, "ratio_to_rvm": {"sad": 1.0} | dict.fromkeys(bands, 1.0)}
        for set_name in ("soft", "seen")
        for model in ("ours", "rvm_mobilenetv3")
    ]
    lines = rvm_table(PEERS | {"rows": composites}).splitlines()
    assert lines[3] == "| **ours** | 4.8 | 4.8 |"
    at = lines.index("| people | transition | to 0.012 | to 0.05 | beyond | together |")
    assert lines[at + 2] == "| held out, ours | 2.50 | 1.50 | 0.50 | 0.25 | 4.75 |"
    assert lines[at + 5] == "| of training, RobustVideoMatting, MobileNetV3 | 2.50 | 1.50 | 0.50 | 0.25 | 4.75 |"


def test_peers_say_how_long_they_take():
    """A line per model, a column per size."""
    text = peers_table(PEERS)
    assert "| a picture, end to end | 720×720 | 1280×720 |" in text
    assert "| **ours** | 40.0 ms | 40.0 ms |" in text
    assert "How. Time: So. Model abababababab. a processor, 2 CPUs, commit 0123456, 2026-11-22." in text


def test_compositing_has_a_line_per_way():
    """The image's own colours cost nothing; shares of the old background are percent."""
    record = {
        "device": "a processor",
        "environment": ENVIRONMENT,
        "pictures": 6,
        "rows": [
            {"way": "image", "error": 14.24, "halo": 0.311, "ms": 0.0},
            {"way": "fast", "error": 4.19, "halo": 0.0491, "ms": 20.5},
        ],
    }
    lines = compositing_table(record).splitlines()
    assert lines[2] == "| the image's own colours | 14.2 | 31.1% |  |"
    assert lines[3] == "| `fast`, blur fusion | 4.2 | 4.9% | 20 ms |"
