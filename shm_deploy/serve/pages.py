"""The page and its files, with headers that let nothing in from elsewhere."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response

from shm_deploy.serve.problems import Problem

FOLDER = Path(__file__).parent / "page"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}


def add_pages(app: FastAPI) -> None:
    """Serve the files of `page/`, which are read once; `/` is the page, `/docs` describes the interface."""
    files = {file.name: file.read_bytes() for file in FOLDER.iterdir() if file.is_file()}

    def answer(name: str) -> Response:
        if name not in files:
            raise Problem(404, f"there is no {name!r} here")
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(files[name], headers=HEADERS, media_type=media_type)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return answer("index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return answer("docs.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        return answer(name)
