"""The shm-live command: what it reads and writes, what it refuses, how it stops."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from shm_deploy.cli.live import main
from shm_deploy.media.video.reading import ClipReader
from tests.deploy.media.video import zoo
from tests.deploy.processes import started, wait_for

COMMAND = [sys.executable, "-m", "shm_deploy.cli.live"]
RAW = ["-", "--size", "96x64", "--rate", "25"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames."""
    return zoo.write_clip(tmp_path / "clip.mp4")


def test_file_becomes_a_file(clip: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every frame, at its own time; a summary on standard output; no unfinished file is left."""
    output = clip.with_name("out.mp4")
    assert main([str(clip), "-o", str(output), "--background", "white", "--model", str(tiny_model)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["num_read"], summary["num_shown"], summary["num_dropped"]) == (10, 10, 0)
    assert zoo.times_of(output) == pytest.approx([number / 25 for number in range(10)], abs=1e-4)
    right = zoo.frames_of(output)[5].to_ndarray(format="rgb24")[40, 80]
    assert right.tolist() == pytest.approx([255, 255, 255], abs=40)  # where the clip is blue: alpha is its red, 20
    assert sorted(path.name for path in clip.parent.iterdir()) == ["clip.mp4", "out.mp4"]


def test_existing_file_is_kept(clip: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --overwrite is given."""
    output = clip.with_name("out.mp4")
    output.write_bytes(b"precious")
    assert main([str(clip), "-o", str(output), "--model", str(tiny_model)]) == 1
    assert output.read_bytes() == b"precious"
    assert "--overwrite" in capsys.readouterr().err
    assert main([str(clip), "-o", str(output), "--model", str(tiny_model), "--overwrite"]) == 0


def test_file_is_not_written_over_itself(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --overwrite neither: the sound, which live output has none of, would be gone."""
    before = clip.read_bytes()
    with pytest.raises(SystemExit) as caught:
        main([str(clip), "-o", str(clip), "--overwrite", "--background", "white"])
    assert caught.value.code == 2
    assert "both input and output" in capsys.readouterr().err
    assert clip.read_bytes() == before


def test_folder_that_can_not_be_made_exits_1(clip: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Here a file is in its place."""
    output = clip / "out.mp4"
    assert main([str(clip), "-o", str(output), "--background", "white", "--model", str(tiny_model)]) == 1
    assert "can't write" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["-"],
        ["clip.mp4", "--size", "96by64"],
        ["clip.mp4", "-o", "out.gif"],
        ["clip.mp4", "-o", "out.mp4", "--cutout"],
        ["clip.mp4", "-o", "window", "--cutout"],
        ["clip.mp4", "-o", "srt://host:9000"],
        ["srt://host:9000"],
        ["clip.mp4", "--background", "whitish"],
        ["clip.mp4", "--alpha", "--cutout"],
        ["clip.mp4", "--rate", "-1"],
        ["clip.mp4", "--rate", "1/0"],
        ["clip.mp4", "--timeout", "nan"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """Before any model is opened."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [("none.mp4", "none.mp4"), ("/dev/video63", "/dev/video63"), ("rtmp://127.0.0.1:1/app/me", "refused")],
)
def test_source_that_is_not_there_exits_1(
    source: str, message: str, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named; and no output is begun."""
    output = tmp_path / "out.mp4"
    assert main([source, "-o", str(output), "--model", str(tiny_model), "--timeout", "2"]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_window_without_a_display_exits_1(
    clip: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the other outputs to choose from."""
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main([str(clip), "--model", str(tiny_model)]) == 1
    assert "-o camera" in capsys.readouterr().err


@pytest.mark.slow
def test_raw_frames_go_through_pipes(tiny_model: Path) -> None:
    """rgb24 in, each kind out; the summary keeps out of the frames' way."""
    frames = np.stack([zoo.picture((64, 96))] * 3)  # a still one: alphas of what moves are steadied
    wanted = {"--alpha": frames[..., 0], "--cutout": None, "--background=white": None}
    channels = {"--alpha": 1, "--cutout": 4, "--background=white": 3}
    for option, expected in wanted.items():
        done = subprocess.run(
            [*COMMAND, *RAW, "-o", "-", option, "--model", str(tiny_model)],
            input=frames.tobytes(),
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert len(done.stdout) == 3 * 64 * 96 * channels[option]
        assert json.loads(done.stderr.splitlines()[-1])["num_shown"] == 3
        if expected is not None:
            assert done.stdout == expected.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: signal.Signals(number).name)
def test_signal_in_mid_stream_ends_the_file_well(number: int, tmp_path: Path, tiny_model: Path) -> None:
    """Exit code 0, a file that plays, and every frame that the summary claims."""
    output = tmp_path / "out.mp4"
    command = [*COMMAND, "lavfi:testsrc2=size=96x64:rate=25", "-o", str(output), "--model", str(tiny_model)]
    with started(command, stdout=subprocess.PIPE, text=True) as process:
        part = tmp_path / "out.part.mp4"
        wait_for(lambda: part.is_file() and part.stat().st_size > 0)
        process.send_signal(number)
        answer, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    num_frames = json.loads(answer)["num_shown"]
    assert num_frames > 0
    assert len(zoo.times_of(output)) == num_frames
    assert not part.exists()


@pytest.mark.slow
def test_killed_run_leaves_a_file_that_plays(tmp_path: Path, tiny_model: Path) -> None:
    """kill -9, which nobody can catch: the unfinished file keeps its name."""
    command = [*COMMAND, "lavfi:testsrc2=size=96x64:rate=25", "-o", str(tmp_path / "out.mkv")]
    part = tmp_path / "out.part.mkv"
    with started([*command, "--model", str(tiny_model)]) as process:
        wait_for(lambda: part.is_file() and part.stat().st_size > 10_000)
        process.kill()
    assert len(zoo.times_of(part)) > 0
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.slow
def test_stalled_pipe_exits_1(tiny_model: Path) -> None:
    """A sender that falls silent, with standard input open."""
    frame = zoo.picture((64, 96)).tobytes()
    command = [*COMMAND, *RAW, "-o", "-", "--alpha", "--timeout", "1", "--model", str(tiny_model)]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(3 * frame)
        process.stdin.flush()
        assert process.wait(30) == 1
        assert process.stderr
        assert b"sent no frame for 1 s" in process.stderr.read()
        assert len(process.stdout.read()) >= 2 * 64 * 96  # the last one may wait for its successor, to be steadied


@pytest.mark.slow
def test_second_signal_ends_a_run_that_is_stuck(tiny_model: Path) -> None:
    """Nobody reads its standard output: the first signal waits for that, the second does not."""
    command = [*COMMAND, "lavfi:testsrc2=size=640x480:rate=25", "-o", "-", "--model", str(tiny_model)]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read(1)
        time.sleep(1)
        process.terminate()
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.slow
def test_full_disk_exits_1_and_names_the_file(tmp_path: Path, tiny_model: Path) -> None:
    """Here by a limit on the size of files; what was written can be played."""
    output = tmp_path / "out.mp4"
    command = [*COMMAND, "lavfi:testsrc2=size=320x240:rate=25", "-o", str(output), "--model", str(tiny_model)]
    done = subprocess.run(["prlimit", "--fsize=60000", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    part = tmp_path / "out.part.mp4"
    assert f"can't write {part}: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    with ClipReader(part) as clip:
        assert len(list(clip.frames())) > 0
    assert not output.exists()
