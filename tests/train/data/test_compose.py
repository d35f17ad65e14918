"""Changes to training pictures: each does what it says, and the truth goes with it."""

from dataclasses import replace

import numpy as np
import pytest

from shm_deploy.errors import SpecError
from shm_train.data.augment import UNCHANGED, AugmentConfig
from shm_train.data.compose import composed_example, photo_example
from shm_train.data.samples import Picture

CANVAS = (96, 96)


def photograph(colour=50, behind=100):
    """A half-clear square of one grey on another."""
    alpha = np.zeros(CANVAS, np.uint8)
    alpha[20:76, 20:76] = 255
    alpha[40:60, 40:60] = 128
    weight = alpha[..., None] / 255
    image = np.round(weight * colour + (1 - weight) * behind).repeat(3, 2).astype(np.uint8)
    return Picture(image, np.full((*CANVAS, 3), colour, np.uint8), alpha, np.full(CANVAS, 255, np.uint8))


def ground(level=100):
    image = np.full((*CANVAS, 3), level, np.uint8)
    return Picture(image, image, np.zeros(CANVAS, np.uint8), np.full(CANVAS, 255, np.uint8))


def photo(config, picture, seed=0):
    return photo_example(picture, CANVAS, config, np.random.default_rng(seed))


def test_unchanged_is_unchanged():
    """Bit by bit, at the photograph's own size."""
    picture = photograph()
    example = photo(UNCHANGED, picture)
    np.testing.assert_array_equal(example.image, picture.image)
    np.testing.assert_array_equal(example.alpha, picture.alpha / np.float32(255))


def test_light_on_the_person_alone_leaves_the_background():
    """Twice the light on grey 50 over grey 100: 100 everywhere, by Eq. 1 also where alpha is a half."""
    config = replace(UNCHANGED, foreground_gain=(2.0, 2.0))
    example = photo(config, photograph())
    assert (example.foreground == 100).all()
    assert (np.abs(example.image.astype(int) - 100) <= 1).all()
    composed = composed_example([photograph()], ground(), CANVAS, config, np.random.default_rng(0))
    assert composed.alpha.max() > 0.9
    assert (np.abs(composed.image.astype(int) - 100) <= 1).all()


def test_light_on_the_person_differs_between_examples():
    """Within the range."""
    config = replace(UNCHANGED, foreground_gain=(0.5, 1.5))
    levels = {int(photo(config, photograph(), seed).foreground[0, 0, 0]) for seed in range(12)}
    assert len(levels) > 6
    assert min(levels) >= 25
    assert max(levels) <= 75


def line():
    """A photograph of a bright upright line, which is the person."""
    alpha = np.zeros(CANVAS, np.uint8)
    alpha[:, 46:50] = 255
    image = alpha[..., None].repeat(3, 2)
    return Picture(image, image, alpha, np.full(CANVAS, 255, np.uint8))


def slope(alpha):
    """Pixels to the right for each pixel down, of a line near the middle."""
    rows = np.arange(30, 66)
    places = [np.average(np.arange(alpha.shape[1]), weights=alpha[row]) for row in rows]
    return np.polyfit(rows, places, 1)[0]


@pytest.mark.parametrize(
    ("change", "largest"), [({"tilt": 10.0}, np.tan(np.radians(10))), ({"shear": 0.1}, 0.1)], ids=["tilt", "shear"]
)
def test_photographs_lean_with_their_alphas(change, largest):
    """Up to the angle asked for, and image and alpha alike."""
    slopes = []
    for seed in range(16):
        example = photo(replace(UNCHANGED, **change), line(), seed)
        np.testing.assert_allclose(example.image[..., 0] / 255, example.alpha, atol=0.01)
        slopes.append(abs(slope(example.alpha)))
    assert largest / 2 < max(slopes) <= largest + 0.01


def test_a_flip_mirrors_image_and_truth():
    """Every time where its probability is 1."""
    picture = photograph()
    picture.image[:, :10] = 7  # or its own mirror image would do
    picture.alpha[30:40, 20:30] = 60
    example = photo(replace(UNCHANGED, flip=1.0), picture)
    np.testing.assert_array_equal(example.image, picture.image[:, ::-1])
    np.testing.assert_array_equal(example.alpha, picture.alpha[:, ::-1] / np.float32(255))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gain": (1.2, 1.2)}, (96, 120, 144)),
        ({"gamma": (2.0, 2.0)}, (25, 39, 56)),  # 255 (x / 255)²
        ({"contrast": (0.5, 0.5)}, (104, 114, 124)),  # half way to 127.5
        ({"grey": 1.0}, (96, 96, 96)),  # 0.299 R + 0.587 G + 0.114 B
    ],
    ids=["gain", "gamma", "contrast", "grey"],
)
def test_light_and_colours_change_as_they_say(change, expected):
    """Of 80, 100, 120 in image, person and background alike; the truth stays."""
    alpha = photograph().alpha
    colours = np.full((*CANVAS, 3), (80, 100, 120), np.uint8)
    example = photo(replace(UNCHANGED, **change), Picture(colours, colours, alpha, np.full(CANVAS, 255, np.uint8)))
    for pixels in (example.image, example.foreground, example.background):
        assert np.abs(pixels.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(example.alpha, alpha / np.float32(255))


@pytest.mark.parametrize(("name", "change"), [("colour", (0.5, 1.5)), ("offset", 40.0)], ids=["colour", "offset"])
def test_each_example_has_a_light_of_its_own(name, change):
    """A gain for each channel by itself; an offset for all of them alike."""
    colours = np.full((*CANVAS, 3), 100, np.uint8)
    picture = Picture(colours, colours, photograph().alpha, np.full(CANVAS, 255, np.uint8))
    seen = {tuple(photo(replace(UNCHANGED, **{name: change}), picture, seed).image[0, 0].tolist()) for seed in range(8)}
    assert len(seen) > 4
    assert all((len(set(pixel)) > 1) == (name == "colour") for pixel in seen)


def test_low_light_is_dark():
    """At most half of every level."""
    bright = photo(UNCHANGED, photograph())
    dark = photo(replace(UNCHANGED, low_light=1.0), photograph())
    assert (dark.image <= bright.image / 2 + 1).all()
    assert dark.image.any()


@pytest.mark.parametrize("name", ["noise", "blur", "jpeg"])
def test_the_cameras_faults_leave_the_truth(name):
    """Only the image changes."""
    flat = photograph(colour=30, behind=200)
    clean, faulty = (photo(replace(UNCHANGED, **{name: share}), flat) for share in (0.0, 1.0))
    assert (clean.image != faulty.image).any()
    for truth in ("foreground", "background", "alpha", "sure"):
        np.testing.assert_array_equal(getattr(clean, truth), getattr(faulty, truth))


def test_figures_are_turned_whole():
    """A figure that its picture does not cut is turned: a square is up to √2 times as high, and its area stays."""
    config, side = replace(UNCHANGED, rotation=45.0, figure=(0.3, 0.3)), 0.3 * 96
    square = photograph()
    square.alpha[20:76, 20:76] = 255
    heights = []
    for seed in range(24):
        alpha = composed_example([square], ground(), CANVAS, config, np.random.default_rng(seed)).alpha
        border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
        if not border.any():
            heights.append((alpha > 0.5).any(1).sum() / side)
            assert alpha.sum() == pytest.approx(side**2, rel=0.04)
    assert min(heights) < 1.15
    assert 1.3 < max(heights) < 1.45


@pytest.mark.parametrize(
    ("change", "message"),
    [({"tilt": -1.0}, "tilt"), ({"foreground_gain": (2.0, 1.0)}, "foreground_gain"), ({"noise": 2.0}, "noise")],
    ids=["negative", "range", "probability"],
)
def test_impossible_changes_are_refused(change, message):
    """With the name and what is wanted."""
    with pytest.raises(SpecError, match=message):
        AugmentConfig(**change)
