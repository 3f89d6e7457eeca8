"""What is computed once and kept on disk: under its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write to that becomes ``path`` when the block ends well; else what was there stays, and no half of it.

    Halves that a killed process left are removed. Raises OSError where nothing can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"half-*-{path.name}"):
        if not psutil.pid_exists(int(left.name.split("-")[1])):
            left.unlink(missing_ok=True)
    half = path.with_name(f"half-{os.getpid()}-{path.name}")
    try:
        yield half
        half.replace(path)
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)


def kept(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """An array kept earlier; None if there is none, or the file is damaged (its parts carry checksums)."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            array = archive["features"]
        if array.shape == shape:
            return array
        why = f"its shape is {array.shape} and not {shape}"
    except Exception as error:  # a damaged archive fails in a dozen ways
        why = str(error)
    print(f"{path} is damaged ({why}): computing it anew")
    return None


def keep(path: Path, array: np.ndarray) -> None:
    """Keep an array on disk for ``kept``. Where nothing can be written, say so and go on."""
    try:
        with whole(path) as half, half.open("wb") as file:
            np.savez(file, features=array)
    except OSError as error:
        print(f"{path.name} was not kept: {path.parent} cannot be written ({error.strerror or error})")
