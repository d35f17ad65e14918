"""A service in a process of its own on a loopback port, and clients that load it within bounds."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from websockets.sync.client import connect

from shm_deploy.errors import BackendError

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
STOPPED = re.compile(r"(\d+) requests accepted, (\d+) answered, (\d+) left by their senders, (\d+) lost")
START_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a client got."""

    status: int
    seconds: float
    stages_ms: dict[str, float]  # as Server-Timing has them


class Service:
    """A running `shm-serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._listening.wait(START_SECONDS)
        found = ADDRESS.search("".join(self._lines))
        if found is None:
            raise BackendError(f"shm-serve did not start: {''.join(self._lines)}")
        self.port = int(found[1])

    def ask(self, picture: bytes, query: str = "output=alpha") -> Reply:
        """One request on a connection of its own.

        Raises:
            OSError: there is no answer.
        """
        begin = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", f"/v1/matte?{query}", picture)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        stages = re.findall(r"(\w+);dur=([\d.]+)", answer.headers.get("server-timing", ""))
        return Reply(
            status=answer.status,
            seconds=time.perf_counter() - begin,
            stages_ms={name: float(taken) for name, taken in stages},
        )

    def resident_mib(self) -> float:
        """What the service's process holds now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def cpu_seconds(self) -> float:
        """Processor time that the service's process has taken so far, in all its threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # user and system, proc(5)

    def stop(self) -> dict[str, int]:
        """SIGTERM; what the service says became of the requests that it accepted."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(START_SECONDS)
        self._reader.join()
        found = STOPPED.search("".join(self._lines))
        assert found is not None, self._lines
        names = ("accepted", "answered", "left", "lost")
        return {"exit_code": code, **dict(zip(names, map(int, found.groups()), strict=True))}

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append(line)
            if ADDRESS.search(line):
                self._listening.set()
        self._listening.set()


@contextmanager
def running(*arguments: str) -> Iterator[Service]:
    """Start `shm-serve` with these arguments; it does not outlive the block."""
    command = [sys.executable, "-m", "shm_deploy.cli.serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Service(process)
        finally:
            process.kill()


def load(service: Service, pictures: Sequence[bytes], num_requests: int, num_clients: int) -> tuple[list[Reply], float]:
    """Requests from several clients at once, each waiting for its answer before the next. Returns seconds for all."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(num_clients) as clients:
        replies = list(clients.map(lambda turn: service.ask(pictures[turn % len(pictures)]), range(num_requests)))
    return replies, time.perf_counter() - begin


def statuses_until(service: Service, picture: bytes, num_clients: int, interrupt: Callable[[], Any]) -> Counter[str]:
    """Clients that ask on and on until there is no service, which `interrupt` brings about; what each request got."""
    outcomes: Counter[str] = Counter()

    def client() -> None:
        while True:
            try:
                outcomes[str(service.ask(picture).status)] += 1
            except http.client.RemoteDisconnected:
                outcomes["closed without an answer"] += 1
            except http.client.HTTPException as error:
                outcomes[f"half an answer: {error!r}"] += 1
            except OSError:
                return

    clients = [threading.Thread(target=client) for _ in range(num_clients)]
    for thread in clients:
        thread.start()
    interrupt()
    for thread in clients:
        thread.join()
    return outcomes


def stream(service: Service, frames: Sequence[bytes], num_frames: int, in_flight: int) -> tuple[list[float], float]:
    """Live frames once round the WebSocket. Returns each one's seconds, and seconds for all."""
    taken, sent_at = [], []
    with connect(f"ws://127.0.0.1:{service.port}/v1/live", compression=None, max_size=None) as socket:
        begin = time.perf_counter()
        for turn in range(num_frames + in_flight):
            if turn >= in_flight:
                socket.recv()
                taken.append(time.perf_counter() - sent_at[turn - in_flight])
            if turn < num_frames:
                sent_at.append(time.perf_counter())
                socket.send(frames[turn % len(frames)])
        return taken, time.perf_counter() - begin


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the largest, in milliseconds."""
    shares = {f"p{share}": float(np.percentile(seconds, share)) for share in (50, 90, 99)}
    return {name: round(1000 * value, 2) for name, value in {**shares, "max": max(seconds)}.items()}
