"""Picture files in, picture files out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shm_deploy.backends import Mattes
from shm_deploy.errors import BackendError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Background, Blur, Colour
from shm_deploy.media.formats import PNG
from shm_deploy.media.planning import Job
from shm_deploy.media.products import Product
from shm_deploy.media.progress import Progress
from shm_deploy.media.stills import Failure, Recipe, Summary, matte_files, matte_picture
from tests.deploy.fakes import FakeBackend
from tests.deploy.media import zoo


def matted(matter: Matter, picture: Image.Image, wanted: Product | Background) -> NDArray[np.uint8]:
    data = matte_picture(matter, zoo.encoded(picture), Recipe(wanted=wanted, kind=PNG))
    return np.array(Image.open(io.BytesIO(data)))


def halves(left: tuple[int, ...], right: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    """A picture of 64x32 px in two colours."""
    picture = Image.new(mode, (64, 32), left)
    picture.paste(right, (32, 0, 64, 32))
    return picture


def test_cutout_has_the_alpha_and_the_persons_colours(matter: Matter) -> None:
    """Red is the person here: opaque where it is 255, transparent where it is 0."""
    result = matted(matter, halves((255, 40, 40), (0, 40, 200)), Product.CUTOUT)
    assert result.shape == (32, 64, 4)
    assert result[5, 5].tolist() == [255, 40, 40, 255]
    assert result[5, 60, 3] == 0


def test_alpha_is_grey(matter: Matter) -> None:
    """The red channel itself, with this backend."""
    result = matted(matter, halves((255, 40, 40), (77, 40, 200)), Product.ALPHA)
    assert result[5].tolist() == [255] * 32 + [77] * 32


def test_trimap_is_a_picture_of_three_values(matter: Matter) -> None:
    """Red is a person, green background, blue unknown."""
    picture = halves((255, 0, 0), (0, 200, 0))
    picture.paste((0, 0, 200), (24, 0, 40, 32))
    result = matted(matter, picture, Product.TRIMAP)
    assert result[5].tolist() == [255] * 24 + [128] * 16 + [0] * 24


def test_foreground_has_no_alpha(matter: Matter) -> None:
    """RGB, the image's own where the person is whole."""
    result = matted(matter, halves((255, 40, 40), (0, 40, 200)), Product.FOREGROUND)
    assert result.shape == (32, 64, 3)
    assert result[5, 5].tolist() == [255, 40, 40]


@pytest.mark.parametrize("background", [Colour(red=1, green=2, blue=3), Blur()])
def test_background_is_put_behind(background: Background, matter: Matter) -> None:
    """The person stays, the rest is the new background."""
    result = matted(matter, halves((255, 40, 40), (0, 40, 200)), background)
    assert result[5, 5].tolist() == [255, 40, 40]
    expected = [1, 2, 3] if isinstance(background, Colour) else [0, 40, 200]
    assert np.abs(result[5, 60].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("wanted", [Product.ALPHA, Product.TRIMAP])
def test_what_was_transparent_stays_so(wanted: Product, matter: Matter) -> None:
    """A cut-out of another program, opaque on the left only: white under nothing is no person."""
    result = matted(matter, halves((255, 0, 0, 255), (255, 0, 0, 0), "RGBA"), wanted)
    assert result[5, 5] == 255
    assert result[5, 60] == 0


def test_too_small_pictures_are_refused(matter: Matter) -> None:
    """A pixel is no photograph."""
    with pytest.raises(SpecError, match="at least 16"):
        matted(matter, Image.new("RGB", (1, 1)), Product.ALPHA)


def run(matter: Matter, folder: Path, names: list[str], *, overwrite: bool = False) -> tuple[Summary, str]:
    messages = io.StringIO()
    jobs = [Job(source=folder / name, target=folder / "out" / f"{Path(name).stem}.png") for name in names]
    recipe = Recipe(wanted=Product.ALPHA, kind=PNG)
    progress = Progress(len(jobs), messages)
    return matte_files(matter, jobs, recipe, overwrite=overwrite, progress=progress), messages.getvalue()


def test_broken_picture_is_reported_and_the_others_are_done(matter: Matter, tmp_path: Path) -> None:
    """Nothing of it is left in the output folder."""
    for name in ("a.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    (tmp_path / "b.jpg").write_bytes(zoo.encoded(zoo.portrait(), "JPEG")[:300])
    summary, messages = run(matter, tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    assert summary.written == 2
    assert [failure.source for failure in summary.failed] == [str(tmp_path / "b.jpg")]
    assert "b.jpg" in messages
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]


def test_existing_results_are_kept_and_counted_as_failed(matter: Matter, tmp_path: Path) -> None:
    """An interrupted run goes on where it stopped; overwriting has to be asked for."""
    (tmp_path / "a.jpg").write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"old")
    summary, _ = run(matter, tmp_path, ["a.jpg"])
    assert "--overwrite" in summary.failed[0].reason
    assert (tmp_path / "out" / "a.png").read_bytes() == b"old"
    summary, _ = run(matter, tmp_path, ["a.jpg"], overwrite=True)
    assert summary.failed == ()
    assert (tmp_path / "out" / "a.png").read_bytes() != b"old"


class BrokenBackend(FakeBackend):
    """Fails at the second picture."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        if len(self.shapes) == 1:
            raise BackendError("the GPU fell off the bus")
        return super().run(frames)


def test_failing_runtime_ends_the_list_with_a_summary(tmp_path: Path) -> None:
    """What was done and skipped before it, where it was, and how much is left."""
    for name in ("b.jpg", "c.jpg", "d.jpg", "e.jpg"):
        (tmp_path / name).write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    (tmp_path / "a.jpg").write_bytes(b"")
    with Matter(BrokenBackend()) as matter:
        summary, _ = run(matter, tmp_path, ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"])
    assert (summary.written, len(summary.failed), summary.left) == (1, 1, 2)
    assert summary.stopped == Failure(source=str(tmp_path / "c.jpg"), reason="the GPU fell off the bus")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
