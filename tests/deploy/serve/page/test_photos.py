"""Photographs on the page: in, seen, and out again."""

from __future__ import annotations

import base64
import io
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shm_deploy.backends import Mattes
from shm_deploy.serve.settings import Limits, Settings
from tests.deploy.fakes import FakeParts
from tests.deploy.media import zoo
from tests.deploy.serve.page.driving import (
    NEEDS_CHROMIUM,
    PHOTO,
    SIZE,
    Open,
    choose,
    choose_file,
    pixel,
    until,
    wait_for_matte,
)
from tests.deploy.serve.servers import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = NEEDS_CHROMIUM


class Held(FakeParts):
    """Runs when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        assert self.go.wait(60)
        return super().run(frames)


def test_photo_shows_matte_and_composite(page: Page) -> None:
    """Red 200 is 200 of 255 a person, on both sides of the divider; the size is told."""
    assert pixel(page, "matte", 0.5, 0.7)[:3] == [200, 200, 200]
    assert pixel(page, "composite", 0.5, 0.7)[3] == 200
    assert pixel(page, "composite", 0.05, 0.05)[3] == 30
    assert page.inner_text("#figure-size") == "320 × 240"
    assert re.fullmatch(r"\d+ ms", page.inner_text("#figure-latency"))
    assert re.fullmatch(r"\d+ ms", page.inner_text("#figure-network"))


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_photo_may_be_dropped_or_pasted(way: str, visit: Open) -> None:
    """Anywhere on the page."""
    page = visit()
    page.evaluate(
        """([way, text]) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "a.png", { type: "image/png" }));
          const options = { bubbles: true, cancelable: true };
          document.body.dispatchEvent(way === "drop"
            ? new DragEvent("drop", { ...options, dataTransfer: transfer })
            : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
        }""",
        [way, base64.b64encode(PHOTO).decode()],
    )
    wait_for_matte(page)
    assert pixel(page, "composite", 0.5, 0.7)[3] == 200


def test_divider_moves_by_keyboard_and_pointer(page: Page) -> None:
    """As a slider tells it, and the matte is cut there."""
    divider = page.locator("#divider")
    divider.focus()
    for key, expected in [("ArrowRight", "52"), ("PageDown", "42"), ("Home", "0"), ("End", "100")]:
        page.keyboard.press(key)
        assert divider.get_attribute("aria-valuenow") == expected
    box = page.locator("#sheet").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 30)
    page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "25"
    clip = page.evaluate("getComputedStyle(document.getElementById('matte')).clipPath")
    assert "75%" in clip


def test_background_is_chosen(page: Page) -> None:
    """A colour, a picture, the blurred surroundings without the person, and back to nothing."""
    choose(page, "background", "colour")
    page.fill("#colour", "#00ff00")
    red, green, blue, alpha = pixel(page, "composite", 0.02, 0.02)
    assert alpha == 255
    assert green > 200
    with page.expect_file_chooser() as caught:  # opens by itself while there is no picture
        choose(page, "background", "picture")
    yellow = zoo.encoded(Image.new("RGB", (9, 9), "yellow"))
    caught.value.set_files({"name": "b.png", "mimeType": "image/png", "buffer": yellow})
    until(page, lambda: pixel(page, "composite", 0.02, 0.02)[0] > 200)
    choose(page, "background", "blur")
    red, green, blue, alpha = pixel(page, "composite", 0.02, 0.02)
    assert alpha == 255
    assert blue > 180
    assert red < 60
    choose(page, "background", "transparent")
    assert pixel(page, "composite", 0.02, 0.02)[3] == 30


def test_left_side_may_be_the_original(page: Page) -> None:
    """To compare the composite with the photograph."""
    choose(page, "left", "original")
    assert pixel(page, "matte", 0.5, 0.7)[:3] == list(zoo.RED)
    assert page.inner_text("#tag-left") == "Original"


def test_downloads_are_the_pictures(page: Page) -> None:
    """The cut-out as the service made it, under the photograph's name; matte and composite as shown."""
    downloads = {}
    for what in ("cutout", "matte", "shown"):
        with page.expect_download() as caught:
            page.click(f"#save-{what}")
        downloads[caught.value.suggested_filename] = Image.open(io.BytesIO(Path(caught.value.path()).read_bytes()))
    assert sorted(downloads) == ["me.photo-composite.png", "me.photo-cutout.png", "me.photo-matte.png"]
    cutout = np.asarray(downloads["me.photo-cutout.png"])
    assert np.array_equal(cutout[..., 3], np.asarray(zoo.portrait(*SIZE))[..., 0])
    assert np.asarray(downloads["me.photo-matte.png"])[168, 160, 0] == 200


def test_what_is_no_photo_is_said(visit: Open) -> None:
    """As an alert, and the page is as before."""
    page = visit()
    choose_file(page, "a.txt", b"Dear diary", "text/plain")
    page.wait_for_selector("#message:not([hidden])")
    assert "can't show that file" in page.inner_text("#message")
    assert page.is_visible("#welcome")


def test_refusal_is_said_in_the_services_own_words(visit: Open) -> None:
    """A photo over the limit, for example."""
    with running(Settings(limits=Limits(max_pixels=1000)), FakeParts()) as port:
        page = visit(at=port)
        choose_file(page, "a.png", PHOTO)
        page.wait_for_selector("#message:not([hidden])")
        assert "more than the 1000 allowed" in page.inner_text("#message")
        assert page.is_visible("#welcome")  # as before


def test_photo_is_shown_while_its_matte_is_made(visit: Open) -> None:
    """Without a divider between two sides that are still the same."""
    backend = Held()
    with running(Settings(), backend) as port:
        page = visit(at=port)
        choose_file(page, "a.png", PHOTO)
        page.wait_for_selector("#sheet:not([hidden])")
        before, divided = pixel(page, "composite", 0.5, 0.7), page.is_visible("#divider")
        backend.go.set()
        page.wait_for_selector("#divider")
        after = pixel(page, "composite", 0.5, 0.7)
    assert before == [*zoo.RED, 255]
    assert not divided
    assert after[3] == 200
