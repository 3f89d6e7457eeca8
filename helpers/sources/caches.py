"""What the course keeps in its cache: all of it can be made again, and removed at any time."""

from __future__ import annotations

import shutil
from pathlib import Path

from helpers import drawn, profile, store
from helpers.profile import CourseError
from helpers.sources import finding, splitting

EARLIER = "of an earlier version"


def kept() -> dict[str, list[Path]]:
    """Files and folders in the cache by kind: the kinds of ``store``, photos, and what no code of today reads.

    Fetched files, which are in the same folder where the course is on a read-only disk, are none of these.
    """
    cache, published = profile.cache_dir(), {remote.name for remotes in finding.REMOTES.values() for remote in remotes}
    pets = f"{splitting.DRAWN}{drawn.VERSION}"
    kinds: dict[str, list[Path]] = {}
    for path in sorted(cache.iterdir()) if cache.is_dir() else []:
        if path.name == store.FOLDER:
            kinds |= {f"{store.FOLDER}/{kind.name}": [kind] for kind in sorted(path.iterdir())}
        elif path.name not in published and not store.HALF.fullmatch(path.name):
            ours = path.name.startswith(splitting.SPLIT) or path.name.split(".")[0] == pets  # with .lock or .partial
            kinds.setdefault("photos" if ours else EARLIER, []).append(path)
    return kinds


def status() -> list[str]:
    """A line for each kind: how much is kept."""
    hint = {EARLIER: "; `python course.py data clean` removes it"}
    return [f"{kind}: {megabytes(paths)}{hint.get(kind, '')}" for kind, paths in kept().items()]


def clean(everything: bool) -> list[str]:
    """Remove what earlier versions kept, or everything; a line for each kind that was removed.

    Raises CourseError for what cannot be removed.
    """
    removed = {kind: paths for kind, paths in kept().items() if everything or kind == EARLIER}
    lines = [f"removed: {kind}, {megabytes(paths)}" for kind, paths in removed.items()]
    for path in sum(removed.values(), []):
        try:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        except OSError as error:
            raise CourseError(
                f"{path} cannot be removed ({error.strerror or error}). Close the notebooks that use it, or make its "
                "folder writable, then run this again."
            ) from error
    return lines


def megabytes(paths: list[Path]) -> str:
    files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:,.1f} MB ({', '.join(path.name for path in paths)})"
