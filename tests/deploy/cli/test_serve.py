"""The shm-serve command: how it starts, what it refuses, how it stops."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from shm_deploy.cli.serve import TOKEN_VARIABLE, main
from tests.deploy.media import zoo

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
STOPPED = re.compile(r"stopped: (\d+) requests accepted, (\d+) answered, (\d+) left by their senders, (\d+) lost")


@pytest.mark.parametrize(
    "arguments",
    [["--port", "70000"], ["--workers", "0"], ["--max-bytes", "-1"], ["--nonsense"], ["--token", "secret"]],
    ids=" ".join,
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """A token on the command line too: every user of the machine could read it there."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere.onnx"], "nowhere.onnx"),
        (["--token-file", "nowhere"], "nowhere"),
        (["--origin", "shop.example"], "shop.example"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_not_start_exits_1(
    arguments: list[str], message: str, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason, before anything listens; 192.0.2.1 is an address of nobody."""
    assert main(["--port", "0", "--model", str(tiny_model), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_taken_port_exits_1(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named in the message."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert main(["--port", port, "--model", str(tiny_model)]) == 1
    assert f"port {port}" in capsys.readouterr().err


def test_empty_token_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that was left empty must not open the service."""
    monkeypatch.setenv(TOKEN_VARIABLE, "")
    assert main(["--port", "0"]) == 1
    assert "token" in capsys.readouterr().err


def test_arguments_are_read_before_anything_heavy_is_imported() -> None:
    """A typing error answers at once."""
    program = (
        "import sys\n"
        "from shm_deploy.cli.serve import main\n"
        "try:\n"
        "    main(['--nonsense'])\n"
        "except SystemExit:\n"
        "    print(sorted({'numpy', 'PIL', 'cv2', 'fastapi', 'uvicorn', 'onnxruntime'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class Running:
    """A service in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._started.wait(60), self.lines
        found = ADDRESS.search(self.lines[-1])
        assert found
        self.port = int(found[1])

    def ask(self, body: bytes, timeout: float = 30) -> int:
        """The status; ConnectionError where there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", "/v1/matte?output=alpha", body)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join(10)
        return code

    def stopped(self) -> tuple[int, int, int, int]:
        """Accepted, answered, left, lost; over all processes."""
        found = [tuple(map(int, match.groups())) for match in map(STOPPED.search, self.lines) if match]
        assert found, self.lines
        accepted, answered, left, lost = (sum(numbers) for numbers in zip(*found, strict=True))
        return accepted, answered, left, lost

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if ADDRESS.search(line):
                self._started.set()


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "shm_deploy.cli.serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_answers_every_accepted_request(workers: int, tiny_model: Path) -> None:
    """What the service says it answered has arrived, whole; what it did not take, it refused; exit code 0."""
    photo = zoo.encoded(zoo.portrait(900, 700), "JPEG", quality=92)
    outcomes: Counter[int | str] = Counter()
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                outcomes[service.ask(photo)] += 1
            except http.client.RemoteDisconnected:
                outcomes["closed without an answer"] += 1
            except ConnectionError:
                outcomes["no connection"] += 1
                return
            except http.client.HTTPException as error:
                outcomes[f"half an answer: {error!r}"] += 1

    with (
        running("--model", str(tiny_model), "--workers", str(workers), "--waiting", "4") as service,
        ExitStack() as rest,
    ):
        service.ask(photo)
        threads = [threading.Thread(target=client) for _ in range(12)]
        for thread in threads:
            thread.start()
            rest.callback(thread.join)
        rest.callback(stop.set)
        time.sleep(2)
        code = service.stop()
    assert code == 0
    accepted, answered, left, lost = service.stopped()
    assert (left, lost) == (0, 0)
    assert accepted == answered == outcomes[200] + 1
    assert answered > 12
    assert set(outcomes) <= {200, 503, "no connection", "closed without an answer"}


@pytest.mark.slow
def test_workers_count_together(tiny_model: Path) -> None:
    """Whichever process is asked for the metrics, it has the requests of all."""
    photo = zoo.encoded(zoo.portrait())
    with running("--model", str(tiny_model), "--workers", "2") as service:
        for _ in range(12):
            assert service.ask(photo) == 200
        texts = [service.get("/metrics") for _ in range(4)]
        assert service.stop() == 0
    assert all('shm_requests_total{status="200"} 12.0' in text for text in texts)
    assert sum("stopped" in line for line in service.lines) == 2


@pytest.mark.slow
def test_nothing_of_a_request_is_printed(tiny_model: Path) -> None:
    """Good, broken and refused ones leave no line, neither address nor option."""
    with running("--model", str(tiny_model)) as service:
        assert service.ask(zoo.encoded(zoo.portrait())) == 200
        assert service.ask(zoo.encoded(zoo.portrait(), "JPEG", exif=b"Exif\0\0II*\0secret")) == 200
        assert service.ask(b"secret") == 422
        assert service.ask(zoo.png_claiming(40000, 40000)) == 413
        service.get("/secret?secret")
        with pytest.raises(InvalidStatus, match="422"):
            connect(f"ws://127.0.0.1:{service.port}/v1/live?output=secret")
        assert service.stop() == 0
    assert len(service.lines) == 2, service.lines  # the address, and what became of the requests
