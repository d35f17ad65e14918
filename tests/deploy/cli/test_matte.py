"""The shm-matte command, on a model for which red is a person."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm_deploy.cli.matte import main
from tests.deploy.media import zoo


def usage_error(arguments: list[str]) -> int | str | None:
    """The exit code of a command line that argparse refuses."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_cutout_is_the_default(photo: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An RGBA PNG, a JSON summary on standard output, silence on standard error."""
    output = photo.with_name("out.png")
    assert main([str(photo), "-o", str(output), "--model", str(tiny_model)]) == 0
    with Image.open(output) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (48, 40))
        alpha = np.array(picture)[..., 3]
    assert alpha[30, 24] > 190
    assert alpha[2, 2] < 45
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert (summary["written"], summary["failed"], summary["backend"]) == (1, [], "onnxruntime")
    assert captured.err == ""


@pytest.mark.parametrize(
    ("option", "name", "mode"),
    [
        (["--alpha"], "out.png", "L"),
        (["--trimap"], "out.tif", "L"),
        (["--foreground"], "out.jpg", "RGB"),
        (["--background", "white"], "out.jpg", "RGB"),
        (["--background", "blur"], "out.webp", "RGB"),
        ([], "out.webp", "RGBA"),
        ([], "out.tiff", "RGBA"),
        ([], "out.avif", "RGBA"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_each_result_is_written_in_the_format_of_its_suffix(
    option: list[str], name: str, mode: str, photo: Path, tiny_model: Path
) -> None:
    """The contents agree with the name."""
    output = photo.with_name(name)
    assert main([str(photo), "-o", str(output), "--model", str(tiny_model), *option]) == 0
    with Image.open(output) as picture:
        assert picture.mode == mode
        assert Image.registered_extensions()[output.suffix] == picture.format


def test_background_may_be_a_picture(photo: Path, tiny_model: Path) -> None:
    """It shows where nobody is."""
    beach = photo.with_name("beach.png")
    Image.new("RGB", (10, 10), (0, 250, 0)).save(beach)
    output = photo.with_name("out.png")
    assert main([str(photo), "-o", str(output), "--model", str(tiny_model), "--background", str(beach)]) == 0
    with Image.open(output) as picture:
        assert np.array(picture)[2, 2, 1] > 200


def test_folder_gives_a_folder_and_broken_pictures_show_in_the_exit_code(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Good pictures are written all the same; the summary names the bad one."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "a.jpg").write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    (tmp_path / "in" / "text.jpg").write_text("Dear diary")
    assert main([str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", str(tiny_model), "--alpha"]) == 1
    assert [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*")] == [Path("sub/a.png")]
    captured = capsys.readouterr()
    assert json.loads(captured.out)["failed"][0]["source"].endswith("text.jpg")
    assert "1 written, 1 skipped" in captured.err


def test_failing_runtime_ends_a_folder_with_a_summary(
    tmp_path: Path, narrow_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, what was done until then, and the runtime's own words."""
    (tmp_path / "in").mkdir()
    for name, width in (("a", 64), ("b", 80), ("c", 64)):
        (tmp_path / "in" / f"{name}.jpg").write_bytes(zoo.encoded(zoo.portrait(width, 64), "JPEG"))
    out = tmp_path / "out"
    assert main([str(tmp_path / "in"), "-o", str(out), "--model", str(narrow_model), "--alpha"]) == 1
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert (summary["written"], summary["failed"], summary["left"]) == (1, [], 1)
    assert summary["stopped"]["source"].endswith("b.jpg")
    assert "given up at" in captured.err
    assert "ONNX Runtime failed" in captured.err
    assert [path.name for path in out.iterdir()] == ["a.png"]


def test_format_of_a_folder_can_be_chosen(photo: Path, tiny_model: Path) -> None:
    """PNG if nothing is said."""
    out = photo.parent / "out"
    out.mkdir()
    assert main([str(photo), "-o", str(out), "--model", str(tiny_model), "--format", "webp"]) == 0
    assert main([str(photo), "-o", str(out), "--model", str(tiny_model)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["photo.png", "photo.webp"]


def test_existing_result_needs_overwrite(photo: Path, tiny_model: Path) -> None:
    """Exit code 1 and the old file without it."""
    output = photo.with_name("out.png")
    output.write_bytes(b"old")
    arguments = [str(photo), "-o", str(output), "--model", str(tiny_model)]
    assert main(arguments) == 1
    assert output.read_bytes() == b"old"
    assert main([*arguments, "--overwrite"]) == 0
    assert output.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "arguments",
    [
        ["photo.jpg", "-o", "out.jpg"],  # JPEG has no alpha
        ["photo.jpg", "-o", "out.xyz", "--alpha"],
        ["photo.jpg", "-o", "out"],
        ["photo.jpg", "-o", "out.png", "--format", "webp"],
        ["photo.jpg", "-o", "out.png", "--alpha", "--trimap"],
        ["photo.jpg", "-o", "out.png", "--background", "whitish"],
        ["photo.jpg", "-o", "out.png", "--threads", "0"],
        ["photo.jpg", "-o", "photo.jpg", "--alpha"],
        ["photo.jpg", "photo.jpg", "-o", "-"],
        ["-", "-o", "."],
        ["photo.jpg"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_before_any_work(
    arguments: list[str], photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model is opened for it: none is given here."""
    monkeypatch.chdir(photo.parent)
    assert usage_error(arguments) == 2


def test_missing_input_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its name."""
    assert main([str(tmp_path / "nobody.jpg"), "-o", str(tmp_path / "out.png")]) == 1
    assert "nobody.jpg does not exist" in capsys.readouterr().err


def test_missing_model_exits_1(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    assert main([str(photo), "-o", str(photo.with_name("out.png")), "--model", "nowhere.onnx"]) == 1
    assert "nowhere.onnx" in capsys.readouterr().err
    assert not photo.with_name("out.png").exists()


def shell(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "shm_deploy.cli.matte", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_standard_streams_carry_pictures_and_nothing_else(photo: Path, tiny_model: Path) -> None:
    """A pipe gets the PNG and no summary."""
    done = shell("-", "-o", "-", "--model", str(tiny_model), data=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    picture = Image.open(io.BytesIO(done.stdout))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (48, 40))


def test_broken_stream_exits_1_with_nothing_on_standard_output(tiny_model: Path) -> None:
    """A consumer of the pipe sees an empty file, not half a one."""
    done = shell("-", "-o", "-", "--model", str(tiny_model), data=b"no picture")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"the input is no picture" in done.stderr


def test_arguments_are_read_before_anything_heavy_is_imported() -> None:
    """A typing error answers at once: neither numpy nor Pillow, OpenCV or a runtime is imported for it."""
    program = (
        "import sys\n"
        "from shm_deploy.cli.matte import main\n"
        "try:\n"
        "    main(['--nonsense'])\n"
        "except SystemExit:\n"
        "    heavy = {'numpy', 'PIL', 'cv2', 'onnxruntime', 'torch'} & set(sys.modules)\n"
        "    print(sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
