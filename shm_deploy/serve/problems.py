"""Refusals and failures as JSON problem bodies (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError, ValidationException, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from shm_deploy.errors import ArtifactError, MatteError, MediaError, SpecError
from shm_deploy.media.decoding import TooManyPixels

MEDIA_TYPE = "application/problem+json"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


class Problem(Exception):
    """A request that gets no matte, and why."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """Args: status: of HTTP. detail: what came, what was wanted, what to do. headers: beside the usual ones."""
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The members of RFC 9457; the status says all that a type would."""
        return {"type": "about:blank", "title": self.status.phrase, "status": self.status.value, "detail": self.detail}

    def response(self) -> Response:
        """The answer to send."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return JSONResponse(self.body(), self.status.value, headers, media_type=MEDIA_TYPE)


def busy(detail: str, retry_after_s: int) -> Problem:
    """No room now: come back later."""
    return Problem(503, detail, {"Retry-After": str(retry_after_s)})


def problem_of(error: MatteError) -> Problem:
    """What the library's own errors are to someone who sent a picture."""
    match error:
        case TooManyPixels():
            return Problem(413, str(error))
        case MediaError() | SpecError():
            return Problem(422, str(error))
        case ArtifactError():
            return Problem(501, str(error))  # the model at hand lacks what was asked for
        case _:
            return Problem(500, "the network failed on this picture; the service's log has the reason")


async def answer_problem(request: Request, problem: Exception) -> Response:
    """An exception handler for `Problem`."""
    assert isinstance(problem, Problem)
    return problem.response()


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """An exception handler for what the framework refuses itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, str(error.detail), dict(error.headers or {})).response()


async def answer_invalid(request: Request, error: Exception) -> Response:
    """An exception handler for options that are none."""
    assert isinstance(error, RequestValidationError)
    return _invalid(error).response()


async def deny_invalid(socket: WebSocket, error: Exception) -> None:
    """The same for WebSockets, before they open."""
    assert isinstance(error, WebSocketRequestValidationError)
    await socket.send_denial_response(_invalid(error).response())


def _invalid(error: ValidationException) -> Problem:
    faults = (f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}" for fault in error.errors())
    return Problem(422, "; ".join(faults))


async def answer_failure(request: Request, error: Exception) -> Response:
    """An exception handler for our own bugs, which the log has whole."""
    return Problem(500, "the service failed; its log has the reason").response()
