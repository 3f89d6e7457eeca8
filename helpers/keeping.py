"""What is computed once and kept on disk: under its name only when it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

if TYPE_CHECKING:
    import keras


VERSIONS = {package: metadata.version(package) for package in ("keras", "numpy")}  # of what computes


def key(*decides: Any) -> str:
    """The name of a result on disk: 12 hex digits that change with anything that decides it.

    ``decides``: plain values, lists, dicts, paths, arrays (told by their content) and Keras models (told by their
    layers, the connections of these and what they were compiled with; not by names, nor by weights, which training
    changes: ``training.weight_hashes`` tells those). Raises TypeError for anything else: a result must not be kept
    under a name that leaves out what decides it.
    """
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=_told).encode()).hexdigest()[:12]


def _told(value: Any) -> Any:
    """What tells a value from others, in plain values for ``key``."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_json"):
        return _architecture(value)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype != object:
            return [str(array.dtype), array.shape, hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()]
    raise TypeError(f"a {type(value).__name__} cannot tell one result from another; give plain values or arrays of it.")


def _architecture(model: keras.Model) -> list[str]:
    """Layers, settings, connections, loss and optimizer. Keras counts names up in a session: places stand for them."""
    text, layers = model.to_json(), list(model._flatten_layers())
    for place, part in enumerate([*layers, getattr(model, "optimizer", None)]):
        text = text.replace(f'"{getattr(part, "name", None)}"', str(place))
    functions = [getattr(layer, name, None) for layer in layers for name in ("activation", "function")]
    codes = [
        function.__code__ for function in functions if hasattr(function, "__code__")
    ]  # Keras notes their name only
    return [text, *(f"{code.co_code.hex()} {code.co_consts}" for code in codes)]


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write to that becomes ``path`` when the block ends well; else what was there stays, and no half of it.

    Halves that a killed process left are removed. Raises OSError where nothing can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"half-[0-9]*-{path.name}"):
        if left.name.split("-")[1].isdigit() and not psutil.pid_exists(int(left.name.split("-")[1])):
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
