"""Reports of known numbers."""

from shm_deploy.bench.environment import Environment
from shm_deploy.bench.latency import Latency, Percentiles
from shm_deploy.bench.report import ModelRecord, ModelResult, Report


def model(file: str = "shm.onnx") -> ModelRecord:
    return ModelRecord(
        file=file,
        kind="onnx",
        sha256="0" * 64,
        num_bytes=1,
        variant="live",
        precision="fp32",
        backend="onnxruntime",
        device="cpu",
        threads=2,
    )


def latency(total_ms: float, *, width: int = 512, height: int = 256, streams: int = 1) -> Latency:
    def flat(value: float) -> Percentiles:
        return Percentiles(p50=value, p90=value, p95=value, p99=value)

    return Latency(
        width=width,
        height=height,
        batch=1,
        streams=streams,
        warmup=3,
        runs=30,
        preprocess_ms=flat(0.5),
        network_ms=flat(total_ms - 1),
        postprocess_ms=flat(0.5),
        total_ms=flat(total_ms),
        images_per_s=1000 / total_ms,
        cpu_s_per_frame=total_ms / 500,
        peak_memory_mib=100.0,
        memory_growth_kib_per_frame=0.0,
    )


def report(*rows: Latency, device: str = "a card") -> Report:
    environment = Environment(
        command=("shm-bench",),
        created="2026-11-22T00:00:00+00:00",
        commit=None,
        dirty=None,
        device=device,
        driver=None,
        clock_mhz=2600.0,
        processor="a processor",
        num_cpus=2,
        load_average=0.0,
        platform="Linux",
        versions={},
    )
    result = ModelResult(model=model(), latency=rows, parity=())
    return Report(device=device, environment=environment, clock="host", reference=None, results=(result,))
