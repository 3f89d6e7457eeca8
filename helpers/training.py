"""Fitting with one progress bar, curves of a training run, scores with their uncertainty, trained models kept."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binomtest
from tqdm.keras import TqdmCallback

from helpers import profile
from helpers.keeping import whole

History = Mapping[str, Sequence[float]]


def fit(model: keras.Model, *data, callbacks: Sequence[keras.callbacks.Callback] = (), **options) -> dict:
    """``model.fit`` with one tqdm bar in place of a line per epoch.

    Takes what ``model.fit`` takes and returns the history as a dict: metric name to one value an
    epoch. In the full profile all GPUs train: of two, as Kaggle lends them, each on half of every batch. Dropout
    and augmentation then draw the same for both halves, and BatchNormalization takes each half for itself.
    """
    options |= {"verbose": 0, "callbacks": [TqdmCallback(verbose=0), *callbacks]}
    if data and hasattr(data[0], "element_spec"):  # a tf.data dataset shuffles itself, and Keras warns if told to
        options.setdefault("shuffle", False)
    gpus = profile.gpus()
    if len(gpus) < 2 or profile.name() != "full":
        return model.fit(*data, **options).history
    # A copy is trained: variables of a model under the strategy could not be used in a loop of the reader's own.
    try:
        with profile.quiet_stderr(), _mirrored(tuple(gpus)).scope():
            twin = keras.models.clone_model(model)
            twin.compile_from_config(model.get_compile_config())
            _hand_over(model, twin)
    except (TypeError, ValueError, OSError, NotImplementedError) as error:  # a loss of the reader's own, say
        print(f"One GPU trains, since this model cannot be copied to all: {str(error).strip().splitlines()[0]}")
        return model.fit(*data, **options).history
    try:
        return twin.fit(*data, **options).history
    finally:  # what an interrupted training has learnt, too
        _hand_over(twin, model)


def _hand_over(source: keras.Model, target: keras.Model) -> None:
    """Weights, and the state of the optimizer if it has any and it is of the same variables."""
    for variable, found in zip(target.weights, source.weights, strict=True):
        variable.assign(_value(found))
    if source.optimizer.built:
        target.optimizer.build(target.trainable_variables)
        if [v.path for v in target.optimizer.variables] == [v.path for v in source.optimizer.variables]:
            for variable, found in zip(target.optimizer.variables, source.optimizer.variables):
                variable.assign(_value(found))


def _value(variable: keras.Variable) -> np.ndarray:
    """Of a variable on several GPUs their mean, which differs from each only for averages of BatchNormalization."""
    copies = [np.asarray(copy) for copy in getattr(variable.value, "values", [variable.value])]
    return copies[0] if copies[0].dtype.kind != "f" else np.mean(copies, axis=0, dtype=copies[0].dtype)


@functools.cache
def _mirrored(devices: tuple[str, ...]):
    return profile.quiet_tensorflow().distribute.MirroredStrategy(devices)


def curves(histories: History | Mapping[str, History], title: str = "") -> Figure:
    """Loss and accuracy against epochs, side by side.

    Takes one history, or several as ``{label: history}`` to compare. Training is a thin line,
    validation a thick one, and a ring marks the epoch where the validation loss was lowest.
    """
    if "loss" in histories:
        histories = {"": histories}
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for (label, history), color in zip(histories.items(), plt.rcParams["axes.prop_cycle"].by_key()["color"]):
        epochs = np.arange(1, len(history["loss"]) + 1)
        best = int(np.argmin(history["val_loss"]))
        for axis, metric in zip(axes, ("loss", "accuracy")):
            name = f"{label}: " if label else ""
            values = history[f"val_{metric}"]
            axis.plot(epochs, history[metric], color=color, lw=1, ls="--", label=f"{name}training")
            axis.plot(epochs, values, color=color, lw=2.2, label=f"{name}validation")
            axis.plot(epochs[best], values[best], "o", color=color, ms=10, mfc="none")
    for axis, metric in zip(axes, ("loss", "accuracy")):
        axis.set(xlabel="epoch", ylabel=metric, title=f"{metric} (ring: lowest validation loss)")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.suptitle(title)
    return figure


@dataclass(frozen=True)
class Score:
    """How many of how many images were classified correctly.

    Prints as the accuracy with its 95 % Wilson interval, which says how far the accuracy could
    lie from that on endlessly many such images.
    """

    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share of correct images, 0 to 1."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval of the accuracy, 0 to 1 (Wilson 1927)."""
        found = binomtest(self.correct, self.total).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}, {self.total:,} images)"


def predicted_classes(model: keras.Model, images) -> np.ndarray:
    """Class index of each image, shape (N,): the largest output, or output > 0.5 if there is one unit."""
    outputs = model.predict(images, batch_size=256, verbose=0)
    return outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(int)


def score(model: keras.Model, images, labels: np.ndarray | None = None) -> Score:
    """How many of the images (in the form the model takes) get their label right.

    ``images``: an array, with ``labels`` of shape (N,), or a ``tf.data`` dataset of batches of both.
    """
    correct = correct_images(model, images, labels)
    return Score(int(correct.sum()), len(correct))


def correct_images(model: keras.Model, images, labels: np.ndarray | None = None) -> np.ndarray:
    """Which images get their label right: bool of shape (N,). Takes what ``score`` takes, a dataset unshuffled."""
    if labels is None:
        labels = np.concatenate([batch for _, batch in images.as_numpy_iterator()])
    return predicted_classes(model, images) == labels


@dataclass(frozen=True)
class Gain:
    """Two models on the same images: how many each alone gets right.

    The images that both get right, or both wrong, say nothing about which is better. So the paired comparison
    is sharper than setting two accuracies with their own intervals side by side.
    """

    only_first: int
    only_second: int
    total: int

    @classmethod
    def between(cls, first: np.ndarray, second: np.ndarray) -> Gain:
        """From the right answers of both models, bool of shape (N,). Raises ValueError if the shapes differ."""
        if first.shape != second.shape:
            raise ValueError(f"the models were tested on {first.shape} and {second.shape} images, not on the same")
        return cls(int((first & ~second).sum()), int((second & ~first).sum()), len(first))

    @property
    def gain(self) -> float:
        """Accuracy of the second model less that of the first, -1 to 1."""
        return (self.only_second - self.only_first) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval of the gain: Wald's, half an image added to each cell (Agresti, Min 2005)."""
        n, first, second = self.total + 2, self.only_first + 0.5, self.only_second + 0.5
        middle = (second - first) / n
        half = 1.96 * ((first + second) / n - middle**2) ** 0.5 / n**0.5
        return middle - half, middle + half

    @property
    def p_value(self) -> float:
        """How often a split at least so uneven comes about if both models are equally good (McNemar's exact test)."""
        different = self.only_first + self.only_second
        return float(binomtest(self.only_first, different).pvalue) if different else 1.0

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        return f"{100 * self.gain:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}, {self.total:,} images)"


def cached(name: str, recipe: Mapping, train: Callable[[], tuple[keras.Model, dict]]) -> tuple[keras.Model, dict]:
    """A trained model and its history: from disk if one was kept for the same recipe, else from ``train()``.

    ``recipe`` holds whatever decides the result, as plain values: data, sizes, epochs, rates. Any change of
    it, or of the version of Keras or NumPy, trains anew.
    """
    path = _kept(name, recipe)
    try:
        history = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        model = keras.models.load_model(path)
        print(f"{name}: trained earlier with this recipe, read from {path}")
    except (OSError, ValueError):  # not there, or cut short
        model, history = train()
        keep(name, recipe, model, history)
    return model, history


def keep(name: str, recipe: Mapping, model: keras.Model, history: Mapping) -> None:
    """Keep a trained model on disk for ``cached``. Where nothing can be written, say so and go on."""
    path = _kept(name, recipe)
    try:
        with whole(path) as half, whole(path.with_suffix(".json")) as notes:
            model.save(half)
            notes.write_text(json.dumps(history), encoding="utf-8")
    except (OSError, ValueError) as error:  # a zip file knows no date before 1980, which a wrong clock may show
        print(f"{name} was not kept: {path.parent} cannot be written ({getattr(error, 'strerror', None) or error})")


def is_kept(name: str, recipe: Mapping) -> bool:
    """Whether ``cached`` would read the model from disk."""
    return _kept(name, recipe).is_file()


def _kept(name: str, recipe: Mapping) -> Path:
    decides = [dict(recipe), keras.__version__, np.__version__, profile.SEED]
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
    return profile.cache_dir() / "models" / f"{name}-{key}.keras"


def weight_hashes(model: keras.Model) -> dict[str, str]:
    """A fingerprint of each layer's weights, nested layers too: layer path to 12 hex digits of SHA-256.

    Equal before and after ``fit``: the layer was frozen. Different: it has learnt.
    """
    found: dict[str, str] = {}
    for variable in model.weights:  # without the states of random generators, which dropout has
        layer = variable.path.rsplit("/", 1)[0]
        content = found.get(layer, "").encode() + np.ascontiguousarray(variable.numpy()).tobytes()
        found[layer] = hashlib.sha256(content).hexdigest()[:12]
    return found
