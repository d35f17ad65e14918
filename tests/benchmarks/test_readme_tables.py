"""README tables come from results and from nothing else."""

import json

import pytest

from benchmarks.readme_tables import main, parity_table, peers_table, service_table, with_tables
from shm_deploy.errors import ArtifactError

ENVIRONMENT = {"commit": "0123456789", "dirty": False, "num_cpus": 2, "created": "2026-11-22T10:00:00+00:00"}
SPEED = {
    "device": "a processor",
    "environment": ENVIRONMENT,
    "threads": 2,
    "peak_memory_mib_1080p": {"live": 150.2, "rvm": 900.7},
    "rows": [
        {
            "width": 1280,
            "height": 720,
            "max_edge": None,
            "live_ms": {"p50": 20.04},
            "int8_ms": {"p50": 15.0},
            "rvm_ms": {"p50": 60.0},
            "times_as_fast": 3.0,
            "int8_times_as_fast": 4.0,
        }
    ],
}
README = "# Title\n\n<!-- results: speed -->\nold\n<!-- /results -->\nend\n"


@pytest.fixture
def project(tmp_path):
    """A README with one marked table, and its result."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "speed.json").write_text(json.dumps(SPEED))
    (tmp_path / "README.md").write_text(README)
    return tmp_path


def run(project, *flags):
    return main(["--documents", str(project / "README.md"), "--results", str(project / "results"), *flags])


def test_a_marked_table_is_replaced_and_the_rest_kept(project):
    """Numbers, device, commit and date come from the JSON."""
    assert run(project) == 0
    text = (project / "README.md").read_text()
    assert "| 1280×720 | full size | 20.0 ms | 15.0 ms | 60.0 ms | 3.00× / 4.00× |" in text
    assert "a processor, 2 CPUs, commit 0123456, 2026-11-22." in text
    assert "old" not in text
    assert text.startswith("# Title\n\n<!-- results: speed -->\n|")
    assert text.endswith("<!-- /results -->\nend\n")


def test_check_fails_until_the_table_is_written(project):
    """Code 3 and no change; after writing, code 0."""
    assert run(project, "--check") == 3
    assert (project / "README.md").read_text() == README
    assert run(project) == 0
    assert run(project, "--check") == 0


def test_a_result_of_changed_code_says_so(project):
    """Numbers of a dirty checkout are marked."""
    (project / "results" / "speed.json").write_text(
        json.dumps({**SPEED, "environment": {**ENVIRONMENT, "dirty": True}})
    )
    assert "commit 0123456+changes" in with_tables(README, project / "results")


@pytest.mark.parametrize(
    "text", ["<!-- results: nonsense -->\n<!-- /results -->", "<!-- results: gpu -->\n<!-- /results -->"]
)
def test_a_table_without_a_result_is_an_error(project, text):
    """Neither an unknown name nor a missing file leaves an old table standing."""
    with pytest.raises(ArtifactError, match="known are"):
        with_tables(text, project / "results")


def test_a_readme_without_marks_is_an_error(project):
    """A check that looks at nothing would always pass."""
    with pytest.raises(ArtifactError, match="no table is marked"):
        with_tables("# Title\n", project / "results")


def test_parity_shows_the_worst_of_all_sizes():
    """Two sizes of one network become one line."""

    def row(side: int, mean: float, maximum: float) -> dict:
        difference = {"mean": mean, "p999": maximum / 2, "maximum": maximum, "num_nan": 0}
        return {"width": side, "height": side, "difference": difference}

    model = {
        "variant": "live",
        "precision": "fp32",
        "environment": ENVIRONMENT,
        "joined": [row(256, 1e-6, 2 / 255), row(1500, 3e-6, 1 / 255)],
        "parts": [row(256, 2e-7, 1e-4), row(1500, 1e-7, 1e-3)],
    }
    text = parity_table({"device": "a processor", "models": [model]})
    assert "| live, FP32 | 2, 256×256 … 1500×1500 | 2.0e-07 | 5.0e-04 | 3.0e-06 | 1.00 | 2 | 0 |" in text
    assert "live: a processor, 2 CPUs" in text


def test_a_check_of_several_documents_names_those_that_differ(project, capsys):
    """The second one is old; nothing is written until it is asked for."""
    card = project / "card.md"
    run(project)
    card.write_text(README)
    documents = ["--documents", str(project / "README.md"), str(card), "--results", str(project / "results")]
    assert main([*documents, "--check"]) == 3
    assert f"{card} differs" in capsys.readouterr().err
    assert main(documents) == 0
    assert card.read_text() == (project / "README.md").read_text()


def test_peers_stand_beside_ours_and_by_source():
    """Numbers of all pictures for each model, the ratio below ours, then a line per source."""

    def row(source: str, model: str, iou: float, ratio: float) -> dict:
        return {
            "set": "whole_body",
            "source": source,
            "num_pictures": 7,
            "model": model,
            "scores": {"mae": 4.26, "iou": iou, "iou_p10": 0.9},
            "ratio_to_rvm": {"mae": ratio, "iou": 1.0, "iou_p10": None},
        }

    rows = [
        row("all", "ours", 0.95, 0.8),
        row("all", "rvm_mobilenetv3", 0.93, 1.0),
        row("ccp", "ours", 0.96, 0.7),
        row("ccp", "rvm_mobilenetv3", 0.94, 1.0),
    ]
    text = peers_table(
        {
            "device": "a processor",
            "environment": ENVIRONMENT,
            "metrics": "How.",
            "model_sha256": "ab" * 32,
            "rows": rows,
        }
    )
    lines = text.splitlines()
    assert lines[0] == "| model | whole body: MAE / IoU / p10 |"
    assert lines[2:6] == [
        "| pictures | 7 |",
        "| **ours** | 4.3 / 0.950 / 0.900 |",
        "| ours / RVM | 0.80 / 1.00 / – |",
        "| RobustVideoMatting, MobileNetV3 | 4.3 / 0.930 / 0.900 |",
    ]
    assert "| ccp | 7 | 4.3 / 0.960 / 0.900 | 4.3 / 0.940 / 0.900 | 0.70 / 1.00 / – |" in text
    assert "How. Model abababababab. a processor, 2 CPUs, commit 0123456, 2026-11-22." in text


def test_service_table_has_the_load_beside_the_latency():
    """One row for each size, then what became of the crowd and of the stop."""
    ms = {"p50": 60.04, "p99": 90.0}
    record = {
        "device": "a processor",
        "environment": {**ENVIRONMENT, "load_average": 1.25},
        "threads": 2,
        "overhead": [
            {
                "size": "640x480",
                "matter_ms": {"p50": 50.0},
                "request_ms": ms,
                "times_matter": 1.2,
                "cpu_times_matter": 1.13,
            }
        ],
        "throughput": [{"requests_per_second": 17.26}],
        "live": {"size": "640x480", "frames_per_second": 20.5, "matter_alone_per_second": [21.0, 20.0]},
        "chromium": {"frames_per_second": 12.34, "latency_ms": 99.6, "browser": "Chromium 1"},
        "memory": {
            "sizes": ["64x96", "128x128"],
            "resident": [{"requests": 10, "resident_mib": 200.0}, {"requests": 100, "resident_mib": 201.7}],
            "growth_after_first_tenth_mib": 1.5,
        },
        "crowd": {"clients": 64, "queue": 16, "statuses": {"503": 46, "200": 18}},
        "sigterm": {"service": {"accepted": 54, "answered": 54, "lost": 0}},
        "batch": [{"frames": 4, "times_as_fast": 0.826, "backend": "tiles", "size": "320x240"}],
    }
    text = service_table(record)
    assert "| 640×480 | 50.0 ms | 60.0 / 90.0 ms | 1.20 / 1.13 | 17.3 |" in text
    assert "64 clients against 16 places: 18 × 200, 46 × 503." in text
    assert "54 accepted, 54 answered, 0 lost" in text
    assert "100 requests of 2 sizes: 202 MiB, +1.5 MiB" in text
    assert "12.3 frames/s, 100 ms behind, in Chromium 1" in text
    assert "0.83 (tiles, 320x240)" in text
