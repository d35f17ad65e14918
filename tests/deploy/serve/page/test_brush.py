"""The brush on the page, which edits the trimap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.deploy.serve.page.driving import NEEDS_CHROMIUM, choose, pixel, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = NEEDS_CHROMIUM


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
