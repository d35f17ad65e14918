"""From an upload to the bytes of the answer: what a thread of the line does for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Background, Blur, Picture, parse_colour
from shm_deploy.media.formats import JPEG, PNG, WEBP, ImageFormat
from shm_deploy.media.images import Photo, encode_image, read_photo
from shm_deploy.media.products import OfAlpha, Product, render_alpha, trimap_picture
from shm_deploy.serve.batching import Batcher
from shm_deploy.serve.bodies import Upload
from shm_deploy.serve.orders import BLUR, Format, Order, Output
from shm_deploy.serve.timing import Timing

# What cameras and the web use. TIFF and JPEG 2000 stay out: their libraries write to the standard error of the process
# what they think of a file, and many of their bugs were found by files from strangers.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP")
KINDS: dict[Format, ImageFormat] = {Format.PNG: PNG, Format.WEBP: WEBP, Format.JPEG: JPEG}
_OF_ALPHA: dict[Output, OfAlpha] = {
    Output.CUTOUT: Product.CUTOUT,
    Output.ALPHA: Product.ALPHA,
    Output.FOREGROUND: Product.FOREGROUND,
}


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
            trimap = None if upload.trimap is None else self._read_trimap(upload.trimap)
        pixels = self._render(photo, trimap, upload, order, timing)
        with timing.stage("encode"):
            data = encode_image(pixels, KINDS[order.format], photo.metadata)
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
