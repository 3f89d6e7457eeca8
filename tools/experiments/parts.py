"""What several experiments do alike: networks made anew, calibration, intervals over resampled photos, late epochs."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from helpers import training
from tools.experiments import Metrics

BINS = 10  # of confidence, from 0 to 1
RESAMPLES = 200


def remade(model: keras.Sequential, without: type | tuple = (), **settings) -> keras.Sequential:
    """The network anew and untrained: without the layers of a type, and with these settings where a layer has them."""
    kept = [(type(layer), layer.get_config()) for layer in model.layers if not isinstance(layer, without)]
    layers = [kind.from_config(config | {k: v for k, v in settings.items() if k in config}) for kind, config in kept]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *layers], name=model.name)


def calibration(outputs: np.ndarray, labels: np.ndarray) -> tuple[Metrics, dict[str, np.ndarray]]:
    """Whether a network is right as often as it claims, from its probabilities: (N, classes), or (N, 1) of class 1.

    First the mean probability of its answers, the expected calibration error (how far in each bin of that probability
    it lies from the share of right answers, mean over images), and the loss; then what a reliability diagram shows, bin
    by bin: images, mean confidence, share right (both 0 without images).
    """
    outputs = np.asarray(outputs, np.float64)
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    sure, right = outputs.max(axis=1), outputs.argmax(axis=1) == labels
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    images, claimed, kept = (np.bincount(place, of_each, BINS) for of_each in (np.ones(len(place)), sure, right))
    found = {
        "confidence": sure.mean(),
        "calibration_error": np.abs(claimed - kept).sum() / len(labels),
        "test_loss": -np.log(outputs[range(len(labels)), labels].clip(1e-7)).mean(),  # clipped as Keras does
    }
    some = np.maximum(images, 1)
    return found, {"images": images, "confidence": claimed / some, "accuracy": kept / some}


def over_resamples(fit: Callable, x: np.ndarray, y: np.ndarray, test: tuple[np.ndarray, np.ndarray]) -> Metrics:
    """Test accuracies of fits on training examples drawn with replacement: mean, and ends of their middle 95 %."""
    draw = np.random.default_rng(0)
    drawn = (draw.integers(0, len(y), len(y)) for _ in range(RESAMPLES))
    found = [(fit(x[rows], y[rows]).predict(test[0]) == test[1]).mean() for rows in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return {"test_accuracy": np.mean(found), "test_accuracy_low": low, "test_accuracy_high": high}


def late_epochs(history: training.History) -> Metrics:
    """What the last ten of 30 epochs change: means over epochs 11 to 20 and 21 to 30; nothing of fewer epochs."""
    return {
        f"validation_{name}_epochs_{first + 1}_to_{first + 10}": np.mean(history[key][first : first + 10])
        for first in (10, 20)
        if len(history["loss"]) == 30
        for name, key in (("accuracy", "val_accuracy"), ("loss", "val_loss"))
    }
