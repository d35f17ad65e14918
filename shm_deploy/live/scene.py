"""What is made of each frame, and what the keys change about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import composite, cut_out, estimate_foreground
from shm_deploy.live.sources import Size
from shm_deploy.media.video.backdrops import Backdrop, PixelsBehind, open_backdrop
from shm_deploy.media.video.targets import Content
from shm_deploy.result import Result

QUIT = ("q", "\x1b")
NEXT = ("n", " ")
ORIGINAL = "0"


class Scene:
    """Renders results; one thread renders while another presses keys."""

    def __init__(self, content: Content, behinds: Sequence[PixelsBehind]) -> None:
        """Begin with the first background.

        Args:
            content: what the frames of the output are.
            behinds: one or more for opaque frames.
        """
        self._content = content
        self._behinds = behinds
        self._current: int | None = 0  # None shows the source as it is

    def render(self, result: Result) -> NDArray[np.uint8]:
        """(H, W) alpha, (H, W, 3) opaque or (H, W, 4) cut-out."""
        alpha, image = result.alpha, np.asarray(result.frame)
        match self._content:
            case Content.ALPHA:
                return alpha
            case Content.CUTOUT:
                return cut_out(image, alpha)
        current = self._current
        if current is None:
            return image
        foreground = estimate_foreground(image, alpha)
        pts = Fraction(result.pts or 0)
        return composite(foreground, alpha, self._behinds[current](image, foreground, alpha, pts))

    def press(self, key: str) -> bool:
        """Take a key; whether the scene goes on. What is no key of ours changes nothing."""
        if key in QUIT:
            return False
        if key == ORIGINAL:
            self._current = None
        elif key in NEXT and self._behinds:
            self._current = 0 if self._current is None else (self._current + 1) % len(self._behinds)
        elif key.isdecimal() and int(key) <= len(self._behinds):
            self._current = int(key) - 1
        return True


@contextmanager
def open_scene(content: Content, backdrops: Sequence[Backdrop], size: Size) -> Iterator[Scene]:
    """Make a scene ready for frames of one size.

    Raises:
        MediaError: a video that can't be read.
    """
    with ExitStack() as stack:
        yield Scene(content, [stack.enter_context(open_backdrop(backdrop, size)) for backdrop in backdrops])
