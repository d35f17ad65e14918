"""The photographs on which an export checks itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.export.photographs import PACKAGED_FOLDER, Photograph, cover, fitted, load_photographs
from shm_deploy.sidecar import Profile

PROFILE = Profile(minimum=(1, 64, 64), optimum=(1, 100, 100), maximum=(1, 120, 200))


def _save(path: Path, width: int, height: int, value: int = 100) -> None:
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path)


def test_four_photographs_with_alphas_ship() -> None:
    """Each shows a person in part of the frame, at a size of its own."""
    photographs = load_photographs()
    assert len(photographs) == 4
    assert len({photograph.image.shape for photograph in photographs}) == 4
    for photograph in photographs:
        assert photograph.alpha is not None
        assert photograph.alpha.shape == photograph.image.shape[:2]
        assert 0.2 < photograph.alpha.mean() < 0.8
        assert (photograph.alpha.min(), photograph.alpha.max()) == (0, 1)


def test_what_ships_is_small_and_has_its_licence_beside_it() -> None:
    """Under 1.5 MB, and every photograph is named in the README."""
    assert sum(path.stat().st_size for path in PACKAGED_FOLDER.iterdir()) < 1_500_000
    readme = (PACKAGED_FOLDER / "README.md").read_text()
    assert "CC BY 4.0" in readme
    assert all(f"`{photograph.name}`" in readme for photograph in load_photographs())


def test_long_photographs_are_scaled_with_their_alphas(tmp_path: Path) -> None:
    """400x100 at most 200 px long is 200x50, and so is its alpha."""
    _save(tmp_path / "a.png", 400, 100)
    _save(tmp_path / "a.alpha.png", 400, 100, 255)
    (photograph,) = load_photographs(tmp_path, max_edge=200)
    assert photograph.image.shape == (50, 200, 3)
    assert photograph.alpha is not None
    np.testing.assert_array_equal(photograph.alpha, np.ones((50, 200), np.float32))


def test_a_photograph_without_alpha_has_none(tmp_path: Path) -> None:
    """Parity is measured against the reference then."""
    _save(tmp_path / "a.jpg", 80, 60)
    (photograph,) = load_photographs(tmp_path)
    assert photograph.alpha is None


def test_an_alpha_of_16_bit_is_scaled(tmp_path: Path) -> None:
    """32896 of 65535 is 128 of 255; cut off at 255, it would be 1."""
    _save(tmp_path / "a.png", 80, 60)
    Image.fromarray(np.full((60, 80), 32896, np.uint16)).save(tmp_path / "a.alpha.png")
    (photograph,) = load_photographs(tmp_path)
    assert photograph.alpha is not None
    np.testing.assert_allclose(photograph.alpha, 128 / 255, atol=1e-6)


def test_a_grey_photograph_of_16_bit_is_scaled(tmp_path: Path) -> None:
    """Photographs, too."""
    Image.fromarray(np.full((60, 80), 32896, np.uint16)).save(tmp_path / "a.png")
    assert (load_photographs(tmp_path)[0].image == 128).all()


def test_an_alpha_may_be_that_of_a_cutout(tmp_path: Path) -> None:
    """Its colours say nothing."""
    _save(tmp_path / "a.png", 80, 60)
    Image.fromarray(np.full((60, 80, 4), (255, 0, 0, 51), np.uint8)).save(tmp_path / "a.alpha.png")
    (photograph,) = load_photographs(tmp_path)
    assert photograph.alpha is not None
    np.testing.assert_allclose(photograph.alpha, 0.2, atol=1e-6)


def test_a_colour_picture_is_no_alpha(tmp_path: Path) -> None:
    """Its brightness is not guessed to be one."""
    _save(tmp_path / "a.png", 80, 60)
    Image.fromarray(np.full((60, 80, 3), (255, 0, 0), np.uint8)).save(tmp_path / "a.alpha.png")
    with pytest.raises(MediaError, match="colour picture"):
        load_photographs(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """An export that checks nothing must not pass."""
    with pytest.raises(SpecError, match="wanted a folder with"):
        load_photographs(tmp_path)


def test_an_alpha_of_another_size_is_an_error(tmp_path: Path) -> None:
    """The message has both sizes, width first."""
    _save(tmp_path / "a.png", 80, 60)
    _save(tmp_path / "a.alpha.png", 60, 80)
    with pytest.raises(SpecError, match=r"60x80 px for a\.png of 80x60 px"):
        load_photographs(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """No photograph is skipped in silence."""
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 broken")
    with pytest.raises(MediaError, match=r"a\.jpg"):
        load_photographs(tmp_path)


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 90), (100, 90)), ((300, 150), (120, 150)), ((20, 400), (64, 200))], ids=str
)
def test_photographs_are_brought_to_what_the_engine_takes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Only those outside of the profile change, and only as far as they must."""
    image, alpha = np.zeros((*size, 3), np.uint8), np.ones(size, np.float32)
    photograph = fitted(Photograph(name="a", image=image, alpha=alpha), [PROFILE])
    assert photograph.image.shape == (*expected, 3)
    assert photograph.alpha is not None
    assert photograph.alpha.shape == expected


def test_cover_cuts_out_the_middle() -> None:
    """A 2x6 strip that covers 2x2 keeps its two middle columns."""
    strip = np.array([[0, 1, 2, 3, 4, 5]] * 2, np.uint8)
    np.testing.assert_array_equal(cover(strip, (2, 2)), [[2, 3], [2, 3]])
