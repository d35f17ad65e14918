"""The service against its own OpenAPI description, by schemathesis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from shm_deploy.matter import Matter
from shm_deploy.serve.app import create_app
from shm_deploy.serve.settings import Access, Limits, Settings
from tests.deploy.fakes import FakeParts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*:UserWarning"),
]  # Pillow's, as the application does


@pytest.fixture(scope="module")
def description() -> Iterator[BaseSchema]:
    """Read off a service on a fake network."""
    app = create_app(
        Settings(limits=Limits(max_bytes=200_000, max_pixels=100_000), access=Access(loopback_names_only=False)),
        lambda: Matter(FakeParts()),
    )
    with TestClient(app, base_url="http://localhost"):  # keeps it started
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


GOOD, WRONG = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
PATHS = ("/v1/matte", "/healthz", "/readyz", "/metrics")


@pytest.mark.parametrize(("path", "mode"), [(path, GOOD) for path in PATHS] + [("/v1/matte", WRONG)], ids=str)
def test_service_keeps_to_its_own_description(
    path: str, mode: schemathesis.GenerationMode, description: BaseSchema
) -> None:
    """Statuses, types and bodies are as described, and none is 500, whether the requests are right or wrong."""
    for operation in description[path].values():

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=[positive_data_acceptance])  # no schema tells a picture from bytes

        ask()


def test_every_path_is_tried(description: BaseSchema) -> None:
    """A new one has to be added above."""
    assert set(description) == set(PATHS)
