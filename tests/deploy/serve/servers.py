"""Real servers in threads, on loopback ports of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from shm_deploy.matter import Matter
from shm_deploy.serve.connections import listen
from shm_deploy.serve.running import configure
from shm_deploy.serve.settings import Settings
from tests.deploy.fakes import FakeBackend


@contextmanager
def running(settings: Settings, backend: FakeBackend) -> Iterator[int]:
    """The port of a service on this backend; it is stopped when the block ends."""
    server = uvicorn.Server(configure(settings, lambda: Matter(backend)))
    listener = listen("127.0.0.1", 0, backlog=16)
    port: int = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
