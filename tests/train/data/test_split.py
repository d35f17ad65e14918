"""The split: by group, the same everywhere."""

import hashlib

import numpy as np

from shm_train.data.split import COPIES, difference_hashes, is_held_out, near_duplicates


def test_the_split_is_a_hash_of_the_groups_name():
    """The first four bytes of SHA-1 under a tenth of their range: known digests, on every machine."""
    digests = {name: hashlib.sha1(name.encode()).hexdigest() for name in ("london/001", "london/010", "a", "ccp-5")}
    for name, digest in digests.items():
        assert is_held_out(name) == (digest[:8] < "1999999a")


def test_about_a_tenth_is_held_out():
    """10,000 groups: 1,000 expected, 30 the deviation."""
    assert 850 < sum(is_held_out(f"person-{number}") for number in range(10_000)) < 1150


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def hashes_of(image):
    return difference_hashes(image), difference_hashes(np.ascontiguousarray(image[:, ::-1]))


def test_copies_and_mirror_images_share_a_group():
    """A brighter copy and a mirrored one join the original; another picture does not."""
    original = picture(0)
    brighter = np.minimum(original.astype(int) + 10, 255).astype(np.uint8)
    groups = near_duplicates(
        {
            "b-original": hashes_of(original),
            "c-brighter": hashes_of(brighter),
            "a-mirrored": hashes_of(np.ascontiguousarray(original[:, ::-1])),
            "d-other": hashes_of(picture(1)),
        }
    )
    assert groups == dict.fromkeys(("b-original", "c-brighter", "a-mirrored"), "a-mirrored") | {"d-other": "d-other"}


def test_bounds_say_how_near():
    """Three bits across and six down: one scene, but no copy."""
    hashes = {"a": ((0, 0),), "b": ((0b111, 0b111111),), "c": ((0b11, 0b1111),)}
    assert near_duplicates({name: hashes[name] for name in "ab"}) == {"a": "a", "b": "a"}
    assert near_duplicates({name: hashes[name] for name in "ab"}, COPIES) == {"a": "a", "b": "b"}
    assert near_duplicates({name: hashes[name] for name in "ac"}, COPIES) == {"a": "a", "c": "a"}
