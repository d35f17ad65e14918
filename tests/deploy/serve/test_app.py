"""Health, metrics, pages, and what the framework refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from shm_deploy.backends import Mattes
from shm_deploy.errors import BackendError
from shm_deploy.serve.settings import Limits
from tests.deploy.fakes import FakeBackend, HeldBackend
from tests.deploy.serve.conftest import Serve


class Broken(FakeBackend):
    """Fails."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        raise BackendError(f"secret of {frames.shape}")


class Buggy(FakeBackend):
    """Has a bug."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        raise ZeroDivisionError("secret")


def test_full_house_is_refused_and_shows_in_readiness(serve: Serve, photo: bytes) -> None:
    """503 with Retry-After, for requests and for /readyz, while /healthz stays well; then all is as before."""
    backend = HeldBackend()
    client = serve(Limits(num_working=1, num_waiting=0), backend=backend)
    assert client.get("/readyz").json() == {"status": "ready", "backend": "fake", "device": "cpu"}
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.post, "/v1/matte", content=photo)
        assert backend.entered.wait(10)
        for refused in (client.post("/v1/matte", content=photo), client.get("/readyz")):
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.json()["status"] == 503
        assert client.get("/healthz").status_code == 200
        backend.go.set()
        assert first.result(10).status_code == 200
    assert client.get("/readyz").status_code == 200


def test_matte_that_takes_too_long_is_given_up(serve: Serve, photo: bytes) -> None:
    """503 in time; the thread's place is counted until it is really free."""
    backend = HeldBackend()
    client = serve(Limits(num_working=1, num_waiting=0, seconds=0.2), backend=backend)
    answer = client.post("/v1/matte", content=photo)
    assert answer.status_code == 503
    assert "within 0.2 s" in answer.json()["detail"]
    assert client.post("/v1/matte", content=photo).status_code == 503
    backend.go.set()


@pytest.mark.parametrize("backend", [Broken(), Buggy()], ids=["backend", "bug"])
def test_failure_is_500_without_its_reason(backend: FakeBackend, serve: Serve, photo: bytes) -> None:
    """The reason is the log's; the next request is served."""
    client = serve(backend=backend)
    client = TestClient(client.app, base_url="http://localhost", raise_server_exceptions=False)
    for _ in range(2):
        answer = client.post("/v1/matte", content=photo)
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert "secret" not in answer.text


def test_metrics_count_answers_and_stages(client: TestClient, photo: bytes) -> None:
    """By status, and each stage once for a matte."""
    client.post("/v1/matte", content=photo)
    client.post("/v1/matte", content=b"no picture")
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        socket.send_bytes(photo)
        socket.receive_bytes()
        text = client.get("/metrics").text
    assert 'shm_requests_total{status="200"} 1.0' in text
    assert 'shm_requests_total{status="422"} 1.0' in text
    assert 'shm_stage_seconds_count{stage="network"} 2.0' in text
    assert "shm_live_frames_total 1.0" in text
    assert "shm_live_sockets 1.0" in text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/v1/matte", 405)])
def test_framework_refuses_with_problems_too(method: str, path: str, status: int, client: TestClient) -> None:
    """One kind of body for every refusal."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/", "/docs", "/page/app.js", "/page/style.css", "/page/icon.svg"])
def test_page_lets_nothing_in_from_elsewhere(path: str, client: TestClient) -> None:
    """Its policy allows its own files alone, and its files name no other host."""
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    text = answer.text.replace("http://www.w3.org/2000/svg", "").replace("http://localhost:8000", "")
    assert "http:" not in text
    assert "https://" not in text


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "nothing.js"])
def test_only_files_of_the_page_are_served(name: str, client: TestClient) -> None:
    """Whatever the path looks like."""
    assert client.get(f"/page/{name}").status_code == 404


def test_scripts_have_a_type_that_browsers_run(client: TestClient) -> None:
    """A module of any other type is refused by them."""
    assert client.get("/page/app.js").headers["content-type"].startswith("text/javascript")
