"""README tables come from results and from nothing else."""

import json

import pytest

from benchmarks.readme_tables import main, with_tables
from shm_deploy.errors import ArtifactError
from tests.benchmarks.tables import ENVIRONMENT

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
            "ms": {"live": {"p50": 20.04}, "int8": {"p50": 15.0}, "openvino": {"p50": 24.0}, "rvm": {"p50": 60.0}},
            "times_as_fast": {"live": 3.0, "int8": 4.0, "openvino": 2.5},
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
    assert "| 1280×720 | full size | 20.0 ms | 15.0 ms | 24.0 ms | 60.0 ms | 3.00× / 4.00× / 2.50× |" in text
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
