"""How good mattes and composites are, beside other ways."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.tables.markdown import Record, origin, table
from shm_deploy.errors import ArtifactError

SET_HEADINGS = {
    "soft": "soft: SAD / MSE / gradient / connectivity",
    "whole_body": "whole body: MAE / IoU / p10",
    "upper_body": "upper body: MAE / IoU / p10",
    "agreement": "agreement with the teachers: MAE / IoU / p10",
    "empty": "nobody there: mean alpha",
    "seen": "people of training: SAD / MSE / gradient / connectivity",
}


BAND_HEADINGS = {
    "sad_transition": "transition",
    "sad_to_0.012": "to 0.012",
    "sad_to_0.05": "to 0.05",
    "sad_beyond": "beyond",
}


BAND_SETS = {"soft": "held out", "seen": "of training"}


PLAIN_NAMES = {
    "ours": "ours",
    "ours_int8": "ours, 8 bit",
    "rvm_mobilenetv3": "RobustVideoMatting, MobileNetV3",
    "selfie_general": "MediaPipe selfie",
    "selfie_multiclass": "MediaPipe multiclass",
    "u2net": "U²-Net",
    "isnet_fp16": "IS-Net",
}


MODEL_NAMES = PLAIN_NAMES | {"ours": "**ours**", "ours_int8": '**ours**, `backend="int8"`'}


WAY_NAMES = {
    "image": "the image's own colours",
    "fast": "`fast`, blur fusion",
    "exact": "`exact`, pymatting (extra `[quality]`)",
}


TEMPORAL_NAMES = {
    "none": "each frame for itself",
    "low": '`latency="low"`',
    "full": '`latency="full"`, one frame of lag',
    "rvm": "RobustVideoMatting, recurrent",
}


def peers_table(record: Record) -> str:
    """Quality of all models on all pictures of each set, and how long they take."""
    return "\n".join([_quality(record), "", _peer_speed(record["speed"]), "", _how(record, record["clock"])])


def rvm_table(record: Record) -> str:
    """Quality beside RobustVideoMatting's on all pictures of each set, then by source, then where the error lies."""
    parts = [_quality(record), _by_source(record["rows"]), *_by_distance(record["rows"]), _how(record)]
    return "\n\n".join(parts)


def _quality(record: Record) -> str:
    found = _by_place(record["rows"])
    sets, models = (list(dict.fromkeys(row[key] for row in record["rows"])) for key in ("set", "model"))
    if not {"ours", "rvm_mobilenetv3"} <= set(models):
        raise ArtifactError(
            f"the result has {', '.join(models)}; the table wants ours and rvm_mobilenetv3: run it again"
        )
    heading = ["model", *(SET_HEADINGS[name] for name in sets)]
    counts = ["pictures", *(str(found[name, "all", models[0]]["num_pictures"]) for name in sets)]
    quality = [
        [MODEL_NAMES.get(model, model), *(_scores(found[name, "all", model]) for name in sets)] for model in models
    ]
    quality.insert(1, ["ours / RVM", *(_ratios(found[name, "all", "ours"]) for name in sets)])
    return table(heading, [counts, *quality])


def _by_source(rows: Sequence[Record]) -> str:
    found = _by_place(rows)
    by_source = [
        [
            SET_HEADINGS[row["set"]],
            row["source"],
            str(row["num_pictures"]),
            _scores(row),
            _scores(found[row["set"], row["source"], "rvm_mobilenetv3"]),
            _ratios(row),
        ]
        for row in rows
        if row["model"] == "ours" and row["source"] != "all"
    ]
    return table(["set", "source", "pictures", "ours", "RVM", "ours / RVM"], by_source)


def _by_distance(rows: Sequence[Record]) -> list[str]:
    """A table of the SAD of composites by distance from the true transition, where there are composites."""
    cells = [
        [
            f"{BAND_SETS[row['set']]}, {PLAIN_NAMES.get(row['model'], row['model'])}",
            *(f"{row['scores'][name]:.2f}" for name in (*BAND_HEADINGS, "sad")),
        ]
        for row in rows
        if row["set"] in BAND_SETS and row["source"] == "all"
    ]
    return [table(["people", *BAND_HEADINGS.values(), "together"], cells)] if cells else []


def _by_place(rows: Sequence[Record]) -> dict[tuple[str, str, str], Record]:
    return {(row["set"], row["source"], row["model"]): row for row in rows}


def _how(record: Record, clock: str = "") -> str:
    time = f" Time: {clock}" if clock else ""
    return f"{record['metrics']}{time} Model {record['model_sha256'][:12]}. {origin(record)}"


def _peer_speed(rows: Sequence[Record]) -> str:
    sizes = list(dict.fromkeys((row["width"], row["height"]) for row in rows))
    ms = {(row["width"], row["height"], row["model"]): row["ms"] for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    taken = [[MODEL_NAMES.get(model, model), *(f"{ms[*size, model]:.1f} ms" for size in sizes)] for model in models]
    return table(["a picture, end to end", *(f"{width}×{height}" for width, height in sizes)], taken)


def _scores(row: Record) -> str:
    cells = [
        f"{value:.3f}" if name.startswith("iou") else f"{value:.1f}"
        for name, value in row["scores"].items()
        if name not in BAND_HEADINGS
    ]
    return " / ".join(cells)


def _ratios(row: Record) -> str:
    ratios = [ratio for name, ratio in row["ratio_to_rvm"].items() if name not in BAND_HEADINGS]
    return " / ".join("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)


def ablation_table(record: Record) -> str:
    """The paper's Tables 3 to 5, ours beside the paper's."""
    budget = {name: value for name, value in record["budget"].items() if value is not None}
    terms = ", ".join(f"{value:g} {name} for each stage" for name, value in budget.items())
    return "\n\n".join(
        [
            *record["tables"].values(),
            record["agreement"].replace("\n", "\n\n"),
            f"{record['units']} `{record['variant']}`, {terms}; {record['num_pictures']} pictures. {origin(record)}",
        ]
    )


def temporal_table(record: Record) -> str:
    """Error and unsteadiness of each way, and what a still scene costs."""
    names = {row["method"]: TEMPORAL_NAMES.get(row["method"], row["method"]) for row in record["rows"]}
    rows = [
        [names[row["method"]], f"{row['sad']:.2f}", f"{row['dtssd']:.2f}", f"{row['flicker']:.2f}"]
        for row in record["rows"]
    ]
    still = record["still_scene"]
    note = (
        f"{len(record['clips'])} keyed clips over moving backgrounds, stills under noise. A still 720p scene costs "
        f"{still['cpu_s_per_frame_steady']:.3f} CPU seconds a frame in place of "
        f"{still['cpu_s_per_frame_each_frame']:.3f}. {origin(record)}"
    )
    return "\n".join([table(["", "SAD ×10⁻³", "dtSSD ×10⁻²", "flicker of a still ×10⁻³"], rows), "", note])


def compositing_table(record: Record) -> str:
    """Error and cost of estimated foreground colours."""
    rows = [
        [WAY_NAMES[row["way"]], f"{row['error']:.1f}", f"{row['halo']:.1%}", f"{row['ms']:.0f} ms" if row["ms"] else ""]
        for row in record["rows"]
    ]
    heading = ["", "error of mixed pixels, of 255", "old background left", "CPU, 900×900"]
    note = f"Given the true alpha, medians of {record['pictures']} keyed portraits. {origin(record)}"
    return "\n".join([table(heading, rows), "", note])
