"""A matter for which red is a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shm_deploy.matter import Matter
from tests.deploy.fakes import FakeBackend


@pytest.fixture
def matter(fake_backend: FakeBackend) -> Iterator[Matter]:
    """Opened on the fake backend: its alpha is the red channel, its trimap the photograph itself."""
    with Matter(fake_backend) as opened:
        yield opened
