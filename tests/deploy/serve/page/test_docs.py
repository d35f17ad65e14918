"""The page that describes the interface."""

from __future__ import annotations

from tests.deploy.serve.page.driving import NEEDS_CHROMIUM, Open

pytestmark = NEEDS_CHROMIUM


def test_interface_is_described(visit: Open) -> None:
    """From the service's own OpenAPI."""
    page = visit(path="/docs")
    page.wait_for_selector("#operations table")
    assert "what to make of the picture" in page.inner_text("#operations")
    assert "bearer" in page.inner_text("main")
