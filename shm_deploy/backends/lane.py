"""A lane of a GPU: the stream, buffers, contexts and CUDA graphs that one call uses at a time."""

from __future__ import annotations

import ctypes
import logging
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.backends.cuda import Cuda
from shm_deploy.backends.device_arrays import DeviceArray, view
from shm_deploy.backends.plan import Engine, num_pixels
from shm_deploy.backends.protocol import DeviceMattes, Mattes

logger = logging.getLogger(__name__)

Shape = tuple[int, int, int]  # (batch, height, width)

BYTES_PER_PIXEL = {spec.IMAGE: 3, spec.ALPHA: 1, spec.TRIMAP: 3}
WARM_UP_RUNS = 3  # of one shape in a row, after which it is worth a graph
MAX_GRAPHS = 4  # per lane; the one that was used least lately goes


@dataclass
class _Desk:
    """What a lane has for one profile, sized once for its largest input."""

    profile: int
    context: Any
    device: dict[str, int]  # pointers by tensor name
    pinned: dict[str, NDArray[np.uint8]]  # flat
    shape: Shape | None = None  # what the context was told last


@dataclass
class _Graph:
    """A recorded run of one shape, and the context that it was recorded with, which nothing else may use."""

    launchable: Any
    context: Any = field(repr=False)


class Lane:
    """Not for two threads at once."""

    def __init__(self, engine: Engine, cuda: Cuda) -> None:
        self._engine = engine
        self._cuda = cuda
        self._desks: dict[int, _Desk] = {}
        self._graphs: OrderedDict[tuple[int, Shape], _Graph] = OrderedDict()
        self._wants_graphs = engine.wants_graphs
        self._last: tuple[int, Shape] | None = None
        self._num_in_a_row = 0
        with ExitStack() as held:
            self._stream = cuda.create_stream()
            held.callback(cuda.destroy_stream, self._stream)
            self._scratch = 0
            if engine.scratch_bytes:
                self._scratch = cuda.allocate(engine.scratch_bytes)
                held.callback(cuda.free, self._scratch)
            self._held = held.pop_all()

    def run(self, frames: NDArray[np.uint8], profile: int) -> Mattes:
        """(N, H, W, 3) in host memory -> mattes in host memory, the caller's own."""
        batch, height, width = frames.shape[:3]
        desk = self._desk(profile)
        staged = desk.pinned[spec.IMAGE][: frames.size]
        np.copyto(staged, frames.reshape(-1))
        self._cuda.copy(desk.device[spec.IMAGE], staged.ctypes.data, frames.size, self._stream)
        self._execute(desk, (batch, height, width))
        alpha, trimap = self._fetch(desk, batch * height * width)
        return Mattes(alpha.reshape(batch, height, width).copy(), trimap.reshape(frames.shape).copy())

    def run_on_device(self, frames: Any, profile: int) -> DeviceMattes:
        """The same without leaving the device; the outputs are complete when this returns."""
        source = view(frames, int(self._stream), self._cuda.synchronise)
        shape = source.shape if len(source.shape) == 4 else (1, *source.shape)
        desk = self._desk(profile)
        pixels = shape[0] * shape[1] * shape[2]
        self._cuda.copy(desk.device[spec.IMAGE], source.pointer, 3 * pixels, self._stream)
        self._execute(desk, (shape[0], shape[1], shape[2]))
        alpha = self._device_copy(desk.device[spec.ALPHA], source.shape[:-1])
        trimap = self._device_copy(desk.device[spec.TRIMAP], source.shape)
        self._cuda.synchronise(self._stream)
        return DeviceMattes(alpha, trimap)

    def release(self) -> None:
        """Give everything back to the device."""
        self._graphs_dropped(keep=0)
        self._desks.clear()
        self._held.close()

    def _desk(self, profile: int) -> _Desk:
        desk = self._desks.get(profile)
        if desk is None:
            desk = self._desks[profile] = self._new_desk(profile)
        return desk

    def _new_desk(self, profile: int) -> _Desk:
        pixels = num_pixels(self._engine.profiles[profile])
        device: dict[str, int] = {}
        pinned: dict[str, NDArray[np.uint8]] = {}
        with ExitStack() as held:
            for name, size in BYTES_PER_PIXEL.items():
                device[name] = self._cuda.allocate(pixels * size)
                held.callback(self._cuda.free, device[name])
                pointer = self._cuda.allocate_pinned(pixels * size)
                held.callback(self._cuda.free_pinned, pointer)
                pinned[name] = np.ctypeslib.as_array((ctypes.c_uint8 * (pixels * size)).from_address(pointer))
            context = self._context(profile, device)
            self._held.push(held.pop_all())
        return _Desk(profile=profile, context=context, device=device, pinned=pinned)

    def _context(self, profile: int, device: dict[str, int]) -> Any:
        context = self._engine.create_context(profile, self._scratch, self._stream)
        self._engine.set_addresses(context, device)
        return context

    def _execute(self, desk: _Desk, shape: Shape) -> None:
        """Queue one run, by a graph where there is one; the image lies on the device already."""
        key = (desk.profile, shape)
        graph = self._graphs.get(key)
        if graph is not None:
            self._graphs.move_to_end(key)
            self._cuda.launch(graph.launchable, self._stream)
            return
        if desk.shape != shape:
            self._engine.set_input(desk.context, shape)
            desk.shape = shape
        self._engine.enqueue(desk.context, self._stream)
        self._num_in_a_row = self._num_in_a_row + 1 if key == self._last else 1
        self._last = key
        if self._wants_graphs and self._num_in_a_row == WARM_UP_RUNS:
            self._record(desk, shape)

    def _record(self, desk: _Desk, shape: Shape) -> None:
        """Make a graph of this shape, and keep it if it gives what the run before gave."""
        pixels = shape[0] * shape[1] * shape[2]
        wanted = [plane.copy() for plane in self._fetch(desk, pixels)]
        context = self._context(desk.profile, desk.device)
        self._engine.set_input(context, shape)
        self._engine.enqueue(context, self._stream)  # once outside a capture, for what is set up lazily
        self._cuda.synchronise(self._stream)
        self._cuda.begin_capture(self._stream)
        try:
            self._engine.enqueue(context, self._stream)
        finally:
            launchable = self._cuda.end_capture(self._stream)
        self._cuda.launch(launchable, self._stream)
        found = self._fetch(desk, pixels)
        if all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True)):
            self._graphs_dropped(keep=MAX_GRAPHS - 1)
            self._graphs[desk.profile, shape] = _Graph(launchable, context)
            return
        self._cuda.destroy_graph(launchable)
        self._wants_graphs = False
        self._engine.enqueue(desk.context, self._stream)  # the outputs are the graph's now
        logger.warning("a CUDA graph of %s gave another matte than the run before: going on without graphs", shape)

    def _graphs_dropped(self, keep: int) -> None:
        while len(self._graphs) > keep:
            _, graph = self._graphs.popitem(last=False)
            self._cuda.destroy_graph(graph.launchable)

    def _fetch(self, desk: _Desk, pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Wait, and look at alpha and trimap in pinned memory, which the next run overwrites."""
        planes = []
        for name in (spec.ALPHA, spec.TRIMAP):
            plane = desk.pinned[name][: pixels * BYTES_PER_PIXEL[name]]
            self._cuda.copy(plane.ctypes.data, desk.device[name], plane.size, self._stream)
            planes.append(plane)
        self._cuda.synchronise(self._stream)
        return planes[0], planes[1]

    def _device_copy(self, pointer: int, shape: tuple[int, ...]) -> DeviceArray:
        num_bytes = int(np.prod(shape))
        target = self._cuda.allocate(num_bytes)
        array = DeviceArray(target, shape, self._cuda.index, self._cuda.free)
        self._cuda.copy(target, pointer, num_bytes, self._stream)
        return array
