"""Contact sheets."""

import cv2
import numpy as np
import pytest

from shm_deploy.errors import MediaError
from shm_train.sheet import GAP, grey, strip, write_sheet

RED = np.full((10, 20, 3), (255, 0, 0), np.uint8)


def test_a_strip_has_the_proportions_of_its_first_picture():
    """Twice as wide as high, three times; a smaller plane is scaled to it."""
    row = strip([RED, grey(np.ones((5, 7), np.float32)), RED], 40)
    assert row.shape == (40, 3 * 80, 3)
    assert (row[:, :80] == (255, 0, 0)).all()
    assert (row[:, 80:160] == 255).all()


def test_labels_stand_over_their_pictures():
    """The second picture is written on, the first, without text, is not."""
    black = np.zeros((40, 80, 3), np.uint8)
    row = strip([black, black], 40, ("", "truth"))
    assert not row[:, :80].any()
    assert row[:, 80:].any()


def test_rows_fill_columns_from_top_to_bottom(tmp_path):
    """Three rows of two widths in two columns: two and one; colours are RGB."""
    rows = [RED, strip([RED, RED], 10), RED]
    write_sheet(tmp_path / "sheet.png", rows)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert sheet.shape == (2 * (10 + GAP), 2 * (40 + GAP), 3)
    assert (sheet[0, 0] == (255, 0, 0)).all()
    assert (sheet[0, 40 + GAP] == (255, 0, 0)).all()
    assert not sheet[10 + GAP :, 40 + GAP :].any()


def test_a_sheet_that_can_not_be_written_is_an_error(tmp_path):
    """By its path."""
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(MediaError, match="can't write"):
        write_sheet(tmp_path / "sheet.png", [RED])
