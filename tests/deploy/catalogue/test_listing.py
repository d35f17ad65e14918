"""What a catalogue holds, and how its results are named."""

from __future__ import annotations

import uuid
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shm_deploy.catalogue.listing import list_items
from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.planning import plan_folder


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def targets(*inputs: str | Path, output: str = "/out") -> dict[str, str]:
    items = list_items([str(text) for text in inputs], output, ".png")
    return {item.source: item.target for item in items}


@pytest.fixture
def bucket() -> str:
    """A remote folder with pictures, one of them hidden, and another file."""
    uri = f"memory:///{uuid.uuid4()}"
    file_system = fsspec.filesystem("memory")
    for name in ("a.jpg", "sub/b.webp", "sub/.hidden.png", "notes.txt"):
        file_system.pipe_file(f"{uri}/{name}", b"data")
    return uri


def test_local_targets_are_those_of_the_plain_loop(tmp_path: Path) -> None:
    """Folders and patterns, pictures with one stem among them."""
    make(tmp_path, "in/a.jpg", "in/a.png", "in/sub/b.webp", "more/c.jpg", "more/d.txt")
    inputs = [str(tmp_path / "in"), str(tmp_path / "more" / "*.jpg")]
    jobs = plan_folder(inputs, Path("/out"), ".png")
    assert targets(*inputs) == {str(job.source): str(job.target.relative_to("/out")) for job in jobs}


def test_relative_inputs_have_absolute_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers have working folders of their own."""
    make(tmp_path, "in/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert targets("in") == {str(tmp_path / "in" / "a.jpg"): "a.png"}


def test_remote_folders_and_patterns_are_listed(bucket: str) -> None:
    """Hidden files and other kinds are passed over; places are relative to the folder."""
    assert targets(bucket) == {f"{bucket}/a.jpg": "a.png", f"{bucket}/sub/b.webp": "sub/b.png"}
    assert targets(f"{bucket}/*/*.webp") == {f"{bucket}/sub/b.webp": "sub/b.png"}
    assert targets(f"{bucket}/a.jpg") == {f"{bucket}/a.jpg": "a.png"}


def test_remote_results_within_the_input_folder_are_not_inputs(bucket: str) -> None:
    """A second run does not matte the first one's results."""
    assert targets(bucket, output=f"{bucket}/sub") == {f"{bucket}/a.jpg": "a.png"}


def test_missing_and_empty_remote_inputs_are_named(bucket: str) -> None:
    """As for local ones."""
    with pytest.raises(MediaError, match="does not exist"):
        targets(f"{bucket}/nowhere")
    with pytest.raises(MediaError, match="no pictures"):
        targets(f"{bucket}/*.gif")
    with pytest.raises(MediaError, match="can't open nonsense://"):
        targets("nonsense://a")


@pytest.mark.parametrize("column", ["uri", "path", "source"])
def test_parquet_list_names_pictures(column: str, tmp_path: Path) -> None:
    """Whole paths are kept below the output folder, hosts and buckets first."""
    sources = ["s3://shop/men/1.jpg", "https://cdn.example/1.jpg?width=9", "/data/1.jpg"]
    pq.write_table(pa.table({column: sources}), tmp_path / "list.parquet")
    assert targets(tmp_path / "list.parquet") == {
        "s3://shop/men/1.jpg": "shop/men/1.png",
        "https://cdn.example/1.jpg?width=9": "cdn.example/1.png",
        "/data/1.jpg": "data/1.png",
    }


def test_list_may_name_its_targets(tmp_path: Path) -> None:
    """For URIs that differ in their query alone."""
    sources = ["https://cdn.example/get?id=1", "https://cdn.example/get?id=2"]
    pq.write_table(pa.table({"uri": sources}), tmp_path / "list.parquet")
    with pytest.raises(SpecError, match="column 'target'"):
        targets(tmp_path / "list.parquet")
    pq.write_table(pa.table({"uri": sources, "target": ["1.jpg", "2.jpg"]}), tmp_path / "list.parquet")
    assert list(targets(tmp_path / "list.parquet").values()) == ["1.png", "2.png"]


def test_text_list_has_one_picture_a_line(tmp_path: Path) -> None:
    """Empty lines are nothing."""
    (tmp_path / "list.txt").write_text("/data/a.jpg\n\n  /data/b.jpg  \n/data/a.jpg\n")
    assert targets(tmp_path / "list.txt") == {"/data/a.jpg": "data/a.png", "/data/b.jpg": "data/b.png"}


def test_lists_that_are_none_are_refused(tmp_path: Path) -> None:
    """With what was expected."""
    pq.write_table(pa.table({"name": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(MediaError, match="wanted one of uri, path, source"):
        targets(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("Dear diary")
    with pytest.raises(MediaError, match="can't read the list"):
        targets(tmp_path / "text.parquet")


def test_results_stay_in_their_folder_and_off_the_inputs(tmp_path: Path) -> None:
    """Neither `..` in a list, nor a folder onto itself."""
    pq.write_table(pa.table({"uri": ["/data/a.jpg"], "target": ["../a.jpg"]}), tmp_path / "list.parquet")
    with pytest.raises(SpecError, match="outside"):
        targets(tmp_path / "list.parquet")
    make(tmp_path, "in/a.png")
    with pytest.raises(SpecError, match="one of the inputs"):
        targets(tmp_path / "in" / "a.png", output=str(tmp_path / "in"))
