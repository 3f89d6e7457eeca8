"""Pack the course into one file: ``python course.py pack [FILE.zip]``.

Attached to a Kaggle notebook as a dataset, or uploaded to Colab beside one, it is all that a notebook needs there; it
is also what a workshop's laptops get. Without FILE it is written to build/seeing-convnets.zip.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from helpers import store
from seeing_convnets import NAME

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "docs", "helpers", "notebooks", "results", "tools")
FIRST = "seeing_convnets.py"  # beside the folder, too: a notebook that is given the zip imports it from there
SINGLE = ("course.py", FIRST, "LICENSE", "CITATION.cff", "*.md", "*.txt", "*.lock", "*.toml", "*.yml")
DATA = ("data/README.md", "data/models/menagerie.*")
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", "logs"}
STAMP = (2020, 1, 1, 0, 0, 0)  # one date for all: the same course packs to the same bytes


def contents() -> Iterator[Path]:
    """Every file that goes in: the course without its tests, and of ``data`` what comes with the course."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    found += [path for pattern in SINGLE + DATA for path in sorted(ROOT.glob(pattern))]
    yield from (path for path in found if not LEFT_OUT & set(path.relative_to(ROOT).parts))


def pack(target: Path) -> int:
    """Write the zip, whole or not at all; returns the number of files in it."""
    paths = list(contents())
    with store.whole(target) as half, zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, inside in [(ROOT / FIRST, Path(FIRST)), *((path, NAME / path.relative_to(ROOT)) for path in paths)]:
            name = zipfile.ZipInfo(inside.as_posix(), STAMP)
            name.compress_type = zipfile.ZIP_DEFLATED
            name.external_attr = 0o644 << 16
            archive.writestr(name, path.read_bytes())
    return len(paths)


def main(arguments: list[str]) -> int:
    if len(arguments) > 1 or arguments and Path(arguments[0]).suffix != ".zip":
        print(f"pack takes one file name that ends in .zip, or none; not {' '.join(arguments)!r}.", file=sys.stderr)
        return 2
    target = Path(arguments[0]).resolve() if arguments else ROOT / "build" / f"{NAME}.zip"
    try:
        count = pack(target)
    except OSError as error:
        print(f"{target} could not be written: {error.strerror or error}. Name another place.", file=sys.stderr)
        return 1
    print(f"{target}: {count} files, {target.stat().st_size / 1e6:.1f} MB")
    print("Kaggle: New Dataset, upload it; then Add Input in the notebook. Colab: upload it beside the notebook.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
