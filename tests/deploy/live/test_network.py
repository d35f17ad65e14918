"""Streams over the network, from one shm-live to another on this machine."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deploy.media.video import zoo
from tests.deploy.processes import started, wait_for

COMMAND = [sys.executable, "-m", "shm_deploy.cli.live"]


def free_port() -> int:
    """One that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["rtmp", "rtsp", "tcp"])
def test_stream_arrives(scheme: str, tmp_path: Path, tiny_model: Path) -> None:
    """One sends a clip of two seconds in real time, the other listens and writes it to a file."""
    clip = zoo.write_clip(tmp_path / "clip.mp4", times=zoo.STEADY)
    address = f"{scheme}://127.0.0.1:{free_port()}/live/me"
    model = ["--model", str(tiny_model), "--background", "white"]
    receiver = [*COMMAND, address, "--listen", "-o", str(tmp_path / "out.mkv"), "--latency", "full", *model]
    with started(receiver, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as receiving:
        sender = [*COMMAND, str(clip), "-o", address, "--latency", "full", *model]
        sending = retried(sender)
        answer, messages = receiving.communicate(timeout=60)
    assert sending.returncode == 0, sending.stderr
    assert json.loads(sending.stdout)["num_shown"] == 10
    assert receiving.returncode == 0, messages
    num_arrived = json.loads(answer)["num_shown"]
    assert num_arrived >= 8  # the first ones may go by while the streams are found out about
    assert len(zoo.times_of(tmp_path / "out.mkv")) == num_arrived


@pytest.mark.slow
def test_listener_without_a_sender_is_stopped_by_a_signal(tmp_path: Path, tiny_model: Path) -> None:
    """At once, with exit code 0; no file is begun."""
    port = free_port()
    address = f"rtmp://127.0.0.1:{port}/live/me"
    command = [*COMMAND, address, "--listen", "-o", str(tmp_path / "out.mp4"), "--model", str(tiny_model)]
    with started(command, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: is_listened_to(port))
        process.send_signal(signal.SIGTERM)
        answer, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(answer)["num_shown"] == 0
    assert not list(tmp_path.iterdir())


def is_listened_to(port: int) -> bool:
    """Without connecting, which would be a sender."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)  # proc_pid_net(5): its state, LISTEN


def retried(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a sender until somebody listens."""
    for _ in range(20):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode == 0 or "refused" not in done.stderr:
            return done
        time.sleep(0.5)
    return done
