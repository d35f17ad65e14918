"""From the frames of a clip to those of its result."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import composite, estimate_foreground
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Colour
from shm_deploy.media.products import Product
from shm_deploy.media.video.backdrops import PixelsBehind, open_backdrop
from shm_deploy.media.video.recipe import ClipRecipe
from shm_deploy.result import Result
from shm_deploy.stream.frames import Frame
from shm_deploy.stream.pipeline import overlap


def backdrop_of(recipe: ClipRecipe, size: tuple[int, int]) -> AbstractContextManager[PixelsBehind]:
    """What is behind the person; black where nobody will ask."""
    black = Colour(red=0, green=0, blue=0)
    return open_backdrop(black if isinstance(recipe.wanted, Product) else recipe.wanted, size)


def rendered(
    matter: Matter, frames: Iterable[Frame], recipe: ClipRecipe, behind: PixelsBehind
) -> Generator[tuple[NDArray[np.uint8], Fraction], None, None]:
    """What the frames of the result show, and when; made while the network is on the next one."""

    def render(result: Result) -> tuple[NDArray[np.uint8], Fraction]:
        pts = Fraction(result.pts or 0)
        return _render(result, pts, recipe, behind), pts

    return overlap(matter.stream(frames), [partial(map, render)])


def _render(result: Result, pts: Fraction, recipe: ClipRecipe, behind: PixelsBehind) -> NDArray[np.uint8]:
    alpha, image = result.alpha, result.frame
    if recipe.wanted is Product.ALPHA:
        return alpha
    foreground = estimate_foreground(image, alpha, recipe.quality)
    match recipe.wanted:
        case Product.CUTOUT:
            if recipe.premultiplied:
                foreground = composite(foreground, alpha, np.zeros(3, np.uint8))
            return np.dstack([foreground, alpha])
        case Product.FOREGROUND:
            return foreground
        case _:
            return composite(foreground, alpha, behind(image, foreground, alpha, pts))
