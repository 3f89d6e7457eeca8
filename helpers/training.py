"""Fitting with one progress bar, and keeping what was trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm.keras import TqdmCallback

from helpers import profile, store
from helpers.figures import curves
from helpers.scores import Gain, Score, correct_images, predicted_classes, score

__all__ = ["Gain", "Score", "correct_images", "curves", "predicted_classes", "score"]
__all__ += ["fit", "load_or_train", "save", "weight_hashes"]

History = Mapping[str, Sequence[float]]


def fit(
    model: keras.Model, *data, callbacks: Sequence[keras.callbacks.Callback] = (), **options
) -> dict[str, list[float]]:
    """``model.fit`` with one progress bar instead of a line per epoch.

    Takes what ``model.fit`` takes. Returns the history: metric name to one value per epoch.
    """
    options |= {"verbose": 0, "callbacks": [TqdmCallback(verbose=0), *callbacks]}
    if data and hasattr(data[0], "element_spec"):  # a dataset shuffles itself; Keras would warn
        options.setdefault("shuffle", False)
    return model.fit(*data, **options).history


def load_or_train(
    name: str, model: keras.Model, decides: Mapping, train: Callable[[], History]
) -> tuple[keras.Model, History]:
    """The model, trained, and its history: from disk, or else by ``train()``, which is then kept.

    ``model`` is built and compiled; ``train`` trains it in place and returns the history.
    ``decides`` holds all that decides the result besides the model, its loss and its optimizer:
    images and labels (or the digest of photos), epochs, batch size. Any change of these trains
    anew; see ``store.key``. Raises TypeError for what it cannot tell apart.
    """
    path = path_of(name, model, decides)  # before the training
    history = _read(path, model)
    if history is not None:
        print(f"{name}: trained earlier with these settings, read from {path}")
        return model, history
    history = train()
    history = getattr(history, "history", history)
    _write(path, model, history)
    return model, history


def save(name: str, model: keras.Model, decides: Mapping, history: History) -> None:
    """Keep a trained model for ``load_or_train``. Where nothing can be written, say so."""
    _write(path_of(name, model, decides), model, history)


def path_of(name: str, model: keras.Model, decides: Mapping) -> Path:
    """Where a model that is trained with these settings is kept."""
    return store.path_of(f"models/{name}", [model, dict(decides), profile.seed()])


def _read(path: Path, model: keras.Model) -> History | None:
    """Give the model the weights in a file; their history, or None if there are none."""
    arrays = store.load(path)
    if arrays is None:
        return None
    try:
        history = json.loads(str(arrays["history"]))
        model.set_weights([arrays[f"arr_{number}"] for number in range(len(arrays) - 1)])
        return history
    except Exception:  # a file of something else
        return None


def _write(path: Path, model: keras.Model, history: History) -> None:
    weights = {f"arr_{number}": weight for number, weight in enumerate(model.get_weights())}
    store.save(path, {**weights, "history": json.dumps(dict(history), default=float)})


def weight_hashes(model: keras.Model) -> dict[str, str]:
    """A fingerprint of each layer's weights, nested layers too: layer path to 12 hex digits.

    Equal before and after ``fit``: the layer was frozen. Different: it has learned.
    """
    hashes: dict[str, str] = {}
    for variable in model.weights:  # without the states of random generators, which dropout has
        layer = variable.path.rsplit("/", 1)[0]
        content = hashes.get(layer, "").encode() + np.ascontiguousarray(variable.numpy()).tobytes()
        hashes[layer] = hashlib.sha256(content).hexdigest()[:12]
    return hashes
