"""How many images a classifier gets right, how sure that is, and which of two is better."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from scipy.stats import binomtest

from helpers.plumbing.outputs import class_numbers, labels_for


@dataclass(frozen=True)
class Score:
    """How many of how many images were classified correctly.

    Prints as the accuracy with its 95 % Wilson interval, which says how far the accuracy could be
    from that on endlessly many such images.
    """

    correct: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.total or self.total == 0:
            counts = f"{self.correct:,} correct of {self.total:,}"
            raise ValueError(f"{counts}: there must be images, and no more correct.")

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
        ends = binomtest(self.correct, self.total).proportion_ci(0.95, method="wilson")
        return float(ends.low), float(ends.high)

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        interval = f"95 % interval {low:.2f} to {high:.2f}, {self.total:,} images"
        return f"{100 * self.accuracy:.2f} % ({interval})"


@dataclass(frozen=True)
class Gain:
    """Two models on the same images: how many each alone gets right.

    The images that both get right, or both wrong, say nothing about which is better. So this
    paired comparison is sharper than comparing two accuracies, each with its own interval.
    """

    only_first: int
    only_second: int
    total: int

    @classmethod
    def between(cls, first: np.ndarray, second: np.ndarray) -> Gain:
        """From the right answers of both models, bool (N,). Raises ValueError for two shapes."""
        first, second = np.asarray(first, bool), np.asarray(second, bool)
        if first.shape != second.shape:
            shapes = f"{first.shape} and {second.shape}"
            raise ValueError(f"the models were tested on {shapes} images, not on the same")
        return cls(int((first & ~second).sum()), int((second & ~first).sum()), len(first))

    @property
    def gain(self) -> float:
        """Accuracy of the second model minus that of the first, -1 to 1."""
        return (self.only_second - self.only_first) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the gain's 95 % interval: Wald's, with half an image added to each cell
        (Agresti, Min 2005)."""
        n, first, second = self.total + 2, self.only_first + 0.5, self.only_second + 0.5
        middle = (second - first) / n
        half = 1.96 * ((first + second) / n - middle**2) ** 0.5 / n**0.5
        return middle - half, middle + half

    @property
    def p_value(self) -> float:
        """How often chance alone splits the images at least so unevenly (McNemar's exact test)."""
        different = self.only_first + self.only_second
        return float(binomtest(self.only_first, different).pvalue) if different else 1.0

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        interval = f"95 % interval {low:+.2f} to {high:+.2f}, {self.total:,} images"
        return f"{100 * self.gain:+.2f} points ({interval})"


def score(model: keras.Model, images, labels: np.ndarray | None = None) -> Score:
    """How many of the images (in the form that the model takes) get their label right.

    ``images``: an array, with ``labels`` of shape (N,) or (N, 1), or a ``tf.data`` dataset of
    batches of both. Raises ValueError if there is not one label per image, and as
    ``predicted_classes`` does.
    """
    return Score.of(correct_images(model, images, labels))


def correct_images(model: keras.Model, images, labels: np.ndarray | None = None) -> np.ndarray:
    """Which images get their label right: bool (N,). Takes and raises what ``score`` does."""
    dataset = hasattr(images, "element_spec")
    if dataset == (labels is not None) or dataset and images.cardinality() == -1:
        raise ValueError(
            "give an array of images with its labels, or a dataset, which ends and holds its own "
            "labels, without any."
        )
    if dataset:  # in one pass, since it may shuffle
        batches = [(model.predict_on_batch(x), np.asarray(y)) for x, y, *_ in images]
        batches = batches or [(np.zeros((0, 1)), np.zeros(0))]
        outputs, labels = (np.concatenate(part) for part in zip(*batches))
    else:
        outputs = model.predict(images, batch_size=256, verbose=0)
        labels = np.asarray(labels)
    predicted = class_numbers(model, outputs)
    return predicted == labels_for(predicted, labels, outputs)


def predicted_classes(model: keras.Model, images) -> np.ndarray:
    """The class number of each image, int (N,): that of the largest output.

    A single output is a probability, and the class is 1 above 0.5, or a logit, and the class is 1
    above 0. The model's loss says which (``from_logits``; a squared error has no logits);
    otherwise it is a logit if the last layer is linear or a value is outside 0 to 1. Raises
    ValueError unless the model gives finite numbers of shape (N,), (N, 1) or (N, classes).
    """
    return class_numbers(model, model.predict(images, batch_size=256, verbose=0))
