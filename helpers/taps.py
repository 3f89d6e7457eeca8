"""Reading any layer of any Keras model while it runs: what looking inside a network is built on.

A model of the functional API can be cut open (``keras.Model(model.inputs, layer.output)``); a
subclassed one cannot, and a nested one only from within. So a layer's ``call`` is wrapped for one
forward pass, and what it returns is noted. Functions that TensorFlow would compile, such as a
``call`` under ``@tf.function``, run as plain Python meanwhile. The model is left as it was.
"""

from __future__ import annotations

import contextlib
import difflib
from collections import Counter
from collections.abc import Callable, Iterator
from unittest import mock

import keras
import numpy as np

from helpers import profile
from helpers.plumbing.inputs import as_batch as as_batch
from helpers.plumbing.operations import eagerly
from helpers.plumbing.operations import operations as operations

tf = profile.quiet_tensorflow()

Layers = dict[str, keras.Layer]  # by name
Note = Callable[[str, tf.Tensor], None]


def layers_by_name(model: keras.Model) -> Layers:
    """Every layer of a model, those of nested models and blocks too, but not its inputs.

    A layer goes by its own name or, where several share it, by "outer/inner".
    """
    by_path = list(_paths(model, ""))
    shared = Counter(layer.name for _, layer in by_path)
    return {layer.name if shared[layer.name] == 1 else path: layer for path, layer in by_path}


def _paths(model: keras.Layer, above: str) -> Iterator[tuple[str, keras.Layer]]:
    inside = model._flatten_layers(include_self=False, recursive=False)  # inside custom layers, too
    for layer in inside:
        if not isinstance(layer, keras.layers.InputLayer):
            yield above + layer.name, layer
            yield from _paths(layer, f"{above}{layer.name}/")


def find(model: keras.Model, layer: str | int) -> tuple[str, keras.Layer]:
    """A layer with its name in ``layers_by_name``, by that or its place in ``model.layers``.

    Raises ValueError if there is none, with the nearest names, or if the place is that of an input.
    """
    named = layers_by_name(model)
    if isinstance(layer, str):
        if layer not in named:
            near = difflib.get_close_matches(layer, named, n=3, cutoff=0.4) or list(named)
            near = " or ".join(near)
            raise ValueError(f"{model.name} has no layer {layer!r}. Did you mean {near}?")
        return layer, named[layer]
    last = len(model.layers) - 1
    if not -last - 1 <= layer <= last:
        raise ValueError(f"{model.name} has layers 0 to {last}, and no layer {layer}.")
    chosen = model.layers[layer]
    for name, other in named.items():
        if other is chosen:
            return name, chosen
    raise ValueError(f"Layer {layer} of {model.name} is its input: it gives the image itself.")


@contextlib.contextmanager
def tapped(layers: Layers, note: Note) -> Iterator[None]:
    """While the block runs, call ``note(name, output)`` whenever one of the layers has been called.

    Of several outputs in a tuple, list or dict, as those of an RNN's cell, the first is noted. A
    layer may have several names: models that are nested may share it.
    """

    def noting(name: str, call: Callable) -> Callable:
        def call_and_note(*arguments, **options):
            output = call(*arguments, **options)
            tensors = [part for part in keras.tree.flatten(output) if tf.is_tensor(part)]
            if tensors and not tf.is_symbolic_tensor(tensors[0]):
                note(name, tensors[0])
            return output

        return call_and_note

    with contextlib.ExitStack() as stack:
        stack.enter_context(eagerly())
        for name, layer in layers.items():
            stack.enter_context(mock.patch.object(layer, "call", noting(name, layer.call)))
        yield


@contextlib.contextmanager
def outputs(layers: Layers) -> Iterator[dict[str, tf.Tensor]]:
    """What layers return while the block runs: a dict, filled in the order of their calls.

    Of a layer that is called several times the last output stays.
    """
    noted: dict[str, tf.Tensor] = {}

    def note(name: str, output: tf.Tensor) -> None:
        noted.pop(name, None)
        noted[name] = output

    with tapped(layers, note):
        yield noted


def read(
    model: keras.Model, batch: np.ndarray, layers: Layers, at_once: int
) -> Iterator[tuple[slice, dict[str, tf.Tensor]]]:
    """Pass a batch through the model, ``at_once`` images at a time, outside training.

    Yields which images have passed and what the layers have made of them, as ``outputs`` does: take
    what you need before the next ones pass, for which the memory is freed.
    """
    for first in range(0, len(batch), at_once):
        some = slice(first, first + at_once)
        with outputs(layers) as noted:
            model(batch[some], training=False)
        yield some, noted
        noted.clear()
