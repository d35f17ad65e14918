"""Processes: one that serves, or several that share a socket and a parent."""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from shm_deploy.matter import Matter
from shm_deploy.serve.app import create_app
from shm_deploy.serve.connections import PatientProtocol
from shm_deploy.serve.metrics import SHARED_FOLDER
from shm_deploy.serve.settings import Settings

_SPARE_SECONDS = 5  # for a stop, beside the time that the last request may take


class NoDenials(logging.Filter):
    """Drops what uvicorn says of every WebSocket that was refused by a response, as if that were a fault of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record stays."""
        return "without completing handshake" not in record.getMessage()


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"}},
    "filters": {"no denials": {"()": NoDenials}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no denials"]}},
    "loggers": {
        # What uvicorn says of invalid requests and of our own bugs; its log of every request is off.
        "uvicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "shm_deploy.serve": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # Its remarks on half-broken files could quote them, and nothing of a request goes to the log.
        "shm_deploy.media": {"level": "ERROR"},
    },
}


def configure(
    settings: Settings,
    open_matter: Callable[[], Matter],
    num_workers: int = 1,
    log_config: dict[str, Any] | None = None,
) -> uvicorn.Config:
    """How uvicorn runs the application.

    Args:
        settings, open_matter, num_workers: as in `serve`.
        log_config: for every process, as `logging.config` takes it; None leaves logging alone.
    """
    limits = settings.limits
    return uvicorn.Config(
        partial(create_app, settings, open_matter),
        factory=True,
        workers=num_workers,
        http=PatientProtocol,
        ws="websockets-sansio",
        ws_max_size=limits.max_bytes,
        ws_max_queue=2,
        ws_per_message_deflate=False,  # pictures are compressed already
        lifespan="on",
        access_log=False,  # it has addresses and options of requests
        log_config=log_config,
        server_header=False,
        timeout_keep_alive=limits.connection_seconds,
        timeout_graceful_shutdown=int(2 * limits.seconds) + _SPARE_SECONDS,
    )


def serve(settings: Settings, open_matter: Callable[[], Matter], listener: socket.socket, num_workers: int) -> bool:
    """Serve until SIGTERM or SIGINT, then finish what was accepted.

    Args:
        settings: limits, per process, and access.
        open_matter: opens the model, in every process; picklable for several.
        listener: a listening socket.
        num_workers: processes.

    Returns:
        Whether it ever served: False where the application could not start.
    """
    config = configure(settings, open_matter, num_workers, _LOGGING)
    if num_workers > 1:
        with tempfile.TemporaryDirectory(prefix="shm-serve-") as folder:
            os.environ[SHARED_FOLDER] = folder  # read by the processes that are started below
            supervisor = Multiprocess(config, [listener])
            supervisor.run()
        return all(process.exitcode != STARTUP_FAILURE for process in supervisor.processes)
    server = uvicorn.Server(config)
    # uvicorn raises the signal again after it has stopped, for whoever else handles it: here nobody has to.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        server.run([listener])
    except SystemExit:  # how uvicorn says that the application did not start; the log has the reason
        return False
    return server.started
