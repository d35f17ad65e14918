"""Who may ask: a bearer token, pages of other origins, names of this machine."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from shm_deploy.serve.problems import Problem
from shm_deploy.serve.settings import Access

PROTECTED = ("/v1/", "/metrics")
BEARER = "Bearer"
# A page's script can't set headers on a WebSocket, but names subprotocols: this one with the token in base64url.
BEARER_SUBPROTOCOL = "bearer."


class Guard:
    """ASGI middleware that turns away what `Access` does not let in, before anything of its body is read."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] in ("http", "websocket"):
            try:
                self._check(HTTPConnection(scope))
            except Problem as problem:
                if scope["type"] == "websocket":
                    await WebSocket(scope, receive, send).send_denial_response(problem.response())
                else:
                    await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, connection: HTTPConnection) -> None:
        headers = connection.headers
        if self._access.loopback_names_only and not self._names_this_machine(headers.get("host", "")):
            raise Problem(
                421, f"got the host {headers.get('host', '')!r}; wanted one of this machine, such as localhost"
            )
        origin = headers.get("origin")
        if origin is not None and not self._may_come_from(origin, headers.get("host", "")):
            raise Problem(403, f"pages of {origin} may not use this service: start it with --origin {origin}")
        if connection.scope["path"].startswith(PROTECTED) and not self._has_token(headers):
            raise Problem(401, "a token is needed: send Authorization: Bearer TOKEN", {"WWW-Authenticate": BEARER})

    def _names_this_machine(self, host: str) -> bool:
        name = _host_name(host)
        return is_loopback(name) or name in {_host_name(urlsplit(origin).netloc) for origin in self._access.origins}

    def _may_come_from(self, origin: str, host: str) -> bool:
        return origin in self._access.origins or urlsplit(origin).netloc == host

    def _has_token(self, headers: Headers) -> bool:
        if self._access.token is None:
            return True
        offered = _offered_tokens(headers)
        # Every one is compared, each in a time that does not tell how much of it is right.
        return sum(hmac.compare_digest(one, self._access.token.encode("ascii")) for one in offered) > 0


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def chosen_subprotocol(offered: Sequence[str], ours: str) -> str | None:
    """What to accept a WebSocket with; a token that was offered as a subprotocol is never echoed."""
    return ours if ours in offered else None


def _host_name(host: str) -> str:
    """Without port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _offered_tokens(headers: Headers) -> list[bytes]:
    tokens = []
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == BEARER.lower():
        tokens.append(credentials.strip().encode("latin-1"))
    for subprotocol in headers.get("sec-websocket-protocol", "").split(","):
        if subprotocol.strip().startswith(BEARER_SUBPROTOCOL):
            tokens.append(_from_base64url(subprotocol.strip().removeprefix(BEARER_SUBPROTOCOL)))
    return tokens


def _from_base64url(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
