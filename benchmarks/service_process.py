"""A service in a process of its own, on a loopback port."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shm_deploy.bench import memory
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


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What a stopped service says became of its requests."""

    accepted: int
    answered: int
    left: int  # by their senders
    lost: int


class Service:
    """A running `shm-serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []  # of its standard error, so far
        self._process = process
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._listening.wait(START_SECONDS)
        found = ADDRESS.search("".join(self.lines))
        if found is None:
            raise BackendError(f"shm-serve did not start: {''.join(self.lines)}")
        self.port = int(found[1])

    def ask(self, picture: bytes, query: str = "output=alpha") -> Reply:
        """One request on a connection of its own.

        Raises:
            ConnectionError: there is no answer.
            http.client.HTTPException: there is half an answer.
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
        return memory.resident_mib(self._process.pid)

    def cpu_seconds(self) -> float:
        """Processor time that the service's process has taken so far, in all its threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # user and system, proc(5)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(START_SECONDS)
        self._reader.join()
        return code

    def tally(self) -> Tally:
        """What became of the requests of a stopped service, over all its processes."""
        found = [tuple(map(int, match.groups())) for match in map(STOPPED.search, self.lines) if match]
        assert found, self.lines
        accepted, answered, left, lost = (sum(numbers) for numbers in zip(*found, strict=True))
        return Tally(accepted=accepted, answered=answered, left=left, lost=lost)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if ADDRESS.search(line):
                self._listening.set()
        self._listening.set()


@contextmanager
def running(*arguments: str) -> Iterator[Service]:
    """Start `shm-serve` with these arguments; it does not outlive the block."""
    command = [sys.executable, "-m", "shm_deploy.cli.serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield Service(process)
        finally:
            with suppress(ProcessLookupError):  # it has ended, and its workers with it
                os.killpg(process.pid, signal.SIGKILL)
