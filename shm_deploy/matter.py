"""Matter: frames in, mattes out."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeGuard, overload

import numpy as np
from numpy.typing import NDArray

from shm_deploy import compositing, spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.backends import Backend, BackendName, Parts, open_backend, open_parts
from shm_deploy.backends.device_arrays import is_on_gpu
from shm_deploy.backends.protocol import Describes, DeviceMattes, Facts, RunsOnDevice
from shm_deploy.compositing import Quality
from shm_deploy.errors import ArtifactError, MatteError, SpecError
from shm_deploy.fit import Fit
from shm_deploy.gate import Gate
from shm_deploy.golden import check_golden
from shm_deploy.info import Info
from shm_deploy.inputs import as_frames, as_trimaps, check_on_gpu
from shm_deploy.result import Result
from shm_deploy.stream.asynchronous import over_asyncio
from shm_deploy.stream.frames import Latency
from shm_deploy.stream.matting import Engine, matte_stream
from shm_deploy.trust import Trust, trust_of

if TYPE_CHECKING:
    from shm_deploy.inputs import ImageLike

AlphaType = type[np.uint8] | type[np.float32]


class Matter:
    """Cuts people out of images.

    Images are (H, W, 3) uint8 RGB arrays, batches (N, H, W, 3) of them, lists of any sizes, or PIL images; array in,
    array out; batch in, batch out; list in, list out. Any number of threads may call one `Matter` at once.

    >>> with Matter() as matter:
    ...     alpha = matter(image)  # (H, W) uint8
    """

    def __init__(
        self,
        model: str | Path | Backend | None = None,
        device: str = "auto",
        *,
        backend: BackendName = "auto",
        threads: int | None = None,
        max_edge: int | None = spec.MAX_EDGE,
    ) -> None:
        """Open a model, and run its golden image where the sidecar has one.

        Args:
            model: a `.onnx`, `.plan` or `.pt` file; None is the packaged `live` model; or a backend of one's own, which
                is then closed with this object.
            device: "auto", "cpu", "cuda" or "cuda:N". "auto" chooses, `info()` tells; the others run or fail.
            backend: "auto" goes by the file; "openvino" runs a `.onnx` too. So does "int8" on a CPU, with the packaged
                model or one exported with --int8: faster, with mattes near the others' instead of equal to them.
            threads: CPU threads within one call; None for every CPU of this process. The engine of a `.plan` has none
                (`info().threads` is None), only the parts beside it, which edited trimaps and float alphas need.
            max_edge: longest side that the network sees [px], the paper's rule; None for the full size.

        Raises:
            SpecError: an argument that is none of these, or that does not go with the model.
            ArtifactError: the file is missing, truncated, foreign, at odds with its sidecar, or gives another matte
                for the golden image than it did when it was exported; `DeviceMismatch` for an engine of another GPU.
            BackendUnavailable: a package or device is not there; the message has the install line.
            BackendError: the runtime failed.
        """
        if max_edge is not None and max_edge < spec.MIN_SIDE:
            raise SpecError(f"got max_edge={max_edge}; wanted at least {spec.MIN_SIDE}, or None for the full size")
        self._max_edge = max_edge
        self._gate = Gate()
        self._lock = threading.Lock()
        self._parts: Parts | None = None
        self._file: ModelFile | None = None
        if isinstance(model, Backend):
            if (device, backend, threads) != ("auto", "auto", None):
                raise SpecError(f"got device, backend or threads with an open {model.name} backend; they are for files")
            self._backend = model
        elif model is None or isinstance(model, (str, Path)):
            self._file = find_model(model)
            self._backend = open_backend(self._file, device=device, threads=threads, backend=backend)
        else:
            raise SpecError(
                f"got a model of type {type(model).__name__}; wanted the path of a .onnx, .plan or .pt file, "
                "a Backend, or None for the packaged model"
            )
        self._open_parts = partial(_open_parts, self._backend, self._file, device, threads, backend)
        self._golden_checked = self._check_golden()

    @staticmethod
    def probe(model: str | Path | None = None) -> ModelFile:
        """Look at a model and its sidecar without opening it; no GPU and no runtime is needed.

        Args:
            model: as in `Matter`.

        Raises:
            SpecError: another suffix.
            ArtifactError: it is missing, truncated, or not what its sidecar describes.
        """
        return find_model(model)

    @overload
    def __call__(
        self,
        image: Sequence[ImageLike],
        trimap: Sequence[NDArray[Any]] | None = None,
        *,
        bgr: bool = False,
        dtype: AlphaType = np.uint8,
    ) -> list[NDArray[Any]]: ...

    @overload
    def __call__(
        self, image: ImageLike, trimap: NDArray[Any] | None = None, *, bgr: bool = False, dtype: AlphaType = np.uint8
    ) -> NDArray[Any]: ...

    def __call__(
        self,
        image: ImageLike | Sequence[ImageLike],
        trimap: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        *,
        bgr: bool = False,
        dtype: AlphaType = np.uint8,
    ) -> NDArray[Any] | list[NDArray[Any]]:
        """Matte.

        Args:
            image: (H, W, 3) or (N, H, W, 3) uint8, a PIL image, or a list of such; sides from 16 px.
            trimap: an edited trimap per image instead of T-Net's: (H, W) uint8 of 255 / 0 / 128 for F / B / U, or
                (H, W, 3) probabilities. T-Net then runs only where M-Net sees its features, as in `live`.
            bgr: arrays come from OpenCV, blue first.
            dtype: `np.uint8` for 0..255, `np.float32` for 0..1 before rounding, from the parts.

        Returns:
            alpha, (H, W) or (N, H, W) of the image's own size, or a list of such; the caller's own.

        Raises:
            SpecError: an array that is none of these (the message says what to change), or a call after `close`.
            ArtifactError: a trimap or float alpha without the parts beside the model.
            BackendError: the runtime failed.
        """
        if isinstance(image, Sequence) and not isinstance(image, (str, bytes, bytearray)):
            trimaps = _one_each(trimap, len(image))
            return [self(one, edited, bgr=bgr, dtype=dtype) for one, edited in zip(image, trimaps, strict=True)]
        if is_on_gpu(image):
            raise SpecError("got an array on the GPU; wanted one in host memory: call matter.on_device for it")
        if dtype not in (np.uint8, np.float32):
            raise SpecError(f"got dtype {dtype}; wanted np.uint8 or np.float32")
        with self._gate:
            frames = as_frames(image, bgr=bgr)
            single = not _is_batch(image)
            if trimap is None and dtype == np.uint8:
                fit = Fit.of(frames, self._max_edge)
                alpha: NDArray[Any] = fit.back(self._backend.run(fit.forward(frames)).alpha)
            else:
                edited = None if trimap is None else as_trimaps(trimap, frames, single=single)
                alpha = self._alpha_by_parts(frames, edited)
                if dtype == np.uint8:
                    alpha = np.floor(alpha * 255 + 0.5).astype(np.uint8)
            return alpha[0] if single else alpha

    def on_device(self, frames: Any) -> DeviceMattes:
        """Matte what is on the GPU already, without leaving it; needs a backend that can, such as TensorRT's.

        Args:
            frames: (H, W, 3) or (N, H, W, 3) uint8 RGB in C order, of torch, CuPy, pycuda or anything else with
                `__dlpack__` or `__cuda_array_interface__`. Nothing is scaled or padded: sides from 64 px to `max_edge`.

        Returns:
            alpha (H, W) or (N, H, W) and trimap (..., 3), uint8, complete on every stream; `torch.from_dlpack` and
            `cupy.from_dlpack` share them without a copy.

        Raises:
            SpecError: another dtype, shape or size; a backend that takes arrays in host memory only.
            BackendError: the runtime failed.
        """
        with self._gate:
            if not isinstance(self._backend, RunsOnDevice):
                raise SpecError(
                    f"got frames for the GPU, the {self._backend.name} backend takes arrays in host memory: "
                    "copy them there and call matter(...), or open a .plan"
                )
            check_on_gpu(frames, self._max_edge)
            return self._backend.run_on_device(frames)

    def matte(self, image: ImageLike, *, bgr: bool = False) -> Result:
        """The alpha of one image together with its trust figures, from one run of the network.

        Args:
            image: (H, W, 3) uint8 RGB or a PIL image; sides from 16 px.
            bgr: the array comes from OpenCV, blue first.

        Returns:
            A `Result` without a time stamp; its alpha (H, W) is the caller's own.

        Raises:
            SpecError: as in a call, and for a batch.
            BackendError: the runtime failed.
        """
        with self._gate:
            frames = _one_frame(image, bgr=bgr)
            fit = Fit.of(frames, self._max_edge)
            mattes = self._backend.run(fit.forward(frames))
            alpha, trust = fit.back(mattes.alpha)[0], trust_of(fit.crop(mattes.trimap)[0])
            return Result(alpha=alpha, trust=trust, frame=image)

    def stream(
        self, frames: Iterable[Any], *, bgr: bool = False, latency: Latency = "full", steady: bool = True
    ) -> Generator[Result, None, None]:
        """Matte frames as they come; reading them, preparing, the network and finishing overlap.

        Any number of streams may run at once on one `Matter`. Threads start with the first result that is asked for,
        and end with the stream: at its end, on an error, on `close()`, or when the generator is let go.

        Args:
            frames: (H, W, 3) uint8 RGB or PIL images, bare or as `Frame(pixels=..., pts=...)` with a time stamp; read
                in a thread of its own. Sizes may change. Frames on the GPU are matted there (see `on_device`).
            bgr: arrays come from OpenCV, blue first.
            latency: "full" gives a result for every frame, and reads ahead a few frames at most. "low", for live
                sources, reads as fast as frames come and drops all but the newest; `Result.num_dropped` counts them.
            steady: keep the matte from flickering: with "full" latency each result waits for the frame after it, with
                "low" only earlier frames help. Where nothing moves the network rests. False mattes each frame for
                itself.

        Yields:
            A `Result` per frame, in order, each with its own frame, time stamp and number; a `DeviceResult` for a frame
            on the GPU.

        Raises:
            Exception: whatever `frames` or a stage raised, once, after the results before it.
        """
        return matte_stream(self._engine(), frames, bgr=bgr, latency=latency, steady=steady)

    def stream_async(
        self,
        frames: AsyncIterable[Any] | Iterable[Any],
        *,
        bgr: bool = False,
        latency: Latency = "full",
        steady: bool = True,
    ) -> AsyncGenerator[Result, None]:
        """`stream` for asyncio: `async for result in matter.stream_async(frames)`, without blocking the event loop.

        Args:
            frames: as in `stream`, or an asynchronous iterable of them, which is read in the running event loop.
            bgr, latency, steady: as in `stream`, and so are results and errors.
        """
        return over_asyncio(frames, lambda source: self.stream(source, bgr=bgr, latency=latency, steady=steady))

    def trust(self, image: ImageLike, *, bgr: bool = False) -> Trust:
        """How far the matte of one image can be trusted; `matte`, whose arguments and errors it shares, gives both."""
        return self.matte(image, bgr=bgr).trust

    def trimap(self, image: ImageLike, *, bgr: bool = False) -> NDArray[np.uint8]:
        """T-Net's own trimap.

        Args:
            image: (H, W, 3) or (N, H, W, 3) uint8 RGB, or a PIL image; sides from 16 px.
            bgr: arrays come from OpenCV, blue first.

        Returns:
            (H, W, 3) uint8, softmax x 255 in the order F, B, U; (N, H, W, 3) for a batch; the caller's own.
            `spec.picture_from_trimap` makes a picture of it, for an editor.

        Raises:
            SpecError: as in a call.
            BackendError: the runtime failed.
        """
        with self._gate:
            frames = as_frames(image, bgr=bgr)
            fit = Fit.of(frames, self._max_edge)
            trimap = fit.back(self._backend.run(fit.forward(frames)).trimap)
            return trimap if _is_batch(image) else trimap[0]

    def cutout(self, image: ImageLike, *, bgr: bool = False, quality: Quality = "fast") -> NDArray[np.uint8]:
        """Cut the people out of one image.

        Args:
            image: (H, W, 3) uint8 RGB or a PIL image; sides from 16 px.
            bgr: the array comes from OpenCV, blue first.
            quality: "fast" takes milliseconds; "exact" solves for the colours, and needs the extra [quality].

        Returns:
            (H, W, 4) uint8: colours of the foreground alone, not premultiplied, in the image's order, and alpha; the
            caller's own.

        Raises:
            SpecError: as in a call, for a batch, and for an unknown quality.
            BackendUnavailable: "exact" without the extra.
            BackendError: the runtime failed.
        """
        with self._gate:
            frames = _one_frame(image, bgr=bgr)
            fit = Fit.of(frames, self._max_edge)
            alpha = fit.back(self._backend.run(fit.forward(frames)).alpha)[0]
        colours = frames[0, ..., ::-1] if bgr else frames[0]
        return compositing.cut_out(np.ascontiguousarray(colours), alpha, quality)

    def warmup(self, sizes: Iterable[tuple[int, int]]) -> None:
        """Run once at each size, so that the first real frame of that size is as fast as the next.

        Args:
            sizes: (height, width) each [px].

        Raises:
            SpecError: a side under 16 px, or a size that no profile of the engine holds.
            BackendError: the runtime failed.
        """
        for height, width in sizes:
            self(np.zeros((height, width, 3), np.uint8))

    def info(self) -> Info:
        """What runs, where, and what was checked."""
        facts = self._backend.facts() if isinstance(self._backend, Describes) else Facts()
        file = self._file
        sidecar = file.sidecar if file else None
        is_plan = file is not None and file.kind == "plan"
        return Info(
            model=file.path if file else None,
            sha256=file.sha256 if file else None,
            variant=sidecar.variant if sidecar else None,
            backend=self._backend.name,
            device=self._backend.device,
            providers=facts.providers,
            threads=facts.threads,
            max_edge=self._max_edge,
            profiles=facts.profiles,
            golden_checked=self._golden_checked,
            engine_verified=sidecar.engine.verified if is_plan and sidecar and sidecar.engine else None,
        )

    def close(self) -> None:
        """Wait for running calls and release what is held; a second call does nothing."""
        if self._gate.close():
            self._backend.close()
            if self._parts is not None:
                self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _engine(self) -> Engine:
        return Engine(backend=self._backend, on_device=self.on_device, gate=self._gate, max_edge=self._max_edge)

    def _check_golden(self) -> bool:
        if self._file is None or self._file.sidecar is None or self._file.sidecar.golden is None:
            return False
        try:
            check_golden(self._file.sidecar.golden, self._backend)
        except MatteError:
            self._backend.close()
            raise
        return True

    def _alpha_by_parts(self, frames: NDArray[np.uint8], edited: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """(N, H, W, 3), and trimaps (N, H, W, 3) in place of T-Net's -> alpha (N, H, W) in 0..1."""
        fit = Fit.of(frames, self._max_edge)
        parts = self._opened_parts()
        image = _channels_first(fit.forward(frames))
        trimap, features = parts.tnet(image) if edited is None else (_channels_first(fit.forward(edited)), None)
        alpha = parts.fusion(trimap, parts.mnet(image, trimap, features))
        return fit.back(alpha[:, 0])

    def _opened_parts(self) -> Parts:
        with self._lock:
            if self._parts is None:
                self._parts = self._open_parts()
            return self._parts


def _open_parts(backend: Backend, file: ModelFile | None, device: str, threads: int | None, name: BackendName) -> Parts:
    if isinstance(backend, Parts):
        return backend
    if file is None:
        raise ArtifactError(
            f"the {backend.name} backend runs no parts (tnet, mnet, fusion), "
            "which float alphas and edited trimaps need: add these methods to it, or open a model file"
        )
    return open_parts(file, device=device, threads=threads, backend=name)


def _is_batch(image: ImageLike) -> TypeGuard[NDArray[Any]]:
    return isinstance(image, np.ndarray) and image.ndim == 4


def _one_frame(image: ImageLike, *, bgr: bool) -> NDArray[np.uint8]:
    """(1, H, W, 3) of one image."""
    if _is_batch(image):
        raise SpecError(f"got an array {image.shape}; wanted one image here: call it once per image")
    return as_frames(image, bgr=bgr)


def _one_each(trimap: NDArray[Any] | Sequence[NDArray[Any]] | None, num_images: int) -> Sequence[NDArray[Any] | None]:
    if trimap is None:
        return [None] * num_images
    if len(trimap) != num_images:
        raise SpecError(f"got {len(trimap)} trimaps for {num_images} images; wanted one per image")
    return list(trimap)


def _channels_first(frames: NDArray[Any]) -> NDArray[np.float32]:
    """(N, H, W, 3) -> (N, 3, H, W) float32, contiguous."""
    return np.ascontiguousarray(np.moveaxis(frames, -1, 1), dtype=np.float32)
