"""Fitting with one progress bar, curves of a training run, and scores with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binomtest
from tqdm.keras import TqdmCallback

History = Mapping[str, Sequence[float]]


def fit(model: keras.Model, *data, callbacks: Sequence[keras.callbacks.Callback] = (), **options) -> dict:
    """``model.fit`` with one tqdm bar in place of a line per epoch.

    Takes what ``model.fit`` takes and returns the history as a dict: metric name to one value an
    epoch.
    """
    bar = TqdmCallback(verbose=0)
    return model.fit(*data, verbose=0, callbacks=[bar, *callbacks], **options).history


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


def score(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> Score:
    """How many of the images (in the form the model takes) get their label (shape (N,)) right."""
    correct = predicted_classes(model, images) == labels
    return Score(int(correct.sum()), len(labels))
