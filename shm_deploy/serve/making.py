"""From an upload to the bytes of the answer: what a thread of the line does for one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry
from shm_deploy.errors import SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Background, Blur, Picture, parse_colour
from shm_deploy.media.formats import JPEG, PNG, WEBP, ImageFormat
from shm_deploy.media.images import Photo, encode_image, read_photo
from shm_deploy.media.products import OfAlpha, Product, render_alpha, trimap_picture
from shm_deploy.serve.batching import Batcher
from shm_deploy.serve.bodies import Upload

BLUR = "blur"
# What cameras and the web use. TIFF and JPEG 2000 stay out: their libraries write to the standard error of the process
# what they think of a file, and many of their bugs were found by files from strangers.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP")


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


KINDS: dict[Format, ImageFormat] = {Format.PNG: PNG, Format.WEBP: WEBP, Format.JPEG: JPEG}
_OF_ALPHA: dict[Output, OfAlpha] = {
    Output.CUTOUT: Product.CUTOUT,
    Output.ALPHA: Product.ALPHA,
    Output.FOREGROUND: Product.FOREGROUND,
}


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


@dataclass(kw_only=True)
class Timing:
    """Seconds that the stages of one picture took, in their order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a `with` block."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = perf_counter() - begin

    def header(self) -> str:
        """As `Server-Timing` has it, in milliseconds."""
        return ", ".join(f"{name};dur={1000 * taken:.2f}" for name, taken in self.seconds.items())


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An encoded picture."""

    data: bytes
    media_type: str
    timing: Timing


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes answers in threads; what they share takes calls from many."""

    matter: Matter
    batcher: Batcher
    max_pixels: int

    def make(self, upload: Upload, order: Order, begun: float) -> Answer:
        """Decode, matte, encode.

        Args:
            upload: the picture files.
            order: what to make of them.
            begun: `perf_counter` when the upload entered the line.

        Raises:
            MatteError: a picture that can't be read or is too large, a trimap that does not fit.
        """
        timing = Timing(seconds={"wait": perf_counter() - begun})
        with timing.stage("decode"):
            photo = self._read(upload.image)
            geometry.working_size((photo.pixels.shape[0], photo.pixels.shape[1]))
            trimap = None if upload.trimap is None else self._read_trimap(upload.trimap)
        pixels = self._render(photo, trimap, upload, order, timing)
        with timing.stage("encode"):
            kind = KINDS[order.format]
            data = encode_image(pixels, kind, photo.metadata)
        return Answer(data=data, media_type=f"image/{order.format}", timing=timing)

    def _render(
        self, photo: Photo, trimap: NDArray[np.uint8] | None, upload: Upload, order: Order, timing: Timing
    ) -> NDArray[np.uint8]:
        if order.output is Output.TRIMAP:
            with timing.stage("network"):
                found = self.matter.trimap(photo.pixels)
            return trimap_picture(photo, found)
        with timing.stage("network"):
            alpha = self.batcher(photo.pixels) if trimap is None else self._by_trimap(photo, trimap)
        with timing.stage("render"):
            wanted = _OF_ALPHA.get(order.output) or self._background(upload, order)
            return render_alpha(photo, alpha, wanted, "fast")

    def _by_trimap(self, photo: Photo, trimap: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(self.matter(photo.pixels, trimap), np.uint8)

    def _background(self, upload: Upload, order: Order) -> Background:
        if upload.background is not None:
            return Picture(photo=self._read(upload.background))
        return Blur() if order.background == BLUR else parse_colour(order.background or "white")

    def _read(self, data: bytes) -> Photo:
        return read_photo(data, self.max_pixels, FORMATS)

    def _read_trimap(self, data: bytes) -> NDArray[np.uint8]:
        """(H, W) of a grey picture; one in colours counts by its green."""
        return np.ascontiguousarray(self._read(data).pixels[..., 1])
