"""Filling a cluster with workers, and the workers with chunks."""

from __future__ import annotations

import pytest

from shm_deploy.catalogue.crew import Crew, crew_of, plan_chunks
from shm_deploy.catalogue.manifest import Opened
from shm_deploy.catalogue.records import Item
from shm_deploy.catalogue.settings import Settings
from shm_deploy.errors import SpecError
from shm_deploy.media.products import Product


def settings(device: str = "auto", threads: int | None = None) -> Settings:
    return Settings(output="/out", product=Product.ALPHA, suffix=".png", device=device, threads=threads)


def test_cpus_have_a_worker_for_each_budget_of_threads() -> None:
    """What is left over stays idle; a worker asks Ray for what its engine takes."""
    assert crew_of({"CPU": 7.0}, settings()) == Crew(num_workers=7, threads=1, lanes=1, resources={"num_cpus": 1})
    crew = crew_of({"CPU": 7.0, "GPU": 2.0}, settings("cpu", threads=3))
    assert crew == Crew(num_workers=2, threads=3, lanes=1, resources={"num_cpus": 3})


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_gpus_have_a_worker_each_that_shares_the_cpus(device: str) -> None:
    """One engine for each, and as many chunks in hand as it has CPUs, or as is said."""
    crew = crew_of({"CPU": 16.0, "GPU": 2.0}, settings(device))
    assert crew == Crew(num_workers=2, threads=1, lanes=8, resources={"num_gpus": 1, "num_cpus": 8})
    assert crew_of({"CPU": 16.0, "GPU": 2.0}, settings(device, threads=3)).lanes == 3


def test_cluster_without_what_is_asked_for_is_an_error() -> None:
    """CUDA never becomes the CPU."""
    with pytest.raises(SpecError, match="no GPU"):
        crew_of({"CPU": 8.0}, settings("cuda"))
    with pytest.raises(SpecError, match="4 threads"):
        crew_of({"CPU": 2.0}, settings(threads=4))


@pytest.mark.parametrize(("num", "sizes"), [(0, []), (5, [1] * 5), (40, [2] * 20), (3000, [64] * 46 + [56])], ids=str)
def test_chunks_are_small_where_there_are_few_pictures(num: int, sizes: list[int]) -> None:
    """So that two workers end at about the same time; each picture is in one chunk, each chunk has a book."""
    items = tuple(Item(source=str(index), target=f"{index}.png") for index in range(num))
    crew = crew_of({"CPU": 2.0}, settings())
    chunks = plan_chunks(Opened(todo=items, num_kept=0, run="run"), "/out", crew)
    assert [len(chunk.items) for chunk in chunks] == sizes
    assert tuple(item for chunk in chunks for item in chunk.items) == items
    assert len({chunk.book for chunk in chunks}) == len(chunks)
