"""What tells one value from another, Keras models included: the ground of ``store.key``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def plain(value: Any) -> Any:
    """A value as plain JSON values: arrays by their content, Keras models by what they are and not by their weights.

    Raises TypeError for what cannot be told from others of its kind.
    """
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "get_compile_config"):
        return architecture(value)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype != object:
            content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
            return [str(array.dtype), array.shape, content] if array.ndim else array.item()
    raise TypeError(f"a {type(value).__name__} cannot tell one result from another; give plain values or arrays of it.")


def architecture(model: keras.Model) -> list:
    """Layers, settings, connections, loss and optimizer, and the code of every function that is not Keras's own."""
    config = _numbered(json.loads(model.to_json()), {})
    layers = model._flatten_layers()
    own = [layer for layer in layers if not type(layer).__module__.startswith("keras.")]
    functions = [function for layer in own for function in vars(type(layer)).values()]
    functions += [getattr(layer, name, None) for layer in layers for name in ("activation", "function")]
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
