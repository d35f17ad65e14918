"""A catalogue on Ray against the plain loop: `python -m benchmarks.catalogue`.

Makes pictures of real photographs (crops, mirrored, at many sizes), cuts the people out of all of them three ways, and
compares the results byte by byte. Writes benchmarks/results/catalogue.json. Needs the extra [ray].
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.artifacts import find_model
from shm_deploy.backends.devices import thread_count
from shm_deploy.catalogue.listing import list_items
from shm_deploy.catalogue.runner import cluster, run_catalogue
from shm_deploy.catalogue.settings import Settings
from shm_deploy.errors import CheckFailed, MatteError
from shm_deploy.export.photographs import PACKAGED_FOLDER
from shm_deploy.matter import Matter
from shm_deploy.media.formats import PNG
from shm_deploy.media.planning import plan_folder
from shm_deploy.media.products import Product
from shm_deploy.media.progress import Progress
from shm_deploy.media.stills import Recipe, matte_files

SIDES = (480, 960)  # px, shortest and longest side of a picture
LARGEST_OVERHEAD = 0.15

CLOCK = (
    "Files to files: reading, decoding, network, foreground colours, PNG, writing. plain: time.perf_counter around the "
    "loop of shm-matte with an open and warm engine, once before and once after Ray. ray: time.time of the workers, "
    "from the begin of the first picture to the end of the last, so without the start of Ray and its workers."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=500, help="pictures (500)")
    parser.add_argument("--photographs", type=Path, default=PACKAGED_FOLDER, help="folder of .jpg to make them of")
    parser.add_argument("--out", type=Path, default=RESULTS / "catalogue.json")
    args = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as name:
            found = compare(args.photographs, args.num, Path(name))
    except MatteError as error:
        print(f"catalogue: {error}", file=sys.stderr)
        return error.exit_code
    write_result(args.out, environment_of("benchmarks.catalogue", argv, "cpu"), found)
    print(json.dumps(found, indent=1))
    return 0


def compare(photographs: Path, num: int, folder: Path) -> dict[str, Any]:
    """Run all three ways; seconds, pictures a second, and what Ray takes more.

    Raises:
        CheckFailed: a result on Ray is not that of the plain loop.
    """
    pictures = folder / "pictures"
    make_pictures(photographs, num, pictures)
    cpus = thread_count(None)
    before = _plain(pictures, folder / "plain")
    rays = {}
    with cluster(None):
        for threads in sorted({1, cpus}):
            output = folder / f"ray-{threads}"
            rays[threads] = _on_ray(pictures, output, threads)
            _check_equal(folder / "plain", output, num)
    after = _plain(pictures, folder / "plain-again")
    plain = (before + after) / 2
    return {
        "clock": CLOCK,
        "pictures": num,
        "model_sha256": find_model(None).sha256,
        "cpus": cpus,
        "plain": {"seconds": [before, after], "images_per_s": num / plain},
        "ray": [
            {
                "threads_per_worker": threads,
                "workers": ray["workers"],
                "seconds": ray["matting_seconds"],
                "images_per_s": num / ray["matting_seconds"],
                "overhead": ray["matting_seconds"] / plain - 1,
                "seconds_with_start_of_workers": ray["seconds"],
            }
            for threads, ray in rays.items()
        ],
        "largest_overhead_wanted": LARGEST_OVERHEAD,
        "results_equal_byte_by_byte": True,
    }


def make_pictures(photographs: Path, num: int, folder: Path) -> None:
    """Crops of photographs as JPEG, the same for the same photographs.

    Args:
        photographs: a folder of .jpg.
        num: how many.
        folder: where they go, as 00000.jpg and so on.
    """
    folder.mkdir()
    random = np.random.default_rng(0)
    sources = [Image.open(path).convert("RGB") for path in sorted(photographs.glob("*.jpg"))]
    for index in range(num):
        source = sources[index % len(sources)]
        width, height = (int(side * random.uniform(0.6, 1)) for side in source.size)
        left, top = int(random.integers(source.width - width + 1)), int(random.integers(source.height - height + 1))
        scale = float(random.uniform(*SIDES)) / max(width, height)
        crop = source.resize((round(width * scale), round(height * scale)), box=(left, top, left + width, top + height))
        mirrored = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else crop
        mirrored.save(folder / f"{index:05}.jpg", quality=90)


def _plain(pictures: Path, output: Path) -> float:
    jobs = plan_folder([str(pictures)], output, ".png")
    recipe = Recipe(wanted=Product.CUTOUT, kind=PNG)
    with Matter() as matter:
        matter.warmup([(480, 640)])
        return matte_files(matter, jobs, recipe, overwrite=False, progress=Progress(1, io.StringIO())).seconds


def _on_ray(pictures: Path, output: Path, threads: int) -> dict[str, Any]:
    items = list_items([str(pictures)], str(output), ".png")
    settings = Settings(output=str(output), product=Product.CUTOUT, suffix=".png", device="cpu", threads=threads)
    summary = run_catalogue(items, settings, overwrite=False, progress=Progress(1, io.StringIO()))
    return {"workers": summary.workers, "matting_seconds": summary.matting_seconds, "seconds": summary.seconds}


def _check_equal(plain: Path, ray: Path, num: int) -> None:
    different = [path.name for path in plain.iterdir() if path.read_bytes() != (ray / path.name).read_bytes()]
    if different or len(list(plain.iterdir())) != num:
        raise CheckFailed(f"{len(different)} of {num} results on Ray differ from the plain loop's: {different[:3]}")


if __name__ == "__main__":
    sys.exit(main())
