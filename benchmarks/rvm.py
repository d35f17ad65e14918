"""RobustVideoMatting's network, for the benchmarks that stand beside it; a library, no benchmark of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy.bench.pictures import Size
from shm_deploy.errors import ArtifactError, BackendUnavailable

RVM_FILE = Path("rvm_mobilenetv3") / "rvm_mobilenetv3_fp32.onnx"

# By frame size, the ratio at which RVM's authors run its inner network there.
RATIOS: dict[Size, float] = {(512, 512): 1.0, (720, 1280): 0.375, (1080, 1920): 0.25}


def find_rvm(peers: Path) -> Path:
    """RobustVideoMatting's released ONNX file within a folder of peers.

    Raises:
        ArtifactError: it is not there.
    """
    file = peers / RVM_FILE
    if not file.is_file():
        raise ArtifactError(
            f"no {file}: put RobustVideoMatting's released {RVM_FILE.name} there; it does not come with us"
        )
    return file


def session_options(threads: int) -> Any:
    """ONNX Runtime's, whose threads wait busily, as by default, but not past the end of a run.

    Raises:
        BackendUnavailable: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable("onnxruntime is needed: pip install 'semantic-human-matting[cpu]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # They would take the CPU from whoever is timed next. Within a run they stay busy, and RVM as fast.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


class RvmNetwork:
    """The network on one frame after another of one size."""

    def __init__(self, file: Path, ratio: float, threads: int) -> None:
        options = session_options(threads)
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._ratio = np.array([ratio], np.float32)
        self._state = [np.zeros((1, 1, 1, 1), np.float32)] * 4

    @staticmethod
    def prepared(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 -> (1, 3, H, W) in 0..1."""
        return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)

    def run(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """(1, 3, H, W) -> alpha (1, 1, H, W)."""
        feeds = {f"r{index}i": state for index, state in enumerate(self._state, 1)}
        feeds |= {"src": source, "downsample_ratio": self._ratio}
        _, alpha, *self._state = self._session.run(None, feeds)
        return np.asarray(alpha, np.float32)
