"""The page's webcam."""

from __future__ import annotations

import re

from shm_deploy.serve.settings import Access, Settings
from tests.deploy.fakes import FakeParts
from tests.deploy.serve.page.driving import (
    NEEDS_CHROMIUM,
    PHOTO,
    Open,
    choose_file,
    frame_rate,
    pixel,
    show,
    until,
    wait_for_matte,
)
from tests.deploy.serve.servers import running

pytestmark = NEEDS_CHROMIUM


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


def test_token_is_asked_for_once(visit: Open) -> None:
    """A wrong one again; the right one serves photos and the webcam."""
    with running(Settings(access=Access(token="let me in")), FakeParts()) as port:
        page = visit(at=port)
        choose_file(page, "a.png", PHOTO)
        for token in ("wrong", "let me in"):
            page.wait_for_selector("#token-dialog[open]")
            page.fill("#token", token)
            page.keyboard.press("Enter")
        wait_for_matte(page)
        page.click("#webcam")
        until(page, lambda: frame_rate(page) > 0)
        assert page.is_hidden("#token-dialog")
        page.click("#webcam")
