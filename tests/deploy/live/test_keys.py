"""Keys in a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest

from shm_deploy.live.keys import no_keys, terminal_keys
from tests.deploy.processes import started

READING = """
import sys, time
from shm_deploy.live.keys import terminal_keys
with terminal_keys() as keys:
    print("ready", flush=True)
    pressed = []
    while len(pressed) < 2:
        key = keys()
        if key is not None:
            pressed.append(key)
        time.sleep(0.01)
    print("".join(pressed), flush=True)
"""


def test_there_are_no_keys_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is a pipe or a file, which is not touched."""
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with terminal_keys() as keys:
            assert keys is no_keys
            assert keys() is None


def test_keys_are_read_one_by_one() -> None:
    """Without a line's end; afterwards the terminal is as it was."""
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with started(
        [
            sys.executable,
            "-c",
            f"import os; os.setsid(); import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{READING}",
        ],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.write(ours, b"2")
        time.sleep(0.05)
        os.write(ours, b"q")
        assert process.stdout.readline() == "2q\n"
        assert process.wait(10) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
