"""Clips as folders of PNGs."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.products import Product
from shm_deploy.media.progress import Progress
from shm_deploy.media.video.clips import WARM_UP, ClipSummary, matte_clip_to_pngs
from shm_deploy.media.video.recipe import ClipRecipe
from tests.deploy.media.video import zoo
from tests.deploy.media.video.test_parts import InterruptedBackend, Interruption

ToPngs = Callable[..., ClipSummary]


@pytest.fixture
def fake_backend() -> InterruptedBackend:
    """In place of the usual fake; it can be interrupted."""
    backend = InterruptedBackend()
    backend.limit = None
    return backend


@pytest.fixture
def to_pngs(matter: Matter) -> ToPngs:
    """`to_pngs(source, folder, …)`, verified."""

    def matte(source: Path, folder: Path, **options: Any) -> ClipSummary:
        recipe = ClipRecipe(wanted=Product.CUTOUT, premultiplied=options.pop("premultiplied", False))
        settings: dict[str, Any] = {"overwrite": False, "resume": False, "verify": True} | options
        return matte_clip_to_pngs(
            matter, source, folder, recipe, progress=lambda total: Progress(total, io.StringIO()), **settings
        )

    return matte


def listed_times(folder: Path) -> list[float]:
    """When FFmpeg shows each picture [s]."""
    with av.open(folder / "frames.ffconcat", format="concat", options={"safe": "0"}) as container:
        return [float(frame.time or 0) for frame in container.decode(container.streams.video[0])]


def test_frames_are_numbered_and_their_times_listed(tmp_path: Path, to_pngs: ToPngs) -> None:
    """RGBA, straight; the list is one that FFmpeg reads."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=zoo.UNEVEN)
    assert to_pngs(source, tmp_path / "frames").lost == ()
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"{number:06d}.png" for number in range(8)] + ["frames.ffconcat"]
    with Image.open(tmp_path / "frames" / "000003.png") as picture:
        assert (picture.mode, picture.size) == ("RGBA", (96, 64))
        assert int(np.array(picture)[40, 20, 3]) == pytest.approx(220, abs=2)
    assert listed_times(tmp_path / "frames") == pytest.approx([float(pts) for pts in zoo.UNEVEN], abs=0.001)


def test_lost_audio_is_said(tmp_path: Path, to_pngs: ToPngs) -> None:
    """Pictures are silent."""
    source = zoo.write_clip(tmp_path / "source.mp4", audio=("aac",))
    assert to_pngs(source, tmp_path / "frames").lost == ("audio: 1 tracks, which PNGs can't hold",)


def test_interrupted_folder_goes_on(tmp_path: Path, to_pngs: ToPngs, fake_backend: InterruptedBackend) -> None:
    """What is there already is not done again, but for the frames to warm up with; the times are all there."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=[Fraction(number, 25) for number in range(40)])
    fake_backend.limit = 30
    with pytest.raises(Interruption):
        to_pngs(source, tmp_path / "frames")
    fake_backend.limit = None
    summary = to_pngs(source, tmp_path / "frames", resume=True)
    assert summary.num_frames == 40
    assert 20 <= summary.num_resumed <= 30
    assert len(fake_backend.shapes) == 30 + WARM_UP + 40 - summary.num_resumed
    assert listed_times(tmp_path / "frames")[-1] == pytest.approx(39 / 25, abs=0.001)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "source.mp4"]


def test_frames_of_another_clip_are_replaced_as_a_whole(tmp_path: Path, to_pngs: ToPngs) -> None:
    """And only if --overwrite is given."""
    long, short = (
        zoo.write_clip(tmp_path / name, times=zoo.STEADY[:num]) for name, num in (("a.mp4", 10), ("b.mp4", 3))
    )
    to_pngs(long, tmp_path / "frames")
    with pytest.raises(MediaError, match="--overwrite"):
        to_pngs(short, tmp_path / "frames")
    to_pngs(short, tmp_path / "frames", overwrite=True)
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png", "frames.ffconcat"]


@pytest.mark.parametrize("overwrite", [False, True], ids=["", "overwrite"])
def test_folder_with_anything_else_is_never_replaced(overwrite: bool, tmp_path: Path, to_pngs: ToPngs) -> None:
    """Least of all that of the source."""
    (tmp_path / "clips").mkdir()
    source = zoo.write_clip(tmp_path / "clips" / "source.mp4")
    with pytest.raises(MediaError, match=r"holds source\.mp4"):
        to_pngs(source, source.parent, overwrite=overwrite)
    assert [path.name for path in source.parent.iterdir()] == ["source.mp4"]


def test_unfinished_folder_is_replaced_and_another_of_its_name_is_not(tmp_path: Path, to_pngs: ToPngs) -> None:
    """`frames.part/` of a killed run may hold a picture that is half there; anything else in it is somebody's own."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    (tmp_path / "frames.part").mkdir()
    (tmp_path / "frames.part" / "000000.part").write_text("half")
    assert to_pngs(source, tmp_path / "frames").lost == ()
    assert not (tmp_path / "frames.part").exists()
    (tmp_path / "others.part").mkdir()
    (tmp_path / "others.part" / "thesis.tex").write_text("mine")
    with pytest.raises(MediaError, match=r"others\.part is not empty and holds thesis\.tex"):
        to_pngs(source, tmp_path / "others")
    assert (tmp_path / "others.part" / "thesis.tex").read_text() == "mine"


def test_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, to_pngs: ToPngs) -> None:
    """Before any work, with --overwrite too."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    (tmp_path / "frames").write_text("mine")
    with pytest.raises(MediaError, match="is a file"):
        to_pngs(source, tmp_path / "frames", overwrite=True)


def test_folder_without_a_name_of_its_own_is_refused(
    tmp_path: Path, to_pngs: ToPngs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working folder, or the one above it."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for folder in (Path(), Path("..")):
        with pytest.raises(SpecError, match="name of its own"):
            to_pngs(source, folder, overwrite=True)


def test_premultiplied_pngs_are_refused(tmp_path: Path, to_pngs: ToPngs) -> None:
    """Their standard says straight."""
    with pytest.raises(SpecError, match="straight"):
        to_pngs(zoo.write_clip(tmp_path / "source.mp4"), tmp_path / "frames", premultiplied=True)
