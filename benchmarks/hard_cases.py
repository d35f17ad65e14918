"""Show what is hard, on pictures that may be shown: `python -m benchmarks.hard_cases --peers DIR`.

A row for each photograph that comes with the package: picture, truth, ours, RobustVideoMatting, ours on green, with the
mean error of ours. Writes docs/images/hard-cases.jpg.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.peer_models import load_peers, ours
from benchmarks.peer_scores import mean_error
from benchmarks.peer_sheet import Judged, write_sheet
from benchmarks.peers import REFERENCE, THREADS
from benchmarks.results_file import PROJECT
from shm_deploy.bench.pictures import Picture, shipped_pictures
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter
from shm_train.evaluation.cases import COMPOSED, Case, Scene


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, metavar="DIR", help="holds peers.py with MODELS")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "images" / "hard-cases.jpg")
    args = parser.parse_args(argv)
    try:
        reference = load_peers(args.peers, [REFERENCE])[REFERENCE]
        with Matter(device="cpu", threads=THREADS) as matter:
            own = ours(matter)
            judged = []
            for picture in shipped_pictures():
                case = Case(COMPOSED, "packaged", Path(picture.name).stem, partial(_scene, picture))
                judged.append(Judged(case, mean_error(case.scene(), own(picture.pixels))))
            write_sheet(args.out, judged, own, reference, num_columns=1)
    except MatteError as error:
        print(f"hard_cases: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(f"{one.case.key}: {one.error:.1f}" for one in judged))
    return 0


def _scene(picture: Picture) -> Scene:
    assert picture.alpha is not None
    return Scene(picture.pixels, picture.alpha, np.ones(picture.alpha.shape, np.bool_))


if __name__ == "__main__":
    sys.exit(main())
