"""Speed against quality, drawn from what was measured."""

import json

import cv2
import pytest

from benchmarks.peer_plot import PANELS, main, points

ERRORS = {"sad": 5.0, "mae": 4.0, "mean_alpha": 0.0}
RECORD = {
    "speed": [
        {"width": width, "height": height, "model": model, "ms": float(height)}
        for width, height in ((512, 512), (1280, 720))
        for model in ("ours", "u2net")
    ],
    "rows": [
        {"set": name, "source": source, "model": model, "scores": ERRORS}
        for name, _, _ in PANELS
        for source in ("all", "web")
        for model in ("ours", "u2net")
    ],
}


def test_a_point_is_time_and_error_of_all_pictures():
    """At 720p; each panel has its own error."""
    found = points(RECORD)
    assert found["soft"] == [("ours", 720.0, 5.0), ("u2net", 720.0, 5.0)]
    assert found["upper_body"][0] == ("ours", 720.0, 4.0)


@pytest.mark.slow
def test_the_plot_is_a_picture(tmp_path):
    """Also where an error is 0, which a logarithmic axis can't show."""
    (tmp_path / "peers.json").write_text(json.dumps(RECORD))
    assert main(["--results", str(tmp_path / "peers.json"), "--out", str(tmp_path / "peers.png")]) == 0
    assert cv2.imread(str(tmp_path / "peers.png")).shape[1] > 500


def test_missing_results_are_an_error(tmp_path, capsys):
    """With the command that makes them."""
    assert main(["--results", str(tmp_path / "peers.json")]) == 1
    assert "run python -m benchmarks.peers first" in capsys.readouterr().err
