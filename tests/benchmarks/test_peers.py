"""Models side by side: fair numbers of fakes with known answers."""

import cv2
import numpy as np
import pytest

from benchmarks.peer_models import load_peers
from benchmarks.peer_scores import ratios, score, summary
from benchmarks.peer_sets import SETS, held_out_cases
from benchmarks.peer_sheet import Judged, hard_and_random, write_sheet
from benchmarks.peers import compare, main, rows_of
from shm_deploy.errors import ArtifactError, BackendUnavailable, MediaError, SpecError
from shm_train.evaluation.cases import GROUNDS_PER_CUTOUT, Case, Scene
from tests.benchmarks.small_pack import write_pack

PEERS = """
import numpy as np

def half(rgb):
    return np.full(rgb.shape[:2], 0.5, np.float32)

def absent(rgb):
    import a_package_that_nobody_has

MODELS = {"half": half, "absent": absent}
"""


@pytest.fixture
def peers(tmp_path):
    (tmp_path / "peers.py").write_text(PEERS)
    return tmp_path


def scene(truth, sure):
    truth = np.array(truth, np.float32)
    return Scene(np.zeros((*truth.shape, 3), np.uint8), truth, np.array(sure, np.bool_))


def test_the_band_counts_for_the_overlap_but_not_for_the_error():
    """Four pixels, one unsure: the sure ones are off by 0, 0.1 and 0.5; two of three persons' pixels are common."""
    found = score("whole_body", scene([[1, 1], [0, 1]], [[1, 1], [1, 0]]), np.array([[1, 0.9], [0.5, 0]], np.float32))
    assert found["mae"] == pytest.approx(1000 * (0 + 0.1 + 0.5) / 3, rel=1e-5)
    assert found["iou"] == pytest.approx(2 / 3)


def test_nobody_is_scored_by_mean_alpha():
    """A quarter of the picture at 0.2 is 50 per mille."""
    found = score("empty", scene([[0, 0], [0, 0]], [[1, 1], [1, 1]]), np.array([[0.2, 0], [0, 0]], np.float32))
    assert found == {"mean_alpha": pytest.approx(50)}


def test_soft_edges_are_scored_by_the_papers_four():
    """A constant error of 0.1 is a SAD of 100 and an MSE of 10; there is no gradient in either."""
    truth = np.full((20, 20), 0.5, np.float32)
    found = score("soft", scene(truth, np.ones_like(truth)), truth + np.float32(0.1))
    assert found["sad"] == pytest.approx(100, rel=1e-5)
    assert found["mse"] == pytest.approx(10, rel=1e-5)
    assert found["gradient"] == pytest.approx(0, abs=1e-6)
    bands = {name: value for name, value in found.items() if name.startswith("sad_")}
    assert bands == pytest.approx({"sad_transition": 100, "sad_to_0.012": 0, "sad_to_0.05": 0, "sad_beyond": 0})
    assert found.keys() - bands.keys() == {"sad", "mse", "gradient", "connectivity"}


def test_an_alpha_of_another_size_is_an_error():
    """A model that forgot to scale back is not silently broadcast."""
    with pytest.raises(SpecError, match="same size"):
        score("empty", scene([[0, 0]], [[1, 1]]), np.zeros((1, 1), np.float32))


def test_a_summary_has_means_and_the_tenth_percentile():
    """Of 0, 0.1, ... 1.0 the tenth percentile is 0.1, and the mean a half."""
    found = summary([{"mae": 2.0, "iou": step / 10} for step in range(11)])
    assert found == {"mae": 2.0, "iou": 0.5, "iou_p10": 0.1}


def test_ratios_are_to_the_reference():
    """Half as much is 0.5; of nothing there is no ratio."""
    assert ratios({"sad": 3.0, "mse": 1.0}, {"sad": 6.0, "mse": 0.0}) == {"sad": 0.5, "mse": None}


def test_rows_without_the_reference_have_no_ratios():
    """Who leaves RVM out gets numbers alone."""
    (row,) = rows_of("empty", "all", {"ours": [{"mean_alpha": 1.0}]})
    assert row["ratio_to_rvm"] is None
    assert row["num_pictures"] == 1


def test_models_meet_on_the_same_pictures(tmp_path):
    """Nothing at all beside a half everywhere: rows for all and by source, and our error of every picture."""
    cases = held_out_cases(write_pack(tmp_path), None)

    def level(value):
        return lambda image: np.full(image.shape[:2], value, np.float32)

    rows, judged = compare(cases, {"ours": level(0), "rvm_mobilenetv3": level(0.5)})
    by_name = {(row["set"], row["source"], row["model"]): row for row in rows}
    assert len(judged) == len(cases)
    assert by_name["soft", "studio", "ours"]["num_pictures"] == GROUNDS_PER_CUTOUT
    assert by_name["empty", "all", "ours"]["scores"] == {"mean_alpha": 0}
    assert by_name["empty", "places", "rvm_mobilenetv3"]["scores"] == {"mean_alpha": 500}
    assert by_name["empty", "all", "ours"]["ratio_to_rvm"] == {"mean_alpha": 0}
    assert by_name["soft", "all", "rvm_mobilenetv3"]["ratio_to_rvm"]["sad"] == 1


def test_peers_come_from_their_file(peers):
    """By name, and each as it is."""
    found = load_peers(peers, ["half"])
    assert list(found) == ["half"]
    assert found["half"](np.zeros((2, 3, 3), np.uint8)).shape == (2, 3)


def test_an_unknown_peer_is_named(peers):
    """With those that are there."""
    with pytest.raises(SpecError, match=r"got nobody;.* has half, absent"):
        load_peers(peers, ["half", "nobody"])


def test_a_peer_without_its_package_says_which(peers):
    """The package is needed on the first call, not before."""
    model = load_peers(peers, ["absent"])["absent"]
    with pytest.raises(BackendUnavailable, match="a_package_that_nobody_has"):
        model(np.zeros((2, 3, 3), np.uint8))


def test_peers_that_import_what_is_not_there_are_not_loaded(tmp_path):
    """At the top of their file, as most do."""
    (tmp_path / "peers.py").write_text("import a_package_that_nobody_has\nMODELS = {}\n")
    with pytest.raises(BackendUnavailable, match="a_package_that_nobody_has"):
        load_peers(tmp_path, [])


def test_a_missing_file_of_peers_is_an_error(tmp_path):
    """And says what is wanted."""
    with pytest.raises(ArtifactError, match="MODELS"):
        load_peers(tmp_path, ["half"])


def test_the_command_says_where_there_is_no_pack(tmp_path, capsys):
    """The exit code is the error's."""
    assert main(["--pack", str(tmp_path), "--peers", str(tmp_path)]) == ArtifactError.exit_code
    assert "shm-data pack" in capsys.readouterr().err


def test_the_worst_come_first_and_others_by_chance():
    """One worst and one random of each set; a random one is never a worst one, nor one from another set."""
    judged = [Judged(Case(name, "web", f"{name}-{error}", lambda: None), error) for name in SETS for error in (1, 9, 5)]
    chosen = hard_and_random(judged, 1)
    assert [one.error for one in chosen[::2]] == [9] * len(SETS)
    assert all(one.error in (1, 5) for one in chosen[1::2])
    assert [one.case.set_name for one in chosen[::2]] == list(SETS)


def test_a_sheet_has_a_row_per_picture(tmp_path):
    """Two columns, five pictures in a row, four where no reference was run; gaps of 4 px; the widest is 4:3."""
    cases = held_out_cases(write_pack(tmp_path / "pack"), None)
    judged = [Judged(case, 1.0) for case in cases[:3]]

    def model(image):
        return np.zeros(image.shape[:2], np.float32)

    write_sheet(tmp_path / "sheet.png", judged, model, model)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * 264, 2 * (5 * 347 + 4), 3)
    write_sheet(tmp_path / "sheet.png", judged[:1], model, None)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (264, 4 * 347 + 4, 3)


def test_a_sheet_that_can_not_be_written_is_an_error(tmp_path):
    """A folder is in its place."""
    case = held_out_cases(write_pack(tmp_path / "pack"), None)[0]
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(MediaError, match="can't write"):
        write_sheet(tmp_path / "sheet.png", [Judged(case, 1.0)], lambda i: np.zeros(i.shape[:2], np.float32), None)
