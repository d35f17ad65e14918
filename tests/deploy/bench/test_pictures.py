"""Pictures for a benchmark: which files, which size, which alpha."""

import numpy as np
import pytest
from PIL import Image

from shm_deploy.bench.pictures import Picture, parse_size, read_pictures, size_text
from shm_deploy.errors import MediaError, SpecError


@pytest.mark.parametrize(("text", "size"), [("512", (512, 512)), ("1500x1125", (1125, 1500)), ("16X64", (64, 16))])
def test_a_size_is_width_by_height(text, size):
    """In commands width comes first, in Python height."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x512", "512x", "-512", "1.5", "15", "512x8", "512x512x3"])
def test_a_bad_size_is_refused(text):
    """No guess is made."""
    with pytest.raises(SpecError, match="size"):
        parse_size(text)


def test_a_size_is_printed_as_it_is_typed():
    """Height and width swap again."""
    assert size_text((1125, 1500)) == "1500x1125"


def test_a_picture_is_cut_in_the_middle_not_squeezed():
    """A 4x8 picture covers 4x4 as it is; columns 2 to 5 remain, of the alpha too."""
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[..., 0] = np.arange(8) * 10
    fitted = Picture(name="p", pixels=pixels, alpha=pixels[..., 0] / np.float32(255)).fitted((4, 4))
    assert fitted.pixels.shape == (4, 4, 3)
    assert fitted.pixels[0, :, 0].tolist() == [20, 30, 40, 50]
    assert (fitted.alpha * 255).round()[0].tolist() == [20, 30, 40, 50]


@pytest.mark.parametrize("size", [(31, 33), (200, 90), (90, 200), (719, 16)], ids=str)
def test_a_picture_fits_any_size(size):
    """Larger or smaller, taller or wider: the result has exactly the size, and stays flat where it was."""
    fitted = Picture(name="p", pixels=np.full((50, 70, 3), 7, np.uint8), alpha=None).fitted(size)
    assert fitted.pixels.shape == (*size, 3)
    assert (fitted.pixels == 7).all()
    assert fitted.alpha is None


def test_a_folder_gives_its_pictures_in_order(photos):
    """Names decide; what is no picture is passed over."""
    (photos / "notes.txt").write_text("no picture")
    pictures = read_pictures([photos], photos / "alphas")
    assert [picture.name for picture in pictures] == ["a.png", "b.png"]
    assert [picture.pixels.shape for picture in pictures] == [(80, 96, 3), (100, 80, 3)]
    np.testing.assert_allclose(pictures[0].alpha, pictures[0].pixels[..., 0] / 255, atol=1e-6)


def test_an_alpha_may_be_the_alpha_channel_of_a_cutout(photos):
    """RGBA cut-outs serve as truth."""
    rgba = np.zeros((80, 96, 4), np.uint8)
    rgba[..., 3] = 51
    Image.fromarray(rgba).save(photos / "alphas" / "a.png")
    assert read_pictures([photos / "a.png"], photos / "alphas")[0].alpha == pytest.approx(0.2)


def test_an_empty_folder_is_an_error(tmp_path):
    """Nothing measured is not a result."""
    with pytest.raises(MediaError, match="no picture in"):
        read_pictures([tmp_path], None)


def test_a_missing_alpha_is_an_error(photos):
    """A picture without its alpha is not judged in silence."""
    (photos / "alphas" / "b.png").unlink()
    with pytest.raises(MediaError, match=r"0 alphas for b\.png"):
        read_pictures([photos], photos / "alphas")


def test_an_alpha_of_another_size_is_an_error(photos):
    """It would be another picture's."""
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(photos / "alphas" / "a.png")
    with pytest.raises(MediaError, match=r"6x5.*96x80"):
        read_pictures([photos / "a.png"], photos / "alphas")


def test_a_colour_picture_is_no_alpha(photos):
    """The photograph itself given as its alpha is noticed."""
    with pytest.raises(MediaError, match="colour picture"):
        read_pictures([photos / "a.png"], photos)


def test_an_alpha_beside_its_picture_needs_no_folder(photos):
    """NAME.alpha.png belongs to NAME.png, and is no picture of its own."""
    Image.fromarray(np.full((80, 96), 51, np.uint8)).save(photos / "a.alpha.png")
    first, second = read_pictures([photos], None)
    assert first.alpha == pytest.approx(0.2)
    assert second.alpha is None


def test_an_alpha_of_16_bit_is_scaled(photos):
    """By the reader that an export has."""
    Image.fromarray(np.full((80, 96), 13107, np.uint16)).save(photos / "a.alpha.png")
    assert read_pictures([photos / "a.png"], None)[0].alpha == pytest.approx(0.2)
