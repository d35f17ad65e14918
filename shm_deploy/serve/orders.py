"""The options of a request: what is to be made of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shm_deploy.errors import SpecError
from shm_deploy.media.backgrounds import parse_colour
from shm_deploy.serve.bodies import Upload

BLUR = "blur"


class Output(StrEnum):
    """What is made of a picture."""

    CUTOUT = "cutout"
    ALPHA = "alpha"
    TRIMAP = "trimap"
    FOREGROUND = "foreground"
    COMPOSITE = "composite"


class Format(StrEnum):
    """How the answer is encoded."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"


@dataclass(frozen=True, kw_only=True)
class Order:
    """The options of one request, checked."""

    output: Output = Output.CUTOUT
    format: Format = Format.PNG
    background: str | None = None  # a colour or "blur"; white if nothing is said, and only for a composite

    def check(self, upload: Upload) -> None:
        """Make sure that the options go together, and with what was sent.

        Raises:
            SpecError: they don't.
        """
        if self.output is Output.CUTOUT and self.format is Format.JPEG:
            raise SpecError("got format=jpeg for a cut-out, which needs transparency: ask for png or webp")
        has_picture = upload.background is not None
        if self.output is Output.TRIMAP and upload.trimap is not None:
            raise SpecError(
                "got a trimap for output=trimap, which is what the network's own is: ask for another output"
            )
        if self.output is not Output.COMPOSITE and (self.background is not None or has_picture):
            raise SpecError(f"got a background for output={self.output}; wanted output=composite with it")
        if self.background is not None and has_picture:
            raise SpecError("got a background twice, as an option and as a picture; wanted one")
        if self.background not in (None, BLUR):
            parse_colour(self.background)
