"""Seeing what TensorFlow computes, operation by operation, and a classifier's logits among it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf  # imported below once it has been started, quietly

KERNELS = {"BatchMatMulV2", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Einsum", "MatMul"}  # sums over weights
SAME_VALUES = {"Identity", "Cast", "Reshape", "Squeeze", "ExpandDims"}  # what these do to logits changes none of them
ANY_RANGE = {  # operations that do not press what they are given into an interval
    *("AddN", "AddV2", "BiasAdd", "Mul", "Neg", "RealDiv", "Rsqrt", "Sqrt", "Square", "SquaredDifference", "Sub"),
    *("AvgPool", "ConcatV2", "FusedBatchNormV3", "GatherV2", "Max", "MaxPool", "Mean", "Pack", "ReadVariableOp"),
    *("LeakyRelu", "Relu", "StridedSlice", "Sum", "Transpose"),
}


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Functions that TensorFlow would compile run as plain Python while the block runs."""
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextlib.contextmanager
def operations(note: Callable[[str, Sequence[tf.Tensor], Sequence[tf.Tensor]], None]) -> Iterator[None]:
    """While the block runs, call ``note(kind, inputs, outputs)`` after each TensorFlow operation, such as "Conv2D"."""
    from tensorflow.python.framework import op_callbacks  # how TensorFlow's own debugger sees operations

    def call(kind: str | bytes, inputs, _, outputs, *place, **names) -> None:
        note(kind.decode() if isinstance(kind, bytes) else kind, inputs, outputs)

    op_callbacks.add_op_callback(call)
    try:
        with eagerly():
            yield
    finally:
        op_callbacks.remove_op_callback(call)


def largest_arrives(model: keras.Model, batch: np.ndarray) -> bool:
    """Whether the first convolution or dense layer is given the images' largest value as it is."""
    given: list[float] = []

    def note(kind: str, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]) -> None:
        if kind in KERNELS and not given:
            given.append(inputs[0].numpy().max())

    brightest = batch.reshape(len(batch), -1).max(axis=1).argmax()
    with operations(note):
        model(batch[brightest : brightest + 1], training=False)
    return batch.max() in given


def answers(model: keras.Model, batch: np.ndarray | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits and probabilities of a classifier, both float32 (N, classes); one output unit has classes 0 and 1.

    Raises ValueError if the model is no classifier, or if its logits cannot be found.
    """
    ops = keras.ops
    with operations(_mark):
        outputs = model(batch, training=False)
    if not ops.is_tensor(outputs) or len(outputs.shape) != 2:
        raise ValueError(f"{model.name} is not a classifier with one output of shape (N, classes).")
    logits, binary = getattr(outputs, "_logits", outputs), outputs.shape[1] == 1
    confined = bool(ops.all((outputs >= 0) & (outputs <= 1)))
    shares = not binary and np.allclose(ops.sum(outputs, axis=1), 1, atol=1e-3)
    if confined and (logits is None or logits is outputs and shares):
        raise ValueError(
            f"{model.name} gives what look like probabilities, and its logits cannot be found. Let a layer with "
            'activation="sigmoid" or "softmax" be the last, or build the model without the one it has.'
        )
    logits = outputs if logits is None else logits
    known = confined and logits is not outputs
    logits = ops.cast(ops.reshape(logits, outputs.shape), "float32")
    if known:
        probabilities = ops.cast(outputs, "float32")
    else:
        probabilities = (ops.sigmoid if binary else ops.softmax)(logits)
    if binary:
        logits = ops.concatenate([-logits, logits], axis=1)
        probabilities = ops.concatenate([1 - probabilities, probabilities], axis=1)
    return logits, probabilities


def _mark(kind: str, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]) -> None:
    """Note with a tensor its logits: what a softmax or sigmoid was given; None for what some other function confines.

    Tensors without a mark are sums over weights, which may have any value.
    """
    if kind in ("Sigmoid", "Softmax", "LogSoftmax"):
        logits = inputs[0]
    elif kind in SAME_VALUES and hasattr(inputs[0], "_logits"):
        logits = inputs[0]._logits
    elif kind in KERNELS | SAME_VALUES or kind in ANY_RANGE and not any(hasattr(x, "_logits") for x in inputs):
        return
    else:
        logits = None
    for output in outputs:
        output._logits = logits
