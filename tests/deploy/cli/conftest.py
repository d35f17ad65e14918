"""A photograph to feed the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.media import zoo


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG of 48x40 px: red, which is a person to `tiny_model`, before blue."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    return path
