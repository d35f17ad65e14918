"""A screen that nobody looks at, with the part of Tk that `shm_deploy.live.window` uses; it presses a key by itself."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

pictures: list[bytes] = []  # that were shown
pressed: list[str] = []  # keys to press, one per update


class TclError(Exception):
    """What Tk raises."""


class Tk:
    """A window."""

    def __init__(self) -> None:
        self._on_key: Callable[[Any], object] = lambda event: None

    def title(self, text: str) -> None:
        """Its name."""

    def winfo_screenheight(self) -> int:
        """px."""
        return 400

    def winfo_screenwidth(self) -> int:
        """px."""
        return 800

    def bind(self, event: str, handler: Callable[[Any], object]) -> None:
        """Keys."""
        assert event == "<Key>"
        self._on_key = handler

    def protocol(self, name: str, handler: Callable[[], object]) -> None:
        """Its cross."""
        assert name == "WM_DELETE_WINDOW"

    def update(self) -> None:
        """Handle what has happened."""
        if pressed:
            self._on_key(SimpleNamespace(char=pressed.pop(0)))

    def destroy(self) -> None:
        """Close it."""


class PhotoImage:
    """A picture on the screen."""

    def __init__(self, *, master: Tk, width: int, height: int) -> None:
        self._pixels = width * height

    def configure(self, *, data: bytes) -> None:
        """Binary PGM or PPM, as Tk 8.6 reads them."""
        kind, _, _, top, _ = data.split(b" ", 4)
        header = len(b" ".join(data.split(b" ", 4)[:4])) + 1
        assert top == b"255"
        assert len(data) - header == self._pixels * {b"P5": 1, b"P6": 3}[kind]
        pictures.append(data)


class Label:
    """Where the picture is."""

    def __init__(self, master: Tk, *, image: PhotoImage, borderwidth: int) -> None:
        pass

    def pack(self) -> None:
        """Put it there."""
