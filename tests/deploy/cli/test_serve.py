"""The shm-serve command: how it starts, what it refuses, how it stops."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.service_clients import statuses_until
from benchmarks.service_process import Service, running
from shm_deploy.cli.serve import TOKEN_VARIABLE, main
from tests.deploy.media import zoo


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


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_answers_every_accepted_request(workers: int, tiny_model: Path) -> None:
    """What the service says it answered has arrived, whole; what it did not take, it refused; exit code 0."""
    photo = zoo.encoded(zoo.portrait(900, 700), "JPEG", quality=92)
    with running("--model", str(tiny_model), "--workers", str(workers), "--waiting", "4") as service:

        def interrupt() -> None:
            time.sleep(2)
            assert service.stop() == 0

        service.ask(photo)
        outcomes = statuses_until(service, photo, 12, interrupt)
    tally = service.tally()
    assert (tally.left, tally.lost) == (0, 0)
    assert tally.accepted == tally.answered == outcomes["200"] + 1
    assert tally.answered > 12
    assert set(outcomes) <= {"200", "503", "closed without an answer"}


def text_of(service: Service, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.slow
def test_workers_count_together(tiny_model: Path) -> None:
    """Whichever process is asked for the metrics, it has the requests of all."""
    photo = zoo.encoded(zoo.portrait())
    with running("--model", str(tiny_model), "--workers", "2") as service:
        for _ in range(12):
            assert service.ask(photo).status == 200
        texts = [text_of(service, "/metrics") for _ in range(4)]
        assert service.stop() == 0
    assert all('shm_requests_total{status="200"} 12.0' in text for text in texts)
    assert sum("stopped" in line for line in service.lines) == 2


@pytest.mark.slow
def test_nothing_of_a_request_is_printed(tiny_model: Path) -> None:
    """Good, broken and refused ones leave no line, neither address nor option."""
    with running("--model", str(tiny_model)) as service:
        assert service.ask(zoo.encoded(zoo.portrait())).status == 200
        assert service.ask(zoo.encoded(zoo.portrait(), "JPEG", exif=b"Exif\0\0II*\0secret")).status == 200
        assert service.ask(b"secret").status == 422
        assert service.ask(zoo.png_claiming(40000, 40000)).status == 413
        text_of(service, "/secret?secret")
        with pytest.raises(InvalidStatus, match="422"):
            connect(f"ws://127.0.0.1:{service.port}/v1/live?output=secret")
        assert service.stop() == 0
    assert len(service.lines) == 2, service.lines  # the address, and what became of the requests
