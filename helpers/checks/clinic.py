"""Checks of the clinic: they look at what a training script has made, not at how it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from scipy.spatial.distance import cdist

from helpers import bases
from helpers.checks import called, check, expect, given, keras_model, numbers, pair

_bases: dict[int, bases.Base] = {}


def _base(side: int) -> bases.Base:
    """The course's base for images of this side, loaded once."""
    if side not in _bases:
        _bases[side] = bases.menagerie(side)
    return _bases[side]


@check
def fed_as_trained(prepared: np.ndarray, images: np.ndarray) -> str:
    """``prepared``: what the course's base was given for ``images``, RGB 0-255 of shape (N, side, side, 3)."""
    prepared = numbers(prepared, np.shape(images), "what the base is given")
    right = _base(prepared.shape[1]).preprocess(np.asarray(images, "float64"))
    low, high = prepared.min(), prepared.max()
    expect(high > -0.9, "hardly a pixel differs from the others any more: was something done twice?")
    expect(high <= 1.01, f"the values go up to {high:.0f}; this base has never seen a number so large")
    expect(low < 0, "the darkest pixel is 0, and for this base that was a medium gray: it sees fog")
    fits, turned = (np.allclose(values, right, atol=1e-3) for values in (prepared, prepared[..., ::-1]))
    expect(fits or not turned, "the range is right, but red and blue have changed places")
    expect(fits, "these are not the values that this base was trained on")
    return "the base sees what it was trained on, and the same classifier gains without a weight being changed"


@check
def plain_validation(train, validation, images: np.ndarray) -> str:
    """Datasets of batches (images, labels); ``images`` are those that the validation data should hold."""
    wanted = sorted(picture.tobytes() for picture in np.asarray(images, "float32"))
    first, second = _pictures(validation), _pictures(validation)
    expect(len(first) == len(images), f"the validation data holds {len(first)} pictures instead of {len(images)}")
    same = first == second
    expect(same, "two passes over the validation data give different pixels, so each epoch takes another test")
    expect(first == wanted, "the validation pictures stay the same, but they are not those that were put aside")
    views, others = _pictures(train), _pictures(train)
    expect(views != others, "two passes over the training data are equal now: it has lost its random views")
    expect(not {*wanted} & {*views, *others}, "some of the validation pictures are in the training data too")
    return "validation photos stay as they are, training photos come in new views"


def _pictures(dataset) -> list[bytes]:
    """The pixels of each picture of one pass; sorted, since their order does not matter."""
    return sorted(picture.tobytes() for pictures, _ in dataset for picture in np.asarray(pictures, "float32"))


@check
def steady(model: keras.Model, inputs: np.ndarray) -> str:
    """A model with dropout for training, and inputs for it."""
    first, second = (np.asarray(model.predict(inputs, verbose=0)) for _ in range(2))
    expect(np.isfinite(first).all(), "the model answers NaN")
    expect(np.array_equal(first, second), "the same pictures got other answers when they were shown again")
    noisy = [np.asarray(model(inputs, training=True)) for _ in range(2)]
    expect(not np.array_equal(*noisy), "its answers are steady, but nothing is dropped in training any more either")
    return "dropout acts in training and nowhere else"


@check
def loss_fits(model: keras.Model, loss: Callable, images: np.ndarray, labels: np.ndarray) -> str:
    """Whether ``loss`` reads the model's outputs (N, 10) as what they are, and the model has learnt."""
    outputs, labels = np.asarray(model.predict(images, verbose=0)), np.asarray(labels)
    expect(np.isfinite(outputs).all(), "the model answers NaN")
    told = float(np.mean(keras.losses.get(loss)(labels, outputs)))
    labels = labels.argmax(axis=1) if labels.ndim == 2 else labels.astype(int)
    chances = np.allclose(outputs.sum(axis=1), 1, atol=1e-3) and outputs.min() >= 0
    true = np.mean(keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=not chances))
    fits = abs(told - true) < 0.02 * max(1.0, true)
    expect(
        fits or not chances,
        "each row of the model's answers adds up to 1, and the loss takes them for something else: to it a sure "
        "answer, 1 against 0, is hardly better than an unsure one",
    )
    expect(fits, "the model gives logits, and the loss takes them for chances")
    right = (outputs.argmax(axis=1) == labels).mean()
    expect(right > 0.7, "model and loss agree, but the model has not learnt: is it trained after the repair?")
    return "the loss reads the answers as what they are, and falls as far as they are right"


@check
def paired(features: np.ndarray, labels: np.ndarray, images: np.ndarray, kinds: np.ndarray) -> str:
    """``features`` of the course's base with their ``labels``, in any order, for ``images`` of the given ``kinds``."""
    base = _base(np.shape(images)[1])
    true = base.model.predict(base.preprocess(np.asarray(images)), batch_size=100, verbose=0).reshape(len(images), -1)
    features = numbers(features, true.shape, "the features")
    labels = numbers(labels, (len(true),), "the labels")
    distances = cdist(features, true)
    owners = distances.argmin(axis=1)
    expect(distances.min(axis=1).max() < 0.01 * distances.mean(), "these are not the base's features of these pets")
    expect(len(set(owners)) > 0.99 * len(true), "some pets are there twice, and others not at all")
    agree = (labels == np.asarray(kinds)[owners]).mean()
    expect(agree > 0.65, "about half of the rows have the label of another pet: as many as by drawing lots")
    expect(agree == 1, "most rows have their own label, but not all")
    return "every row of features has the label of its own pet"


@check
def frozen(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> str:
    """A model of the course's base and a head, and prepared images to try it on."""
    keras_model(model)
    before = {weight.path: weight.numpy() for weight in _base(np.shape(images)[1]).model.weights}
    now = {weight.path: weight for weight in model.weights if weight.path in before}
    expect(now.keys() == before.keys(), "the base is not part of the model: the course's, as it comes from its file")
    changed = [path for path, weight in now.items() if not np.array_equal(weight.numpy(), before[path])]
    free = any(weight.path in before for weight in model.trainable_weights)
    flag = "says trainable" if free else "says frozen"
    expect(not changed, f"the base's weights are no longer those of its file: it has learnt; its flag {flag}")
    expect(not free, "the base is as it was, but only because nothing has trained it yet: its flag is True")
    right = ((model.predict(images, verbose=0)[:, 0] > 0.5) == np.asarray(labels)).mean()
    expect(right > 0.65, "the base is as it was, and so is the head, it seems: it is right about half of the time")
    return "the head has learnt, and no weight of the base has changed"


@check
def same_start(share_right: Callable[[float], float]) -> str:
    """``share_right(rate)`` trains a network on two classes and gives a share of right answers."""

    def asked(rate: float) -> float:
        return float(given(share_right, rate, name="share_right"))

    knew = "at rate 0, where nothing can be learnt, the network is right far more than half of the time: "
    knew += "it knew that before it was called"
    untrained = asked(0.0)
    expect(untrained < 0.72, knew)
    first, second = asked(0.003), asked(0.003)
    expect(first == second or asked(0.0) < 0.72, knew)
    expect(first == second, "two calls with one rate differ: each starts afresh, but from other random numbers")
    expect(first > 0.55, "two calls agree, but the network learns nothing")
    expect(first != untrained, "the same number comes out whatever the rate is: is it used?")
    return "the same rate gives the same number, however often and in whatever order you ask"


@check
def unseen_test(fit_best: Callable[[np.ndarray, np.ndarray], Any], x: np.ndarray, y: np.ndarray) -> str:
    """``fit_best(x, y)`` trains on rows 0-199, chooses on rows 200-249, and gives the network and its test score."""
    x, y = np.asarray(x), np.asarray(y).astype(int)
    together = "the pictures that come in were standardized together, the test with them: scale inside of fit_best"
    expect(not (np.abs(x.mean(axis=0)) < 1e-4).all(), together)

    def answers(turned: slice = slice(0), shown: np.ndarray = x) -> tuple[np.ndarray, float]:
        """What the network says to all pictures, trained with labels turned around, or on other pictures."""
        labels = y.copy()
        labels[turned] = 1 - labels[turned]
        both = called(fit_best, shown, labels)
        network, score = pair(both, "fit_best should return the network and its test score")
        return np.asarray(network.predict(x)), float(numbers(score, name="the test score"))

    def same(*given: Any) -> bool:
        return np.array_equal(answers(*given)[0], plain)

    plain, reported = answers()
    expect(same(), "called twice on the same data, fit_best gives two networks: fix its seed")
    seen = "with the test labels turned around, fit_best returns another network: the training has looked at them"
    expect(same(slice(250, 300)), seen)
    others = x.copy()
    others[250:] = 3 * others[250:] + 1
    scaled = "with other test pictures, fit_best returns another network: is something standardized by all of them?"
    expect(same(slice(0), others), scaled)
    free = "neither test nor validation labels make a difference: nothing held back decides which epoch is kept"
    expect(not same(slice(200, 250)), free)
    untrue = "the network has not seen the test pictures, but the number that is reported is not its score on them"
    expect(np.isclose(reported, (plain[250:300] == y[250:300]).mean()), untrue)
    return "the test pictures decide nothing but the number in the report"
