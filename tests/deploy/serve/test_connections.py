"""Slow, stalled and vanishing clients, against the real server on a loopback port."""

from __future__ import annotations

import http.client
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_live

from shm_deploy.serve.connections import listen
from shm_deploy.serve.settings import Limits, Settings
from tests.deploy.fakes import FakeBackend, FakeParts, HeldBackend
from tests.deploy.serve.servers import running

pytestmark = pytest.mark.slow  # most of it is waiting for time limits

LIMITS = Limits(seconds=0.5, connection_seconds=1, max_bytes=100_000, num_uploads=3)
Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start real servers in threads: `start(limits, backend)` returns the port."""
    with ExitStack() as stack:

        def begin(limits: Limits = LIMITS, backend: FakeBackend | None = None) -> int:
            return stack.enter_context(running(Settings(limits=limits), backend or FakeParts()))

        yield begin


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    return client


def ask(port: int, body: bytes) -> int:
    """The status of an ordinary request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/matte", body)
    status = connection.getresponse().status
    connection.close()
    return status


def seconds_until_closed(client: socket.socket) -> float:
    begin = time.monotonic()
    while client.recv(65536):
        pass
    return time.monotonic() - begin


@pytest.mark.parametrize("head", [b"", b"POST /v1/matte HTTP/1.1\r\nHost: local"], ids=["nothing", "half a head"])
def test_connection_without_a_request_is_closed(head: bytes, start: Start, photo: bytes) -> None:
    """Whoever opens one and says nothing, or nothing whole, loses it; others are served meanwhile."""
    port = start()
    with connect(port) as client:
        client.sendall(head)
        assert ask(port, photo) == 200
        assert seconds_until_closed(client) < 5


def test_head_that_never_ends_does_not_win_time_by_going_on(start: Start) -> None:
    """A byte now and then is not progress."""
    port = start()
    with connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        client.settimeout(0.2)
        closed = False
        for _ in range(20):
            try:
                client.sendall(b"a")
                closed = client.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
            if closed:
                break
        assert closed


def test_body_that_never_comes_is_408(start: Start, photo: bytes) -> None:
    """In time, with a problem body; and a place for uploads is free again."""
    port = start()
    for _ in range(LIMITS.num_uploads + 1):
        with connect(port) as client:
            client.sendall(b"POST /v1/matte HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc")
            answer = client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"application/problem+json" in answer
    assert ask(port, photo) == 200


def test_uploads_are_limited(start: Start, photo: bytes) -> None:
    """Slow senders don't fill the memory: the next one is told to come back."""
    port = start(Limits(num_uploads=2, seconds=5))
    with ExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(connect(port))
            client.sendall(b"POST /v1/matte HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc")
        time.sleep(0.2)
        assert ask(port, photo) == 503


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_too_many_bytes_are_413_and_the_sender_reads_it(chunked: bool, start: Start, photo: bytes) -> None:
    """Although it is still sending when the answer comes."""
    port = start()
    body = bytes(4 * LIMITS.max_bytes)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/matte", iter([body]) if chunked else body, encode_chunked=chunked,
                       headers={"Transfer-Encoding": "chunked"} if chunked else {})  # fmt: skip
    assert connection.getresponse().status == 413
    connection.close()
    assert ask(port, photo) == 200


def test_vanished_client_is_not_worked_for(start: Start, photo: bytes) -> None:
    """Its picture is dropped from the line; those behind it are served."""
    backend = HeldBackend()
    port = start(Limits(num_working=1, num_waiting=4), backend)
    request = b"POST /v1/matte HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(photo) + photo
    with connect(port) as first:
        first.sendall(request)
        assert backend.entered.wait(10)
        for _ in range(3):
            with connect(port) as vanishing:
                vanishing.sendall(request)
                time.sleep(0.1)
        time.sleep(0.2)
        backend.go.set()
        assert first.recv(12) == b"HTTP/1.1 200"
    assert ask(port, photo) == 200
    assert len(backend.shapes) == 2  # the first and the last


def test_vanished_stream_is_no_fault(start: Start, photo: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Its frames in work are finished for nobody: no error is logged, and its place is free."""
    backend = HeldBackend()
    port = start(Limits(num_live=1), backend)
    stream = connect_live(f"ws://127.0.0.1:{port}/v1/live").__enter__()
    for _ in range(4):
        stream.send(photo)
    assert backend.entered.wait(10)
    reset = struct.pack("ii", 1, 0)  # close with RST: what a crashed client's kernel sends
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    stream.socket.shutdown(socket.SHUT_RDWR)
    stream.socket.close()
    backend.go.set()
    for _ in range(50):
        time.sleep(0.1)
        if answered(port, photo):
            break
    else:
        pytest.fail("the place does not come back")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def answered(port: int, photo: bytes) -> bool:
    """Whether a new stream is taken and served."""
    try:
        with connect_live(f"ws://127.0.0.1:{port}/v1/live") as stream:
            stream.send(photo)
            return bytes(stream.recv())[:4] == b"\x89PNG"
    except InvalidStatus:
        return False


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs Linux's TCP_USER_TIMEOUT")
def test_connections_inherit_the_time_for_stalled_readers() -> None:
    """A client that takes nothing of its answer is dropped by the kernel, not kept for ever."""
    with listen("127.0.0.1", 0, backlog=1) as listener, connect(listener.getsockname()[1]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
