"""Every snippet of the pages about embedding, video files and live video runs as it is printed."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import Matter
from tests.deploy.fakes import FakeBackend
from tests.deploy.media.video import zoo

ROOT = Path(__file__).parents[2]
FAKES = Path(__file__).with_name("fakes")
PAGES = ("embedding.md", "live.md", "video.md")
WHOLE_CLIPS = ("video.md",)  # whose snippets matte all frames of one
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OURS = {"shm-live": "-m shm_deploy.cli.live", "shm-matte": "-m shm_deploy.cli.matte"}
FOREIGN = dict.fromkeys(("ffmpeg", "gst-launch-1.0"), str(FAKES / "media_tool.py"))


def snippets(language: str) -> list[Any]:
    """The blocks of one language, each with its page and line."""
    found = []
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text()
        for block in FENCED.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            if block[1] == language:
                marks = [pytest.mark.slow] if page in WHOLE_CLIPS else []
                found.append(pytest.param(block[2], id=f"{page}:{line}", marks=marks))
    return found


class Camera:
    """Three frames of 64x96 px, blue first as OpenCV's."""

    def __init__(self, number: int) -> None:
        self._frames = [zoo.picture((64, 96), number)[..., ::-1].copy() for number in range(3)]

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """The next one."""
        return (True, self._frames.pop()) if self._frames else (False, None)

    def get(self, field: int) -> float:
        """Its size."""
        return {cv2.CAP_PROP_FRAME_WIDTH: 96.0, cv2.CAP_PROP_FRAME_HEIGHT: 64.0}[field]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the snippets name, a camera, a screen, and packages that are not installed."""
    zoo.write_clip(tmp_path / "clip.mp4")
    cv2.imwrite(str(tmp_path / "beach.jpg"), np.full((48, 64, 3), 200, np.uint8))
    (tmp_path / "photo.jpg").write_bytes((ROOT / "docs" / "images" / "astronaut.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FAKES))
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(cv2, "imshow", lambda title, pixels: None)
    monkeypatch.setattr(cv2, "waitKey", lambda delay: -1)
    yield tmp_path
    for name in ("aiortc", "pyvirtualcam"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("code", snippets("python"))
def test_python_snippet_runs(code: str, place: Path) -> None:
    """On the packaged model."""
    exec(compile(code, "snippet", "exec"), {"__name__": "__main__"})


def test_webrtc_track_changes_frames_and_keeps_their_times(place: Path, fake_backend: FakeBackend) -> None:
    """The class of the snippet, on a track of one frame: red stays, for red is a person to the fake backend."""
    (code,) = (param.values[0] for param in snippets("python") if "aiortc" in str(param.values[0]))
    names: dict[str, Any] = {}
    exec(compile(str(code), "snippet", "exec"), names)

    class Track:
        async def recv(self) -> av.VideoFrame:
            pixels = np.zeros((64, 96, 3), np.uint8)
            pixels[:, :48, 0] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = 7, Fraction(1, 90_000)
            return frame

    with Matter(fake_backend) as matter:
        track = names["OverColour"](Track(), matter, np.array([1, 2, 3], np.uint8))
        frame = asyncio.run(track.recv())
    assert (frame.pts, frame.time_base) == (7, Fraction(1, 90_000))
    pixels = frame.to_ndarray(format="rgb24")
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, -1].tolist() == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("code", [one for one in snippets("sh") if "pip install" not in one.values[0]])
def test_shell_snippet_runs(code: str, place: Path, tiny_model: Path) -> None:
    """In bash, on a tiny model, with stand-ins for cameras, screens, addresses, ffmpeg and GStreamer."""
    tools = place / "tools"
    tools.mkdir()
    for name, target in {**OURS, **FOREIGN}.items():
        model = f" --model {tiny_model}" if name in OURS else ""
        (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} {target}{model} "$@"\n')
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": f"{FAKES}:{ROOT}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_install_lines_name_extras_that_exist() -> None:
    """They are the only shell snippets that are not run here."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = [str(one.values[0]) for one in snippets("sh") if "pip install" in str(one.values[0])]
    named = [name for line in lines for name in re.findall(r"\[([\w,]+)\]", line)]
    assert named
    assert {name for names in named for name in names.split(",")} <= set(extras)
