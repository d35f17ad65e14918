"""What estimated foreground colours cost and gain: `python -m benchmarks.compositing --data DIR`.

Keyed cut-outs of people are laid over one photograph, then over another by three ways: the image's own colours, fast
blur fusion, and pymatting's exact solver. Writes benchmarks/results/compositing.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.compositing import composite, estimate_foreground
from shm_deploy.errors import ArtifactError, MatteError

CUTOUTS = "rgba/london"
BACKGROUNDS = "backgrounds/bsds500"

METRICS = (
    "Given the true alpha. error: mean |composite over a new background - the true one| where alpha is 1..254, levels "
    "of 255. halo: the share of the old background that is left in the new picture there, 0..1. "
    "ms: CPU time of the estimate on one 900x900 picture."
)

Way = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8]]
WAYS: dict[str, Way] = {
    "image": lambda image, alpha: image,
    "fast": lambda image, alpha: estimate_foreground(image, alpha, "fast"),
    "exact": lambda image, alpha: estimate_foreground(image, alpha, "exact"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="rgba/ and backgrounds/")
    parser.add_argument("--pictures", type=int, default=8, metavar="N", help="cut-outs to measure on (8)")
    parser.add_argument("--out", type=Path, default=RESULTS / "compositing.json")
    args = parser.parse_args(argv)
    try:
        rows = compare(args.data, args.pictures)
    except MatteError as error:
        print(f"compositing: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.compositing", argv, "cpu")
    write_result(args.out, environment, {"metrics": METRICS, "pictures": args.pictures, "rows": rows})
    return 0


def compare(data: Path, num_pictures: int) -> list[dict[str, Any]]:
    """A row of medians per way.

    Raises:
        ArtifactError: not enough pictures.
    """
    cutouts = sorted((data / CUTOUTS).glob("*.png"))
    grounds = sorted((data / BACKGROUNDS).glob("*.jpg"))
    if len(cutouts) < num_pictures or len(grounds) < 2 * num_pictures:
        raise ArtifactError(f"got {len(cutouts)} cut-outs and {len(grounds)} backgrounds in {data}: wanted more")
    step = len(cutouts) // num_pictures
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    for number in range(num_pictures):
        layer = cv2.imread(str(cutouts[number * step]), cv2.IMREAD_UNCHANGED)
        person, alpha = np.ascontiguousarray(layer[..., 2::-1]), np.ascontiguousarray(layer[..., 3])
        old, new = (_ground(grounds[2 * number + which], alpha.shape) for which in (0, 1))
        for way, estimate in WAYS.items():
            found[way].append(measure(estimate, person, alpha, old, new))
    rows = []
    for way, figures in found.items():
        error, halo, ms = np.median(figures, axis=0)
        rows.append({"way": way, "error": round(error, 3), "halo": round(halo, 4), "ms": round(ms, 1)})
        print(rows[-1], flush=True)
    return rows


def measure(
    estimate: Way,
    person: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    old: NDArray[np.uint8],
    new: NDArray[np.uint8],
) -> tuple[float, float, float]:
    """One picture: error [levels], halo (share of the old background that is left, 0..1) and milliseconds."""
    image, true = composite(person, alpha, old), composite(person, alpha, new)
    begin = time.process_time()
    foreground = estimate(image, alpha)
    ms = 1e3 * (time.process_time() - begin)
    mixed = (alpha > 0) & (alpha < 255)
    difference = composite(foreground, alpha, new)[mixed].astype(np.float64) - true[mixed]
    toward_old = (old[mixed].astype(np.float64) - person[mixed]) * (alpha[mixed, None] / 255)
    halo = (difference * toward_old).sum() / (toward_old**2).sum()
    return float(np.abs(difference).mean()), float(halo), ms


def _ground(path: Path, size: tuple[int, ...]) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    return np.ascontiguousarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC)[..., ::-1])


if __name__ == "__main__":
    sys.exit(main())
