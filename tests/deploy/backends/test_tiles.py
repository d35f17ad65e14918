"""Tiles: the matte of one piece, its pixels drawn only where T-Net is unsure."""

import cv2
import numpy as np
import pytest

from shm_deploy import geometry, spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends import Segmented, open_backend
from shm_deploy.backends.tiles import (
    COLUMNS,
    NEGLIGIBLE,
    ROWS,
    Edges,
    Grid,
    Scratch,
    TiledBackend,
    enlarged_tiles,
    find_tiles,
)


class PixelwiseParts:
    """A T-Net with a fixed answer, and an M-Net by which raw alpha is each pixel's red value."""

    def __init__(self, unknown):
        background = 1 - unknown
        self.trimap = np.stack([np.zeros_like(unknown), background, unknown])[None].astype(np.float32)
        self.features = (np.zeros((1, 2, 6, 8), np.float32),)
        self.seen_by_tnet = []
        self.seen_by_mnet = []
        self.closed = False

    def tnet(self, image):
        self.seen_by_tnet.append(image.shape[2:])
        return Segmented(self.trimap, self.features)

    def coefficients(self, image, trimap, features):
        assert features is self.features
        self.seen_by_mnet.append(image.shape[2:])
        height, width = image.shape[2:]
        found = np.zeros((1, 4, height // 4, width // 4), np.float32)
        found[:, 0] = 1 / 255
        return found

    def mnet(self, image, trimap, features=None):
        raise AssertionError("tiles draw by themselves")

    def fusion(self, trimap, alpha_raw):
        raise AssertionError("tiles fuse by themselves")

    def close(self):
        self.closed = True


def tiled(parts, threads=2):
    return TiledBackend(parts, Edges(tnet=320, mnet=640), threads=threads)


def frame_of(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def unknown_square():
    """U_s of a 60x80 T-Net: one in a small square, zero elsewhere."""
    unknown = np.zeros((60, 80), np.float32)
    unknown[20:26, 30:38] = 1
    return unknown


@pytest.mark.parametrize("size", [(720, 1280), (719, 1281), (1500, 333), (64, 1500)], ids=str)
def test_tiles_give_the_matte_of_one_piece(size):
    """alpha = U_s * red here, but where U_s is negligible; odd sizes and borders make no seams."""
    parts = PixelwiseParts(unknown_square())
    frame = frame_of(*size)
    alpha = tiled(parts).run(frame[None]).alpha[0]
    unknown = cv2.resize(unknown_square(), size[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(alpha, unknown * frame[..., 0], atol=0.51 + 255 * NEGLIGIBLE)
    decided = unknown >= NEGLIGIBLE
    np.testing.assert_allclose(alpha[decided], (unknown * frame[..., 0])[decided], atol=0.51)


@pytest.mark.parametrize("size", [(720, 1280), (719, 1281), (37, 61)], ids=str)
def test_tiles_hold_every_pixel_that_is_unknown(size):
    """And none of those without one but for what a single source reaches beyond them."""
    unknown = np.zeros((60, 80), np.float32)
    unknown[0, 0] = unknown[31, 44] = unknown[59, 79] = 1
    held = np.zeros(size, bool)
    tiles = find_tiles(unknown, size)
    for there in places_of(tiles, size):
        held[there] = True
    enlarged = geometry.enlarge(unknown, size)
    assert held[enlarged >= NEGLIGIBLE].all()
    assert len(tiles) <= 3 * 4  # each of the three may lie at a corner of four


def places_of(tiles, size):
    """The slices of a frame that tiles are."""
    grid = Grid.of(size)
    height, width = grid.tile
    corners = zip(grid.tops[tiles[:, 0]], grid.lefts[tiles[:, 1]], strict=True)
    return [np.s_[top : top + height, left : left + width] for top, left in corners]


@pytest.mark.parametrize("planes", [(60, 80), (23, 1), (7, 300), (300, 400)], ids=str)
@pytest.mark.parametrize("size", [(211, 333), (192, 128), (37, 61)], ids=str)
def test_enlarged_tiles_are_those_of_the_whole(planes, size):
    """Bilinear, half-pixel centres, edges kept, also where a side gets smaller in nothing but its number of pixels."""
    whole = np.random.default_rng(1).random((2, *planes)).astype(np.float32)
    expected = np.stack([geometry.enlarge(plane, size) for plane in whole])
    tiles = np.argwhere(np.ones((len(Grid.of(size).tops), len(Grid.of(size).lefts)), bool))
    found = enlarged_tiles(whole, size, tiles, Scratch(), "found")
    for tile, there in zip(found, places_of(tiles, size), strict=True):
        np.testing.assert_allclose(tile, expected[:, *there], atol=5e-5)


@pytest.mark.parametrize("size", [(211, 333), (192, 128), (37, 61)], ids=str)
def test_tiles_cover_a_frame_and_never_leave_it(size):
    """Whatever its sides; with the last of a row or a column within the one before."""
    tiles = find_tiles(np.ones((60, 80), np.float32), size)
    held = np.zeros(size, int)
    height, width = Grid.of(size).tile
    assert (height, width) == (min(ROWS, size[0]), min(COLUMNS, size[1]))
    for there in places_of(tiles, size):
        assert held[there].shape == (height, width)
        held[there] += 1
    assert held.min() == 1


@pytest.mark.parametrize("size", [(211, 333), (60, 50), (400, 400), (1080, 1920)], ids=str)
def test_mattes_do_not_depend_on_the_number_of_threads(size):
    """Also with fewer tiles than threads, and where tiles overlap."""
    frame = frame_of(*size)
    alphas = [tiled(PixelwiseParts(unknown_square()), threads).run(frame[None]).alpha for threads in (1, 2, 5)]
    assert alphas[0].any()
    for alpha in alphas[1:]:
        np.testing.assert_array_equal(alpha, alphas[0])


def test_networks_see_large_frames_within_their_budgets():
    """T-Net at twice its input, whose graph takes means of that; M-Net at its own; small frames as they are."""
    parts = PixelwiseParts(unknown_square())
    backend = tiled(parts)
    backend.run(frame_of(720, 1280)[None])
    backend.run(frame_of(480, 640)[None])
    backend.run(frame_of(100, 150)[None])
    assert parts.seen_by_tnet == [(384, 640), (480, 640), (100, 150)]
    assert parts.seen_by_mnet == [(368, 640), (480, 640), (96, 144)]


def test_alpha_is_tnets_where_unknown_is_negligible():
    """F_s / (F_s + B_s): what M-Net would change is as little as U_s."""
    parts = PixelwiseParts(np.full((60, 80), 0.04, np.float32))
    parts.trimap[0, spec.FOREGROUND] = 0.72
    parts.trimap[0, spec.BACKGROUND] = 0.24
    alpha = tiled(parts).run(frame_of(480, 640)[None]).alpha
    assert parts.seen_by_mnet == []
    assert np.unique(alpha).tolist() == [191]  # 0.75


def test_mnet_is_not_asked_where_nothing_is_unknown():
    """An empty room costs T-Net alone, and its matte is empty."""
    parts = PixelwiseParts(np.zeros((60, 80), np.float32))
    mattes = tiled(parts).run(frame_of(720, 1280)[None])
    assert parts.seen_by_mnet == []
    assert mattes.alpha.max() == 0
    assert mattes.trimap[0, 0, 0].tolist() == [0, 255, 0]


def test_trimap_has_the_size_of_the_frame():
    """Bytes that sum to 255, in the order F, B, U."""
    mattes = tiled(PixelwiseParts(unknown_square())).run(frame_of(100, 150)[None])
    assert mattes.trimap.shape == (1, 100, 150, 3)
    assert np.abs(mattes.trimap.astype(int).sum(axis=-1) - 255).max() <= 1
    assert mattes.trimap[0, 38, 63, spec.UNKNOWN] == 255


def test_frames_of_a_batch_are_matted_one_by_one():
    """A batch gives what its frames give alone."""
    backend = tiled(PixelwiseParts(unknown_square()))
    frames = np.stack([frame_of(200, 300), 255 - frame_of(200, 300)])
    together = backend.run(frames).alpha
    assert np.array_equal(together[1], backend.run(frames[1:]).alpha[0])


@pytest.mark.parametrize("size", [(720, 1280), (1080, 810)], ids=str)
def test_packaged_model_gives_the_matte_of_one_piece(size, portrait):
    """Within the bounds for two FP32 backends, and not by running it in one piece."""
    frame = cv2.resize(portrait, size[::-1])[None]
    model = find_model(None)
    tiles, whole = (open_backend(model, device="cpu", threads=2, backend=name) for name in ("tiles", "onnxruntime"))
    difference = np.abs(tiles.run(frame).alpha.astype(np.float64) - whole.run(frame).alpha) / 255
    assert difference.max() > 0
    assert difference.mean() <= spec.BACKENDS_FP32["live"].mean
    assert np.quantile(difference, 0.999) <= spec.BACKENDS_FP32["live"].p999
    tiles.close()
    whole.close()


def test_closing_closes_the_parts():
    """The backend owns its parts."""
    parts = PixelwiseParts(unknown_square())
    tiled(parts).close()
    assert parts.closed


def test_scratch_is_kept_while_sizes_are_alike_and_let_go_after_a_huge_one():
    """The same memory for somewhat less; memory of its own size where a huge frame was before."""
    scratch = Scratch()
    large = scratch.array("plane", (100, 200), np.float32)
    small = scratch.array("plane", (50, 20), np.float32)
    assert small.shape == (50, 20)
    assert np.shares_memory(small, large)
    tiny = scratch.array("plane", (2, 3), np.float32)
    assert not np.shares_memory(tiny, large)
    assert not np.shares_memory(scratch.array("other", (2, 3), np.float32), tiny)
