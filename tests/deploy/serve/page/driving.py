"""What a person does on the page, and what they see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from benchmarks.service_browser import find_chromium
from tests.deploy.media import zoo

if TYPE_CHECKING:
    from playwright.sync_api import Page

NEEDS_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed: apt-get install chromium"),
]
SIZE = (320, 240)
PHOTO = zoo.encoded(zoo.portrait(*SIZE))
# An RGBA pixel of a canvas at shares of its width and height.
PIXEL = """([id, x, y]) => {
  const canvas = document.getElementById(id);
  const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
  return [...canvas.getContext("2d").getImageData(...at).data];
}"""

Open = Callable[..., "Page"]


def choose_file(page: Page, name: str, data: bytes, media_type: str = "image/png") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": media_type, "buffer": data})


def wait_for_matte(page: Page) -> None:
    page.wait_for_selector("#sheet:not([hidden])")
    page.wait_for_selector("#busy", state="hidden")


def show(page: Page) -> None:
    choose_file(page, "me.photo.png", PHOTO)
    wait_for_matte(page)


def pixel(page: Page, canvas: str, x: float, y: float) -> list[int]:
    found: list[int] = page.evaluate(PIXEL, [canvas, x, y])
    return found


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait from here: the page's policy keeps the driver from evaluating conditions of its own."""
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("it does not come true within 15 s")


def frame_rate(page: Page) -> float:
    text = page.inner_text("#figure-rate")
    return 0.0 if text == "–" else float(text)


def choose(page: Page, name: str, value: str) -> None:
    page.check(f'input[name="{name}"][value="{value}"]', force=True)  # drawn by its label
