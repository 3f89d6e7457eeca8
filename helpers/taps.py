"""Reading any layer of any Keras model while it runs: what looking inside a network is built on.

A model of the functional API can be cut open (``keras.Model(model.inputs, layer.output)``); a subclassed one cannot,
and a nested one only from within. So a layer's ``call`` is wrapped for one forward pass, and what it returns is noted.
Functions that TensorFlow would compile, such as a ``call`` under ``@tf.function``, run as plain Python meanwhile. The
model is left as it was.
"""

from __future__ import annotations

import contextlib
import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import keras
import numpy as np

from helpers import profile

tf = profile.quiet_tensorflow()


KERNELS = {"BatchMatMulV2", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Einsum", "MatMul"}  # sums over weights


def layers_by_name(model: keras.Model) -> dict[str, keras.Layer]:
    """Every layer of a model, those of nested models and blocks too, but not its inputs.

    A layer goes by its own name or, where several share it, by "outer/inner".
    """
    found = list(_paths(model, ""))
    shared = Counter(layer.name for _, layer in found)
    return {layer.name if shared[layer.name] == 1 else path: layer for path, layer in found}


def _paths(model: keras.Layer, above: str) -> Iterator[tuple[str, keras.Layer]]:
    for layer in model._flatten_layers(include_self=False, recursive=False):  # Keras's own, also inside custom layers
        if not isinstance(layer, keras.layers.InputLayer):
            yield above + layer.name, layer
            yield from _paths(layer, f"{above}{layer.name}/")


def find(model: keras.Model, layer: str | int) -> tuple[str, keras.Layer]:
    """A layer with its name in ``layers_by_name``, by that name or by its place in ``model.layers``.

    Raises ValueError if there is none, with the nearest names, or if the place is that of an input.
    """
    named = layers_by_name(model)
    if isinstance(layer, str):
        if layer not in named:
            near = difflib.get_close_matches(layer, named, n=3, cutoff=0.4) or list(named)
            raise ValueError(f"{model.name} has no layer {layer!r}. Did you mean {' or '.join(near)}?")
        return layer, named[layer]
    if not -len(model.layers) <= layer < len(model.layers):
        raise ValueError(f"{model.name} has layers 0 to {len(model.layers) - 1}, and no layer {layer}.")
    chosen = model.layers[layer]
    if isinstance(chosen, keras.layers.InputLayer):
        raise ValueError(f"Layer {layer} of {model.name} is its input: what it gives is the image itself.")
    return next((name, found) for name, found in named.items() if found is chosen)


@contextlib.contextmanager
def tapped(layers: dict[str, keras.Layer], note: Callable[[str, tf.Tensor], None]) -> Iterator[None]:
    """While the block runs, call ``note(name, output)`` whenever one of the layers has been called.

    Of several outputs in a tuple, list or dict, as those of an RNN's cell, the first is noted. A layer may have several
    names: models that are nested may share it.
    """

    def noting(name: str, call):
        def call_and_note(*arguments, **options):
            output = call(*arguments, **options)
            tensors = [part for part in keras.tree.flatten(output) if tf.is_tensor(part)]
            if tensors and not tf.is_symbolic_tensor(tensors[0]):
                note(name, tensors[0])
            return output

        return call_and_note

    with contextlib.ExitStack() as stack:
        stack.enter_context(_eagerly())
        for name, layer in layers.items():
            stack.enter_context(mock.patch.object(layer, "call", noting(name, layer.call)))
        yield


@contextlib.contextmanager
def operations(note: Callable[[str, Sequence[tf.Tensor], Sequence[tf.Tensor]], None]) -> Iterator[None]:
    """While the block runs, call ``note(kind, inputs, outputs)`` after each TensorFlow operation, such as "Conv2D"."""
    from tensorflow.python.framework import op_callbacks  # how TensorFlow's own debugger sees operations

    def call(kind: str | bytes, inputs, _, outputs, *place, **names) -> None:
        note(tf.compat.as_str(kind), inputs, outputs)

    op_callbacks.add_op_callback(call)
    try:
        with _eagerly():
            yield
    finally:
        op_callbacks.remove_op_callback(call)


@contextlib.contextmanager
def _eagerly() -> Iterator[None]:
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextlib.contextmanager
def outputs(layers: dict[str, keras.Layer]) -> Iterator[dict[str, tf.Tensor]]:
    """Note what layers return while the block runs: a dict, filled in the order in which they are called.

    Of a layer that is called several times the last output stays.
    """
    noted: dict[str, tf.Tensor] = {}

    def note(name: str, output: tf.Tensor) -> None:
        noted.pop(name, None)
        noted[name] = output

    with tapped(layers, note):
        yield noted


def as_batch(model: keras.Model, images: np.ndarray | Sequence) -> np.ndarray:
    """Images as the model takes them: float32 of shape (N, height, width, channels); one image becomes a batch.

    Raises ValueError if the shape does not fit the model, if a value is not a finite number, or if the model takes more
    than the images.
    """
    if len(getattr(model, "inputs", None) or ()) > 1:
        raise ValueError(
            f"{model.name} takes {len(model.inputs)} inputs; only models that take images alone can be looked into. "
            "Pass the part of it that does."
        )
    images = np.asarray(images)
    expected = getattr(model, "input_shape", None)  # None, or an error, where a model was never built
    expected = expected if isinstance(expected, tuple) else (None,) * 4
    wanted = ", ".join("any" if size is None else str(size) for size in expected[1:])
    batch = images[np.newaxis] if images.ndim == len(expected) - 1 else images
    fits = batch.ndim == len(expected) and all(
        want in (None, size) for want, size in zip(expected[1:], batch.shape[1:])
    )
    if not fits or not len(batch):
        raise ValueError(
            f"{model.name} takes images of shape ({wanted}), one or a batch of them; these have shape {images.shape}."
        )
    batch = batch.astype(np.float32)
    if not np.isfinite(batch).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(batch)):,} values of the images are NaN or infinite.")
    return batch
