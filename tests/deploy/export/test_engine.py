"""Building engines: the host side, on a TensorRT that builds nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shm_deploy import spec
from shm_deploy.errors import BackendError, BackendUnavailable, CheckFailed, SpecError
from shm_deploy.export.engine import DEFAULT_PROFILE, BuildSpec, Toolkit, build_engine, check_build, find_toolkit
from shm_deploy.export.progress import Stage
from shm_deploy.sidecar import EngineRecord, Profile
from tests.deploy.export.fake_tensorrt import FakeTensorRT


def _build(
    trt: FakeTensorRT, folder: Path, wanted: BuildSpec | None = None, precision: Any = "fp16", flavour: Any = "rtx"
) -> EngineRecord:
    toolkit = Toolkit(flavour=flavour, module=trt, device=None)
    stage = Stage("engine", lambda progress: None)
    return build_engine(folder / "shm.onnx", folder / "shm.plan", wanted or BuildSpec(), toolkit, precision, stage)


def test_the_record_says_what_was_built(tmp_path: Path) -> None:
    """Layers by type, profiles, capabilities; and that nothing has run yet."""
    record = _build(FakeTensorRT(dtypes=("half", "half", "half")), tmp_path, BuildSpec(compute_capabilities=("8.6",)))
    assert (record.half_layers, record.float_layers) == (3, 0)
    assert record.compute_capabilities == ("8.6",)
    assert record.profiles == (DEFAULT_PROFILE,)
    assert record.gpu is None
    assert not record.verified
    assert (tmp_path / "shm.plan").read_bytes() == b"plan"


def test_progress_of_a_build_is_that_of_its_outermost_phase(tmp_path: Path) -> None:
    """A build takes minutes on a GPU; what lies within a phase is not told, and nothing is cancelled."""
    trt, told = FakeTensorRT(), []
    toolkit = Toolkit(flavour="rtx", module=trt, device=None)
    stage = Stage("engine", lambda progress: told.append(progress.detail))
    wanted = BuildSpec(compute_capabilities=("8.6",))
    build_engine(tmp_path / "shm.onnx", tmp_path / "shm.plan", wanted, toolkit, "fp16", stage)
    assert told == ["Building: 1 of 2", "Building: 2 of 2"]
    assert trt.calls["goes_on"] == [True, True]


@pytest.mark.parametrize(
    "call",
    [
        "create_network",
        "create_builder_config",
        "create_optimization_profile",
        "build_serialized_network",
        "parse",
    ],
)
def test_what_tensorrt_answers_none_to_is_an_error_in_its_own_words(call: str, tmp_path: Path) -> None:
    """TensorRT returns None or False; the reason is in its log."""
    reason = "no such operator" if call == "parse" else f"{call} went wrong"
    with pytest.raises(BackendError, match=reason):
        _build(FakeTensorRT(fails=call), tmp_path, BuildSpec(compute_capabilities=("8.6",)))
    assert not (tmp_path / "shm.plan").exists()


def test_a_profile_that_is_refused_is_an_error(tmp_path: Path) -> None:
    """add_optimization_profile says -1, and nothing else."""
    with pytest.raises(SpecError, match=r"1x64x64 \.\. 1x800x608 \.\. 1x1504x1504"):
        _build(FakeTensorRT(fails="add_optimization_profile"), tmp_path, BuildSpec(compute_capabilities=("8.6",)))


def test_a_half_graph_that_arrives_as_float_fails(tmp_path: Path) -> None:
    """An engine must not be called FP16 when it is not."""
    with pytest.raises(CheckFailed, match="1 of 2 convolutions arrived in TensorRT as float32"):
        _build(FakeTensorRT(dtypes=("half", "float")), tmp_path)


def test_a_float_graph_builds_in_float32_without_tf32(tmp_path: Path) -> None:
    """TF32 has the mantissa of half precision."""
    trt = FakeTensorRT(dtypes=("float",))
    record = _build(trt, tmp_path, BuildSpec(compute_capabilities=("8.6",)), precision="fp32")
    assert (record.half_layers, record.float_layers) == (0, 1)
    assert trt.calls["cleared"] == "tf32"


def test_profiles_are_given_batch_first_channels_last(tmp_path: Path) -> None:
    """The input is N x H x W x 3."""
    trt = FakeTensorRT()
    profile = Profile(minimum=(1, 64, 80), optimum=(2, 300, 400), maximum=(4, 600, 800))
    _build(trt, tmp_path, BuildSpec(profiles=(profile, DEFAULT_PROFILE), compute_capabilities=("8.6",)))
    first, second = trt.calls["profiles"]
    assert first == {spec.IMAGE: ((1, 64, 80, 3), (2, 300, 400, 3), (4, 600, 800, 3))}
    assert second[spec.IMAGE][2] == (1, 1504, 1504, 3)


@pytest.mark.parametrize(("strongly_typed", "flags"), [(True, 0b10), (False, 0)])
def test_strong_types_are_asked_for_where_they_must_be(strongly_typed: bool, flags: int, tmp_path: Path) -> None:
    """TensorRT 10 has the flag, later versions have no other kind of network."""
    trt = FakeTensorRT(strongly_typed=strongly_typed)
    _build(trt, tmp_path, BuildSpec(compute_capabilities=("8.6",)))
    assert trt.calls["flags"] == flags


def test_compute_capabilities_are_translated(tmp_path: Path) -> None:
    """12.0 is SM120."""
    trt = FakeTensorRT()
    _build(trt, tmp_path, BuildSpec(compute_capabilities=("8.6", "12.0")))
    assert trt.calls["capabilities"] == [86, 120]


def test_an_unknown_compute_capability_lists_the_known_ones(tmp_path: Path) -> None:
    """What this version can build for stands in the message."""
    with pytest.raises(SpecError, match=r"got compute capabilities 9\.0; .* builds for 7\.5, 8\.6, 12\.0"):
        _build(FakeTensorRT(), tmp_path, BuildSpec(compute_capabilities=("9.0",)))


def test_a_refused_compute_capability_is_an_error(tmp_path: Path) -> None:
    """A False is not passed over."""
    with pytest.raises(SpecError, match=r"refuses compute capability 8\.6"):
        _build(FakeTensorRT(fails="set_compute_capability"), tmp_path, BuildSpec(compute_capabilities=("8.6",)))


def test_tensorrt_proper_has_no_compute_capabilities_to_choose(tmp_path: Path) -> None:
    """What was asked for can't be had, and is not dropped."""
    trt = FakeTensorRT(compute_capabilities=False)
    with pytest.raises(SpecError, match="builds for the GPU it runs on"):
        _build(trt, tmp_path, BuildSpec(compute_capabilities=("8.6",)), flavour="tensorrt")


def test_a_timing_cache_is_read_and_written(tmp_path: Path) -> None:
    """The second build starts from the first one's timings."""
    cache = tmp_path / "timings"
    wanted = BuildSpec(timing_cache=cache)
    _build(FakeTensorRT(compute_capabilities=False), tmp_path, wanted, flavour="tensorrt")
    assert cache.read_bytes() == b"timings"


def test_a_foreign_timing_cache_is_an_error(tmp_path: Path) -> None:
    """TensorRT answers False to the cache of another GPU."""
    trt = FakeTensorRT(compute_capabilities=False, fails="set_timing_cache")
    with pytest.raises(SpecError, match="timing cache of another GPU or version"):
        _build(trt, tmp_path, BuildSpec(timing_cache=tmp_path / "timings"), flavour="tensorrt")


def test_rtx_has_no_timing_cache(tmp_path: Path) -> None:
    """It compiles kernels when they are first used."""
    with pytest.raises(SpecError, match="leave --timing-cache out"):
        _build(FakeTensorRT(), tmp_path, BuildSpec(timing_cache=tmp_path / "timings", compute_capabilities=("8.6",)))


def test_the_workspace_is_in_mebibytes(tmp_path: Path) -> None:
    """2 MiB are 2097152 bytes."""
    trt = FakeTensorRT()
    _build(trt, tmp_path, BuildSpec(workspace_mib=2, compute_capabilities=("8.6",)))
    assert trt.calls["workspace"] == 2_097_152


def test_turing_is_for_half_precision_only(tmp_path: Path) -> None:
    """RTX has no float32 products there, and says so after the graphs were made."""
    wanted = BuildSpec(compute_capabilities=("7.5", "8.6"))
    assert _build(FakeTensorRT(), tmp_path, wanted).compute_capabilities == ("7.5", "8.6")
    with pytest.raises(SpecError, match=r"got compute capability 7\.5 for an engine in float32"):
        _build(FakeTensorRT(dtypes=("float",)), tmp_path, wanted, precision="fp32")


@pytest.mark.parametrize(
    ("wanted", "fails", "message"),
    [
        (BuildSpec(compute_capabilities=("9.0",)), "", r"got compute capabilities 9\.0"),
        (BuildSpec(compute_capabilities=("8.6",)), "set_compute_capability", r"refuses compute capability 8\.6"),
        (BuildSpec(compute_capabilities=("8.6",)), "add_optimization_profile", "refuses the profile"),
        (BuildSpec(compute_capabilities=("8.6",), timing_cache=Path("timings")), "", "leave --timing-cache out"),
    ],
    ids=["unknown", "refused", "profile", "timing cache"],
)
def test_options_are_checked_without_a_graph(wanted: BuildSpec, fails: str, message: str) -> None:
    """The builder is asked before there is one."""
    trt = FakeTensorRT(fails=fails)
    with pytest.raises(SpecError, match=message):
        check_build(wanted, Toolkit(flavour="rtx", module=trt, device=None), "fp16")
    assert "flags" not in trt.calls  # no network was made


def test_options_that_can_be_built_pass() -> None:
    """Those of a default export."""
    trt = FakeTensorRT(compute_capabilities=False)
    check_build(BuildSpec(), Toolkit(flavour="tensorrt", module=trt, device=None), "fp32")
    assert trt.calls["profiles"] == [{spec.IMAGE: ((1, 64, 64, 3), (1, 608, 800, 3), (1, 1504, 1504, 3))}]


@pytest.mark.parametrize("place", ["none/timings", "."])
def test_a_timing_cache_that_can_not_be_written_is_refused(place: str, tmp_path: Path) -> None:
    """Before a build that would be for nothing."""
    wanted = BuildSpec(timing_cache=tmp_path / place)
    toolkit = Toolkit(flavour="tensorrt", module=FakeTensorRT(compute_capabilities=False), device=None)
    with pytest.raises(SpecError, match="wanted a file in a folder that is there"):
        check_build(wanted, toolkit, "fp16")


@pytest.mark.parametrize("mebibytes", [0, 1 << 44])
def test_a_workspace_that_no_gpu_has_is_refused(mebibytes: int) -> None:
    """Nor has TensorRT a number for it."""
    with pytest.raises(SpecError, match="got a workspace"):
        BuildSpec(workspace_mib=mebibytes)


@pytest.mark.parametrize(
    "profile",
    [
        Profile(minimum=(1, 32, 64), optimum=(1, 64, 64), maximum=(1, 64, 64)),
        Profile(minimum=(1, 64, 64), optimum=(1, 800, 64), maximum=(1, 640, 64)),
        Profile(minimum=(2, 64, 64), optimum=(2, 64, 64), maximum=(2, 64, 64)),
    ],
    ids=["too small", "unordered", "no single frame"],
)
def test_profiles_that_make_no_sense_are_refused(profile: Profile) -> None:
    """Before anything is traced or built."""
    with pytest.raises(SpecError, match="got the profile"):
        BuildSpec(profiles=(profile,))


def test_tensorrt_proper_needs_a_device() -> None:
    """Asked for by name without a GPU, it is not replaced by another flavour."""
    with pytest.raises(BackendUnavailable, match="there is none here"):
        find_toolkit("tensorrt", None, load=lambda name: FakeTensorRT())


def test_auto_is_rtx_without_a_device() -> None:
    """RTX builds without a GPU, even where TensorRT is installed too."""
    assert find_toolkit("auto", None, load=lambda name: FakeTensorRT()).flavour == "rtx"


def test_auto_is_tensorrt_with_a_device() -> None:
    """Where both are installed, the one that is tuned to the GPU."""
    gpu: Any = SimpleNamespace(name="GPU", compute_capability="8.6")
    assert find_toolkit("auto", gpu, load=lambda name: FakeTensorRT()).flavour == "tensorrt"


@pytest.mark.parametrize(("flavour", "extra"), [("auto", "rtx"), ("rtx", "rtx"), ("tensorrt", "tensorrt")])
def test_without_any_tensorrt_the_install_line_is_given(flavour: Any, extra: str) -> None:
    """And the way out that needs none."""
    with pytest.raises(BackendUnavailable, match=rf"semantic-human-matting\[{extra}\].*--flavour none"):
        find_toolkit(flavour, None, load=lambda name: None)
