"""Fitting with one progress bar, curves of a training run, scores with their uncertainty, trained models kept."""

from __future__ import annotations

import functools
import hashlib
import itertools
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
from helpers.keeping import VERSIONS, key, whole

History = Mapping[str, Sequence[float]]
REGRESSION = ("error", "huber", "cosh")  # in the names of losses that are held against 0.5


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

    Takes one history, or several as ``{label: history}`` to compare. Training is a thin dashed line. Where there is
    validation, it is a thick one, and a ring marks the epoch with the lowest validation loss. Raises ValueError for a
    history without a loss, as of no epochs.
    """
    if "loss" in histories:
        histories = {"": histories}
    if not histories or not all(len(history.get("loss", ())) for history in histories.values()):
        raise ValueError("there is nothing to draw: every history needs a loss for one epoch or more.")
    metrics = [name for name in ("loss", "accuracy") if any(name in history for history in histories.values())]
    figure, axes = plt.subplots(1, len(metrics), figsize=(5 * len(metrics), 3.6), layout="constrained", squeeze=False)
    for (label, history), color in zip(
        histories.items(), itertools.cycle(plt.rcParams["axes.prop_cycle"].by_key()["color"])
    ):
        before = f"{label}: " if label != "" else ""
        watched, epochs = np.asarray(history.get("val_loss", ()), float), len(history["loss"])
        every = lambda values, n=epochs: n // len(values) * np.arange(1, len(values) + 1)  # noqa: E731 validation_freq
        best = int(np.nanargmin(watched)) if np.isfinite(watched).any() else None
        for axis, metric in zip(axes[0], metrics):
            for values, name, style in (
                (history.get(metric), "training", {"lw": 1, "ls": "--"}),
                (history.get(f"val_{metric}"), "validation", {"lw": 2.2}),
            ):
                if values is not None:
                    axis.plot(every(values), values, color=color, label=before + name, **style)
            if best is not None and f"val_{metric}" in history:
                axis.plot(every(watched)[best], history[f"val_{metric}"][best], "o", color=color, ms=10, mfc="none")
    ringed = any(line.get_marker() == "o" for line in axes[0, 0].lines)
    for axis, metric in zip(axes[0], metrics):
        what = f"{metric} (ring: lowest validation loss)" if ringed else metric
        axis.set(xlabel="epoch", ylabel=metric, title=what)
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

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.total or self.total == 0:
            raise ValueError(f"{self.correct:,} correct of {self.total:,}: there must be images, and no more correct.")

    @classmethod
    def of(cls, right: np.ndarray) -> Score:
        """From the right answers, bool of shape (N,)."""
        return cls(int(np.sum(right)), len(right))

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
    """Class number of each image, int of shape (N,): the largest output; of a single one, whether it is the likelier.

    A single output is a probability, and class 1 is likelier above 0.5; or a logit, and then above 0. The model's loss
    says which (``from_logits``; a squared error has no logits); else it is a logit if the last layer is linear or a
    value lies outside 0 to 1. Raises ValueError unless the model gives finite numbers of shape (N,), (N, 1) or
    (N, classes).
    """
    return _classes(model, model.predict(images, batch_size=256, verbose=0))


def _classes(model: keras.Model, outputs: np.ndarray) -> np.ndarray:
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) > 2 or not np.isfinite(outputs).all():
        what = "numbers that are NaN or infinite" if shape and len(shape) < 3 else f"outputs of shape {shape}"
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


def score(model: keras.Model, images, labels: np.ndarray | None = None) -> Score:
    """How many of the images (in the form that the model takes) get their label right.

    ``images``: an array, with ``labels`` of shape (N,) or (N, 1), or a ``tf.data`` dataset of batches of both.
    Raises ValueError if there is not one label per image, and as ``predicted_classes`` does.
    """
    return Score.of(correct_images(model, images, labels))


def correct_images(model: keras.Model, images, labels: np.ndarray | None = None) -> np.ndarray:
    """Which images get their label right: bool of shape (N,). Takes and raises what ``score`` does."""
    dataset = hasattr(images, "element_spec")
    if dataset == (labels is not None) or dataset and images.cardinality() == -1:
        raise ValueError(
            "give an array of images with its labels, or a dataset, which ends and holds its own labels, without any."
        )
    if dataset:  # in one pass, since it may shuffle
        batches = [(model.predict_on_batch(x), np.asarray(y)) for x, y, *_ in images]
        outputs, labels = (np.concatenate(part) for part in zip(*batches or [(np.zeros((0, 1)), np.zeros(0))]))
    else:
        outputs, labels = model.predict(images, batch_size=256, verbose=0), np.asarray(labels)
    predicted = _classes(model, outputs)
    if labels.shape not in (predicted.shape, (*predicted.shape, 1)):
        raise ValueError(
            f"{len(predicted):,} images and labels of shape {labels.shape}: there must be one class number per image. "
            "Labels with one column per class become class numbers by labels.argmax(axis=1)."
        )
    classes = max(2, np.size(outputs) // max(1, len(outputs)))
    if not np.isin(labels, range(classes)).all():
        raise ValueError(f"labels should be class numbers from 0 to {classes - 1}; these hold {np.unique(labels)[:5]}.")
    return predicted == labels.reshape(-1)


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
        first, second = np.asarray(first, bool), np.asarray(second, bool)
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


def cached(
    name: str, model: keras.Model, decides: Mapping, train: Callable[[], Mapping]
) -> tuple[keras.Model, Mapping]:
    """The model, trained, and its history: from disk if weights were kept for the same settings, else by ``train()``.

    ``model`` is built and compiled; ``train`` trains it in place and returns the history. ``decides`` holds all that
    decides the result besides the model, its loss and its optimizer: images and labels (or the digest of photos),
    epochs, batch size. Any change of these trains anew; see ``keeping.key``. Raises TypeError for what it cannot tell
    apart.
    """
    path = _path(name, model, decides)
    history = _read(path, model)
    if history is not None:
        print(f"{name}: trained earlier with these settings, read from {path}")
        return model, history
    history = train()
    history = getattr(history, "history", history)
    _write(path, name, model, history)  # under the name from before the training
    return model, history


def keep(name: str, model: keras.Model, decides: Mapping, history: Mapping) -> None:
    """Keep a trained model's weights on disk for ``cached``. Where nothing can be written, say so and go on."""
    _write(_path(name, model, decides), name, model, history)


def _read(path: Path, model: keras.Model) -> dict | None:
    """Give the model the weights that were kept; their history, or None if there are none or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            history = json.loads(str(kept["history"]))
            model.set_weights([kept[f"arr_{number}"] for number in range(len(kept.files) - 1)])
            return history
    except Exception:  # not there; a damaged archive fails in a dozen ways
        return None


def _write(path: Path, name: str, model: keras.Model, history: Mapping) -> None:
    try:
        with whole(path) as half, half.open("wb") as file:
            np.savez(file, *model.get_weights(), history=json.dumps(history, default=float))
    except (OSError, ValueError) as error:  # a zip file knows no date before 1980, which a wrong clock may show
        print(f"{name} was not kept: {path.parent} cannot be written ({getattr(error, 'strerror', None) or error})")


def is_kept(name: str, model: keras.Model, decides: Mapping) -> bool:
    """Whether ``cached`` would read the model from disk."""
    return _path(name, model, decides).is_file()


def _path(name: str, model: keras.Model, decides: Mapping) -> Path:
    return profile.cache_dir() / "models" / f"{name}-{key(model, dict(decides), profile.seed(), VERSIONS)}.npz"


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
