"""Coverage-guided fuzzing of what the service does with one picture, by atheris, until something crashes.

`python -m tests.deploy.serve.fuzzing CORPUS -max_total_time=600` begins with the files of the folder CORPUS and keeps
there whatever reaches new code; what crashes is left as `crash-…` in the working folder. Options are libFuzzer's.
"""

from __future__ import annotations

import sys
import warnings
from time import perf_counter

import atheris

with atheris.instrument_imports(include=["PIL", "shm_deploy.media", "shm_deploy.serve"]):
    from shm_deploy.errors import MatteError
    from shm_deploy.matter import Matter
    from shm_deploy.serve.batching import Batcher
    from shm_deploy.serve.bodies import Upload
    from shm_deploy.serve.making import Maker
    from shm_deploy.serve.orders import Format, Order, Output
    from tests.deploy.fakes import FakeParts

MAX_PIXELS = 100_000
ORDER = Order(output=Output.ALPHA, format=Format.PNG)


def main(arguments: list[str]) -> None:
    """Run until something crashes, or until an option says so."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as the application does
    matter = Matter(FakeParts())
    maker = Maker(matter=matter, batcher=Batcher(matter, 1), max_pixels=MAX_PIXELS)

    def make(data: bytes) -> None:
        try:
            maker.make(Upload(image=data), ORDER, perf_counter())
        except MatteError:
            return

    atheris.Setup([sys.argv[0], *arguments], make)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
