"""Size rules, at their edges."""

from __future__ import annotations

import numpy as np
import pytest

from shm_deploy.errors import SpecError
from shm_deploy.geometry import budget_size, capped_size, enlarge, pad_to_graph, shrink, working_size
from shm_deploy.matter import Matter
from tests.deploy.fakes import FakeBackend


@pytest.mark.parametrize(
    ("size", "max_edge", "wanted"),
    [
        ((1500, 1500), 1500, (1500, 1500)),
        ((1501, 1501), 1500, (1500, 1500)),
        ((2000, 3000), 1500, (1000, 1500)),
        ((3000, 1000), 1500, (1500, 500)),
        ((1600, 17), 1500, (1500, 16)),
        ((3000, 4000), None, (3000, 4000)),
        ((16, 16), 1500, (16, 16)),
    ],
    ids=str,
)
def test_longest_edge_is_brought_to_the_limit_and_no_further(
    size: tuple[int, int], max_edge: int | None, wanted: tuple[int, int]
) -> None:
    """Section 5.1 of the paper; None keeps the size."""
    assert working_size(size, max_edge) == wanted


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((15, 200), "200x15 px; both sides must be at least 16 px: enlarge it"),
        ((200, 15), "15x200 px; both sides must be at least 16 px: enlarge it"),
        ((30, 3000), "3000x30 px, 1500x15 px after scaling to max_edge=1500.*crop it, or raise max_edge"),
    ],
    ids=["low", "narrow", "narrow after scaling"],
)
def test_sides_under_16_px_are_refused_before_anything_runs(
    size: tuple[int, int], message: str, fake_backend: FakeBackend
) -> None:
    """What came, what is wanted, what to do; width first, as people say it."""
    with pytest.raises(SpecError, match=message):
        Matter(fake_backend)(np.zeros((*size, 3), np.uint8))
    assert fake_backend.shapes == []


def test_shrinking_takes_means_of_areas() -> None:
    """Two by two pixels become one: (0 + 10 + 20 + 30) / 4 = 15."""
    image = np.array([[0, 10], [20, 30]], np.uint8)[..., None].repeat(3, axis=2)
    assert shrink(image, (1, 1)).tolist() == [[[15, 15, 15]]]


def test_shrinking_to_more_than_two_thirds_passes_over_no_pixel() -> None:
    """Each one, lit alone, is seen in what is left: by more than a quarter in each direction."""
    for row, column in np.ndindex(9, 13):
        image = np.zeros((9, 13, 3), np.float32)
        image[row, column] = 1
        assert shrink(image, (7, 9)).max() > 0.25**2


@pytest.mark.parametrize(
    ("num_places", "expected"),
    [
        pytest.param(3, [1 / 6, 1 / 2, 0], id="bilinear: centres at 1/6, 3/2 and 17/6"),
        pytest.param(2, [1 / 2, 0], id="areas: two pixels each"),
    ],
)
def test_shrinking_to_two_thirds_or_less_takes_areas(num_places: int, expected: list[float]) -> None:
    """Of four pixels in a row the second is lit."""
    row = np.zeros((1, 4, 3), np.float32)
    row[:, 1] = 1
    np.testing.assert_allclose(shrink(row, (1, num_places))[0, :, 0], expected, atol=1e-3)


def test_shrinking_never_leaves_the_range_of_its_floats() -> None:
    """Means of ones are one: an alpha over 1 is no alpha."""
    assert shrink(np.full((20, 65, 3), 1.0, np.float32), (7, 22)).max() <= 1  # 1.0000001 by OpenCV


def test_enlarging_is_bilinear_with_half_pixel_centres() -> None:
    """0 and 100 at the centres 0.5 and 1.5; four pixels at 0.25, 0.75, 1.25, 1.75."""
    assert enlarge(np.array([[0, 100]], np.float32), (1, 4)).tolist() == [[0, 25, 75, 100]]


def test_planes_of_the_right_size_are_not_copied() -> None:
    """Frames within the rule cost nothing."""
    image = np.zeros((64, 80, 3), np.uint8)
    assert shrink(image, (64, 80)) is image
    assert enlarge(image, (64, 80)) is image
    assert pad_to_graph(image) is image


def test_padding_repeats_the_right_and_bottom_edge() -> None:
    """A batch of 62x63 px becomes 64x64; what was there stays where it was."""
    frames = np.arange(2 * 63 * 62 * 3).reshape(2, 63, 62, 3).astype(np.uint8)
    padded = pad_to_graph(frames)
    assert padded.shape == (2, 64, 64, 3)
    np.testing.assert_array_equal(padded[:, :63, :62], frames)
    np.testing.assert_array_equal(padded[:, :63, 63], frames[:, :, 61])
    np.testing.assert_array_equal(padded[:, 63], padded[:, 62])


@pytest.mark.parametrize(
    ("size", "wanted"), [((1080, 1920), (192, 320)), ((720, 1280), (192, 320)), ((64, 1500), (32, 320))], ids=str
)
def test_budget_is_the_same_for_every_frame_of_one_shape(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    """320 px wide, sides in multiples of 32, at least one: 1080 * 320 / 1920 = 180 is nearest to 192."""
    assert budget_size(size, 320) == wanted


@pytest.mark.parametrize(
    ("size", "seen"),
    [((720, 1280), (368, 640)), ((1920, 1080), (640, 368)), ((480, 640), (480, 640)), ((100, 150), (96, 144))],
    ids=str,
)
def test_capped_size_never_enlarges_but_to_whole_multiples(size: tuple[int, int], seen: tuple[int, int]) -> None:
    """The longest side is at most 640, both are multiples of 16, and what was brought there stays as it is."""
    assert capped_size(size, 640) == seen
    assert capped_size(seen, 640) == seen
