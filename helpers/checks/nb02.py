"""Self-checks of notebook 02: reading a history, early stopping, how many test images, an honest test."""

from __future__ import annotations

import numpy as np

from helpers.checks import check, expect, given, numbers, unlike


@check
def best_epoch(answer, history) -> str:
    """The epoch, counted from 1, whose weights one should keep; ``history`` as ``fit`` gives it."""
    epoch = numbers(answer, (), "best_epoch")
    losses = np.asarray(history["val_loss"])
    best = int(losses.argmin()) + 1
    lowest = np.flatnonzero(losses == losses.min()) + 1
    mistakes = {
        int(losses.argmax()) + 1: "there the validation loss is highest",
        int(np.argmax(history["val_accuracy"])) + 1: "there the accuracy is highest, by a few images: ask the loss",
        len(losses): "that is the last epoch: its training loss is low, but the question is about new images",
        best - 1: "Python counts from 0 and epochs are counted from 1",
    }
    expect(epoch in lowest, mistakes.get(float(epoch), f"the validation loss of epoch {epoch:g} is not the lowest"))
    return "from this epoch on the validation loss climbs, while the training loss goes on falling"


def _epochs(losses: list[float], patience: int) -> int:
    best, since = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        best, since = (loss, 0) if loss < best else (best, since + 1)
        if since >= patience:
            return epoch
    return len(losses)


@check
def epochs_run(answer) -> str:
    """A function (validation losses, patience) -> how many epochs a training with EarlyStopping runs."""
    falls = [0.9, 0.7, 0.8, 0.75, 0.72, 0.6]
    epochs = given(answer, falls, 2)
    shown = "for losses 0.9 0.7 0.8 0.75 0.72 0.6 and patience 2"
    expect(epochs != 2, f"{shown} it gives 2: that is the best epoch, and the run goes on for two more")
    expect(epochs != 3, f"{shown} it gives 3: that is patience 1, or counted from 0")
    expect(epochs != 6, f"{shown} the run never comes to the 0.6: since epoch 2 no loss was below 0.7")
    expect(epochs != 5, f"{shown} it gives 5: one epoch too many, two without a new lowest loss are enough")
    expect(epochs == 4, f"{shown} it gives {epochs:g}")
    epochs = given(answer, [0.9, 0.8, 0.85, 0.7, 0.75, 0.6], 2)
    expect(epochs == 6, "a new lowest loss starts the count again; 0.9 0.8 0.85 0.7 0.75 0.6 runs to its end")
    epochs = given(answer, [0.5, 0.5, 0.5, 0.5, 0.5], 2)
    expect(epochs == 3, "a loss that is equal to the lowest is no improvement")
    rng = np.random.default_rng(0)
    jumpy = [((rng.integers(1, 9, 9) / 10).tolist(), patience) for patience in (1, 2, 3, 4) for _ in range(3)]
    for losses, patience in (([0.3, 0.2, 0.1], 1), ([0.1, 0.2, 0.3, 0.4, 0.5], 3), ([1.0], 2), *jumpy):
        epochs = given(answer, list(losses), patience)
        right = _epochs(losses, patience)
        expect(epochs == right, f"for losses {losses} and patience {patience} it gives {epochs:g} instead of {right}")
    return "it stops where Keras stops, and says nothing about which weights are kept: the last ones, unless one asks"


@check
def images_needed(answer) -> str:
    """A function (accuracy, half_width), both 0 to 1 -> how many test images the 95 % interval needs."""

    def needed(accuracy: float, half: float) -> float:
        return 1.96**2 * accuracy * (1 - accuracy) / half**2

    accuracy, half = 0.9, 0.005
    images, right = given(answer, accuracy, half), needed(accuracy, half)
    shown = f"for 90 % ± 0.5 points it gives {images:,.0f} images"
    factors = {
        1 / 1.96**2: "one standard deviation to each side holds 68 %, not 95 %",
        1 / 1.96: "the 1.96 belongs inside the square",
        4: "that is for half of the half-width",
        0.25: "the half-width reaches to one side, not over both",
        half: "to halve the width takes four times as many images: the half-width is squared",
        1 / (1 - accuracy): "a share p has the variance p (1 - p), not p",
        1 / accuracy: "a share p has the variance p (1 - p), not 1 - p",
        1 / (accuracy * (1 - accuracy)): "a network that is always right needs fewer images: where is its accuracy?",
        1 / (1.96 * np.sqrt(accuracy * (1 - accuracy)) / half): "that is the root of the number of images",
        (2 / 1.96) ** 2: "that is 2 standard deviations instead of 1.96",
        (1.645 / 1.96) ** 2: "1.645 holds 90 %: take it instead of 1.96 for those",
        1e-4: "half a point is 0.005: all shares are between 0 and 1",
    }
    unlike(images, {f"{shown}: {sentence}": right * factor for factor, sentence in factors.items()}, rtol=2e-3)
    expect(np.isclose(images, right, rtol=2e-3), f"{shown}: put that number back into the formula above")
    for accuracy, half in ((0.99, 0.01), (0.5, 0.02), (0.3, 0.005), (0.97, 0.004)):
        fits = np.isclose(given(answer, accuracy, half), needed(accuracy, half), rtol=2e-3, atol=1.01)
        expect(fits, "right for 90 % ± 0.5 points alone")
    return "13,830 images for 90 % ± 0.5 points: more than MNIST has for its test"


@check
def honest_score(answer) -> str:
    """A function (right_val, right_test), both bool (epochs, images) -> the test accuracy one may report."""
    for seed in (7, 3, 4, 8):  # for which no two of the answers below agree
        rng = np.random.default_rng(seed)
        right_val = rng.random((12, 300)) < 0.8
        right_test = rng.random((12, 400)) < 0.8
        val, test = right_val.mean(axis=1), right_test.mean(axis=1)
        best = val.argmax()
        assert len({*test[[best, -1, test.argmax()]], test.mean(), val.max(), val[test.argmax()]}) == 6
        score = given(answer, right_val, right_test)
        expect(
            not np.isclose(score, test.max()), "the test images choose the epoch here, so its score on them is too high"
        )
        expect(not np.isclose(score, val.max()), "this is the validation accuracy, of the epoch that looks best on it")
        expect(not np.isclose(score, val[test.argmax()]), "swapped roles: validation chooses, the test reports")
        expect(not np.isclose(score, test[-1]), "this is the last epoch, whichever epoch was the best")
        expect(not np.isclose(score, test.mean()), "an average over epochs belongs to no network that one could use")
        fits = np.isclose(score, test[best])
        expect(fits, f"{score:.4f} is not the test accuracy of the epoch that validation chooses")
    return "the validation images choose the epoch, and the test images, which had no say in it, give its score"
