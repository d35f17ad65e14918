"""The sheet of what is hard, on the photographs that may be shown."""

import cv2
import pytest

from benchmarks.hard_cases import main

NOBODY = """
import numpy as np

MODELS = {"rvm_mobilenetv3": lambda rgb: np.zeros(rgb.shape[:2], np.float32)}
"""


@pytest.mark.slow
def test_every_photograph_has_a_row_and_its_error(tmp_path, capsys):
    """Four photographs by the packaged model, each with a mean error below 5 %."""
    (tmp_path / "peers.py").write_text(NOBODY)
    assert main(["--peers", str(tmp_path), "--out", str(tmp_path / "sheet.jpg")]) == 0
    errors = [float(line.split(": ")[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(errors) == 4
    assert all(0 < error < 50 for error in errors)
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape[0] == 4 * 264
