"""The progress line."""

from __future__ import annotations

import io
from collections.abc import Iterator

from shm_deploy.media.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


def ticking(step: float) -> Iterator[float]:
    """A clock that moves by `step` seconds at each look."""
    now = 0.0
    while True:
        yield now
        now += step


def test_terminal_shows_a_bar_that_messages_do_not_tear() -> None:
    """A message takes the bar's line; the bar is drawn again below."""
    stream = Terminal()
    progress = Progress(2, stream, ticking(1.0).__next__)
    progress.step()
    progress.say("skipped b.jpg")
    progress.step()
    progress.close()
    lines = stream.getvalue().split("\r\x1b[K")
    assert lines[1].startswith("[###############...............] 1/2, ")
    assert lines[2] == "skipped b.jpg\n"
    assert lines[3].startswith("[###############...............] 1/2, ")
    assert lines[4].startswith("[##############################] 2/2, ")
    assert lines[4].endswith("\n")


def test_log_gets_a_plain_line_every_ten_seconds_and_at_the_end() -> None:
    """No control characters where nobody watches."""
    stream = io.StringIO()
    times = iter([0.0, 4.0, 12.0, 12.0, 12.0, 13.0, 13.0])
    progress = Progress(3, stream, times.__next__)
    for _ in range(3):
        progress.step()
    progress.close()
    assert stream.getvalue() == "2/3, 0.2 images/s, 6 s left\n3/3, 0.2 images/s, 0 s left\n"


def test_single_picture_needs_no_progress() -> None:
    """Its result says it all."""
    stream = Terminal()
    progress = Progress(1, stream)
    progress.step()
    progress.close()
    assert stream.getvalue() == ""
