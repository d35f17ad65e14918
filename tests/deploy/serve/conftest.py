"""A service on a fake network, for which red is a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from shm_deploy import spec
from shm_deploy.matter import Matter
from shm_deploy.serve.app import create_app
from shm_deploy.serve.settings import Access, Limits, Settings
from tests.deploy.fakes import FakeBackend, FakeParts
from tests.deploy.media import zoo

Serve = Callable[..., TestClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start services: `serve(limits, access, backend, max_edge)`."""
    with ExitStack() as stack:

        def start(
            limits: Limits | None = None,
            access: Access | None = None,
            backend: FakeBackend | None = None,
            max_edge: int | None = spec.MAX_EDGE,
        ) -> TestClient:
            settings = Settings(limits=limits or Limits(), access=access or Access())
            app = create_app(settings, lambda: Matter(backend or FakeParts(), max_edge=max_edge))
            return stack.enter_context(TestClient(app, base_url="http://localhost"))

        yield start


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A service with its defaults."""
    return serve()


@pytest.fixture
def photo() -> bytes:
    """A PNG of 48x40 px: a red ellipse on blue."""
    return zoo.encoded(zoo.portrait())
