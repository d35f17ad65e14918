"""shm-matte on videos."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from shm_deploy.cli.matte import main
from tests.deploy.cli.test_matte import usage_error
from tests.deploy.media.video import zoo


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames with sound."""
    return zoo.write_clip(tmp_path / "clip.mp4", audio=("aac",))


def test_video_becomes_a_video(clip: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A summary on standard output; progress, and what is not as it was, on standard error."""
    output = clip.with_name("out.webm")
    assert main([str(clip), "-o", str(output), "--model", str(tiny_model), "--verify"]) == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert (summary["num_frames"], summary["alpha"], summary["lost"]) == (10, "straight", [])
    assert re.search(r"10/10, [\d.]+ frames/s, 0 s left", captured.err)
    assert "audio track 1 (aac) was encoded again by libopus" in captured.err
    assert len(zoo.times_of(output)) == 10


def test_folder_takes_pngs_and_says_what_is_lost(
    clip: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3, because --verify was asked for and the audio is gone."""
    folder = clip.with_name("frames")
    assert main([str(clip), "-o", f"{folder}/", "--model", str(tiny_model), "--verify"]) == 3
    assert "lost: audio: 1 tracks" in capsys.readouterr().err
    with Image.open(folder / "000009.png") as picture:
        assert picture.size == (96, 64)


def test_background_may_be_a_video(clip: Path, tiny_model: Path) -> None:
    """Here the clip itself."""
    output = clip.with_name("out.mp4")
    assert main([str(clip), "-o", str(output), "--model", str(tiny_model), "--background", str(clip), "--verify"]) == 0


@pytest.mark.parametrize(
    ("options", "output"),
    [
        ([], "out.mp4"),
        ([], "out.gif"),
        (["--codec", "h264"], "out.mov"),
        (["--codec", "h264", "--alpha"], "out.webm"),
        (["--premultiplied", "--alpha"], "out.mp4"),
        (["--trimap"], "out.mp4"),
        (["--format", "png"], "out.mp4"),
        (["--background", "whitish"], "out.mp4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_what_does_not_go_together_is_refused(options: list[str], output: str, clip: Path) -> None:
    """Before any work."""
    assert usage_error([str(clip), "-o", str(clip.with_name(output)), *options]) == 2


def test_options_of_videos_are_refused_for_pictures(photo: Path) -> None:
    """A picture is not resumed."""
    assert usage_error([str(photo), "-o", str(photo.with_name("out.png")), "--resume"]) == 2


def test_missing_clip_and_itself_as_output_are_errors(clip: Path, tiny_model: Path) -> None:
    """Exit code 1."""
    assert main([str(clip.with_name("none.mp4")), "-o", str(clip.with_name("out.webm"))]) == 1
    assert main([str(clip), "-o", str(clip), "--background", "blur", "--overwrite"]) == 1
