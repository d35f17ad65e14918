"""Keys that are pressed in the terminal, where the output has no window."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Keys = Callable[[], str | None]  # the next key that waits, or None


def no_keys() -> None:
    """Nobody presses anything."""


@contextmanager
def terminal_keys() -> Iterator[Keys]:
    """Read single keys from standard input where it is this command's terminal; no keys elsewhere.

    In the background of a shell the terminal is somebody else's, and reading it would stop the process.
    """
    if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        yield no_keys
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)

    def pressed() -> str | None:
        ready, _, _ = select.select([terminal], [], [], 0)
        return os.read(terminal, 1).decode(errors="replace") or None if ready else None

    try:
        yield pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
