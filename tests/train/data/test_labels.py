"""Teachers' labels: who draws what, and what is rejected."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from shm_deploy.errors import SpecError
from shm_train.data.labels import LabelRules, fuse, iou, judge, judge_label, keep_meant
from shm_train.data.layout import Label

RULES = LabelRules()


def square(low, high, side=100, inside=1.0):
    alpha = np.zeros((side, side), np.float32)
    alpha[low:high, low:high] = inside
    return alpha


def test_a_reliable_second_teacher_draws_the_edge():
    """Solid body, empty ground: along the outline its values are taken, elsewhere the first one's."""
    person = square(20, 80)
    detail = person.copy()
    detail[19, 20:80] = 0.5  # a strand of hair that the first does not see
    fused = fuse(person, detail)
    assert fused[19, 50] == pytest.approx(0.5, abs=0.05)
    assert fused[50, 50] == pytest.approx(1)
    assert fused[2, 2] == 0


def test_a_second_teacher_that_loses_the_body_is_ignored():
    """It found something else salient: the person's matte stands."""
    person = square(20, 80)
    np.testing.assert_array_equal(fuse(person, 1 - person), person)


def test_who_is_not_meant_is_left_out():
    """A by-stander goes; the person, and a wisp of hair apart from the body, stay."""
    alpha = square(20, 60)
    alpha[17, 30] = 0.2
    alpha[70:90, 70:90] = 1
    kept = keep_meant(alpha, square(20, 60) > 0)
    np.testing.assert_array_equal(kept[:65, :65], alpha[:65, :65])
    assert not kept[65:, 65:].any()


@pytest.mark.parametrize("merge", [False, True], ids=["judged", "merged"])
def test_a_merged_mask_decides_but_for_the_edge(tmp_path, merge):
    """It brings back the bag that the teacher leaves out; at the body's edge the teacher's strand stays."""
    teacher = square(20, 80)
    teacher[19, 20:80] = 0.5
    mask = square(20, 80) > 0
    mask[60:80, 80:95] = True
    cv2.imwrite(str(tmp_path / "a.png"), np.round(teacher * 255))
    label = Label(tmp_path / "a.png", None, None)
    alpha, rejected = judge_label(label, mask, mask.shape, replace(RULES, merge_masks=merge))
    assert rejected is None
    assert alpha[70, 88] == (1 if merge else 0)
    assert alpha[19, 50] == pytest.approx(0.5, abs=0.05)
    assert alpha[50, 50] == 1


@pytest.mark.parametrize(
    ("alpha", "person", "mask", "reason"),
    [
        (square(20, 80), square(20, 80) > 0, None, None),
        (square(48, 55), None, None, "area"),
        (square(20, 80, inside=0.6), None, None, "solid"),
        (square(20, 80), square(40, 80) > 0, None, "person IoU 0.44"),
        (square(20, 80), None, square(20, 70) > 0, "mask IoU 0.69"),
    ],
    ids=["good", "small", "ghost", "another person", "not the mask"],
)
def test_labels_are_judged(alpha, person, mask, reason):
    """Good ones pass; the others have a reason with its number."""
    judged = judge(alpha, person, mask, RULES)
    assert judged is None if reason is None else judged.startswith(reason)


def test_a_mask_of_another_size_is_an_error():
    """Comparing them would be a mistake of the caller."""
    with pytest.raises(SpecError, match="resize it first"):
        judge(square(20, 80), square(2, 8, side=10) > 0, None, RULES)


def test_iou_of_nothing_is_one():
    """Both say that nobody is there: they agree."""
    nothing = np.zeros((4, 4), bool)
    assert iou(nothing, nothing) == 1
