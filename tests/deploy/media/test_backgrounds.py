"""What is put behind a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.backgrounds import Blur, Colour, Picture, blur_surroundings, parse_background, pixels_behind
from shm_deploy.media.images import Photo, read_photo
from shm_deploy.media.metadata import Metadata
from tests.deploy.media import zoo

BLACK = Photo(pixels=np.zeros((20, 60, 3), np.uint8), opacity=None, metadata=Metadata())
NOBODY = np.zeros((20, 60), np.uint8)


@pytest.mark.parametrize("text", ["#20a0ff", "rgb(32, 160, 255)", "RGB(32,160,255)"])
def test_colours_are_read_in_css_notation(text: str) -> None:
    """Names work too."""
    assert parse_background(text) == Colour(red=32, green=160, blue=255)
    assert parse_background("white") == Colour(red=255, green=255, blue=255)


@pytest.mark.parametrize("text", ["whitish", "#20a0ff80", ""])
def test_what_is_no_background_is_refused(text: str) -> None:
    """An unknown word, a colour with transparency."""
    with pytest.raises(SpecError, match="background"):
        parse_background(text)


def test_missing_background_picture_is_not_taken_for_a_colour(tmp_path: Path) -> None:
    """The message speaks of the file."""
    with pytest.raises(MediaError, match="No such file"):
        parse_background(str(tmp_path / "beach.jpg"))


def test_picture_covers_the_frame_and_keeps_its_proportions() -> None:
    """A 40x40 px picture behind 60x20 px: scaled to 60x60, of which the middle third shows."""
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[14:26] = 255
    other = Picture(photo=Photo(pixels=stripes, opacity=None, metadata=Metadata()))
    behind = pixels_behind(other, BLACK, BLACK.pixels, NOBODY)
    assert behind.shape == (20, 60, 3)
    assert behind[4:16].min() >= 250  # Lanczos rings a little


def test_colours_move_into_the_photographs_colour_space() -> None:
    """Middle grey in a photograph whose profile is linear light is stored as its share of light: 55 of 255."""
    profile = zoo.linear_rgb_profile()
    photo = Photo(pixels=BLACK.pixels, opacity=None, metadata=Metadata(icc_profile=profile))
    behind = pixels_behind(Colour(red=128, green=128, blue=128), photo, BLACK.pixels, NOBODY)
    assert np.abs(behind.astype(int) - 55).max() <= 1


def test_background_of_the_same_colour_space_is_left_alone() -> None:
    """No conversion, not even a rounding one."""
    data = zoo.encoded(zoo.portrait(60, 20), icc_profile=zoo.linear_rgb_profile())
    photo = read_photo(data)
    behind = pixels_behind(Picture(photo=read_photo(data)), photo, photo.pixels, NOBODY)
    assert np.array_equal(behind, photo.pixels)


def half_covered(background: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red person with a soft edge before one colour: image, foreground and alpha of 200x300 px."""
    alpha = np.zeros((200, 300), np.uint8)
    alpha[40:, 100:200] = 255
    alpha[40:, 80:100] = np.linspace(0, 255, 20).astype(np.uint8)
    alpha[40:, 200:220] = 128
    foreground = np.broadcast_to(np.array((250, 10, 10), np.uint8), (200, 300, 3)).copy()
    share = alpha[..., None] / 255
    image = np.rint(share * foreground + (1 - share) * background).astype(np.uint8)
    return image, foreground, alpha


@pytest.mark.parametrize("background", [(0, 80, 160), (255, 255, 255), (0, 0, 0)])
def test_blur_takes_nothing_of_the_person(background: tuple[int, int, int]) -> None:
    """Before one colour the blurred surroundings are that colour everywhere, behind the person and in the hair too."""
    behind = blur_surroundings(*half_covered(background))
    assert np.abs(behind.astype(int) - background).max() <= 2


def test_blur_takes_detail_away() -> None:
    """A fine chessboard becomes its mean."""
    board = (np.indices((200, 300)).sum(axis=0) % 2 * 200).astype(np.uint8)
    image = np.dstack([board] * 3)
    behind = blur_surroundings(image, np.zeros_like(image), np.zeros((200, 300), np.uint8))
    assert np.abs(behind.astype(int) - 100).max() <= 2


def test_blur_keeps_large_shapes_in_place() -> None:
    """Left half dark, right half light: so it stays away from the seam."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, 150:] = 200
    behind = blur_surroundings(image, np.zeros_like(image), np.zeros((200, 300), np.uint8))
    assert behind[:, :100].max() <= 1
    assert behind[:, 200:].min() >= 199


def test_blur_of_a_picture_without_background_is_harmless() -> None:
    """Nothing to sample: any colour will do, none of it shows."""
    image = np.full((32, 32, 3), 200, np.uint8)
    assert blur_surroundings(image, image, np.full((32, 32), 255, np.uint8)).shape == (32, 32, 3)


def test_blur_is_named_by_its_word() -> None:
    """Even where a file of that name does not exist."""
    assert parse_background("blur") == Blur()
