"""The page in headless Chromium, on a fake network for which red is a person, with a fake camera."""

from __future__ import annotations

import base64
import io
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shm_deploy.backends import Mattes
from shm_deploy.serve.settings import Access, Limits, Settings
from tests.deploy.fakes import FakeParts
from tests.deploy.media import zoo
from tests.deploy.serve.servers import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"),
]

SIZE = (320, 240)
PHOTO = zoo.encoded(zoo.portrait(*SIZE))
FLAGS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
# Variables of the style sheet: a colour, what it stands on, and the least contrast.
CONTRASTS = [
    ("--ink", "--panel", 7),
    ("--quiet", "--panel", 4.5),
    ("--quiet", "--stage", 4.5),
    ("--accent", "--panel", 4.5),
    ("--accent", "--soft", 4.5),
    ("--on-accent", "--accent", 4.5),
    ("--edge", "--panel", 3),
]
# An RGBA pixel of a canvas at shares of its width and height.
PIXEL = """([id, x, y]) => {
  const canvas = document.getElementById(id);
  const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
  return [...canvas.getContext("2d").getImageData(...at).data];
}"""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Its camera sees the portrait."""
    from playwright.sync_api import sync_playwright

    film = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    film.write_bytes(zoo.encoded(zoo.portrait(*SIZE), "JPEG", quality=95) * 10)
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A service with its defaults."""
    with running(Settings(), FakeParts()) as port:
        yield port


@pytest.fixture
def visit(browser: Browser, port: int) -> Iterator[Open]:
    """Open the page: `visit(width, height, ...)`. An error on it, or a request to elsewhere, fails the test."""
    contexts, faults = [], []

    def opened(width: int = 1280, height: int = 800, *, at: int = port, path: str = "/", scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda asked: faults.append(asked.url) if leaves(asked.url, at) else None)
        page.goto(f"http://127.0.0.1:{at}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


class Held(FakeParts):
    """Runs when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        assert self.go.wait(60)
        return super().run(frames)


def leaves(url: str, port: int) -> bool:
    return not url.startswith((f"http://127.0.0.1:{port}/", f"blob:http://127.0.0.1:{port}/", "data:"))


@pytest.fixture
def page(visit: Open) -> Page:
    """With the portrait on it."""
    page = visit()
    show(page)
    return page


def show(page: Page, data: bytes = PHOTO) -> None:
    page.set_input_files("#file", {"name": "me.photo.png", "mimeType": "image/png", "buffer": data})
    page.wait_for_selector("#sheet:not([hidden])")
    page.wait_for_selector("#busy", state="hidden")


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
    page.wait_for_selector("#sheet:not([hidden])")
    page.wait_for_selector("#busy", state="hidden")
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


def alpha_within(page: Page, x: float, y: float, low: int, high: int) -> None:
    until(page, lambda: low <= pixel(page, "composite", x, y)[3] <= high)


def test_brush_changes_the_matte_and_undo_brings_it_back(page: Page) -> None:
    """Painted background is 0 of a person, painted person all of one; M-Net decides elsewhere."""
    page.click("#edit-toggle")
    page.wait_for_selector("#overlay:not([hidden])")
    box = page.locator("#overlay").bounding_box()
    assert box
    for brush, x, expected in [("background", 0.4, 0), ("foreground", 0.2, 255)]:
        choose(page, "brush", brush)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.6 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.8 * box["height"], steps=3)
        page.mouse.up()
        alpha_within(page, x, 0.7, expected, expected)
    page.click("#undo")
    alpha_within(page, 0.2, 0.7, 0, 254)
    assert pixel(page, "composite", 0.4, 0.7)[3] == 0
    page.click("#reset")
    alpha_within(page, 0.4, 0.7, 200, 200)
    assert page.is_disabled("#undo")
    page.click("#edit-toggle")
    assert page.is_hidden("#overlay")


def test_brush_works_by_keyboard(page: Page) -> None:
    """The editor has the focus when it opens: a digit chooses, arrows move, space paints in the middle."""
    page.click("#edit-toggle")
    page.wait_for_selector("#overlay:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "overlay"
    page.keyboard.press("3")
    assert page.is_checked('input[name="brush"][value="background"]')
    page.keyboard.press("]")
    assert page.inner_text("#brush-size-text") == "42 px"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    alpha_within(page, 0.5, 0.5, 0, 0)


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


def test_webcam_runs_and_stops(visit: Open) -> None:
    """Frames come back as mattes, with their rate and latency; a photo can follow."""
    page = visit()
    page.click("#webcam")
    until(page, lambda: frame_rate(page) > 1)
    assert re.fullmatch(r"\d+ ms", page.inner_text("#figure-latency"))
    assert pixel(page, "composite", 0.5, 0.7)[3] > 150
    assert pixel(page, "composite", 0.05, 0.05)[3] < 80
    assert page.is_disabled("#edit-toggle")
    page.click("#webcam")
    assert page.inner_text("#webcam") == "Webcam"
    assert page.evaluate("document.getElementById('video').srcObject") is None
    show(page)
    assert pixel(page, "composite", 0.5, 0.7)[3] == 200


def test_what_is_no_photo_is_said(visit: Open) -> None:
    """As an alert, and the page is as before."""
    page = visit()
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"Dear diary"})
    page.wait_for_selector("#message:not([hidden])")
    assert "can't show that file" in page.inner_text("#message")
    assert page.is_visible("#welcome")


def test_refusal_is_said_in_the_services_own_words(visit: Open) -> None:
    """A photo over the limit, for example."""
    with running(Settings(limits=Limits(max_pixels=1000)), FakeParts()) as port:
        page = visit(at=port)
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": PHOTO})
        page.wait_for_selector("#message:not([hidden])")
        assert "more than the 1000 allowed" in page.inner_text("#message")
        assert page.is_visible("#welcome")  # as before


def test_photo_is_shown_while_its_matte_is_made(visit: Open) -> None:
    """Without a divider between two sides that are still the same."""
    backend = Held()
    with running(Settings(), backend) as port:
        page = visit(at=port)
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": PHOTO})
        page.wait_for_selector("#sheet:not([hidden])")
        before, divided = pixel(page, "composite", 0.5, 0.7), page.is_visible("#divider")
        backend.go.set()
        page.wait_for_selector("#divider")
        after = pixel(page, "composite", 0.5, 0.7)
    assert before == [*zoo.RED, 255]
    assert not divided
    assert after[3] == 200


def test_token_is_asked_for_once(visit: Open) -> None:
    """A wrong one again; the right one serves photos and the webcam."""
    with running(Settings(access=Access(token="let me in")), FakeParts()) as port:
        page = visit(at=port)
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": PHOTO})
        for token in ("wrong", "let me in"):
            page.wait_for_selector("#token-dialog[open]")
            page.fill("#token", token)
            page.keyboard.press("Enter")
        page.wait_for_selector("#sheet:not([hidden])")
        page.wait_for_selector("#busy", state="hidden")
        page.click("#webcam")
        until(page, lambda: frame_rate(page) > 0)
        assert page.is_hidden("#token-dialog")
        page.click("#webcam")


@pytest.mark.parametrize(("width", "height"), [(320, 640), (844, 390), (1280, 800)])
def test_page_fits_the_window(width: int, height: int, visit: Open) -> None:
    """No window is scrolled sideways, the picture is whole and in view, and every control can be reached."""
    page = visit(width, height)
    show(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    box = page.locator("#sheet").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["height"] / box["width"] == pytest.approx(0.75, abs=0.02)
    assert box["y"] + box["height"] <= height
    for control in ("#edit-toggle", "#save-cutout", "#webcam"):
        page.locator(control).scroll_into_view_if_needed()
        page.click(control, trial=True)


def test_every_control_has_a_name_and_keyboard_focus_shows(page: Page) -> None:
    """For those who listen, and for those who tab."""
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, canvas, [role=slider], dialog, section, aside")]
          .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label")
                             || one.getAttribute("aria-labelledby")))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    seen = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break  # past the last one
        name, outline = page.evaluate(
            """() => {
              const one = document.activeElement;
              const drawn = one.id === "divider" ? one.firstElementChild
                : one.type === "radio" ? one.nextElementSibling : one;
              const style = getComputedStyle(drawn);
              const mark = one.id === "divider" ? style.boxShadow : style.outlineStyle;
              return [one.id || one.value || one.textContent, mark];
            }"""
        )
        assert outline != "none", name
        seen.add(name)
    assert {"divider", "webcam", "edit-toggle", "save-cutout", "save-matte", "save-shown"} <= seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_holds(scheme: str, visit: Open) -> None:
    """WCAG 2.2: 4.5 for text, 3 for the edges of controls."""
    page = visit(path="/docs", scheme=scheme)

    def luminance_of(name: str) -> float:
        style = "getComputedStyle(document.documentElement)"
        return luminance(page.evaluate(f"{style}.getPropertyValue('{name}').trim()"))

    for front, back, least in CONTRASTS:
        lighter, darker = sorted((luminance_of(front), luminance_of(back)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= least, (front, back)


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", as WCAG defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_interface_is_described(visit: Open) -> None:
    """From the service's own OpenAPI."""
    page = visit(path="/docs")
    page.wait_for_selector("#operations table")
    assert "what to make of the picture" in page.inner_text("#operations")
    assert "bearer" in page.inner_text("main")
