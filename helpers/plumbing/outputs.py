"""Class numbers from what a classifier gives: probabilities or logits, of one unit or of one per class."""

from __future__ import annotations

import keras
import numpy as np

REGRESSION = ("error", "huber", "cosh")  # in the names of losses that are compared with 0.5


def class_numbers(model: keras.Model, outputs: np.ndarray) -> np.ndarray:
    """The class of each image, int (N,), by the rules of ``scores.predicted_classes``, which says what is refused."""
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) > 2 or not np.isfinite(outputs).all():
        flat = shape and len(shape) < 3
        what = "numbers that are NaN or infinite" if flat else f"outputs of shape {shape}"
        raise ValueError(f"{model.name} gives {what}; expected are finite numbers, one per image or one per class.")
    if len(shape) == 2 and shape[1] > 1:
        return outputs.argmax(axis=1)
    return (outputs.reshape(-1) > (0 if _is_logit(model, outputs) else 0.5)).astype(int)


def _is_logit(model: keras.Model, outputs: np.ndarray) -> bool:
    loss = getattr(model, "loss", None)
    if isinstance(loss, (list, tuple, dict)):  # one for each output, of which there is one
        loss = list(loss.values() if isinstance(loss, dict) else loss)[0]
    if hasattr(loss, "from_logits"):
        return loss.from_logits
    kind = getattr(keras.losses.get(loss), "__name__", type(loss).__name__).lower()
    if "hinge" in kind or any(word in kind for word in REGRESSION):
        return "hinge" in kind
    last = model  # what gives the output; of a subclassed model nobody knows
    while getattr(last, "outputs", None):
        last = last.outputs[0]._keras_history.operation
    linear = getattr(last, "activation", None) is keras.activations.linear
    return linear or outputs.min(initial=0) < 0 or outputs.max(initial=1) > 1


def labels_for(predicted: np.ndarray, labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Labels of shape (N,) for N predicted classes. Raises ValueError unless there is one class number per image."""
    if labels.shape not in (predicted.shape, (*predicted.shape, 1)):
        raise ValueError(
            f"{len(predicted):,} images and labels of shape {labels.shape}: there must be one class "
            "number per image. Labels with one column per class become class numbers by "
            "labels.argmax(axis=1)."
        )
    classes = max(2, np.size(outputs) // max(1, len(outputs)))
    if not np.isin(labels, range(classes)).all():
        raise ValueError(f"labels should be class numbers from 0 to {classes - 1}; these hold {np.unique(labels)[:5]}.")
    return labels.reshape(-1)
