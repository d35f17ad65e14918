"""Shards: the same pictures, in few files that are not too large."""

import json
import pickle
import tarfile

import cv2
import numpy as np
import pytest
import torch

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.data.dataset import ComposedDataset
from shm_train.data.samples import Pack, Sample, write_index
from shm_train.data.shards import write_shards
from shm_train.data.stores import SAMPLES_FOLDER
from tests.train.conftest import TINY_DATA

SMALL = 40_000  # [bytes], three or four drawn samples


@pytest.fixture(scope="session")
def sharded(pack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    assert write_shards(pack, folder, SMALL) == len(list(folder.glob("*.tar"))) > 3
    return folder


def test_examples_from_shards_are_the_same_bits(pack, sharded):
    """And a run goes on with the one where it began with the other: the index is the same."""
    shards = Pack(sharded)
    assert shards.digest == pack.digest
    one, other = (ComposedDataset(source, TINY_DATA, held_out=False) for source in (pack, shards))
    for number in range(12):
        example, same = one[number], other[number]
        assert all(torch.equal(example[name], same[name]) for name in example)


def test_no_shard_is_larger_than_asked(sharded):
    """Headers and the padding of the end included."""
    sizes = [path.stat().st_size for path in sharded.glob("*.tar")]
    assert max(sizes) <= SMALL
    assert sum(sizes) / len(sizes) > SMALL / 2


def test_files_of_a_sample_follow_each_other(sharded):
    """Under one name without dots, its record with them: what readers of WebDataset expect."""
    with tarfile.open(sharded / "shard-00000.tar") as shard:
        names = shard.getnames()
        record = json.load(shard.extractfile("cutout0.json"))
    assert names[:3] == ["cutout0.jpg", "cutout0.png", "cutout0.json"]
    assert (record["key"], record["kind"], record["held_out"]) == ("cutout0", "cutout", False)


def test_shards_are_the_same_bytes_each_time(pack, sharded, tmp_path):
    """No times, no users."""
    write_shards(pack, tmp_path, SMALL)
    for path in sharded.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_a_pack_of_shards_travels_to_other_processes(sharded):
    """By pickle, as workers that are not forked get it."""
    pack = pickle.loads(pickle.dumps(Pack(sharded)))
    assert pack.read(pack.samples[0]).alpha.any()


def test_names_with_dots_are_found(tmp_path):
    """Dots become underscores in the shard, not in the key."""
    (tmp_path / "pack" / SAMPLES_FOLDER).mkdir(parents=True)
    samples = [Sample(key=key, source="s", kind="background", group=key, held_out=False) for key in ("s-1.5", "s-1_4")]
    for sample in samples:
        cv2.imwrite(str(tmp_path / "pack" / SAMPLES_FOLDER / f"{sample.key}.jpg"), np.zeros((8, 8, 3), np.uint8))
    write_index(tmp_path / "pack", samples)
    write_shards(Pack(tmp_path / "pack"), tmp_path / "shards")
    shards = Pack(tmp_path / "shards")
    assert shards.read(shards.samples[0]).image.shape == (8, 8, 3)
    assert shards.file(shards.samples[0]) == tmp_path / "shards/shard-00000.tar/s-1_5.jpg"


def test_names_that_differ_in_dots_only_are_refused(tmp_path):
    """One would hide the other."""
    samples = [Sample(key=key, source="s", kind="background", group=key, held_out=False) for key in ("s-1.4", "s-1_4")]
    (tmp_path / "pack").mkdir()
    write_index(tmp_path / "pack", samples)
    with pytest.raises(SpecError, match="differ only in dots"):
        write_shards(Pack(tmp_path / "pack"), tmp_path / "shards")


def test_a_sample_too_large_for_a_shard_is_named(pack, tmp_path):
    """Before anything is cut."""
    with pytest.raises(SpecError, match="cutout0 takes"):
        write_shards(pack, tmp_path, 12_000)


def test_missing_and_broken_shards_are_found_at_once(pack, sharded, tmp_path):
    """Not when training comes to them."""
    write_shards(pack, tmp_path / "shards", SMALL)
    last = sorted((tmp_path / "shards").glob("*.tar"))[-1]
    whole = last.read_bytes()
    for rest in (whole[: len(whole) // 2], whole[:700], b"no tar"):
        last.write_bytes(rest)
        with pytest.raises(ArtifactError, match=f"{last.name} .*copy it again"):
            Pack(tmp_path / "shards")
    with tarfile.open(sharded / last.name) as shard:
        places = {member.name: member.offset for member in shard}
    last.write_bytes(whole[: next(place for name, place in places.items() if name.endswith(".json"))])
    with pytest.raises(ArtifactError, match="copy every shard"):
        Pack(tmp_path / "shards")
    last.unlink()
    with pytest.raises(ArtifactError, match="copy every shard"):
        Pack(tmp_path / "shards")


def test_shards_are_not_written_over(pack, sharded):
    """Old and new ones would mix."""
    with pytest.raises(SpecError, match="not empty"):
        write_shards(pack, sharded)
