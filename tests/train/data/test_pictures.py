"""Picture files: read as they are meant, written whole."""

import cv2
import numpy as np
import pytest
from PIL import Image

from shm_deploy.errors import MediaError
from shm_train.data.pictures import plane_at, read_colours, read_marked, read_plane, write_whole

COLOURS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
@pytest.mark.parametrize("pixels", [COLOURS, COLOURS[..., 0]], ids=["colours", "plane"])
def test_formats_without_loss_keep_every_bit(tmp_path, name, pixels):
    """Also greys in WebP, which stores them as colours."""
    write_whole(tmp_path / "deep" / name, pixels)
    read = read_colours if pixels.ndim == 3 else read_plane
    np.testing.assert_array_equal(read(tmp_path / "deep" / name), pixels)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [name]


def test_pictures_are_turned_upright(tmp_path):
    """By their EXIF orientation: 6 is a quarter turn clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_colours(tmp_path / "a.png"), np.rot90(COLOURS, -1))


def test_transparency_is_kept(tmp_path):
    """Four channels, and only where there is any."""
    layered = np.dstack([COLOURS, COLOURS[..., 0]])
    write_whole(tmp_path / "a.png", layered)
    np.testing.assert_array_equal(read_colours(tmp_path / "a.png"), layered)


def test_one_bit_is_all_or_nothing(tmp_path):
    """A mask of one bit a pixel reads as 0 and 255."""
    Image.fromarray(COLOURS[..., 0] > 127).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_plane(tmp_path / "a.png"), np.where(COLOURS[..., 0] > 127, 255, 0))


DEEP = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16).repeat(6, axis=0)  # 257 levels for each of 8 bit
SHALLOW = np.array([[0, 0, 1, 1, 128, 255]], np.uint8).repeat(6, axis=0)


@pytest.mark.parametrize("read", [read_plane, lambda path: read_colours(path)[..., 1]], ids=["plane", "colours"])
def test_deep_pictures_are_scaled(tmp_path, read):
    """By the range of 16 bit, rounded: cut off at 255, nearly all would be white."""
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), SHALLOW)


def test_deep_cutouts_are_scaled(tmp_path):
    """Pillow keeps the upper byte of each channel."""
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([DEEP] * 4))
    np.testing.assert_array_equal(read_colours(tmp_path / "a.png")[..., 3], DEEP >> 8)


def test_pixels_without_a_range_are_refused(tmp_path):
    """What is white in floats is anyone's guess."""
    Image.fromarray(DEEP.astype(np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(MediaError, match="save it with 8 or 16 bit"):
        read_plane(tmp_path / "a.tiff")


def test_classes_are_not_scaled(tmp_path):
    """Class 1 of 65535 is somebody."""
    Image.fromarray(DEEP // 128).save(tmp_path / "a.png")
    Image.fromarray(SHALLOW).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_marked(tmp_path / "a.png"), DEEP >= 128)
    np.testing.assert_array_equal(read_marked(tmp_path / "b.png"), SHALLOW > 0)


def test_planes_are_resized_to_their_share():
    """Half as large, by areas: the mean of 0 and 255 is a half."""
    plane = np.tile(np.array([0, 255], np.uint8), (4, 4))
    np.testing.assert_allclose(plane_at(plane, (2, 4)), 0.5, atol=0.003)


def test_what_can_not_be_written_leaves_nothing(tmp_path):
    """Neither a part nor a half file."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaError, match="can't write"):
        write_whole(tmp_path / "file" / "a.png", COLOURS)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(MediaError, match="can't write"):
        write_whole(tmp_path / "folder.png", COLOURS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]
