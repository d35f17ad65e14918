"""Write the tables of README and docs from benchmarks/results/*.json: `python -m benchmarks.readme_tables`.

A table stands between `<!-- results: NAME -->` and `<!-- /results -->`; what is between them is replaced. With --check
nothing is written, and the exit code is 3 where a document does not say what the results say.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results_file import PROJECT, RESULTS, read_result
from benchmarks.tables import TABLES
from shm_deploy.errors import ArtifactError, CheckFailed, MatteError

DOCUMENTS = (
    PROJECT / "README.md",
    PROJECT / "docs" / "model-card.md",
    PROJECT / "docs" / "catalogue.md",
    PROJECT / "docs" / "embedding.md",
    PROJECT / "docs" / "live.md",
    PROJECT / "docs" / "service.md",
    PROJECT / "docs" / "training.md",
    PROJECT / "docs" / "video.md",
)
MARKED = re.compile(r"(<!-- results: (?P<name>\w+) -->\n).*?(<!-- /results -->)", re.DOTALL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something would change")
    parser.add_argument("--documents", type=Path, nargs="+", default=DOCUMENTS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    try:
        texts = {document: with_tables(document.read_text(), args.results) for document in args.documents}
        changed = {document: text for document, text in texts.items() if text != document.read_text()}
        if args.check and changed:
            names = ", ".join(str(document) for document in changed)
            raise CheckFailed(f"{names} differs from {args.results}: run python -m benchmarks.readme_tables")
    except MatteError as error:
        print(f"readme_tables: {error}", file=sys.stderr)
        return error.exit_code
    for document, text in changed.items():
        document.write_text(text)
    return 0


def with_tables(text: str, results: Path) -> str:
    """A text with every marked table replaced by what the results say.

    Raises:
        ArtifactError: a table that no result makes, or none marked at all.
    """

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        file = results / f"{name}.json"
        if name not in TABLES or not file.is_file():
            raise ArtifactError(
                f"a table {name!r} is marked; known are {', '.join(TABLES)}, each from NAME.json in {results}"
            )
        return f"{match[1]}{TABLES[name](read_result(file))}\n{match[3]}"

    text, num_tables = MARKED.subn(replaced, text)
    if num_tables == 0:
        raise ArtifactError(
            "no table is marked: put <!-- results: speed --> and <!-- /results --> where it is to stand"
        )
    return text


if __name__ == "__main__":
    sys.exit(main())
