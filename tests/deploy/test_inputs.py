"""Arrays that break the contract are refused with what came, what was wanted, and what to do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from shm_deploy.errors import SpecError
from shm_deploy.inputs import as_frames


@pytest.mark.parametrize(
    ("image", "got", "remedy"),
    [
        (np.zeros((64, 80), np.uint8), r"\(64, 80\) uint8", "np.stack"),
        (np.zeros((64, 80, 1), np.uint8), r"\(64, 80, 1\)", "np.stack"),
        (np.zeros((64, 80, 4), np.uint8), r"\(64, 80, 4\)", r"image\[..., :3\]"),
        (np.zeros((3, 64, 80), np.uint8), r"\(3, 64, 80\)", "channels go last"),
        (np.zeros((64, 80, 2), np.uint8), r"\(64, 80, 2\)", "H×W×3"),
        (np.zeros((5, 4, 64, 80, 3), np.uint8), r"\(5, 4, 64, 80, 3\)", "H×W×3"),
        (np.zeros(3, np.uint8), r"\(3,\)", "H×W×3"),
        (np.zeros((0, 64, 80, 3), np.uint8), r"\(0, 64, 80, 3\)", "empty"),
        (np.full((64, 80, 3), np.nan, np.float32), "float32", "NaN"),
        (np.zeros((64, 80, 3), np.uint16), "uint16", ">> 8"),
        (np.zeros((64, 80, 3), np.int64), "int64", "astype"),
        (torch.zeros(64, 80, 3), "Tensor", r"\.cpu\(\)\.numpy\(\)"),
        ("portrait.jpg", "got str", "read the file first"),
        (b"\xff\xd8\xff", "got bytes", "read the file first"),
        (None, "got NoneType", "H×W×3"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:12],
)
def test_what_is_no_image_is_refused(image: object, got: str, remedy: str) -> None:
    """The message has all three parts."""
    with pytest.raises(SpecError, match=rf"(?s){got}.*wanted.*{remedy}"):
        as_frames(image, bgr=False)  # type: ignore[arg-type]


def test_frames_of_the_right_form_are_not_copied() -> None:
    """The way to the backend costs nothing but the checks."""
    image = np.zeros((64, 80, 3), np.uint8)
    assert np.shares_memory(as_frames(image, bgr=False), image)


def test_bgr_swaps_first_and_last_channel_of_a_batch() -> None:
    """Blue, green, red becomes red, green, blue; the caller's array stays."""
    frames = np.broadcast_to(np.array([1, 2, 3], np.uint8), (2, 64, 80, 3))
    assert as_frames(frames, bgr=True)[1, 5, 7].tolist() == [3, 2, 1]
    assert frames[1, 5, 7].tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(64, 0, 3), (0, 80, 3), (2, 64, 0, 3)], ids=str)
@pytest.mark.parametrize("bgr", [False, True])
def test_image_without_a_pixel_is_refused(shape: tuple[int, ...], bgr: bool) -> None:
    """Before OpenCV, whose own complaint is another class of error."""
    with pytest.raises(SpecError, match="empty"):
        as_frames(np.zeros(shape, np.uint8), bgr=bgr)


def test_bgr_of_a_pil_image_is_refused() -> None:
    """PIL knows its channels."""
    pil = pytest.importorskip("PIL.Image")
    with pytest.raises(SpecError, match="leave bgr out"):
        as_frames(pil.new("RGB", (80, 64)), bgr=True)


def test_arrays_are_taken_without_pil() -> None:
    """PIL is not imported unless the caller did."""
    code = (
        "import sys, numpy as np\n"
        "from shm_deploy.inputs import as_frames\n"
        "as_frames(np.zeros((64, 64, 3), np.uint8), bgr=False)\n"
        "assert not {'PIL', 'cv2', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
