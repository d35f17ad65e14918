"""What may be wanted of an export."""

from __future__ import annotations

from pathlib import Path

import pytest

from shm_deploy.errors import SpecError
from shm_deploy.export.engine import BuildSpec
from shm_deploy.export.wanted import ExportSpec

CHECKPOINT = Path("e2e.pt")


def test_joined_files_have_the_name_and_parts_their_own() -> None:
    """`Matter` finds the parts of any joined file by their fixed names."""
    files = ExportSpec(checkpoint=CHECKPOINT, name="shm-live").files()
    assert files == {
        "tnet": "tnet.onnx",
        "mnet": "mnet.onnx",
        "fusion": "fusion.onnx",
        "coefficients": "mnet.coefficients.onnx",
        "tnet_int8": "tnet.int8.onnx",
        "joined": "shm-live.onnx",
        "joined_fp16": "shm-live.fp16.onnx",
        "plan": "shm-live.plan",
    }


@pytest.mark.parametrize(("fp16", "source"), [(True, "shm.fp16.onnx"), (False, "shm.onnx")])
def test_the_engine_is_built_from_the_graph_of_its_precision(fp16: bool, source: str) -> None:
    """Precision is in the graph, and only there."""
    assert ExportSpec(checkpoint=CHECKPOINT, fp16=fp16).engine_source() == source


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "ä"])
def test_names_that_would_confuse_suffixes_are_refused(name: str) -> None:
    """The sidecar is found by cutting at the first dot."""
    with pytest.raises(SpecError, match="got the name"):
        ExportSpec(checkpoint=CHECKPOINT, name=name)


def test_names_of_parts_are_refused() -> None:
    """The joined graph would replace the part that it was made of."""
    with pytest.raises(SpecError, match=r"tnet\.onnx would be two files"):
        ExportSpec(checkpoint=CHECKPOINT, name="tnet")


@pytest.mark.parametrize("more", [{"fp16": True}, {"engine": BuildSpec()}], ids=["fp16", "engine"])
def test_parts_only_excludes_what_is_made_of_the_joined_graph(more: dict[str, object]) -> None:
    """Nothing that was asked for is left out in silence."""
    with pytest.raises(SpecError, match="parts only"):
        ExportSpec(checkpoint=CHECKPOINT, parts_only=True, **more)


def test_old_opsets_are_refused() -> None:
    """Before tracing for half a minute."""
    with pytest.raises(SpecError, match="got opset 17"):
        ExportSpec(checkpoint=CHECKPOINT, opset=17)
