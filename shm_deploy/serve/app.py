"""The application: its routes, and what stands in front of them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from shm_deploy.matter import Matter
from shm_deploy.serve import metrics, problems
from shm_deploy.serve.access import Guard
from shm_deploy.serve.bodies import BACKGROUND, IMAGE, TRIMAP
from shm_deploy.serve.live import run_live
from shm_deploy.serve.orders import Format, Order, Output
from shm_deploy.serve.pages import add_pages
from shm_deploy.serve.problems import Problem, busy
from shm_deploy.serve.service import Gone, Service
from shm_deploy.serve.settings import Settings

_BACKGROUND_TEXT = "behind the person of a composite: a colour ('white', '#20a0ff') or 'blur'"
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "required": [IMAGE],
        "properties": {name: {"type": "string", "format": "binary"} for name in (IMAGE, TRIMAP, BACKGROUND)},
    }
}
_REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "description": "A picture (JPEG, PNG, WebP, AVIF, GIF, BMP), or a form of pictures: 'image'; 'trimap', "
        "an edited trimap (255 person, 0 background, else unknown) of the image's size; 'background' of a composite.",
        "content": {"image/*": _PICTURE, "application/octet-stream": _PICTURE, "multipart/form-data": _FORM},
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}}
    for status, text in {
        400: "No body, or a broken form",
        401: "The token is missing or wrong",
        403: "A page of another origin asked",
        408: "The request came too slowly",
        413: "Too many bytes or pixels",
        421: "A foreign host name, while the service is this machine's alone",
        422: "Not a readable picture, or options that don't go together",
        500: "The network failed",
        501: "The model at hand can't do this",
        503: "Busy; Retry-After says when to come back",
    }.items()
}
_MATTE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The result", "content": {f"image/{kind}": _PICTURE for kind in Format}},
    **_PROBLEMS,
}


def create_app(settings: Settings, open_matter: Callable[[], Matter]) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: limits and access.
        open_matter: called once, when the application starts; it is closed when the application stops.
    """
    # Pillow's remarks on half-broken files are no business of whoever reads the service's output.
    warnings.filterwarnings("ignore", module=r"PIL\.")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service.open(settings.limits, open_matter)
        app.state.service = service
        yield
        await asyncio.get_running_loop().run_in_executor(None, service.close)

    app = FastAPI(
        title="Semantic Human Matting",
        summary="Cuts people out of pictures and live video.",
        docs_url=None,  # the framework's own pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    _add_routes(app)
    add_pages(app)
    app.add_exception_handler(Problem, problems.answer_problem)
    app.add_exception_handler(HTTPException, problems.answer_http_exception)
    app.add_exception_handler(RequestValidationError, problems.answer_invalid)
    app.add_exception_handler(WebSocketRequestValidationError, problems.deny_invalid)
    app.add_exception_handler(Exception, problems.answer_failure)
    app.add_middleware(Guard, access=settings.access)
    if settings.access.origins:  # outside the guard, because a preflight request carries no token
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.access.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Server-Timing", "Retry-After"],
        )
    return app


def _add_routes(app: FastAPI) -> None:
    @app.post("/v1/matte", responses=_MATTE, response_class=Response, openapi_extra=_REQUEST_BODY)
    async def matte(
        request: Request,
        output: Annotated[Output, Query(description="what to make of the picture")] = Output.CUTOUT,
        format: Annotated[Format, Query(description="how to encode it; jpeg only without transparency")] = Format.PNG,
        background: Annotated[str | None, Query(description=_BACKGROUND_TEXT, max_length=64)] = None,
    ) -> Response:
        """Matte one picture."""
        service: Service = request.app.state.service
        order = Order(output=output, format=format, background=background)
        try:
            answer = await service.answer(request, order)
        except Problem as problem:
            service.meters.requests.labels(str(problem.status.value)).inc()
            raise
        except (Gone, ClientDisconnect):
            service.meters.gone.inc()
            return Response(status_code=499)  # nobody reads it
        service.meters.requests.labels("200").inc()
        headers = {"Server-Timing": answer.timing.header(), "Cache-Control": "no-store"}
        return Response(answer.data, headers=headers, media_type=answer.media_type)

    @app.websocket("/v1/live")
    async def live(
        socket: WebSocket,
        output: Output = Output.ALPHA,
        format: Format = Format.PNG,
        background: Annotated[str | None, Query(max_length=64)] = None,
    ) -> None:
        await run_live(socket, socket.app.state.service, Order(output=output, format=format, background=background))

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """Whether the process answers at all."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", responses={503: _PROBLEMS[503]})
    async def readyz(request: Request) -> JSONResponse:
        """Whether a request would be taken now."""
        service: Service = request.app.state.service
        if service.line.is_full:
            raise busy("all places in the line are taken", service.line.retry_after_s())
        info = service.matter.info()
        return JSONResponse({"status": "ready", "backend": info.backend, "device": info.device})

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def read_metrics(request: Request) -> Response:
        """Counts and durations, for Prometheus."""
        service: Service = request.app.state.service
        service.meters.inside.set(service.line.num_inside)
        service.meters.uploads.set(service.num_uploads)
        service.meters.sockets.set(service.num_live)
        return Response(service.meters.text(), media_type=metrics.MEDIA_TYPE)
