"""`shm-export`: what may be written on its command line, and what it says."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest

from shm_deploy.artifacts import PACKAGED_MODEL
from shm_deploy.cli.export import _add_to_repository, _build_spec, _parser, _ProgressLines, _wanted, main
from shm_deploy.errors import SpecError
from shm_deploy.export.engine import DEFAULT_PROFILE, BuildSpec
from shm_deploy.export.progress import Progress
from shm_deploy.export.wanted import ExportSpec
from tests.deploy.export.fake_tensorrt import FakeTensorRT


def _parsed(*arguments: str) -> BuildSpec | None:
    return _build_spec(_parser().parse_args(["--ckpt", "e2e.pt", *arguments]))


def test_an_engine_is_built_by_default() -> None:
    """With the profile that holds every size of the paper's rule."""
    assert _parsed() == BuildSpec(profiles=(DEFAULT_PROFILE,))


def test_every_option_reaches_what_is_wanted(tmp_path: Path) -> None:
    """Files, precision, opset, photographs, and what the builder may use."""
    files = ["--ckpt", "e2e.pt", "--out", str(tmp_path), "--name", "mine", "--images", "photos", "--images-edge", "640"]
    engine = ["--flavour", "tensorrt", "--timing-cache", "timings", "--workspace", "512"]
    wanted = _wanted(_parser().parse_args([*files, *engine, "--fp16", "--opset", "20"]))
    build = BuildSpec(flavour="tensorrt", timing_cache=Path("timings"), workspace_mib=512)
    assert wanted == ExportSpec(
        checkpoint=Path("e2e.pt"),
        out=tmp_path,
        name="mine",
        fp16=True,
        engine=build,
        opset=20,
        photographs=Path("photos"),
        max_edge=640,
    )


def test_engines_is_the_default_folder_and_float32_the_precision() -> None:
    """As the README says."""
    wanted = _wanted(_parser().parse_args(["--ckpt", "e2e.pt"]))
    assert (wanted.out, wanted.name, wanted.precision) == (Path("engines"), "shm", "fp32")


@pytest.mark.slow
def test_without_any_tensorrt_the_command_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The install line, and the way that needs none; nothing is traced first."""
    for module in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["--ckpt", str(PACKAGED_MODEL.with_suffix(".pt")), "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert "pip install 'semantic-human-matting[rtx]'" in message
    assert "--flavour none" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [("--flavour", "none"), ("--parts-only",)], ids=" ".join)
def test_onnx_only_builds_no_engine(arguments: tuple[str, ...]) -> None:
    """By its name, or because an engine needs the joined graph."""
    assert _parsed(*arguments) is None


def test_sizes_are_width_by_height() -> None:
    """800x608 is 608 high; profiles are batch, height, width."""
    wanted = _parsed("--min-size", "128x96", "--opt-size", "800x608", "--max-size", "1504x1136", "--batch", "4")
    assert wanted is not None
    (profile,) = wanted.profiles
    assert (profile.minimum, profile.optimum, profile.maximum) == ((1, 96, 128), (4, 608, 800), (4, 1136, 1504))


def test_profiles_may_be_several() -> None:
    """Each has its three sizes."""
    wanted = _parsed("--profile", "64x64:256x256:512x512", "--profile", "512x512:800x608:1504x1504")
    assert wanted is not None
    assert [profile.optimum for profile in wanted.profiles] == [(1, 256, 256), (1, 608, 800)]


def test_profile_and_sizes_exclude_each_other() -> None:
    """Neither silently wins."""
    with pytest.raises(SpecError, match="--profile beside"):
        _parsed("--profile", "64x64:256x256:512x512", "--max-size", "1504x1504")


def test_engine_options_without_an_engine_are_refused() -> None:
    """They would do nothing."""
    with pytest.raises(SpecError, match=r"got --batch, --compute-capability without an engine"):
        _parsed("--flavour", "none", "--batch", "2", "--compute-capability", "8.6")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--opt-size", "800"),
        ("--profile", "64x64:256x256"),
        ("--name", "a.b"),
        ("--parts-only", "--fp16"),
        ("--min-size", "32x32"),
        ("--flavour", "cuda"),
        ("--triton", "repository"),
        ("--triton", "repository", "--flavour", "rtx"),
        ("--triton", "repository", "--parts-only"),
        ("--triton", "/dev/null", "--flavour", "none"),
    ],
    ids=" ".join,
)
def test_usage_errors_exit_with_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is read or imported."""
    with pytest.raises(SystemExit) as stopped:
        main(["--ckpt", "e2e.pt", *arguments])
    assert stopped.value.code == 2
    assert "usage: shm-export" in capsys.readouterr().err


def test_a_missing_checkpoint_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence that names the file; nothing is left in the folder."""
    out = tmp_path / "engines"
    assert main(["--ckpt", str(tmp_path / "none.pt"), "--out", str(out), "--flavour", "none"]) == 1
    assert f"shm-export: no checkpoint {tmp_path / 'none.pt'}" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--flavour", "rtx", "--compute-capability", "9.0"), "got compute capabilities 9.0"),
        (("--flavour", "rtx", "--compute-capability", "7.5"), "got compute capability 7.5 for an engine in float32"),
        (("--flavour", "rtx", "--compute-capability", "8.6", "--timing-cache", "timings"), "leave --timing-cache out"),
        (("--flavour", "none", "--opset", "99"), "got opset 99"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_that_can_not_be_built_exit_with_1_before_anything_is_read(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not after minutes of export: there is not even a checkpoint here."""
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", FakeTensorRT())
    assert main(["--ckpt", str(tmp_path / "none.pt"), "--out", str(tmp_path / "engines"), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_an_output_that_is_a_file_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, no traceback."""
    (tmp_path / "engines").write_text("a file")
    checkpoint = PACKAGED_MODEL.with_suffix(".pt")
    assert main(["--ckpt", str(checkpoint), "--out", str(tmp_path / "engines"), "--flavour", "none"]) == 1
    assert "give another --out" in capsys.readouterr().err


def test_a_compact_export_onto_its_own_checkpoint_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any work, and nothing is lost."""
    checkpoint = tmp_path / "shm-live.pt"
    shutil.copyfile(PACKAGED_MODEL.with_suffix(".pt"), checkpoint)
    before = checkpoint.read_bytes()
    images = tmp_path / "images"  # none there: an export that goes on ends here
    arguments = ["--ckpt", str(checkpoint), "--out", str(tmp_path), "--name", "shm-live", "--images", str(images)]
    assert main([*arguments, "--compact"]) == 1
    assert f"got {checkpoint} to export to {checkpoint}, which would replace it" in capsys.readouterr().err
    assert checkpoint.read_bytes() == before


def test_a_log_gets_one_line_per_stage() -> None:
    """Where no terminal is, nothing is rewritten."""
    stream = io.StringIO()
    lines = _ProgressLines(stream)
    lines.tell(Progress(stage="graphs", state="begun", seconds=0, detail=""))
    lines.tell(Progress(stage="graphs", state="step", seconds=1, detail="tracing tnet"))
    lines.tell(Progress(stage="graphs", state="done", seconds=30.04, detail="shm.onnx 14.0 MB"))
    lines.finish()
    assert stream.getvalue() == "graphs                      30.0 s  shm.onnx 14.0 MB\n"


def test_a_log_hears_of_a_stage_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ten seconds, here none; not of every step."""
    quick, long = io.StringIO(), io.StringIO()
    step = Progress(stage="engine", state="step", seconds=70.04, detail="Building: 3 of 9")
    _ProgressLines(quick).tell(step)
    monkeypatch.setattr("shm_deploy.cli.export.QUIET_SECONDS", -1.0)
    _ProgressLines(long).tell(step)
    assert quick.getvalue() == ""
    assert long.getvalue() == "engine                      70.0 s  Building: 3 of 9 ...\n"


def test_a_terminal_sees_the_running_stage() -> None:
    """Its line is rewritten, and ended even if the stage is not."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    lines = _ProgressLines(stream)
    lines.tell(Progress(stage="graphs", state="step", seconds=1, detail="tracing tnet"))
    lines.tell(Progress(stage="graphs", state="step", seconds=2, detail="tracing mnet"))
    lines.finish()
    first, second = stream.getvalue().split("\r\x1b[K")[:2]
    assert "tracing tnet" in first
    assert "tracing mnet" in second
    assert stream.getvalue().endswith("\n")


def test_export_goes_to_a_repository_of_triton_by_its_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The folder and the version are on standard output; the packaged model stands for what was exported."""
    args = _parser().parse_args(["--ckpt", "e2e.pt", "--flavour", "none", "--triton", str(tmp_path)])
    wanted = ExportSpec(checkpoint=args.ckpt, out=PACKAGED_MODEL.parent, name=PACKAGED_MODEL.stem)
    _add_to_repository(wanted, args.triton)
    assert capsys.readouterr().out == f"{tmp_path / 'shm-live_onnx'}, version 1\n"
    assert (tmp_path / "shm-live_onnx" / "1" / "model.onnx").read_bytes() == PACKAGED_MODEL.read_bytes()
