"""A window by Tk, which comes with Python.

OpenCV's would need `opencv-python`, which must not be installed beside the `opencv-python-headless` that we need.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import BackendUnavailable
from shm_deploy.live.sources import Size

TITLE = "shm-live"
SCREEN_SHARE = 0.9  # of the screen, at most


class Window:
    """Shows frames, and takes keys; of the thread that made it."""

    def __init__(self, size: Size) -> None:
        """Open a window for frames of one size; larger ones than the screen are shown smaller.

        Raises:
            BackendUnavailable: Python has no Tk, or there is no display.
        """
        try:
            import tkinter
        except ImportError as error:
            raise BackendUnavailable(
                f"a window needs Tk, which does not import ({error}): apt install python3-tk, "
                "or name another output (-o camera, a file, an address, -)"
            ) from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise BackendUnavailable(
                f"can't open a window ({error}): name another output (-o camera, a file, an address, -)"
            ) from error
        self._keys: deque[str] = deque()
        height, width = size
        screen = SCREEN_SHARE * self._root.winfo_screenheight(), SCREEN_SHARE * self._root.winfo_screenwidth()
        scale = min(1.0, screen[0] / height, screen[1] / width)
        self._size = (max(1, round(height * scale)), max(1, round(width * scale)))
        self._root.title(TITLE)
        self._root.bind("<Key>", lambda event: self._keys.append(event.char))
        self._root.protocol("WM_DELETE_WINDOW", lambda: self._keys.append("q"))
        self._image = tkinter.PhotoImage(master=self._root, width=self._size[1], height=self._size[0])
        tkinter.Label(self._root, image=self._image, borderwidth=0).pack()

    def write(self, pixels: NDArray[np.uint8], pts: Fraction) -> None:
        """Show (H, W, 3) RGB, or (H, W) grey; at once, whatever its time."""
        height, width = self._size
        if pixels.shape[:2] != self._size:
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        kind = "P6" if pixels.ndim == 3 else "P5"
        self._image.configure(data=f"{kind} {width} {height} 255 ".encode() + pixels.tobytes())
        self._root.update()

    def key(self) -> str | None:
        """The next key that was pressed, or None."""
        return self._keys.popleft() if self._keys else None

    def close(self) -> None:
        """Close it."""
        self._root.destroy()
