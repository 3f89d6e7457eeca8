"""What is computed once and kept on disk: under its name only when it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import CodeType
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
    if hasattr(value, "get_compile_config"):
        return _architecture(value)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype != object:
            told = [str(array.dtype), array.shape, hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()]
            return told if array.ndim else array.item()
    raise TypeError(f"a {type(value).__name__} cannot tell one result from another; give plain values or arrays of it.")


def _architecture(model: keras.Model) -> list:
    """Layers, settings, connections, loss and optimizer, and the code of what is not Keras's own."""
    config = _numbered(json.loads(model.to_json()), {})
    own = [layer for layer in model._flatten_layers() if not type(layer).__module__.startswith("keras.")]
    functions = [function for layer in own for function in vars(type(layer)).values()]
    functions += [
        getattr(layer, name, None) for layer in model._flatten_layers() for name in ("activation", "function")
    ]
    functions += [getattr(model, "loss", None)]
    codes = [(f.__code__, f.__defaults__) for f in functions if hasattr(f, "__code__")]  # Keras notes the names only
    return [config, [[_code(code), str(defaults)] for code, defaults in codes]]


def _numbered(part: Any, places: dict[str, int], is_type: bool = False) -> Any:
    """A model's configuration with places for names: Keras counts these up in a session."""
    if isinstance(part, list):
        tensor = len(part) == 3 and isinstance(part[0], str) and isinstance(part[1], int)  # layer, call, output
        return [places.setdefault(part[0], len(places)), *part[1:]] if tensor else [_numbered(p, places) for p in part]
    if not isinstance(part, dict):
        return part
    if part.get("class_name") == "__lambda__":
        return "told by its code"  # Keras's own note of it holds the number of the process
    types = part.get("class_name") == "DTypePolicy"
    return {
        name: places.setdefault(value, len(places))
        if name == "name" and isinstance(value, str) and not is_type
        else _numbered(value, places, types)
        for name, value in part.items()
    }


def _code(code: CodeType) -> list:
    inner = [_code(const) if isinstance(const, CodeType) else repr(const) for const in code.co_consts]
    return [code.co_code.hex(), code.co_names, inner]


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
