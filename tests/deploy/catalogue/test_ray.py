"""Catalogues on Ray: drivers and workers that are killed, one machine and a cluster, and the plain loop's results.

A named pipe stands for a picture: whoever reads it waits, and can be killed at a known moment.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shm_deploy.cli.matte import main
from tests.deploy.media import zoo
from tests.deploy.processes import started

pytestmark = pytest.mark.slow

NUM_PICTURES = 24
STUCK_FIRST, STUCK_SECOND = "p17.jpg", "p21.jpg"  # neither is the first of its chunk of three
# The cluster lets nobody in without its token; a Ray of the driver's own has none.
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
PATIENCE = 120  # seconds


@dataclass(frozen=True, kw_only=True)
class Story:
    """What came of a catalogue whose first driver was killed, and a worker of its second one."""

    folder: Path  # with in/, out/ and plain/
    kept: dict[str, int]  # results when the first driver was dead, with their times of change [ns]
    summary: dict[str, Any]  # what the second driver printed
    exit_code: int
    manifest: pa.Table

    def row(self, name: str) -> dict[str, Any]:
        """The manifest's row of a picture."""
        (row,) = [row for row in self.manifest.to_pylist() if row["source"].endswith(f"/{name}")]
        return row


@contextmanager
def catalogue(folder: Path, model: Path, address: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """shm-matte on the pictures of `in`; killed at the end of the block if it still runs."""
    arguments = [str(folder / "in"), "-o", str(folder / "out"), "--alpha", "--model", str(model), "--runner", "ray"]
    options, environment = ([], {}) if address is None else (["--ray-address", address], TOKEN)
    command = [sys.executable, "-m", "shm_deploy.cli.matte", *arguments, *options]
    with started(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True) as driver:
        yield driver


def reader_of(pipe: Path, driver: subprocess.Popen[str]) -> int:
    """Wait until a process reads the pipe; its id. The pipe is a picture from then on."""
    deadline = time.monotonic() + PATIENCE

    def wait() -> None:
        assert driver.poll() is None, "the driver ended before it came to this picture"
        assert time.monotonic() < deadline
        time.sleep(0.05)

    while (descriptor := _open_if_read(pipe)) is None:
        wait()
    while not (readers := _processes_with(pipe)):  # it counts as read a moment before the reader has it open
        wait()
    whole = pipe.with_suffix(".whole")
    whole.write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    whole.replace(pipe)
    os.set_inheritable(descriptor, False)  # and it stays open: an end of file would make it an empty picture
    (reader,) = readers
    return reader


def _open_if_read(pipe: Path) -> int | None:
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads
            return None
        raise


def _processes_with(file: Path) -> list[int]:
    """Those that have the file open, but for this one."""
    others = (name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())
    return [int(name) for name in others if str(file) in _open_files(name)]


def _open_files(process: str) -> set[str]:
    files = set()
    with suppress(OSError):  # the process has ended, or is somebody else's
        for name in os.listdir(f"/proc/{process}/fd"):
            with suppress(OSError):  # this one has been closed
                files.add(os.readlink(f"/proc/{process}/fd/{name}"))
    return files


@contextmanager
def cluster() -> Iterator[str]:
    """A Ray cluster of one node; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--port={port}", "--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    with started(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", *options],
        env=os.environ | TOKEN | {"RAY_worker_niceness": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as node:
        try:
            yield f"127.0.0.1:{port}"
        finally:
            node.terminate()
            node.wait(PATIENCE)


def finish(driver: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Exit code, and standard output, which holds one JSON object and nothing else."""
    output, _ = driver.communicate(timeout=PATIENCE)
    return driver.returncode, json.loads(output)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Story:
    """One driver on a Ray of its own, killed; one on a cluster, which loses a worker."""
    folder = tmp_path_factory.mktemp("catalogue")
    pictures = folder / "in"
    pictures.mkdir()
    for index in range(NUM_PICTURES):
        (pictures / f"p{index:02}.jpg").write_bytes(zoo.encoded(zoo.portrait(48 + index, 40), "JPEG"))
    (pictures / "p05.jpg").write_text("Dear diary")
    for name in (STUCK_FIRST, STUCK_SECOND):
        (pictures / name).unlink()
        os.mkfifo(pictures / name)

    with cluster() as address:
        with catalogue(folder, tiny_model) as driver:
            reader_of(pictures / STUCK_FIRST, driver)
        kept = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
        with catalogue(folder, tiny_model, address) as driver:
            os.kill(reader_of(pictures / STUCK_SECOND, driver), signal.SIGKILL)
            exit_code, summary = finish(driver)
    return Story(
        folder=folder,
        kept=kept,
        summary=summary,
        exit_code=exit_code,
        manifest=pq.read_table(folder / "out" / "manifest.parquet"),
    )


def test_killed_driver_loses_nothing_and_its_successor_redoes_nothing(story: Story) -> None:
    """What was done stays as it was, to the nanosecond of its files; the rest is done."""
    assert story.kept
    assert story.summary["kept"] == len(story.kept)
    assert story.summary["written"] == NUM_PICTURES - 1 - len(story.kept)
    for name, changed in story.kept.items():
        assert (story.folder / "out" / name).stat().st_mtime_ns == changed


def test_killed_worker_is_replaced_within_the_run(story: Story) -> None:
    """The picture that it was at is begun twice, those before and behind it once."""
    assert (story.row(STUCK_SECOND)["status"], story.row(STUCK_SECOND)["attempts"]) == ("done", 2)
    assert [story.row(name)["attempts"] for name in ("p20.jpg", "p22.jpg", "p23.jpg")] == [1, 1, 1]


def test_broken_picture_is_in_the_manifest(story: Story) -> None:
    """With the reason, and exit code 1."""
    assert (story.exit_code, story.summary["failed"]) == (1, 1)
    assert story.row("p05.jpg")["status"] == "failed"
    assert "no picture" in story.row("p05.jpg")["reason"]


def test_results_are_those_of_the_plain_loop_byte_by_byte(story: Story, tiny_model: Path) -> None:
    """Whatever the order, the deaths and the number of runs."""
    plain = story.folder / "plain"
    assert main([str(story.folder / "in"), "-o", str(plain), "--alpha", "--model", str(tiny_model)]) == 1
    expected = {path.name: path.read_bytes() for path in plain.iterdir()}
    assert len(expected) == NUM_PICTURES - 1
    assert {path.name: path.read_bytes() for path in (story.folder / "out").glob("*.png")} == expected


def test_every_picture_has_one_row(story: Story) -> None:
    """And no other file is left but results and manifest."""
    assert sorted(Path(source).name for source in story.manifest["source"].to_pylist()) == [
        f"p{index:02}.jpg" for index in range(NUM_PICTURES)
    ]
    others = [path for path in (story.folder / "out").rglob("*") if path.is_file() and path.suffix != ".png"]
    assert others == [story.folder / "out" / "manifest.parquet"]
