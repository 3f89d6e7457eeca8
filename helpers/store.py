"""Keeping what was computed: under a name that holds everything it depends on, whole or not at all.

``load_or_compute`` and ``save`` keep arrays in the course's cache, ``whole`` writes any file.
Nothing is ever overwritten by halves, and a damaged file is computed anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from helpers import profile
from helpers.plumbing import identity

FOLDER = "kept"  # in the course's cache: networks, features and embeddings, each kind in its folder
HALF = re.compile(r"half-(\d{1,9})-.+")  # with the number of the process that writes it
VERSIONS = {package: metadata.version(package) for package in ("keras", "numpy")}
Arrays = Mapping[str, np.ndarray]


def key(*decides: Any) -> str:
    """The name of a result: 12 hex digits that change with anything that decides it.

    ``decides``: plain values, lists, dicts, paths, arrays (by their content) and Keras models (by
    their layers, connections and what they were compiled with; not by names, nor by weights, which
    training changes: ``training.weight_hashes`` tells those). Raises TypeError for anything else.
    """
    told = json.dumps(decides, sort_keys=True, default=identity.plain)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def path_of(name: str, decides: Any) -> Path:
    """Where the arrays ``name`` ("features/vgg16-train") are kept for these settings."""
    return profile.cache_dir() / FOLDER / f"{name}-{key(decides, VERSIONS)}.npz"


def load_or_compute(name: str, decides: Any, compute: Callable[[], Arrays]) -> Arrays:
    """The arrays kept for these settings, or those of ``compute()``, which are kept.

    ``decides`` holds everything that the result depends on; see ``key``.
    """
    path = path_of(name, decides)  # before computing, which may change a model
    arrays = load(path)
    if arrays is None:
        arrays = compute()
        save(path, arrays)
    return arrays


def load(path: Path) -> Arrays | None:
    """The arrays in a file of ``save``; None if there is none, or if a checksum in it is wrong."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # a damaged archive fails in a dozen ways
        print(f"{path} is damaged ({error}): computing it anew")
        return None


def save(path: Path, arrays: Arrays) -> None:
    """Keep arrays in a file. Where nothing can be written, say so and go on."""
    try:
        sweep(path.parent)
        with whole(path) as half, half.open("wb") as file:
            np.savez(file, **arrays)
    except (
        OSError,
        ValueError,
    ) as error:  # ValueError: a wrong clock, as zip has no date before 1980
        why = getattr(error, "strerror", None) or error
        print(f"{path.name} was not kept: {path.parent} cannot be written ({why})")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write to, which becomes ``path`` when the block ends without an error.

    Otherwise what was at ``path`` stays. Raises OSError where nothing can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"half-{os.getpid()}-{path.name}")
    try:
        yield half
        half.replace(path)
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the halves that killed processes left in a folder."""
    for path in folder.glob("half-*"):
        half = HALF.fullmatch(path.name)
        if half and not psutil.pid_exists(int(half[1])):
            with contextlib.suppress(OSError):
                path.unlink()
