"""Request bodies: received within bounds, in memory alone, and taken apart."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from shm_deploy.serve.problems import Problem
from shm_deploy.serve.settings import Limits

IMAGE = "image"
TRIMAP = "trimap"
BACKGROUND = "background"
PARTS = (IMAGE, TRIMAP, BACKGROUND)
FORM = "multipart/form-data"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Picture files as they came."""

    image: bytes
    trimap: bytes | None = None
    background: bytes | None = None


async def receive_upload(request: Request, limits: Limits) -> Upload:
    """Read a request to its end: the body is a picture, or a form of pictures.

    Raises:
        Problem: 413 too many bytes, 408 too slow, 400 no form though it says so.
        ClientDisconnect: nobody is there any more.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            body = await _receive(request, limits.max_bytes)
    except TimeoutError as error:
        raise Problem(
            408, f"the request did not arrive within {limits.seconds:g} s: send it at once, or a smaller picture"
        ) from error
    if not body:
        raise Problem(400, "the request has no body; wanted a picture, or a form with the part 'image'")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return await _take_apart(request, body) if kind == FORM else Upload(image=body)


async def _receive(request: Request, max_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(f"{declared} bytes", max_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large("a longer body", max_bytes)
    return bytes(body)


def _too_large(got: str, max_bytes: int) -> Problem:
    return Problem(413, f"got {got}, at most {max_bytes} are taken: send a smaller picture")


class _InMemory(MultiPartParser):
    """Its files never reach the disk."""

    spool_max_size = sys.maxsize


async def _take_apart(request: Request, body: bytes) -> Upload:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await _InMemory(
            request.headers, whole(), max_files=len(PARTS), max_fields=len(PARTS), max_part_size=len(body)
        ).parse()
    except MultiPartException as error:
        raise Problem(400, f"the body is no form: {error.message}") from error
    try:
        unknown = set(form) - set(PARTS)
        if unknown or IMAGE not in form:
            raise Problem(
                422, f"got a form with the parts {sorted(form)}; wanted 'image', and 'trimap' or 'background'"
            )
        image = await _part(form, IMAGE)
        assert image is not None
        return Upload(image=image, trimap=await _part(form, TRIMAP), background=await _part(form, BACKGROUND))
    finally:
        await form.close()


async def _part(form: FormData, name: str) -> bytes | None:
    part = form.get(name)
    if isinstance(part, str):
        raise Problem(422, f"got the part {name!r} as text; wanted a file: name one, as in 'filename=\"{name}\"'")
    return await part.read() if isinstance(part, UploadFile) else None
