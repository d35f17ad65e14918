"""`shm-bench` from arguments to exit code, on graphs of a few nodes."""

import csv
import json
import logging
import shlex

import pytest

from shm_deploy.backends.cuda import Cuda
from shm_deploy.cli.bench import main
from shm_deploy.errors import BackendUnavailable

QUICK = ["--size", "64", "--size", "96x80", "--runs", "5", "--warmup", "1"]


def has_cuda() -> bool:
    try:
        Cuda(0)
    except BackendUnavailable:
        return False
    return True


@pytest.fixture
def run(red_graph, photos, capsys):
    """Run the command on the red graph against itself, unless told otherwise; gives code, output, errors."""

    def run(*arguments, engine=red_graph, ckpt=red_graph, size=QUICK):
        code = main(
            ["--engine", str(engine), "--ckpt", str(ckpt), "--images", str(photos), *size, *map(str, arguments)]
        )
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_model_at_parity_passes(run):
    """Code 0, a latency and a parity table on stdout, progress on stderr."""
    code, out, err = run()
    assert code == 0
    assert "96x80" in out
    assert ", clock " in out
    assert "passed" in out
    assert "mattes of 2 pictures" in err


def test_a_model_off_parity_is_a_failed_check(run, brighter_graph):
    """Code 3, and the numbers that broke."""
    code, out, err = run(engine=brighter_graph)
    assert code == 3
    assert "FAILED" in out
    assert "mean |Δα| 2.00e-01 (at most 3.92e-04)" in err


def test_json_holds_the_whole_report(run, tmp_path, photos, red_graph):
    """Device at the top, what the clock covers, hashes, shapes, and the quality of both with --alphas."""
    assert run("--json", tmp_path / "out.json", "--alphas", photos / "alphas")[0] == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["device"] == report["environment"]["device"]
    assert report["environment"]["command"][:3] == ["shm-bench", "--engine", str(red_graph)]
    assert "perf_counter" in report["clock"]
    (result,) = report["results"]
    assert len(result["model"]["sha256"]) == 64
    assert [(row["width"], row["height"]) for row in result["latency"]] == [(64, 64), (96, 80)]
    assert result["latency"][0]["warmup"] == 1
    assert result["latency"][0]["runs"] == 5
    assert set(result["latency"][0]["total_ms"]) == {"p50", "p90", "p95", "p99"}
    assert {"driver", "clock_mhz", "versions", "num_cpus"} <= set(report["environment"])
    parity = result["parity"][0]
    assert parity["difference"] == {"mean": 0, "p999": 0, "maximum": 0, "num_nan": 0}
    assert parity["quality"] == parity["reference_quality"]


def test_streams_send_frames_side_by_side(run, tmp_path):
    """Two streams of five frames each are ten."""
    assert run("--no-parity", "--streams", "2", "--json", tmp_path / "out.json")[0] == 0
    (row, _) = json.loads((tmp_path / "out.json").read_text())["results"][0]["latency"]
    assert (row["streams"], row["runs"]) == (2, 10)


def test_csv_has_a_line_per_model_and_size(run, tmp_path, brighter_graph):
    """Two models, two sizes, the same columns."""
    assert run("--compare", brighter_graph, "--csv", tmp_path / "out.csv")[0] == 3
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], row["width"], row["passed"]) for row in rows] == [
        ("red.onnx", "64", "True"),
        ("red.onnx", "96", "True"),
        ("brighter.onnx", "64", "False"),
        ("brighter.onnx", "96", "False"),
    ]
    assert float(rows[2]["difference_mean"]) == pytest.approx(0.2)


@pytest.mark.slow
def test_a_plot_is_a_picture(run, tmp_path):
    """A PNG begins with its signature."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    assert run("--no-parity", "--plot", tmp_path / "out.png")[0] == 0
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"


def test_without_parity_no_reference_is_needed(run, tmp_path):
    """Latency alone, though the checkpoint named does not exist."""
    code, out, _ = run("--no-parity", ckpt=tmp_path / "gone.pt")
    assert code == 0
    assert "passed" not in out


def test_a_model_that_became_slower_is_a_failed_check(run, tmp_path):
    """A baseline whose medians are a thousandth of what this machine can do."""
    old = tmp_path / "old.json"
    assert run("--json", old)[0] == 0
    report = json.loads(old.read_text())
    for row in report["results"][0]["latency"]:
        row["total_ms"]["p50"] /= 1000
    old.write_text(json.dumps(report))
    code, _, err = run("--baseline", old, "--fail-over", "5%")
    assert code == 3
    assert "allowed +5.0%" in err


def test_a_model_that_became_faster_passes(run, tmp_path):
    """A baseline that is a thousand times slower."""
    old = tmp_path / "old.json"
    assert run("--json", old)[0] == 0
    report = json.loads(old.read_text())
    for row in report["results"][0]["latency"]:
        row["total_ms"]["p50"] *= 1000
    old.write_text(json.dumps(report))
    assert run("--baseline", old)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--size", "5"],
        ["--runs", "0"],
        ["--fail-over", "much"],
        ["--alphas", "x"],
        ["--streams", "0"],
        ["--json", "gone/x"],
        ["--json", "."],
    ],
    ids=" ".join,
)
def test_bad_arguments_are_a_usage_error(arguments, capsys):
    """Code 2, before anything is opened."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_missing_checkpoint_is_told_before_anything_is_measured(red_graph, photos, capsys):
    """Code 1, with what to give."""
    assert main(["--engine", str(red_graph), "--images", str(photos), *QUICK]) == 1
    assert "--ckpt" in capsys.readouterr().err


def test_a_missing_model_is_an_error(run, tmp_path):
    """Code 1, with its path."""
    code, _, err = run(engine=tmp_path / "gone.onnx")
    assert code == 1
    assert "gone.onnx" in err


def test_a_plan_without_a_device_names_the_command_that_works(run, red_graph, photos):
    """Code 4, one sentence, and the same command with the ONNX graph beside it, which then passes."""
    if has_cuda():
        pytest.skip("there is a CUDA device here")
    plan = red_graph.with_suffix(".plan")
    plan.write_bytes(b"a plan")
    code, _, err = run(engine=plan)
    assert code == 4
    last = err.splitlines()[-1]
    assert "nothing here can run red.plan" in last
    _, _, command = last.partition("this runs here: ")
    assert main(shlex.split(command)[1:]) == 0


def test_a_plan_without_its_graph_says_what_to_copy(run, tmp_path):
    """No command is named that would fail."""
    if has_cuda():
        pytest.skip("there is a CUDA device here")
    (tmp_path / "lone.plan").write_bytes(b"a plan")
    code, _, err = run(engine=tmp_path / "lone.plan")
    assert code == 4
    assert f"copy {tmp_path / 'lone.onnx'} from the export, then this runs here" in err
