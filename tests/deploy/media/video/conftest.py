"""A way to matte a clip as the command does."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shm_deploy.matter import Matter
from shm_deploy.media.products import Product
from shm_deploy.media.progress import Progress
from shm_deploy.media.video.clips import ClipSummary, matte_clip
from shm_deploy.media.video.recipe import ClipRecipe, Wanted

Run = Callable[..., ClipSummary]


@pytest.fixture
def run(matter: Matter) -> Run:
    """`run(source, target, wanted, …)`: verified, on the fake backend, whose alpha is the red channel."""

    def matte(source: Path, target: Path, wanted: Wanted = Product.CUTOUT, **options: Any) -> ClipSummary:
        recipe = ClipRecipe(
            wanted=wanted, codec=options.pop("codec", None), premultiplied=options.pop("premultiplied", False)
        )
        settings: dict[str, Any] = {"overwrite": False, "resume": False, "verify": True} | options
        return matte_clip(
            matter, source, target, recipe, progress=lambda total: Progress(total, io.StringIO()), **settings
        )

    return matte
