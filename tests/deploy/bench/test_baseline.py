"""Slower than before, or not."""

import json
from dataclasses import asdict, replace

import pytest

from shm_deploy.bench.baseline import parse_share, read_baseline, regressions
from shm_deploy.errors import ArtifactError, SpecError
from tests.deploy.bench.reports import latency, report


def before(*rows, device="a card"):
    return json.loads(json.dumps(asdict(report(*rows, device=device))))


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("0%", 0), ("12.5%", 0.125)])
def test_a_share_is_a_percentage_or_a_fraction(text, share):
    """Both forms that people write."""
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "five", "-1%", "nan"])
def test_a_bad_share_is_refused(text):
    """NaN would let everything pass."""
    with pytest.raises(SpecError):
        parse_share(text)


def test_a_median_within_bounds_passes():
    """10.4 ms after 10 ms is 4 %."""
    assert regressions(report(latency(10.4)), before(latency(10.0)), 0.05) == []


def test_a_slower_median_is_named_with_both_times():
    """11 ms after 10 ms is 10 %."""
    (line,) = regressions(report(latency(11.0)), before(latency(10.0)), 0.05)
    assert line == "512x256: 11.00 ms, was 10.00 ms: +10.0%, allowed +5.0%"


def test_only_sizes_and_streams_of_both_are_compared():
    """A new size has no past; one of other streams has another."""
    now = report(latency(99.0, width=1000), latency(10.0), latency(99.0, streams=4))
    assert regressions(now, before(latency(10.0)), 0.05) == []


def test_a_baseline_of_another_device_is_refused():
    """Times of two machines do not compare."""
    with pytest.raises(SpecError, match=r"another card.*a card"):
        regressions(report(latency(1.0)), before(latency(1.0), device="another card"), 0.05)


def test_a_baseline_without_a_common_size_is_refused():
    """Nothing compared would look like nothing slower."""
    with pytest.raises(SpecError, match="none of which"):
        regressions(report(latency(1.0)), before(latency(1.0, width=64)), 0.05)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": 99, "results": []}'])
def test_a_foreign_baseline_is_refused(tmp_path, text):
    """Truncated, of another tool, or of another version."""
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(ArtifactError, match="--json"):
        read_baseline(tmp_path / "old.json")


def test_a_missing_baseline_is_refused(tmp_path):
    """The path is in the message."""
    with pytest.raises(ArtifactError, match=r"gone\.json"):
        read_baseline(tmp_path / "gone.json")


def test_the_first_model_is_the_one_in_question():
    """What `--compare` adds is not held against the baseline."""
    now = report(latency(10.0))
    now = replace(now, results=(*now.results, *report(latency(99.0)).results))
    assert regressions(now, before(latency(10.0)), 0.05) == []
