"""Examples: the same by number, and true to the composition."""

import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from shm_deploy.errors import SpecError
from shm_train.data.dataset import ComposedDataset, DataConfig, MixConfig, endless_batches
from shm_train.data.samples import Pack
from tests.train.conftest import NO_CAMERA, TINY_DATA


def only(**shares):
    return MixConfig(**{**dict.fromkeys(("cutout", "photo", "recomposed", "mask", "nobody"), 0.0), **shares})


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("pool", ["cutout", "recomposed"])
def test_composites_are_alpha_blends(pack, pool):
    """I = aF + (1 - a)B at every pixel, but for rounding, before the camera's faults; two people included."""
    augment = replace(NO_CAMERA, second_person=0.5)
    dataset = ComposedDataset(pack, replace(TINY_DATA, mix=only(**{pool: 1}), augment=augment), held_out=False)
    for number in range(12):
        example = dataset[number]
        alpha = example["alpha"]
        blend = alpha * example["foreground"] + (1 - alpha) * example["background"]
        assert (example["image"] - blend).abs().max() <= 0.501


def test_an_example_is_the_same_in_any_order(pack):
    """Number 5 does not depend on what was made before it."""
    one, other = (ComposedDataset(pack, TINY_DATA, held_out=False) for _ in range(2))
    for number in (0, 1, 2):
        one[number]
    assert_same(one[5], other[5])


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")  # on one core it warns
def test_batches_are_the_same_with_workers_and_from_any_step(pack):
    """Step 1 of a run that starts there, by two processes, is step 1 of a run from the start."""
    dataset = ComposedDataset(pack, TINY_DATA, held_out=False)
    alone = endless_batches(dataset, 0, 0)
    next(alone)
    assert_same(next(alone), next(endless_batches(dataset, 1, 2)))


def test_workers_leave_signals_to_the_run(pack):
    """A terminal's Ctrl-C reaches them, too; the step that is under way still gets its batch."""
    before = set(multiprocessing.active_children())
    batches = endless_batches(ComposedDataset(pack, TINY_DATA, held_out=False), 0, 1)
    next(batches)
    (worker,) = set(multiprocessing.active_children()) - before
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)
    for _ in range(6):  # more than are made in advance
        next(batches)
    assert worker.is_alive()


def test_making_batches_leaves_torchs_random_state_alone(pack):
    """Or a resumed run would drop out other units than one that was not cut."""
    before = torch.get_rng_state()
    next(endless_batches(ComposedDataset(pack, TINY_DATA, held_out=False), 0, 0))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_draw_names_what_an_example_is_made_of(pack):
    """A composite has a background, a photograph has none; all are from the training side."""
    dataset = ComposedDataset(pack, TINY_DATA, held_out=False)
    for number in range(40):
        drawn = dataset.draw(number)
        assert drawn.samples
        assert not any(sample.held_out for sample in drawn.samples)
        assert (drawn.background is None) == (drawn.pool in ("photo", "mask"))


def test_the_patch_lies_within_the_canvas(pack):
    """Top, left and side; sides are drawn from the config's."""
    config = replace(TINY_DATA, patches=(32, 48, 64))
    dataset = ComposedDataset(pack, config, held_out=False, num_patches=1)
    sides = set()
    for number in range(20):
        example = dataset[number]
        height, width = example["alpha"].shape[-2:]
        top, left, side = example["patches"][0].tolist()
        sides.add(side)
        assert 0 <= top <= height - side
        assert 0 <= left <= width - side
    assert sides == {32, 48, 64}


def test_more_patches_leave_the_example_and_its_first_patch_alone(pack):
    """Each within the canvas, and not all at one place."""
    one, many = (ComposedDataset(pack, TINY_DATA, held_out=False, num_patches=count)[3] for count in (1, 4))
    assert many["patches"].shape == (4, 3)
    assert len({tuple(place) for place in many["patches"].tolist()}) > 1
    assert torch.equal(many.pop("patches")[:1], one.pop("patches"))
    assert_same(one, many)


def test_trimaps_for_mnet_vary_in_width(pack):
    """T-Net's have one width on one canvas; M-Net's are one-hot too, and never cut off the transition."""
    config = replace(TINY_DATA, canvases=((64, 64),), unknown_radius=0.1, mnet_radius=(0.02, 0.2), mix=only(cutout=1))
    dataset = ComposedDataset(pack, config, held_out=False)
    widths = set()
    for number in range(24):
        example = dataset[number]
        assert (example["mnet_trimap"].sum(0) == 1).all()
        soft = (example["alpha"][0] > 0.1) & (example["alpha"][0] < 0.9)
        assert (example["mnet_trimap"][2][soft] == 1).all()
        widths.add(float(example["mnet_trimap"][2].sum() / example["trimap"][2].sum().clamp(min=1)))
    assert min(widths) < 1 < max(widths)


def test_an_alpha_is_exact_if_everybodys_is(pack):
    """Of cut-outs always; of photographs as the pack says."""
    dataset = ComposedDataset(pack, replace(TINY_DATA, mix=only(photo=1)), held_out=False)
    assert not dataset[0]["exact"]
    dataset.by_kind["photo"] = [replace(sample, exact=True) for sample in dataset.by_kind["photo"]]
    assert dataset[0]["exact"]
    assert ComposedDataset(pack, replace(TINY_DATA, mix=only(cutout=1)), held_out=False)[0]["exact"]


def test_nobody_is_in_an_empty_example(pack):
    """Alpha is 0, the trimap background, and every pixel counts."""
    example = ComposedDataset(pack, replace(TINY_DATA, mix=only(nobody=0.5, photo=0.5)), held_out=False)
    empty = next(example[number] for number in range(50) if example.draw(number).pool == "nobody")
    assert not empty["alpha"].any()
    assert (empty["trimap"][1] == 1).all()
    assert (empty["sure"] == 1).all()


def test_hard_masks_are_unsure_along_their_edge(pack):
    """Nothing is learned where the truth is not known."""
    dataset = ComposedDataset(pack, replace(TINY_DATA, mix=only(mask=1)), held_out=False)
    alpha, sure = (dataset[0][name].numpy()[0] for name in ("alpha", "sure"))
    assert np.isin(alpha[sure > 0].round(3), (0, 1)).mean() > 0.98
    assert 0 < sure.mean() < 1


def test_a_pack_without_people_is_refused(pack):
    """The message says what is there."""
    lonely = Pack(pack.folder)
    lonely.samples = [sample for sample in pack.samples if sample.kind == "background"]
    with pytest.raises(SpecError, match="0 cutout, 0 photo, 0 mask, 3 background"):
        ComposedDataset(lonely, TINY_DATA, held_out=False)


def test_patches_that_no_canvas_holds_are_refused_where_patches_are_cut(pack):
    """Who sees whole canvases need not say how large patches would be."""
    config = replace(TINY_DATA, patches=(96,))
    assert ComposedDataset(pack, config, held_out=False)[0]["patches"].shape == (0,)
    with pytest.raises(SpecError, match="must fit"):
        ComposedDataset(pack, config, held_out=False, num_patches=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 8}, "at least 16"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"seed": -1}, "got seed -1; 0 to 16777215"),
        ({"seed": 1 << 24}, "got seed 16777216; 0 to 16777215"),
    ],
    ids=["patch too small", "no batch", "negative seed", "large seed"],
)
def test_impossible_configs_are_refused(change, message):
    """Before training, not at step 40,000."""
    with pytest.raises(SpecError, match=message):
        DataConfig(**{"canvases": ((64, 64),), "patches": (48,), "patch_size": 48, **change})
