from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers.checks import nb02

HISTORY = {
    "loss": [0.9, 0.5, 0.4, 0.3, 0.2],
    "val_loss": [0.8, 0.6, 0.7, 0.65, 1.2],
    "val_accuracy": [0.6, 0.7, 0.69, 0.71, 0.7],
}
UPHILL = {**HISTORY, "val_loss": [1.3, 0.6, 0.7, 0.65, 1.2]}
LATER = {**HISTORY, "val_loss": [1.3, 0.7, 0.6, 0.65, 1.2]}


def never_reset(losses, patience):
    worse = [loss > min(losses[: n + 1]) for n, loss in enumerate(losses)]
    return next((n + 1 for n in range(len(losses)) if sum(worse[: n + 1]) == patience), len(losses))


def needed(accuracy, half):
    return 1.96**2 * accuracy * (1 - accuracy) / half**2


def honest(right_val, right_test):
    return right_test.mean(axis=1)[right_val.mean(axis=1).argmax()]


def by_place(losses, patience, ties=False):
    """The first loss that no loss among the next ``patience`` undercuts, or equals if ``ties`` count."""
    for place, loss in enumerate(losses):
        later = losses[place + 1 : place + 1 + patience]
        if len(later) == patience and (min(later) > loss if ties else min(later) >= loss):
            return np.int64(place + 1 + patience)
    return len(losses)


def by_keras(losses, patience):
    stop = keras.callbacks.EarlyStopping(patience=patience)
    stop.set_model(keras.Sequential())
    stop.model.stop_training = False
    stop.on_train_begin()
    for epoch, loss in enumerate(losses):
        stop.on_epoch_end(epoch, {"val_loss": loss})
        if stop.model.stop_training:
            return epoch + 1
    return len(losses)


def in_float32(right_val, right_test):
    chosen = tf.argmax(tf.reduce_mean(tf.cast(right_val, "float32"), axis=1))
    return tf.reduce_mean(tf.cast(right_test[chosen], "float32"))


TIED = {**HISTORY, "val_loss": [0.8, 0.6, 0.7, 0.6, 1.2]}

RIGHT = [
    (nb02.best_epoch, 2, HISTORY),
    (nb02.best_epoch, 2, TIED),
    (nb02.best_epoch, 4, TIED),
    (nb02.epochs_run, by_keras),
    (nb02.epochs_run, by_place),
    (nb02.images_needed, needed),
    (nb02.images_needed, lambda accuracy, half: int(np.ceil(needed(accuracy, half)))),
    (nb02.images_needed, lambda accuracy, half: np.float32(needed(accuracy, half))),
    (nb02.honest_score, honest),
    (nb02.honest_score, in_float32),
]
WRONG = [
    (nb02.best_epoch, "epochs are counted from 1", 1, HISTORY),
    (nb02.best_epoch, "that is the last epoch", 5, UPHILL),
    (nb02.best_epoch, "there the accuracy is highest", 4, HISTORY),
    (nb02.best_epoch, "is not the lowest", 3, HISTORY),
    (nb02.best_epoch, "there the validation loss is highest", 1, LATER),
    (nb02.epochs_run, "that is the best epoch", lambda losses, patience: int(np.argmin(losses[:4])) + 1),
    (nb02.epochs_run, "patience 1, or counted from 0", lambda *given: by_place(*given) - 1),
    (nb02.epochs_run, "never comes to the 0.6", lambda losses, patience: len(losses)),
    (nb02.epochs_run, "one epoch too many", lambda losses, patience: by_place(losses, patience + 1)),
    (nb02.epochs_run, "instead of 3", lambda losses, patience: patience + int(np.argmin(losses[:4])) + 1),
    (nb02.epochs_run, "it gives 3 instead of 4", lambda losses, patience: by_place(losses, 2)),
    (nb02.epochs_run, "starts the count again", never_reset),
    (nb02.epochs_run, "no improvement", lambda losses, patience: by_place(losses, patience, ties=True)),
    (nb02.images_needed, "holds 68 %, not 95 %", lambda p, half: p * (1 - p) / half**2),
    (nb02.images_needed, "inside the square", lambda p, half: 1.96 * p * (1 - p) / half**2),
    (nb02.images_needed, "half of the half-width", lambda p, half: needed(p, half / 2)),
    (nb02.images_needed, "not over both", lambda p, half: needed(p, 2 * half)),
    (nb02.images_needed, "the half-width is squared", lambda p, half: needed(p, half) * half),
    (nb02.images_needed, "the variance p (1 - p)", lambda p, half: 1.96**2 * p / half**2),
    (nb02.images_needed, "where is its accuracy", lambda p, half: 1.96**2 / half**2),
    (nb02.images_needed, "that is the root of the number", lambda p, half: needed(p, half) ** 0.5),
    (nb02.images_needed, "put that number back", lambda p, half: 1000),
    (nb02.images_needed, "for 90 % ± 0.5 points alone", lambda p, half: needed(0.9, half)),
    (nb02.images_needed, "for 90 % ± 0.5 points alone", lambda p, half: needed(p, 0.005)),
    (nb02.images_needed, "instead of 1.96", lambda p, half: needed(p, half) * (2 / 1.96) ** 2),
    (nb02.images_needed, "instead of 1.96", lambda p, half: needed(p, half) * (1.645 / 1.96) ** 2),
    (nb02.images_needed, "are between 0 and 1", lambda p, half: needed(p, 100 * half)),
    (nb02.honest_score, "is too high", lambda val, test: test.mean(axis=1).max()),
    (nb02.honest_score, "this is the validation accuracy", lambda val, test: val.mean(axis=1).max()),
    (nb02.honest_score, "swapped roles", lambda val, test: honest(test, val)),
    (nb02.honest_score, "the last epoch", lambda val, test: test[-1].mean()),
    (nb02.honest_score, "belongs to no network", lambda val, test: test.mean()),
    (nb02.honest_score, "single number", lambda val, test: test.mean(axis=1)),
    (nb02.honest_score, "is not the test accuracy", lambda val, test: test[val.mean(axis=1).argmin()].mean()),
]
