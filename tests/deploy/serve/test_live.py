"""Live frames over the WebSocket."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from shm_deploy.backends import Mattes
from shm_deploy.serve.settings import Limits
from tests.deploy.fakes import FakeBackend
from tests.deploy.media import zoo
from tests.deploy.serve.conftest import Serve


def flat(red: int) -> bytes:
    return zoo.encoded(Image.new("RGB", (32, 24), (red, 0, 0)))


def test_each_frame_is_answered_in_order(client: TestClient) -> None:
    """Several may be on their way; what comes back is each one's own matte."""
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        for red in (10, 20, 30):
            socket.send_bytes(flat(red))
        for red in (10, 20, 30):
            alpha = np.asarray(Image.open(io.BytesIO(socket.receive_bytes())))
            assert alpha.shape == (24, 32)
            assert np.all(alpha == red)


class Uneven(FakeBackend):
    """The brighter a frame, the sooner it is done."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        threading.Event().wait((255 - int(frames.max())) / 1000)
        return super().run(frames)


def test_answers_keep_the_order_of_their_frames(serve: Serve) -> None:
    """Two are in work at a time, and the second may be done first."""
    client = serve(backend=Uneven())
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        for red in (5, 255, 100, 254):
            socket.send_bytes(flat(red))
        answers = [np.asarray(Image.open(io.BytesIO(socket.receive_bytes()))).max() for _ in range(4)]
    assert answers == [5, 255, 100, 254]


class Buggy(FakeBackend):
    """Has a bug."""

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        raise ZeroDivisionError


def test_bug_ends_the_stream_and_frees_its_place(serve: Serve) -> None:
    """Nobody waits for ever for an answer that will not come."""
    client = serve(Limits(num_live=1), backend=Buggy())

    def stream() -> None:
        with client.websocket_connect("ws://localhost/v1/live") as socket:
            socket.send_bytes(flat(1))
            socket.receive_bytes()

    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="unhandled"):
            stream()


def test_leaving_with_frames_in_work_frees_the_place(serve: Serve) -> None:
    """Nothing is left behind, and nothing fails."""
    client = serve(Limits(num_live=1), backend=Uneven())
    for _ in range(3):
        with client.websocket_connect("ws://localhost/v1/live") as socket:
            socket.send_bytes(flat(200))
            socket.send_bytes(flat(200))
    assert "shm_live_sockets 0.0" in client.get("/metrics").text


def test_options_are_those_of_a_single_matte(client: TestClient) -> None:
    """A composite as JPEG, for example."""
    with client.websocket_connect("ws://localhost/v1/live?output=composite&background=lime&format=jpeg") as socket:
        socket.send_bytes(flat(0))
        picture = Image.open(io.BytesIO(socket.receive_bytes()))
        assert (picture.format, picture.getpixel((5, 5))) == ("JPEG", (0, 255, 1))


def test_bad_frame_is_answered_by_its_problem_and_the_stream_goes_on(serve: Serve) -> None:
    """As text, so that it is not taken for a picture."""
    client = serve(Limits(max_pixels=1000))
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        socket.send_bytes(b"no picture")
        assert socket.receive_json()["status"] == 422
        socket.send_bytes(zoo.png_claiming(40, 40))
        assert socket.receive_json()["status"] == 413
        socket.send_bytes(flat(10))
        assert socket.receive_bytes()[:4] == b"\x89PNG"


def test_streams_are_limited_and_their_places_come_back(serve: Serve) -> None:
    """The second is refused with 503 while the first is open."""
    client = serve(Limits(num_live=1))
    with client.websocket_connect("ws://localhost/v1/live"):
        with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect("ws://localhost/v1/live"):
            pass
        assert caught.value.status_code == 503
        assert caught.value.json()["status"] == 503
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        socket.send_bytes(flat(1))
        socket.receive_bytes()


@pytest.mark.parametrize("query", ["output=cutout&format=jpeg", "output=alpha&background=white", "output=dance"])
def test_options_that_make_no_sense_are_refused_before_the_stream_opens(query: str, client: TestClient) -> None:
    """By a problem body, as over HTTP."""
    with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect(f"ws://localhost/v1/live?{query}"):
        pass
    assert caught.value.status_code == 422


def test_silent_stream_is_closed(serve: Serve) -> None:
    """Its place is for others."""
    client = serve(Limits(live_idle_seconds=0.2))
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_bytes()
        assert caught.value.code == 1001


def test_text_is_no_frame(client: TestClient) -> None:
    """Closed with the code for what can't be taken."""
    with client.websocket_connect("ws://localhost/v1/live") as socket:
        socket.send_text("hello")
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_bytes()
        assert caught.value.code == 1003
