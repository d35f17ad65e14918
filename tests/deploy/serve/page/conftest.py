"""The page in headless Chromium, on a fake network for which red is a person, with a fake camera."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from benchmarks.service_browser import chromium, find_chromium
from shm_deploy.serve.settings import Settings
from tests.deploy.fakes import FakeParts
from tests.deploy.media import zoo
from tests.deploy.serve.page.driving import SIZE, Open, show
from tests.deploy.serve.servers import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Its camera sees the portrait."""
    program = find_chromium()
    assert program is not None
    with chromium(program, [zoo.encoded(zoo.portrait(*SIZE), "JPEG", quality=95)] * 10) as opened:
        yield opened


@pytest.fixture(scope="package")
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


def leaves(url: str, port: int) -> bool:
    return not url.startswith((f"http://127.0.0.1:{port}/", f"blob:http://127.0.0.1:{port}/", "data:"))


@pytest.fixture
def page(visit: Open) -> Page:
    """With the portrait on it."""
    page = visit()
    show(page)
    return page
