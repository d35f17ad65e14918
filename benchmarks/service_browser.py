"""Headless Chromium whose camera plays a film, and the page's own figures in it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # in containers it runs as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


def find_chromium() -> str | None:
    """The program; None where none is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium(program: str, film: Sequence[bytes]) -> Iterator[Browser]:
    """A browser until the block ends.

    Args:
        program: from `find_chromium`.
        film: JPEGs of one size, which its camera plays again and again.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "camera.mjpeg"
        file.write_bytes(b"".join(film))
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={file}"]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


def webcam(port: int, frames: Sequence[bytes], seconds: float) -> dict[str, Any]:
    """Let the page's webcam run for some seconds, then read what it shows.

    Args:
        port: of a service on this machine.
        frames: JPEGs of one size, the film.
        seconds: the page's own rate is a mean over its last two.
    """
    program = find_chromium()
    if program is None:
        return {"skipped": f"no {' or '.join(NAMES)} is installed"}
    with chromium(program, frames) as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}")
        page.click("#webcam")
        page.wait_for_timeout(1000 * seconds)
        shown = {name: page.inner_text(f"#figure-{name}") for name in ("size", "latency", "rate")}
        version = browser.version
    return {
        "browser": f"Chromium {version}, no GPU",
        "size": shown["size"],
        "frames_per_second": float(re.sub("[^0-9.]", "", shown["rate"]) or 0),
        "latency_ms": float(re.sub("[^0-9.]", "", shown["latency"]) or 0),
    }
