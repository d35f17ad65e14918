"""Tiles: the same matte as in one piece, with less of M-Net."""

import cv2
import numpy as np
import pytest

from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends import open_backend
from shm_deploy.backends.tiles import COLUMNS, HALO, NEGLIGIBLE, ROWS, TiledBackend, find_tiles


class PixelwiseParts:
    """A T-Net with a fixed answer, and an M-Net that gives each pixel's red value: it needs no halo."""

    def __init__(self, unknown):
        background = 1 - unknown
        self.trimap = np.stack([np.zeros_like(unknown), background, unknown])[None].astype(np.float32)
        self.num_pixels = []
        self.closed = False

    def tnet(self, image):
        return self.trimap

    def mnet(self, image, trimap):
        self.num_pixels.append(image[:, 0].size)
        return image[:, :1] / 255

    def fusion(self, trimap, alpha_raw):
        raise AssertionError("tiles fuse by themselves")

    def close(self):
        self.closed = True


def tiled(parts):
    return TiledBackend(parts, parts, tnet_edge=320, threads=2)


def frame_of(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def unknown_square():
    """U_s of a 60x80 T-Net: one in a small square, zero elsewhere."""
    unknown = np.zeros((60, 80), np.float32)
    unknown[20:26, 30:38] = 1
    return unknown


def boxes(tiles, name):
    """(top, bottom, left, right) of each."""
    found = [getattr(tile, name) for tile in tiles]
    return [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in found]


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


def test_tiles_are_as_wide_as_what_is_unknown():
    """Columns in whole cells, halos around, and neither leaves the padded frame."""
    unknown = np.zeros((300, 500), np.float32)
    unknown[10, 40] = NEGLIGIBLE
    unknown[100, 70] = 1
    unknown[290, 490] = 1
    tiles = find_tiles(unknown, (304, 512))
    assert boxes(tiles, "core") == [(0, ROWS, 32, 96), (ROWS, 300, 480, 500)]
    assert boxes(tiles, "patch") == [(0, ROWS + HALO, 0, 96 + HALO), (ROWS - HALO, 304, 480 - HALO, 512)]


def test_tiles_whose_halos_would_meet_are_one():
    """A gap of two halos is left out; a wider one parts two tiles."""
    unknown = np.zeros((64, 640), np.float32)
    unknown[0, 0] = unknown[0, COLUMNS + 2 * HALO] = unknown[0, 600] = 1
    assert boxes(find_tiles(unknown, (64, 640)), "core") == [(0, 64, 0, 160), (0, 64, 576, 608)]


def test_mnet_sees_only_tiles_with_unknown_pixels():
    """A square of 72x128 px, and its slopes of 12x16 px, in a 720p frame."""
    parts = PixelwiseParts(unknown_square())
    tiled(parts).run(frame_of(720, 1280)[None])
    assert sum(parts.num_pixels) < 0.15 * 720 * 1280


def test_alpha_is_tnets_where_unknown_is_negligible():
    """F_s / (F_s + B_s): what M-Net would change is as little as U_s."""
    parts = PixelwiseParts(np.full((60, 80), 0.04, np.float32))
    parts.trimap[0, spec.FOREGROUND] = 0.72
    parts.trimap[0, spec.BACKGROUND] = 0.24
    alpha = tiled(parts).run(frame_of(480, 640)[None]).alpha
    assert parts.num_pixels == []
    assert np.unique(alpha).tolist() == [191]  # 0.75


def test_mnet_is_not_asked_where_nothing_is_unknown():
    """An empty room costs T-Net alone, and its matte is empty."""
    parts = PixelwiseParts(np.zeros((60, 80), np.float32))
    mattes = tiled(parts).run(frame_of(720, 1280)[None])
    assert parts.num_pixels == []
    assert mattes.alpha.max() == 0
    assert mattes.trimap[0, 0, 0].tolist() == [0, 255, 0]


def test_a_frame_full_of_unknown_pixels_runs_in_one_piece():
    """Where tiles and halos would cover the frame, one run is cheaper."""
    parts = PixelwiseParts(np.ones((60, 80), np.float32))
    frame = frame_of(480, 640)
    alpha = tiled(parts).run(frame[None]).alpha[0]
    assert parts.num_pixels == [480 * 640]
    assert np.array_equal(alpha, frame[..., 0])


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
