"""The page's own figures: its webcam in headless Chromium, whose camera plays a film of photographs."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


def webcam(port: int, frames: Sequence[bytes], seconds: float) -> dict[str, Any]:
    """Let the page's webcam run for some seconds, then read what it shows.

    Args:
        port: of a service on this machine.
        frames: JPEGs of one size, the film.
        seconds: the page's own rate is a mean over its last two.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        return {"skipped": f"no {' or '.join(NAMES)} is installed"}
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        film = Path(folder) / "camera.mjpeg"
        film.write_bytes(b"".join(frames))
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}")
        page.click("#webcam")
        page.wait_for_timeout(1000 * seconds)
        shown = {name: page.inner_text(f"#figure-{name}") for name in ("size", "latency", "rate")}
        version = browser.version
        browser.close()
    return {
        "browser": f"Chromium {version}, no GPU",
        "size": shown["size"],
        "frames_per_second": float(re.sub("[^0-9.]", "", shown["rate"]) or 0),
        "latency_ms": float(re.sub("[^0-9.]", "", shown["latency"]) or 0),
    }
