"""Teachers: models that say what the alpha of a photograph is, brought by the user.

A teacher is a function from a picture, (H, W, 3) uint8 RGB, to its alpha, (H, W) float32 in 0..1. It is named as

- `FILE.py:NAME`, a Python function of that kind, or
- `MODEL.onnx`, a model with one input, either float32 N×3×H×W RGB in 0..1 or uint8 N×H×W×3, and an output called
  `alpha`, or only one output, of N×1×H×W or N×H×W, float in 0..1 or uint8: what `shm-export` makes, for one. If the
  model fixes H and W, pictures are resized to them. Models that want anything else get a Python function around.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.errors import ArtifactError, BackendError, BackendUnavailable, SpecError

Teacher = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

PICTURE_TYPES = ("tensor(float)", "tensor(uint8)")


def load_teacher(name: str) -> Teacher:
    """Load one teacher; what it gives is checked at each call.

    Raises:
        SpecError: the name is none of the two kinds, or the file has no such function.
        ArtifactError: there is no such file, or it is no model of the kind that this module describes.
        BackendUnavailable: a package that it needs is not installed.
    """
    file, colon, function = name.rpartition(":")
    if colon and file.endswith(".py"):
        teach = _python_function(Path(file), function)
    elif name.endswith(".onnx"):
        teach = _OnnxTeacher(Path(name))
    else:
        raise SpecError(f"got the teacher {name!r}; wanted FILE.py:NAME or MODEL.onnx")

    def checked(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            alpha = teach(image)
        except ImportError as error:
            raise _lacking(name, error) from error
        if alpha.shape != image.shape[:2] or alpha.dtype.kind != "f":
            raise SpecError(
                f"the teacher {name} gave {alpha.dtype} of {alpha.shape} for a picture of {image.shape}; "
                "wanted is float32 (H, W) in 0..1"
            )
        if not (np.isfinite(alpha).all() and alpha.min() >= -1e-3 and alpha.max() <= 1 + 1e-3):
            raise SpecError(f"the teacher {name} gave values in {alpha.min()}..{alpha.max()}; wanted is 0..1")
        return np.clip(alpha, 0, 1).astype(np.float32)

    return checked


def ask(
    teachers: Sequence[Teacher], image: NDArray[np.uint8], scales: Sequence[float], flip: bool
) -> NDArray[np.float32]:
    """The mean of what all teachers say, at all scales, about a picture and about its mirror image.

    Args:
        teachers: at least one.
        image: (H, W, 3) uint8 RGB.
        scales: of the picture that they get.
        flip: whether they get the mirror image, too.

    Returns:
        (H, W) in 0..1.
    """
    height, width = image.shape[:2]
    said = []
    for scale in scales:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        scaled = image if scale == 1 else np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
        for teach in teachers:
            said.append(_resized(teach(scaled), (height, width)))
            if flip:
                mirrored = teach(np.ascontiguousarray(scaled[:, ::-1]))
                said.append(_resized(np.ascontiguousarray(mirrored[:, ::-1]), (height, width)))
    return np.mean(said, axis=0, dtype=np.float32)


def _resized(alpha: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if alpha.shape == size:
        return alpha
    method = cv2.INTER_AREA if alpha.shape[1] > size[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(alpha, size[::-1], interpolation=method), np.float32)


def _lacking(teacher: str, error: ImportError) -> BackendUnavailable:
    """What a teacher imports and is not there, when it is loaded or when it is asked."""
    found = isinstance(error, ModuleNotFoundError) and error.name is not None
    remedy = f"pip install {str(error.name).partition('.')[0]}" if found else "install the version that it wants"
    return BackendUnavailable(f"the teacher {teacher} needs a package: {error}; {remedy}")


def _python_function(file: Path, name: str) -> Teacher:
    if not file.is_file():
        raise ArtifactError(f"no file {file} with the teacher {name}")
    found = importlib.util.spec_from_file_location(f"teachers_{file.stem}", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    try:
        found.loader.exec_module(module)
    except ImportError as error:
        raise _lacking(str(file), error) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(sorted(key for key, value in vars(module).items() if callable(value) and key[0] != "_"))
        raise SpecError(f"{file} has no function {name}; it has {known or 'none'}")
    teacher: Teacher = function
    return teacher


class _OnnxTeacher:
    """A model in ONNX Runtime, on the CPU."""

    def __init__(self, file: Path) -> None:
        try:
            import onnxruntime as ort
            from onnxruntime.capi import onnxruntime_pybind11_state as native
        except ImportError as error:
            raise BackendUnavailable(
                f"the teacher {file} needs ONNX Runtime: pip install 'semantic-human-matting[cpu]'"
            ) from error
        self._failures = (native.Fail, native.RuntimeException, native.InvalidArgument)
        options = ort.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.log_severity_level = 3  # a failure is raised; a warning about it would be said twice
        try:
            self._session: Any = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except (native.InvalidProtobuf, native.InvalidGraph, native.NoSuchFile, native.NoModel, native.Fail) as error:
            raise ArtifactError(f"{file} can't be read as an ONNX model: {str(error).splitlines()[0]}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        names = [output.name for output in outputs]
        kinds = [f"{node.type} {node.shape}" for node in inputs]
        is_picture = len(inputs) == 1 and inputs[0].type in PICTURE_TYPES and len(inputs[0].shape) == 4
        if not is_picture or (len(names) > 1 and spec.ALPHA not in names):
            raise ArtifactError(
                f"{file} has inputs {kinds} and outputs {names}; wanted is one input, float N×3×H×W or uint8 N×H×W×3, "
                "and an output called alpha, or only one: write a Python function around it"
            )
        self._file = file
        self._input = inputs[0].name
        self._output = spec.ALPHA if spec.ALPHA in names else names[0]
        self._bytes = inputs[0].type == "tensor(uint8)"
        height, width = inputs[0].shape[1:3] if self._bytes else inputs[0].shape[2:4]
        self._size = (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen = image
        if self._size is not None and self._size != image.shape[:2]:
            method = cv2.INTER_AREA if self._size[1] < image.shape[1] else cv2.INTER_LINEAR
            seen = np.asarray(cv2.resize(image, self._size[::-1], interpolation=method), np.uint8)
        fed = seen[None] if self._bytes else np.divide(seen.transpose(2, 0, 1)[None], 255, dtype=np.float32)
        try:
            (said,) = self._session.run([self._output], {self._input: np.ascontiguousarray(fed)})
        except self._failures as error:
            raise BackendError(f"{self._file} failed on a picture of {seen.shape}: {error}") from error
        plane = said.reshape(said.shape[-2:])
        alpha = np.divide(plane, 255, dtype=np.float32) if plane.dtype == np.uint8 else np.asarray(plane, np.float32)
        return _resized(alpha, (image.shape[0], image.shape[1]))
