"""Live frames over a WebSocket: one encoded picture in, one encoded picture back, in order."""

from __future__ import annotations

import asyncio
import json

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from shm_deploy.errors import MatteError
from shm_deploy.serve.access import chosen_subprotocol
from shm_deploy.serve.bodies import Upload
from shm_deploy.serve.making import Answer
from shm_deploy.serve.orders import Order
from shm_deploy.serve.problems import Problem, problem_of
from shm_deploy.serve.service import Service

SUBPROTOCOL = "shm.live.v1"
GOING_AWAY, UNSUPPORTED = 1001, 1003  # RFC 6455, 7.4.1
IN_WORK = 2  # frames of one client


async def run_live(socket: WebSocket, service: Service, order: Order) -> None:
    """Answer frames until the client leaves, falls silent, or the service stops.

    While one frame is in the network the next may be decoded; a client that sends faster than it is answered waits in
    TCP. A frame that gets no matte is answered by its problem, as text.
    """
    try:
        order.check(Upload(image=b""))
        with service.counted_live():
            await socket.accept(chosen_subprotocol(socket.scope["subprotocols"], SUBPROTOCOL))
            await _answer_frames(socket, service, order)
    except MatteError as error:
        await socket.send_denial_response(problem_of(error).response())
    except Problem as problem:
        await socket.send_denial_response(problem.response())
    except WebSocketDisconnect:
        pass


async def _answer_frames(socket: WebSocket, service: Service, order: Order) -> None:
    room = asyncio.Semaphore(IN_WORK)
    answers: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:  # a bug in either ends both
        group.create_task(_send_answers(socket, service, answers, room))
        await room.acquire()
        while (frame := await _next_frame(socket, service)) is not None:
            answers.put_nowait(asyncio.create_task(service.answer_frame(frame, order)))
            await room.acquire()
        answers.put_nowait(None)


async def _send_answers(
    socket: WebSocket,
    service: Service,
    answers: asyncio.Queue[asyncio.Task[Answer] | None],
    room: asyncio.Semaphore,
) -> None:
    """Send each answer in its turn, until None."""
    while (answer := await answers.get()) is not None:
        try:
            await _send_answer(socket, await _message_of(answer))
            service.meters.frames.inc()
        finally:
            room.release()


async def _message_of(answer: asyncio.Task[Answer]) -> bytes | str:
    try:
        return (await answer).data
    except Problem as problem:
        return json.dumps(problem.body())


async def _send_answer(socket: WebSocket, message: bytes | str) -> None:
    """Send it, unless nobody is there any more; whoever reads the frames is told of that as well."""
    if socket.application_state is not WebSocketState.CONNECTED:
        return
    try:
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)
    except WebSocketDisconnect:
        return


async def _next_frame(socket: WebSocket, service: Service) -> bytes | None:
    """The next frame; None once the socket is closed from here."""
    try:
        async with asyncio.timeout(service.limits.live_idle_seconds):
            message = await socket.receive()
    except TimeoutError:
        await socket.close(GOING_AWAY, f"no frame for {service.limits.live_idle_seconds:g} s")
        return None
    if message["type"] == "websocket.disconnect":
        return None
    frame = message.get("bytes")
    if frame is None:
        await socket.close(UNSUPPORTED, "wanted binary messages, each a picture file")
        return None
    assert isinstance(frame, bytes)
    return frame
