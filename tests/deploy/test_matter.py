"""Matter: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.backends import Mattes
from shm_deploy.errors import ArtifactError, SpecError
from shm_deploy.matter import Matter
from tests.deploy.fakes import FakeBackend, FakeParts

SIZES = [(16, 16), (31, 33), (64, 64), (65, 1500), (719, 1281), (1501, 40), (200, 3000)]


def noise(*shape: int) -> NDArray[np.uint8]:
    """Pixels that differ from each other."""
    return np.random.default_rng(7).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_alpha_and_trimap_have_the_size_of_the_image(size: tuple[int, int], fake_backend: FakeBackend) -> None:
    """Padding and the 1500 px rule are invisible to the caller."""
    matter = Matter(fake_backend)
    image = noise(*size, 3)
    assert matter(image).shape == size
    assert matter(image).dtype == np.uint8
    assert matter.trimap(image).shape == (*size, 3)
    assert matter.cutout(image).shape == (*size, 4)


@pytest.mark.parametrize("size", [size for size in SIZES if max(size) <= 1500], ids=str)
def test_images_within_the_rule_are_not_resampled(size: tuple[int, int], fake_backend: FakeBackend) -> None:
    """The red channel comes back as it went in."""
    image = noise(*size, 3)
    np.testing.assert_array_equal(Matter(fake_backend)(image), image[..., 0])


def test_long_edges_are_scaled_to_max_edge(fake_backend: FakeBackend) -> None:
    """The paper's rule: a longest edge over 1500 px becomes 1500; None keeps the size."""
    image = noise(300, 3000, 3)
    Matter(fake_backend)(image)
    Matter(fake_backend, max_edge=None)(image)
    Matter(fake_backend, max_edge=1000)(image)
    assert fake_backend.shapes == [(1, 150, 1500, 3), (1, 300, 3000, 3), (1, 100, 1000, 3)]


def test_tiny_images_are_padded_for_the_network(fake_backend: FakeBackend) -> None:
    """Sides from 16 px to 63 px reach the backend as 64 px."""
    Matter(fake_backend)(noise(16, 100, 3))
    assert fake_backend.shapes == [(1, 64, 100, 3)]


def test_batch_goes_in_and_out_as_one(fake_backend: FakeBackend) -> None:
    """N frames make one run and N alphas."""
    frames = noise(3, 64, 80, 3)
    np.testing.assert_array_equal(Matter(fake_backend)(frames), frames[..., 0])
    assert fake_backend.shapes == [(3, 64, 80, 3)]


def test_list_of_any_sizes_gives_a_list(fake_backend: FakeBackend) -> None:
    """Each image keeps its own size."""
    images = [noise(64, 80, 3), noise(90, 70, 3)]
    alphas = Matter(fake_backend)(images)
    assert [alpha.shape for alpha in alphas] == [(64, 80), (90, 70)]
    assert Matter(fake_backend)([]) == []


def test_bgr_frames_are_swapped(fake_backend: FakeBackend) -> None:
    """The fake gives red, which OpenCV keeps last; a cut-out keeps the order of its input."""
    frame = noise(64, 80, 3)
    frame[..., 2] = 255
    matter = Matter(fake_backend)
    np.testing.assert_array_equal(matter(frame[None], bgr=True)[0], frame[..., 2])
    np.testing.assert_array_equal(matter.cutout(frame, bgr=True)[..., :3], frame)


def test_views_are_taken(fake_backend: FakeBackend) -> None:
    """Crops and flips share memory that is not contiguous."""
    view = noise(100, 100, 3)[10:90, ::-1]
    np.testing.assert_array_equal(Matter(fake_backend)(view), view[..., 0])


@pytest.mark.parametrize(("mode", "red"), [("RGB", 10), ("RGBA", 10), ("L", 10), ("P", 10), ("CMYK", 245)])
def test_pil_images_of_any_mode_are_converted(mode: str, red: int, fake_backend: FakeBackend) -> None:
    """A grey picture of value 10; CMYK subtracts it from white."""
    colour = {"RGB": (10, 10, 10), "RGBA": (10, 10, 10, 255), "L": 10, "P": 10, "CMYK": (10, 10, 10, 0)}[mode]
    image = PIL.Image.new(mode, (80, 64), colour)
    if mode == "P":
        image.putpalette([channel for level in range(256) for channel in (level, level, level)])
    alpha = Matter(fake_backend)(image)
    assert alpha.shape == (64, 80)
    assert np.all(alpha == red)


def test_float_alpha_comes_from_the_parts(fake_parts: FakeParts) -> None:
    """It is the value before rounding to bytes: T-Net says unknown, M-Net red / 255."""
    image = noise(64, 80, 3)
    alpha = Matter(fake_parts)(image, dtype=np.float32)
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, image[..., 0] / 255, atol=1e-7)
    assert fake_parts.calls == ["tnet", "mnet", "fusion"]


def test_edited_trimap_replaces_that_of_tnet(fake_parts: FakeParts) -> None:
    """255 is foreground, 0 background, 128 M-Net's business; T-Net is not asked for a trimap."""
    image = np.full((64, 80, 3), 51, np.uint8)
    picture = np.full((64, 80), 128, np.uint8)
    picture[:10] = 255
    picture[50:] = 0
    alpha = Matter(fake_parts)(image, trimap=picture)
    assert alpha.dtype == np.uint8
    assert [alpha[0, 0], alpha[30, 30], alpha[60, 60]] == [255, 51, 0]
    assert fake_parts.calls == ["mnet", "fusion"]


def test_edited_trimap_as_probabilities(fake_parts: FakeParts) -> None:
    """Half foreground, half unknown: 0.5 + 0.5 * 0.2."""
    image = np.full((64, 80, 3), 51, np.uint8)
    trimap = np.zeros((64, 80, 3), np.float32)
    trimap[..., [spec.FOREGROUND, spec.UNKNOWN]] = 0.5
    alpha = Matter(fake_parts)(image, trimap=trimap, dtype=np.float32)
    np.testing.assert_allclose(alpha, 0.6, atol=1e-6)


def test_edited_trimaps_go_through_lists_batches_and_scaling(fake_parts: FakeParts) -> None:
    """One per image, each of its image's own size."""
    matter = Matter(fake_parts, max_edge=100)
    images = [noise(64, 80, 3), noise(200, 120, 3)]
    trimaps = [np.full(image.shape[:2], 255, np.uint8) for image in images]
    for alpha, image in zip(matter(images, trimaps), images, strict=True):
        assert alpha.shape == image.shape[:2]
        assert np.all(alpha == 255)
    assert np.all(matter(noise(2, 64, 64, 3), np.full((2, 64, 64), 255, np.uint8)) == 255)


@pytest.mark.parametrize(
    "trimap",
    [
        np.zeros((64, 81), np.uint8),
        np.zeros((64, 80), np.float32),
        np.zeros((64, 80, 3), np.float32),  # sums to 0
        np.full((64, 80, 3), np.nan, np.float32),
        np.full((64, 80, 3), 255, np.uint8),  # a picture saved as RGB
        [[0]],
    ],
    ids=["size", "dtype", "sum", "nan", "rgb", "list"],
)
def test_wrong_trimaps_are_refused(trimap: NDArray[np.uint8], fake_parts: FakeParts) -> None:
    """Before anything runs."""
    with pytest.raises(SpecError, match="trimap"):
        Matter(fake_parts)(noise(64, 80, 3), trimap=trimap)
    assert fake_parts.calls == []


def test_number_of_trimaps_must_be_that_of_images(fake_parts: FakeParts) -> None:
    """A list of images wants a list of trimaps."""
    with pytest.raises(SpecError, match="1 trimaps for 2 images"):
        Matter(fake_parts)([noise(64, 64, 3)] * 2, [np.zeros((64, 64), np.uint8)])


def test_backend_without_parts_says_what_is_missing(fake_backend: FakeBackend) -> None:
    """Float alphas need T-Net, M-Net and fusion."""
    with pytest.raises(ArtifactError, match="tnet, mnet, fusion"):
        Matter(fake_backend)(noise(64, 64, 3), dtype=np.float32)


def test_result_has_alpha_and_trust_of_one_run(fake_backend: FakeBackend) -> None:
    """The trimap that trust is read from comes with the alpha."""
    image = np.zeros((64, 80, 3), np.uint8)
    image[..., spec.BACKGROUND] = 255
    result = Matter(fake_backend).matte(image)
    assert result.alpha.shape == (64, 80)
    assert result.trust.nobody
    assert len(fake_backend.shapes) == 1


def test_only_single_images_have_results(fake_backend: FakeBackend) -> None:
    """A batch is refused where one image is wanted."""
    with pytest.raises(SpecError, match="one image"):
        Matter(fake_backend).matte(noise(2, 64, 64, 3))


@pytest.mark.parametrize("read", [str, lambda text: text.encode(), lambda text: bytearray(text.encode())])
def test_name_or_bytes_of_a_file_are_no_list_of_images(
    read: Callable[[str], Sequence[object]], fake_backend: FakeBackend
) -> None:
    """Though Python counts all three among the sequences."""
    with pytest.raises(SpecError, match="read the file first"):
        Matter(fake_backend)(read("portrait.jpg"))  # type: ignore[call-overload]


def test_wrong_dtype_asked_for_is_refused(fake_parts: FakeParts) -> None:
    """Alpha is uint8 or float32."""
    with pytest.raises(SpecError, match=r"np\.uint8 or np\.float32"):
        Matter(fake_parts)(noise(64, 64, 3), dtype=np.float64)  # type: ignore[call-overload]


def test_warmup_runs_each_size(fake_backend: FakeBackend) -> None:
    """Sizes are (height, width), and follow the 1500 px rule like any frame."""
    Matter(fake_backend).warmup([(64, 128), (1500, 3000)])
    assert fake_backend.shapes == [(1, 64, 128, 3), (1, 750, 1500, 3)]


def test_close_releases_once_and_later_calls_say_so(fake_backend: FakeBackend) -> None:
    """Use after close is an error of the library."""
    with Matter(fake_backend) as matter:
        matter(noise(64, 64, 3))
    matter.close()
    assert fake_backend.num_closed == 1
    with pytest.raises(SpecError, match="closed"):
        matter(noise(64, 64, 3))


def test_close_waits_for_running_calls() -> None:
    """Nothing is released under a call that still runs."""
    started, go_on = threading.Event(), threading.Event()

    class Slow(FakeBackend):
        def run(self, frames: NDArray[np.uint8]) -> Mattes:
            started.set()
            assert go_on.wait(10)
            assert self.num_closed == 0
            return super().run(frames)

    matter = Matter(Slow())
    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(matter, noise(64, 64, 3))
        assert started.wait(10)
        closing = pool.submit(matter.close)
        go_on.set()
        assert call.result(10).shape == (64, 64)
        closing.result(10)


def test_info_of_a_backend_of_ones_own(fake_backend: FakeBackend) -> None:
    """No file, so nothing is said about one."""
    info = Matter(fake_backend).info()
    assert (info.backend, info.device, info.model, info.sha256) == ("fake", "cpu", None, None)
    assert not info.golden_checked


def test_options_for_files_are_refused_with_an_open_backend(fake_backend: FakeBackend) -> None:
    """What was asked for runs, or an error says why not."""
    with pytest.raises(SpecError, match="for files"):
        Matter(fake_backend, "cuda")


@pytest.mark.parametrize("max_edge", [0, 15, -1])
def test_max_edge_below_the_smallest_side_is_refused(max_edge: int, fake_backend: FakeBackend) -> None:
    """No image could pass."""
    with pytest.raises(SpecError, match="max_edge"):
        Matter(fake_backend, max_edge=max_edge)


def test_model_that_is_neither_file_nor_backend_is_refused() -> None:
    """The message names what is wanted."""
    with pytest.raises(SpecError, match="got a model of type int"):
        Matter(3)  # type: ignore[arg-type]


def test_opens_a_file_and_its_parts(tiny_model: Path) -> None:
    """Red 51, green 102, blue 255: joined gives red; parts 51/255 + 255/255 * 102/255 = 0.6."""
    image = np.full((64, 80, 3), (51, 102, 255), np.uint8)
    with Matter(tiny_model, "cpu", threads=1) as matter:
        assert np.all(matter(image) == 51)
        np.testing.assert_allclose(matter(image, dtype=np.float32), 0.6, atol=1e-6)
        info = matter.info()
    assert (info.model, info.backend, info.device, info.threads) == (tiny_model, "onnxruntime", "cpu", 1)
    assert info.providers == ("CPUExecutionProvider",)
    assert info.sha256 == Matter.probe(tiny_model).sha256


def test_alpha_is_the_same_from_eight_threads(tiny_model: Path) -> None:
    """Bit for bit, in whatever order they run."""
    frames = [noise(64 + 8 * index, 80, 3) for index in range(8)]
    with Matter(tiny_model) as matter, ThreadPoolExecutor(8) as pool:
        alone = [matter(frame) for frame in frames]
        for together in pool.map(lambda _: [matter(frame) for frame in frames], range(8)):
            for first, second in zip(alone, together, strict=True):
                np.testing.assert_array_equal(first, second)
