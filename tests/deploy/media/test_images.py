"""Reading and writing still images."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import ExifTags, Image

from shm_deploy.errors import MediaError
from shm_deploy.media.decoding import TooManyPixels
from shm_deploy.media.formats import AVIF, FORMATS, JPEG, PNG, TIFF, WEBP, ImageFormat
from shm_deploy.media.images import Photo, encode_image, read_photo
from shm_deploy.media.metadata import Metadata
from tests.deploy.media import zoo


def decoded(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_rgb_pixels_come_through_unchanged(tmp_path: Path) -> None:
    """A lossless RGB file gives exactly its pixels, and no opacity."""
    path = tmp_path / "portrait.png"
    path.write_bytes(zoo.encoded(zoo.portrait()))
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, np.array(zoo.portrait()))
    assert photo.opacity is None


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bit_grey_is_scaled_by_its_range(kind: str) -> None:
    """65535 is 255 whatever the picture's own maximum is; values between are rounded."""
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16).repeat(32, axis=0).repeat(6, axis=1)
    photo = read_photo(zoo.encoded(Image.fromarray(values), kind))
    assert photo.pixels[0, ::6].tolist() == [[v] * 3 for v in (0, 0, 1, 1, 128, 255)]
    dark = read_photo(zoo.encoded(Image.fromarray(values[:, :12] // 2), kind))
    assert dark.pixels.max() == 0


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_colours_become_eight(suffix: str) -> None:
    """Red 65535 is 255, green 32896 is 128, blue 0 is 0; opacity 40000 is 156 of 255."""
    bgra = np.zeros((20, 30, 4), np.uint16)
    bgra[...] = (0, 32896, 65535, 40000)
    opaque = read_photo(cv2.imencode(suffix, bgra[..., :3])[1].tobytes())
    assert opaque.opacity is None
    assert opaque.pixels[0, 0].tolist() == [255, 128, 0]
    layered = read_photo(cv2.imencode(suffix, bgra)[1].tobytes())
    assert layered.opacity is not None
    assert np.unique(layered.opacity).tolist() == [156]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_defined_white_are_refused(mode: str) -> None:
    """32-bit integers and floats are not guessed at."""
    with pytest.raises(MediaError, match="8 or 16 bit"):
        read_photo(zoo.encoded(Image.new(mode, (20, 20)), "TIFF"))


def test_grey_with_alpha_is_laid_over_white() -> None:
    """Grey 100 at opacity 51/255 over white is 255 - 0.2 * 155 = 224."""
    photo = read_photo(zoo.encoded(Image.new("LA", (20, 20), (100, 51))))
    assert photo.pixels.min() == photo.pixels.max() == 224
    assert photo.opacity is not None
    assert np.unique(photo.opacity).tolist() == [51]


def test_palette_with_transparency_is_laid_over_white() -> None:
    """A palette entry that is transparent is white with opacity 0."""
    picture = zoo.portrait().quantize(2)
    index = picture.getpixel((0, 0))
    photo = read_photo(zoo.encoded(picture, transparency=index))
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]
    assert photo.opacity is not None
    assert photo.opacity[0, 0] == 0
    assert photo.opacity[30, 24] == 255


def test_one_bit_is_black_and_white() -> None:
    """A fax becomes RGB of 0 and 255."""
    photo = read_photo(zoo.encoded(Image.new("1", (20, 20), 1), "TIFF"))
    assert np.unique(photo.pixels).tolist() == [255]


def test_cmyk_without_profile_uses_plain_inks() -> None:
    """Full cyan ink and no other is RGB (0, 255, 255); JPEG may be off by a few levels."""
    photo = read_photo(zoo.encoded(Image.new("CMYK", (20, 20), (255, 0, 0, 0)), "JPEG", quality=100))
    assert np.abs(photo.pixels.astype(int) - (0, 255, 255)).max() <= 3


def test_cmyk_goes_through_its_profile_which_is_then_dropped() -> None:
    """A profile in which every ink is L* 50 gives sRGB grey 119, and RGB pixels don't carry a CMYK profile."""
    profile = zoo.flat_cmyk_profile(50)
    photo = read_photo(zoo.encoded(Image.new("CMYK", (20, 20), (255, 0, 0, 0)), "JPEG", icc_profile=profile))
    assert np.abs(photo.pixels.astype(int) - 119).max() <= 2
    assert photo.metadata.icc_profile is None


def test_grey_goes_through_its_profile_which_is_then_dropped() -> None:
    """55/255 of the light is 128 in sRGB."""
    photo = read_photo(zoo.encoded(Image.new("L", (20, 20), 55), icc_profile=zoo.linear_grey_profile()))
    assert np.abs(photo.pixels.astype(int) - 128).max() <= 1
    assert photo.metadata.icc_profile is None


def test_profile_that_does_not_fit_the_pixels_is_dropped() -> None:
    """RGB pixels with a CMYK profile, as careless converters write them, lose it."""
    photo = read_photo(zoo.encoded(zoo.portrait(), icc_profile=zoo.flat_cmyk_profile(50)))
    assert photo.metadata.icc_profile is None
    assert np.array_equal(photo.pixels, np.array(zoo.portrait()))


def test_broken_profile_of_cmyk_falls_back_to_plain_inks(caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that are no profile are passed over, as every viewer does."""
    photo = read_photo(
        zoo.encoded(Image.new("CMYK", (20, 20), (0, 0, 0, 0)), "JPEG", quality=100, icc_profile=b"no profile" * 20)
    )
    assert photo.pixels.min() >= 252
    assert photo.metadata.icc_profile is None


def test_profile_with_a_nonsense_colour_space_is_dropped() -> None:
    """Its name need not even be text."""
    profile = zoo.linear_rgb_profile().replace(b"RGB ", b"\xff\xff\xff\xff")
    assert read_photo(zoo.encoded(zoo.portrait(), icc_profile=profile)).metadata.icc_profile is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_removed(orientation: int, kind: str) -> None:
    """A rotated or mirrored photograph comes upright, and its result says so once."""
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:12, :20] = 255  # top left
    upright[12:, :20] = 128  # bottom left
    stored = Image.fromarray(np.ascontiguousarray(zoo.stored_as(upright, orientation)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "A. Nyone"
    photo = read_photo(zoo.encoded(stored, kind, exif=exif, quality=100))
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).max() <= 4
    written = decoded(encode_image(photo.pixels, PNG, photo.metadata)).getexif()
    assert ExifTags.Base.Orientation not in written
    assert written[ExifTags.Base.Artist] == "A. Nyone"


def test_orientation_in_xmp_alone_is_applied_and_removed() -> None:
    """Some editors write it there only; a second reader must not turn the picture again."""
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:12] = 255
    data = zoo.encoded(Image.fromarray(np.rot90(upright).copy()), "JPEG", xmp=zoo.XMP, quality=100)
    photo = read_photo(data)
    assert photo.pixels.shape == upright.shape
    assert photo.metadata.xmp is not None
    assert b"Orientation" not in photo.metadata.xmp
    assert b'dc:title="zoo"' in photo.metadata.xmp


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(kind: str) -> None:
    """Later frames are not looked at."""
    photo = read_photo(zoo.animated(kind))
    assert photo.pixels.shape == (40, 48, 3)
    assert np.abs(photo.pixels[2, 2].astype(int) - zoo.BLUE).max() <= 12


def test_one_pixel_is_read() -> None:
    """It is a picture; that it is too small for the network is for the network to say."""
    assert read_photo(zoo.encoded(Image.new("RGB", (1, 1), zoo.RED))).pixels.tolist() == [[list(zoo.RED)]]


def test_pixels_are_counted_before_they_are_decoded() -> None:
    """A broken picture that claims one pixel too many is refused for its claim; at the limit, for being broken."""
    bomb = zoo.png_claiming(100, 50)
    with pytest.raises(TooManyPixels, match=r"100x50 px, more than the 4999 allowed"):
        read_photo(bomb, max_pixels=4999)
    with pytest.raises(MediaError, match="broken or truncated"):
        read_photo(bomb, max_pixels=5000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"Dear diary, this is no picture.\n" * 20, "no picture"),
        (zoo.encoded(zoo.portrait(400, 400), "JPEG")[:2000], "broken or truncated"),
        (zoo.encoded(zoo.portrait())[:90], "broken or truncated"),
        (zoo.png_claiming(40000, 40000), "more pixels"),
        (b"\0\0\0\x18ftypheic" + bytes(200), "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    ],
    ids=["empty", "text", "cut jpeg", "cut png", "bomb", "heic", "eps"],
)
def test_what_is_no_whole_picture_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    """Each with a message that names the file and the reason."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=message) as caught:
        read_photo(path)
    assert "photo.jpg" in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    """The system's reason is passed on."""
    with pytest.raises(MediaError, match="No such file"):
        read_photo(tmp_path / "nothing.png")
    with pytest.raises(MediaError, match="directory"):
        read_photo(tmp_path)


SEEDS = [
    zoo.encoded(zoo.portrait(), "JPEG", exif=Image.Exif()),
    zoo.encoded(zoo.portrait(), "PNG", icc_profile=zoo.rgb_profile(), dpi=(300, 300)),
    zoo.encoded(zoo.portrait(), "TIFF", compression="tiff_lzw"),
    zoo.encoded(zoo.portrait(), "WEBP"),
    zoo.encoded(zoo.portrait().quantize(4), "GIF"),
    zoo.encoded(zoo.portrait(), "BMP"),
    zoo.encoded(Image.new("CMYK", (20, 20)), "JPEG", icc_profile=zoo.flat_cmyk_profile(50)),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12),
    length=st.integers(0, 4000),
)
def test_damaged_files_give_a_picture_or_a_media_error(seed: bytes, edits: list[tuple[int, int]], length: int) -> None:
    """Whatever happens to the bytes, no other exception comes out."""
    damaged = bytearray(seed[:length])
    for place, value in edits:
        if damaged:
            damaged[place % len(damaged)] = value
    try:
        photo = read_photo(bytes(damaged))
    except MediaError:
        return
    assert isinstance(photo, Photo)
    assert photo.pixels.ndim == 3


@settings(max_examples=40, deadline=None)
@given(
    pixels=arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from((3, 4))), fill=st.just(7)
    ),
    kind=st.sampled_from((PNG, TIFF)),
)
def test_lossless_formats_give_back_every_pixel(pixels: NDArray[np.uint8], kind: ImageFormat) -> None:
    """Colours under alpha 0 included."""
    picture = decoded(encode_image(pixels, kind, Metadata()))
    assert np.array_equal(np.array(picture), pixels)


@pytest.mark.parametrize("kind", [PNG, TIFF, WEBP], ids=lambda kind: kind.name)
def test_alphas_are_stored_without_loss(kind: ImageFormat) -> None:
    """An alpha is data: 256 levels in, the same out."""
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = decoded(encode_image(alpha, kind, Metadata()))
    assert np.array_equal(np.array(picture.convert("L")), alpha)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_metadata_travels_as_far_as_the_format_allows(kind: ImageFormat) -> None:
    """Author, place, XMP, colour profile and resolution survive from a JPEG into every format."""
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = "A. Nyone"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 9999
    source = zoo.encoded(zoo.portrait(), "JPEG", exif=exif, xmp=zoo.XMP, icc_profile=zoo.rgb_profile(), dpi=(240, 240))
    photo = read_photo(source)
    picture = decoded(encode_image(photo.pixels, kind, photo.metadata))
    written = picture.getexif()
    assert written[ExifTags.Base.Copyright] == "A. Nyone"
    assert written.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert written.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] == photo.pixels.shape[1]
    assert b'dc:title="zoo"' in picture.info["xmp"]
    assert picture.info["icc_profile"] == zoo.rgb_profile_of(source)
    if kind in (PNG, JPEG, TIFF):
        assert picture.info["dpi"] == pytest.approx((240, 240), abs=0.02)


def test_grey_results_carry_no_rgb_profile() -> None:
    """A PNG with one channel and an RGB profile is invalid."""
    data = encode_image(np.zeros((20, 20), np.uint8), PNG, Metadata(icc_profile=zoo.rgb_profile()))
    assert "icc_profile" not in decoded(data).info


def test_storage_tags_of_a_tiff_stay_behind() -> None:
    """Strip offsets and bit depths of one file would be lies in another."""
    photo = read_photo(zoo.encoded(zoo.portrait(), "TIFF", compression="tiff_lzw", software="zoo"))
    written = decoded(encode_image(photo.pixels, PNG, photo.metadata)).getexif()
    assert dict(written) == {ExifTags.Base.Software: "zoo"}


def test_metadata_too_long_for_a_jpeg_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """A PNG may hold megabytes of XMP, a JPEG segment 64 KiB: the picture is written, the log tells."""
    xmp = b"<x>" + b" " * 70_000 + b"</x>"
    data = encode_image(np.zeros((20, 20, 3), np.uint8), JPEG, Metadata(xmp=xmp))
    assert "xmp" not in decoded(data).info
    assert "left out" in caplog.text


def test_formats_too_small_for_a_picture_are_refused_by_name() -> None:
    """WebP ends at 16383 px."""
    with pytest.raises(MediaError, match="16383"):
        encode_image(np.zeros((1, 16384), np.uint8), WEBP, Metadata())


def test_failing_encoder_is_a_media_error() -> None:
    """Pillow's own failure is the cause of the library's."""
    with pytest.raises(MediaError, match="can't encode"):
        encode_image(np.zeros((4, 4, 4), np.uint8), JPEG, Metadata())


def test_avif_keeps_a_smooth_alpha() -> None:
    """Quality 90 in 4:4:4 moves a ramp by little."""
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    picture = decoded(encode_image(np.dstack([ramp, ramp, ramp, ramp]), AVIF, Metadata()))
    assert np.abs(np.array(picture)[..., 3].astype(int) - ramp).max() <= 4
