"""The tables of the documents, each made of the result of its name."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.tables.markdown import Record
from benchmarks.tables.parity import parity_table
from benchmarks.tables.quality import ablation_table, compositing_table, peers_table, rvm_table, temporal_table
from benchmarks.tables.serving import catalogue_table, service_table
from benchmarks.tables.speed import (
    candidates_table,
    cold_start_table,
    gpu_table,
    loader_table,
    soak_table,
    speed_table,
    tiles_table,
    video_table,
)

TABLES: dict[str, Callable[[Record], str]] = {
    "ablation": ablation_table,
    "candidates": candidates_table,
    "catalogue": catalogue_table,
    "cold_start": cold_start_table,
    "compositing": compositing_table,
    "draws": rvm_table,
    "gpu": gpu_table,
    "loader": loader_table,
    "nobody": rvm_table,
    "parity": parity_table,
    "peers": peers_table,
    "rvm": rvm_table,
    "service": service_table,
    "soak": soak_table,
    "speed": speed_table,
    "temporal": temporal_table,
    "tiles": tiles_table,
    "video": video_table,
}
