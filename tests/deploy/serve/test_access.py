"""Tokens, origins and host names."""

from __future__ import annotations

import base64

import pytest
from starlette.websockets import WebSocketDisconnect

from shm_deploy.errors import SpecError
from shm_deploy.serve.access import is_loopback
from shm_deploy.serve.settings import Access
from tests.deploy.serve.conftest import Serve

TOKEN = "correct horse"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer correct horse", 200),
        ("bearer correct horse", 200),
        ("Bearer correct hors", 401),
        ("Bearer correct horse!", 401),
        ("Bearer ", 401),
        ("Basic correct horse", 401),
        ("Bearer \u00e9\u00e8", 401),
    ],
)
def test_token_opens_what_is_protected(header: str | None, status: int, serve: Serve, photo: bytes) -> None:
    """Only the whole token, only as a bearer token; a refusal says which kind is wanted."""
    client = serve(access=Access(token=TOKEN))
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = client.post("/v1/matte", content=photo, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.headers.get("www-authenticate") == (None if status == 200 else "Bearer")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/docs", 200), ("/page/app.js", 200), ("/healthz", 200), ("/readyz", 200), ("/metrics", 401)],
)
def test_token_guards_mattes_and_metrics_alone(path: str, status: int, serve: Serve) -> None:
    """The page has to come up so that a person can give the token; probes have none."""
    assert serve(access=Access(token=TOKEN)).get(path).status_code == status


def test_token_never_shows(serve: Serve) -> None:
    """Neither in the settings' text nor in an answer."""
    assert TOKEN not in repr(Access(token=TOKEN))
    assert TOKEN not in serve(access=Access(token=TOKEN)).post("/v1/matte").text


def test_websocket_takes_the_token_as_header_or_subprotocol(serve: Serve, photo: bytes) -> None:
    """A browser's script can send the second only; the token is not echoed."""
    client = serve(access=Access(token=TOKEN))
    encoded = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    with client.websocket_connect("ws://localhost/v1/live", headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        socket.send_bytes(photo)
        assert socket.receive_bytes()[:4] == b"\x89PNG"
    with client.websocket_connect(
        "ws://localhost/v1/live", subprotocols=["shm.live.v1", f"bearer.{encoded}"]
    ) as socket:
        assert socket.accepted_subprotocol == "shm.live.v1"
    for wrong in ([], ["bearer.AAAA"], ["bearer.not base64"]):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://localhost/v1/live", subprotocols=wrong):
            pass


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 200), ("http://localhost", 200), ("https://evil.example", 403), ("null", 403), ("http://localhost:1", 403)],
)
def test_pages_elsewhere_are_refused(origin: str | None, status: int, serve: Serve, photo: bytes) -> None:
    """A form of another page would be sent without a question, so it is refused before its body is read."""
    headers = {} if origin is None else {"Origin": origin}
    answer = serve().post("/v1/matte", files={"image": ("a", photo)}, headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_websocket_of_a_page_elsewhere_is_refused(serve: Serve) -> None:
    """Browsers open those across origins without asking."""
    client = serve()
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://localhost/v1/live", headers={"Origin": "https://evil.example"}),
    ):
        pass


def test_allowed_origin_may_ask_and_read(serve: Serve, photo: bytes) -> None:
    """Its preflight is answered although it carries no token; other origins stay out."""
    client = serve(access=Access(token=TOKEN, origins=("https://shop.example",)))
    wanted = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = client.options("/v1/matte", headers={**wanted, "Access-Control-Request-Headers": "authorization"})
    assert preflight.status_code == 200
    headers = {"Origin": "https://shop.example", "Authorization": f"Bearer {TOKEN}"}
    answer = client.post("/v1/matte", content=photo, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert client.get("/healthz", headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 421), ("", 421), ("[", 421)],
)
def test_loopback_service_answers_to_names_of_this_machine(host: str, status: int, serve: Serve) -> None:
    """A page whose name was bound anew to this machine would otherwise count as one of ours."""
    client = serve()
    assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_public_service_answers_to_any_name(serve: Serve) -> None:
    """It does not know the names by which others reach it."""
    client = serve(access=Access(loopback_names_only=False))
    assert client.get("/healthz", headers={"Host": "matte.example"}).status_code == 200


@pytest.mark.parametrize(
    ("name", "expected"),
    [("localhost", True), ("127.8.9.1", True), ("::1", True), ("a.localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_names(name: str, expected: bool) -> None:
    """All of 127/8, and what RFC 6761 reserves; an address for every interface is none."""
    assert is_loopback(name) is expected


@pytest.mark.parametrize("token", ["", "caf\u00e9", "two\nlines"])
def test_token_must_fit_into_a_header(token: str) -> None:
    """Otherwise nobody could ever send it."""
    with pytest.raises(SpecError, match="token"):
        Access(token=token)


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/", "*"])
def test_origin_is_scheme_and_host(origin: str) -> None:
    """As browsers send it: a path would never match."""
    with pytest.raises(SpecError, match="origin"):
        Access(origins=(origin,))
