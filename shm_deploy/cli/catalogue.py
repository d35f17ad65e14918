"""`shm-matte --runner ray`: whole catalogues of pictures, on one machine or a cluster."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn

from shm_deploy.cli.model_options import max_edge_of
from shm_deploy.errors import BackendUnavailable, MediaError, SpecError

if TYPE_CHECKING:
    from shm_deploy.media.products import OfAlpha
    from shm_deploy.media.stills import Recipe


def matte_catalogue(args: argparse.Namespace, recipe: Recipe, usage_error: Callable[[str], NoReturn]) -> int:
    """Run the catalogue that `args` (of `shm-matte`) describes; returns the exit code."""
    _require_extra()
    from shm_deploy.catalogue.listing import absolute, list_items
    from shm_deploy.catalogue.settings import Settings
    from shm_deploy.media.progress import Progress

    try:
        settings = Settings(
            output=absolute(args.output),
            product=_product(recipe),
            suffix=recipe.kind.suffixes[0],
            quality=recipe.quality,
            model=None if args.model is None else absolute(args.model),
            device=args.device,
            threads=args.threads,
            max_edge=max_edge_of(args),
        )
        items = list_items(args.inputs, args.output, settings.suffix)
    except SpecError as error:
        usage_error(str(error))
    from shm_deploy.catalogue.runner import cluster, run_catalogue  # imports Ray, which takes seconds

    with redirect_stdout(sys.stderr), cluster(args.ray_address):  # Ray prints to both what it has to say
        summary = run_catalogue(items, settings, overwrite=args.overwrite, progress=Progress(len(items), sys.stderr))
    print(json.dumps(asdict(summary)))
    if not summary.failed:
        return 0
    print(f"shm-matte: {summary.failed} failed, see {summary.manifest}", file=sys.stderr)
    return MediaError.exit_code


def _product(recipe: Recipe) -> OfAlpha:
    from shm_deploy.media.products import Product

    match recipe.wanted:
        case Product.CUTOUT | Product.ALPHA | Product.FOREGROUND as product:
            return product
    raise SpecError("got --trimap or --background with --runner ray; wanted a cut-out, --alpha or --foreground")


def _require_extra() -> None:
    missing = [module for module in ("ray", "pyarrow", "fsspec") if importlib.util.find_spec(module) is None]
    if missing:
        raise BackendUnavailable(f"--runner ray needs {', '.join(missing)}: pip install 'semantic-human-matting[ray]'")
