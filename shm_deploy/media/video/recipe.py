"""What to make of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from shm_deploy.compositing import Quality
from shm_deploy.media.products import Product
from shm_deploy.media.video.backdrops import Backdrop
from shm_deploy.media.video.targets import CodecName, Content

Wanted: TypeAlias = Literal[Product.CUTOUT, Product.ALPHA, Product.FOREGROUND] | Backdrop


@dataclass(frozen=True, kw_only=True)
class ClipRecipe:
    """What to make of a clip."""

    wanted: Wanted
    codec: CodecName | None = None
    premultiplied: bool = False  # of cut-outs: colours already multiplied by alpha
    quality: Quality = "fast"

    @property
    def content(self) -> Content:
        """What the frames of the result are."""
        match self.wanted:
            case Product.CUTOUT:
                return Content.CUTOUT
            case Product.ALPHA:
                return Content.ALPHA
            case _:
                return Content.OPAQUE

    @property
    def comment(self) -> str:
        """What the file says of itself."""
        match self.content:
            case Content.CUTOUT:
                return "alpha: premultiplied" if self.premultiplied else "alpha: straight"
            case Content.ALPHA:
                return "alpha matte, full range"
            case Content.OPAQUE:
                return "matted"

    @property
    def alpha(self) -> str | None:
        """What kind of alpha the file has: "straight" or "premultiplied"; None for opaque results."""
        if self.content is not Content.CUTOUT:
            return None
        return "premultiplied" if self.premultiplied else "straight"
