"""T-Net, M-Net and fusion as graphs in files, whatever runs those."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.artifacts import PartFiles
from shm_deploy.backends.protocol import Features, Segmented

Tensors = dict[str, NDArray[np.float32]]


class Graph(Protocol):
    """One opened file."""

    inputs: Mapping[str, str]  # names, with their dtypes

    def run(self, feeds: Tensors) -> Tensors:
        """Inputs to outputs, all by name."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


AnyGraph = TypeVar("AnyGraph", bound=Graph)


class GraphParts(Generic[AnyGraph]):
    """Each file is opened when it is first needed."""

    def __init__(self, files: PartFiles, open_graph: Callable[[Path], AnyGraph]) -> None:
        self._files = files
        self._open_graph = open_graph
        self._graphs: dict[Path, AnyGraph] = {}
        self._lock = threading.Lock()

    def tnet(self, image: NDArray[np.float32]) -> Segmented:  # as in Parts
        outputs = self._graph(self._files.tnet).run({spec.IMAGE: image})
        return Segmented(outputs[spec.TRIMAP], tuple(outputs[name] for name in _feature_names(outputs)))

    def mnet(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features | None = None
    ) -> NDArray[np.float32]:
        graph = self._graph(self._files.mnet)
        if features is None:
            features = self.tnet(image).features if _feature_names(graph.inputs) else ()
        return graph.run(_mnet_feeds(image, trimap, features))[spec.ALPHA_RAW]

    def coefficients(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features
    ) -> NDArray[np.float32]:  # as in LiveParts
        return self._graph(self._files.live_part()).run(_mnet_feeds(image, trimap, features))[spec.COEFFICIENTS]

    def fusion(self, trimap: NDArray[np.float32], alpha_raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._graph(self._files.fusion).run({spec.TRIMAP: trimap, spec.ALPHA_RAW: alpha_raw})[spec.ALPHA]

    def close(self) -> None:
        with self._lock:
            for graph in self._graphs.values():
                graph.close()
            self._graphs.clear()

    def _opened(self) -> list[AnyGraph]:
        with self._lock:
            return list(self._graphs.values())

    def _graph(self, file: Path) -> AnyGraph:
        with self._lock:
            if file not in self._graphs:
                self._graphs[file] = self._open_graph(file)
            return self._graphs[file]


def _feature_names(tensors: Mapping[str, object]) -> list[str]:
    """Those of T-Net's features, coarsest first."""
    return sorted(name for name in tensors if name.startswith(spec.FEATURES))


def _mnet_feeds(image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features) -> Tensors:
    named = {f"{spec.FEATURES}{index}": map_ for index, map_ in enumerate(features)}
    return {spec.IMAGE: image, spec.TRIMAP: trimap, **named}
