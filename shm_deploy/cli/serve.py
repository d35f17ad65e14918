"""`shm-serve`: mattes over HTTP, and a page for people."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shm_deploy.cli.model_options import add_model_options, max_edge_of, not_negative, positive
from shm_deploy.errors import BackendUnavailable, MatteError, SpecError

# Whatever takes long to import is imported after the arguments have been read.
if TYPE_CHECKING:
    from shm_deploy.serve.settings import Access, Settings

TOKEN_VARIABLE = "SHM_SERVE_TOKEN"
INTERRUPTED = 130  # what a shell expects after Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = _parser().parse_args(argv)
    try:
        return _serve(args)
    except MatteError as error:
        print(f"shm-serve: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shm-serve",
        allow_abbrev=False,  # "--token" would be taken for --token-file
        description="Serve mattes over HTTP and WebSocket, and a page to use them: open the address that is printed.",
        epilog=f"A bearer token is read from --token-file or the variable {TOKEN_VARIABLE}. SIGTERM and Ctrl-C finish "
        "what was accepted. Exit codes: 0 stopped, 1 could not start, 2 wrong usage, 4 the engine does not fit the "
        "device.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=_port, default=8000, help="0 takes any free one (default: 8000)")
    parser.add_argument("--workers", type=positive, default=1, help="processes, each with its own model (default: 1)")
    access = parser.add_argument_group("access")
    access.add_argument("--token-file", type=Path, help="a file that holds a bearer token, asked of every request")
    access.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="let pages of this origin in; may be repeated"
    )
    limits = parser.add_argument_group("limits, of each process")
    limits.add_argument("--max-bytes", type=positive, help="of one request (default: 32 MiB)")
    limits.add_argument("--max-pixels", type=positive, help="of one picture, before it is decoded (default: 50000000)")
    limits.add_argument("--timeout", type=positive, help="seconds to arrive, and to be answered (default: 30)")
    limits.add_argument("--working", type=positive, help="pictures in work at a time (default: 2)")
    limits.add_argument("--waiting", type=not_negative, help="pictures that wait; then it is 503 (default: 16)")
    limits.add_argument("--live", type=not_negative, help="live streams at a time (default: 4)")
    limits.add_argument("--batch", type=positive, help="pictures of one size in a run (default: 1 on CPUs, 8 on GPUs)")
    add_model_options(parser.add_argument_group("model"))
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"got {text}, wanted a port, 0 to 65535")
    return number


def _serve(args: argparse.Namespace) -> int:
    try:
        from shm_deploy.serve.batching import suited_batch
        from shm_deploy.serve.connections import listen
        from shm_deploy.serve.running import serve
    except ImportError as error:
        raise BackendUnavailable(
            f"shm-serve needs packages that do not import ({error}): pip install 'semantic-human-matting[cpu,serve]'"
        ) from error
    from shm_deploy.matter import Matter

    settings = _settings(args)
    threads = args.threads or max(1, len(os.sched_getaffinity(0)) // args.workers)
    open_matter = partial(Matter, args.model, device=args.device, threads=threads, max_edge=max_edge_of(args))
    with open_matter() as matter:  # what does not run is told before anything listens
        suited_batch(matter.info(), settings.limits.batch)
    try:
        listener = listen(args.host, args.port, backlog=128)
    except OSError as error:
        raise SpecError(f"can't listen on {args.host}, port {args.port}: {error.strerror or error}") from error
    port = listener.getsockname()[1]
    host = f"[{args.host}]" if ":" in args.host else args.host
    print(f"shm-serve: http://{host}:{port}", file=sys.stderr, flush=True)
    return 0 if serve(settings, open_matter, listener, args.workers) else MatteError.exit_code


def _settings(args: argparse.Namespace) -> Settings:
    from shm_deploy.serve.settings import Limits, Settings

    asked = {
        "max_bytes": args.max_bytes,
        "max_pixels": args.max_pixels,
        "seconds": args.timeout,
        "num_working": args.working,
        "num_waiting": args.waiting,
        "num_live": args.live,
        "batch": args.batch,
    }
    return Settings(
        limits=Limits(**{name: value for name, value in asked.items() if value is not None}), access=_access(args)
    )


def _access(args: argparse.Namespace) -> Access:
    from shm_deploy.serve.access import is_loopback
    from shm_deploy.serve.settings import Access

    token = os.environ.get(TOKEN_VARIABLE)
    if args.token_file is not None:
        try:
            token = args.token_file.read_text().strip()
        except OSError as error:
            raise SpecError(f"can't read --token-file {args.token_file}: {error.strerror or error}") from error
    return Access(token=token, origins=tuple(args.origin), loopback_names_only=is_loopback(args.host))


if __name__ == "__main__":
    sys.exit(main())
