"""How good our mattes are beside other models': `python -m benchmarks.peers --pack DIR --peers DIR`.

All on the same held-out pictures of a pack, in one run, and how fast they are. Writes benchmarks/results/peers.json.
For every picture in a tenth of the time, beside the peer to beat alone: `--names rvm_mobilenetv3 --speed-runs 0 --out
benchmarks/results/rvm.json`; over other grounds: `--sets soft --seeds 20 21 22 --out benchmarks/results/draws.json`.
With --sheet also a contact sheet of the worst and of random pictures, for the eye: most must not be published.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.peer_models import Model, load_peers, ours, weights_of
from benchmarks.peer_scores import Scores, mean_error, ratios, score, summary
from benchmarks.peer_sets import SETS, held_out_cases
from benchmarks.peer_sheet import Judged, hard_and_random, write_sheet
from benchmarks.peer_speed import CLOCK, speed_rows
from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends import BackendName
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter
from shm_train.data.samples import Pack
from shm_train.evaluation.cases import SEED, Case

OURS = "ours"
OURS_INT8 = "ours_int8"
REFERENCE = "rvm_mobilenetv3"
DEFAULT_NAMES = (REFERENCE, "u2net", "isnet_fp16", "selfie_general", "selfie_multiclass")
THREADS = 2
ALL = "all"

METRICS = (
    "Errors are per-pixel means times 1000, then means over pictures. soft: the paper's four, exact alphas. seen: the "
    "same of people that ours was trained on, over grounds that it was not. "
    "whole_body, upper_body: hard masks; mae outside a band around the mask's edge, iou of alpha > 0.5 on all pixels, "
    "iou_p10 its tenth percentile. agreement: the same against teachers' labels, of which RVM is one: no truth. "
    "empty: mean alpha. Ours is `Matter`, 8 bit; peers as their authors run them on one still picture."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, metavar="DIR", help="made by shm-data pack")
    parser.add_argument("--peers", type=Path, required=True, metavar="DIR", help="holds peers.py with MODELS")
    parser.add_argument("--names", nargs="+", default=DEFAULT_NAMES, help=f"of MODELS ({' '.join(DEFAULT_NAMES)})")
    parser.add_argument("--model", type=Path, help="ours: .onnx or .pt (the packaged one)")
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=SETS, metavar="SET", help=f"of {' '.join(SETS)} (all)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[SEED], metavar="N", help=f"by which people meet grounds ({SEED})"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="pictures of each set, for a quick look (all)")
    parser.add_argument("--speed-runs", type=int, default=9, help="timed pictures of each model at each size, or 0 (9)")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet")
    parser.add_argument("--sheet-rows", type=int, default=4, metavar="N", help="worst and random ones of each set (4)")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.json")
    args = parser.parse_args(argv)
    try:
        pack = Pack(args.pack)
        cases = held_out_cases(pack, args.limit, args.sets, args.seeds)
        file = find_model(args.model)
        backends: dict[str, BackendName] = {OURS: "auto"}
        if file.sidecar is not None and spec.TNET_INT8 in file.sidecar.files:
            backends[OURS_INT8] = "int8"
        with ExitStack() as opened:
            matters = {
                name: opened.enter_context(Matter(args.model, device="cpu", threads=THREADS, backend=backend))
                for name, backend in backends.items()
            }
            models = {name: ours(matter) for name, matter in matters.items()} | load_peers(args.peers, args.names)
            speed = speed_rows(models, args.speed_runs) if args.speed_runs else []
            rows, judged = compare(cases, models)
            if args.sheet is not None:
                chosen = hard_and_random(judged, args.sheet_rows)
                write_sheet(args.sheet, chosen, models[OURS], models.get(REFERENCE))
    except MatteError as error:
        print(f"peers: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.peers", argv, "cpu")
    found = {
        "metrics": METRICS,
        "model_sha256": file.sha256,
        "peers_sha256": weights_of(args.peers, args.names),
        "pack_index_sha256": pack.digest,
        "limit": args.limit,
        "seeds": args.seeds,
        "rows": rows,
        "clock": CLOCK,
        "speed": speed,
    }
    write_result(args.out, environment, found)
    return 0


def compare(cases: Sequence[Case], models: Mapping[str, Model]) -> tuple[list[dict[str, Any]], list[Judged]]:
    """Run every model on every case.

    Returns:
        A row per set, source and model, the sources of a set after all of them together; and how good ours was on
        each case.
    """
    rows: list[dict[str, Any]] = []
    judged: list[Judged] = []
    for set_name in dict.fromkeys(case.set_name for case in cases):
        of_set = [case for case in cases if case.set_name == set_name]
        sources = (ALL, *sorted({case.source for case in of_set}))
        scores: dict[str, dict[str, list[Scores]]] = {source: {name: [] for name in models} for source in sources}
        for case in of_set:
            scene = case.scene()
            for name, model in models.items():
                alpha = model(scene.image)
                found = score(set_name, scene, alpha)
                scores[ALL][name].append(found)
                scores[case.source][name].append(found)
                if name == OURS:
                    judged.append(Judged(case, mean_error(scene, alpha)))
        rows += [row for source, of_source in scores.items() for row in rows_of(set_name, source, of_source)]
        print(f"{set_name}: {len(of_set)} pictures", flush=True)
    return rows, judged


def rows_of(set_name: str, source: str, scores: Mapping[str, Sequence[Scores]]) -> list[dict[str, Any]]:
    """A row per model, each number with its ratio to the reference's, where that was run."""
    found = {name: summary(of_model) for name, of_model in scores.items()}
    return [
        {
            "set": set_name,
            "source": source,
            "num_pictures": len(scores[name]),
            "model": name,
            "scores": numbers,
            "ratio_to_rvm": ratios(numbers, found[REFERENCE]) if REFERENCE in found else None,
        }
        for name, numbers in found.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
