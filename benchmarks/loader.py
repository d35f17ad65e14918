"""Whether making examples holds training up: `python -m benchmarks.loader --pack DIR`.

Examples per second that the loader makes, from files and from shards, by number of workers, beside those that an
end-to-end step of training takes when its batch lies ready. Then steps and loader together: how much of the time the
step waits. Writes benchmarks/results/loader.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.errors import MatteError
from shm_train.data.dataset import ComposedDataset, endless_batches
from shm_train.data.samples import Pack
from shm_train.data.shards import write_shards
from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import RECIPES, EndToEndConfig
from shm_train.stages.objective import end_to_end_losses
from shm_train.stages.override import override, parse_setting

WARMUP = 1  # batches or steps before the clock

CLOCK = (
    "time.perf_counter in the training process, from the first timed batch to the last. loader: `endless_batches` "
    "alone, nothing done with the batches; workers are processes, 0 makes them in this one. step: losses, backward, "
    "clipping and AdamW on one batch that lies on the device. together: both; waits is the share of the time in which "
    "the step waits for its batch, its copy to the device not counted."
)

Batch = dict[str, Tensor]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, metavar="DIR", help="made by shm-data pack")
    parser.add_argument("--variant", choices=tuple(RECIPES), default="live", help="whose canvases and network (live)")
    parser.add_argument("--device", default="cpu", help="of the step (cpu)")
    parser.add_argument(
        "--set", type=parse_setting, action="append", default=[], dest="settings", metavar="NAME=VALUE",
        help="as shm-train e2e takes it, such as precision=bf16",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--threads", type=int, default=2, help="of the step on a CPU (2)")
    parser.add_argument("--batches", type=int, default=20, help="timed ones of each loader (20)")
    parser.add_argument("--steps", type=int, default=10, help="timed ones, alone and with each loader (10)")
    parser.add_argument("--out", type=Path, default=RESULTS / "loader.json")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        config = override(RECIPES[args.variant].e2e, args.settings)
        with tempfile.TemporaryDirectory() as shards:
            folder_pack = Pack(args.pack)
            write_shards(folder_pack, Path(shards))
            packs = {"files": folder_pack, "shards": Pack(Path(shards))}
            loader = [
                {"from": name, "workers": workers, "examples_s": rate}
                for workers in args.workers
                for name, pack in packs.items()
                for rate in (loader_rate(_dataset(pack, config), workers, args.batches),)
            ]
            step = Step(config, torch.device(args.device))
            together = [
                {"workers": workers, **step_and_loader(step, _dataset(packs["shards"], config), workers, args.steps)}
                for workers in args.workers
            ]
            step_s = step.rate(next(endless_batches(_dataset(folder_pack, config), 0, 0)), args.steps)
    except MatteError as error:
        print(f"loader: {error}", file=sys.stderr)
        return error.exit_code
    environment = environment_of("benchmarks.loader", argv, args.device)
    found = {
        "clock": CLOCK,
        "pack_index_sha256": folder_pack.digest,
        "variant": args.variant,
        "precision": config.precision,
        "threads": args.threads,
        "batch_size": config.data.batch_size,
        "canvases": config.data.canvases,
        "warmup": WARMUP,
        "batches": args.batches,
        "steps": args.steps,
        "step_examples_s": step_s,
        "loader": loader,
        "together": together,
    }
    write_result(args.out, environment, found)
    return 0


class Step:
    """One step of end-to-end training, as `shm-train e2e` takes it."""

    def __init__(self, config: EndToEndConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self._network = SemanticHumanMatting(config.network).to(device).train()
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=config.rate)

    def __call__(self, batch: Batch) -> None:
        """Learn from a batch."""
        on_device = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with torch.autocast(self.device.type, self.config.autocast_dtype, enabled=self.config.precision != "fp32"):
            losses = end_to_end_losses(self._network, on_device, self.config.data.patch_size, self.config.loss, 0.0)
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self.config.clip_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def finish(self) -> None:
        """Wait for what is still being computed."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def rate(self, batch: Batch, num_steps: int) -> float:
        """Examples per second on one batch that lies ready."""
        ready = {name: tensor.to(self.device) for name, tensor in batch.items()}

        def step() -> None:
            self(ready)
            self.finish()

        return round(self.config.data.batch_size / seconds_of(step, num_steps), 2)


def loader_rate(dataset: ComposedDataset, num_workers: int, num_batches: int) -> float:
    """Examples per second of the loader alone."""
    batches = endless_batches(dataset, 0, num_workers)
    rate = round(dataset.config.batch_size / seconds_of(lambda: next(batches), num_batches), 2)
    print(f"loader, {num_workers} workers, {dataset.pack.folder}: {rate} examples/s", flush=True)
    return rate


def step_and_loader(step: Step, dataset: ComposedDataset, num_workers: int, num_steps: int) -> dict[str, float]:
    """Examples per second of both together, and the share of the time in which the step waits for its batch."""
    batches = endless_batches(dataset, 0, num_workers)
    waited = 0.0

    def turn() -> None:
        nonlocal waited
        began = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - began
        step(batch)
        step.finish()

    for _ in range(WARMUP):
        turn()
    waited = 0.0
    began = time.perf_counter()
    for _ in range(num_steps):
        turn()
    seconds = time.perf_counter() - began
    found = {
        "examples_s": round(num_steps * dataset.config.batch_size / seconds, 2),
        "waits": round(waited / seconds, 4),
    }
    print(f"together, {num_workers} workers: {found}", flush=True)
    return found


def seconds_of(work: Callable[[], object], times: int) -> float:
    """Mean seconds of one call, after a warm-up."""
    for _ in range(WARMUP):
        work()
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def _dataset(pack: Pack, config: EndToEndConfig) -> ComposedDataset:
    return ComposedDataset(pack, config.data, held_out=False, num_patches=config.patches_per_canvas)


if __name__ == "__main__":
    sys.exit(main())
