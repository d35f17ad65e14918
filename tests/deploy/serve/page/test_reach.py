"""Who can use the page: on small screens, by keyboard, by ear, with weak eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deploy.serve.page.driving import NEEDS_CHROMIUM, Open, show

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = NEEDS_CHROMIUM

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
