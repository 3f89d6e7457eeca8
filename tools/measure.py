"""Measure the course's numbers: ``python course.py measure [NAME ...]`` writes results/NAME.json.

Each experiment runs once a seed in the full profile on the real data; those whose names begin with drawn_, in the
quick profile on the drawn pets. With 3 seeds the interval is Student's t, 95 %, of the mean over seeds: it holds the
randomness of training and not that of the test images.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

REAL, DRAWN = {"COURSE_DATA": "real", "COURSE_PROFILE": "full"}, {"COURSE_DATA": "drawn", "COURSE_PROFILE": "quick"}

from helpers import profile

tf = profile.quiet_tensorflow()

import cv2
import keras
import numpy as np
import psutil
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import (
    activations,
    bases,
    data,
    drawn,
    embeddings,
    features,
    filters,
    gradcam,
    ledger,
    models,
    photos,
    training,
)
from helpers.augmentation import RandomAffine
from tools.notebooks import Watch

Metrics = dict[str, float]  # and, if wanted, "history" (name to a value an epoch) and "correct" (a 0 or 1 an image)
EXPERIMENTS: dict[str, Callable[[int], Metrics]] = {}


def experiment(function: Callable[[int], Metrics]) -> Callable[[int], Metrics]:
    """Register ``function(seed) -> metrics``; its docstring says what is measured."""
    EXPERIMENTS[function.__name__] = function
    return function


def scaled(images: np.ndarray) -> np.ndarray:
    return images[..., np.newaxis].astype("float32") / 255


@experiment
def book_convnet(seed: int) -> Metrics:
    """The 93,322-parameter network on MNIST: 60,000 training images, 5 epochs, rmsprop, batches of 64."""
    digits = data.mnist()
    model = models.book_convnet()
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    training.fit(model, scaled(digits.x_train), digits.y_train, epochs=5, batch_size=64)
    return {"test_accuracy": training.score(model, scaled(digits.x_test), digits.y_test).accuracy}


def fit_fashion(stages: tuple[int, ...], optimizer: str | keras.optimizers.Optimizer = "adam") -> Metrics:
    """Train the 243,786-parameter network on Fashion-MNIST and test it after each number of epochs."""
    garments = data.fashion_mnist()
    model = models.fashion_convnet()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    found: Metrics = {}
    for first, last in zip((0, *stages), stages):
        history = training.fit(
            model, scaled(garments.x_train), garments.y_train, initial_epoch=first, epochs=last, batch_size=32
        )
        loss, accuracy = model.evaluate(scaled(garments.x_test), garments.y_test, verbose=0)
        found[f"test_accuracy_{last}_epochs"] = accuracy
        found[f"test_loss_{last}_epochs"] = loss
        found[f"training_accuracy_{last}_epochs"] = history["accuracy"][-1]
    if len(stages) > 1:  # seed by seed, which is sharper than comparing two means
        first, last = (found[f"test_accuracy_{epochs}_epochs"] for epochs in (stages[0], stages[-1]))
        found["test_accuracy_gain"] = last - first
    return found


@experiment
def fashion_convnet(seed: int) -> Metrics:
    """The 243,786-parameter network on Fashion-MNIST: 60,000 training images, 5 epochs, adam, batches of 32."""
    return fit_fashion((5,))


@experiment
def fashion_convnet_decay(seed: int) -> Metrics:
    """As fashion_convnet, with adam's learning rate falling from 0.001 to 0 along a cosine over the 5 epochs."""
    steps = 5 * 60_000 // 32
    return fit_fashion((5,), keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))


@experiment
def fashion_convnet_long(seed: int) -> Metrics:
    """The 243,786-parameter network on Fashion-MNIST: 60,000 training images, adam, batches of 32, tested after 5
    epochs and again after 20."""
    return fit_fashion((5, 20))


def fit_dropout(seed: int, patience: int) -> Metrics:
    """Train the 110,474-parameter network on MNIST until the validation loss has had no new low for some epochs."""
    digits = data.mnist()
    x, x_val, y, y_val = train_test_split(
        digits.x_train, digits.y_train, test_size=0.1, stratify=digits.y_train, random_state=seed
    )
    model = models.dropout_convnet()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience, restore_best_weights=True)
    history = training.fit(
        model, scaled(x), y, validation_data=(scaled(x_val), y_val), epochs=100, batch_size=128, callbacks=[stop]
    )
    best = int(np.nanargmin(history["val_loss"]))
    return {
        "test_accuracy": training.score(model, scaled(digits.x_test), digits.y_test).accuracy,
        "training_accuracy_with_dropout": history["accuracy"][best],
        "epochs": len(history["loss"]),
    }


@experiment
def dropout_convnet(seed: int) -> Metrics:
    """The 110,474-parameter network on MNIST: 54,000 training images, 6,000 for validation, adam, batches of 128,
    EarlyStopping(patience=2) on the validation loss, best weights restored."""
    return fit_dropout(seed, patience=2)


@experiment
def dropout_convnet_patient(seed: int) -> Metrics:
    """As dropout_convnet, with EarlyStopping(patience=5)."""
    return fit_dropout(seed, patience=5)


@experiment
def functional_convnet(seed: int) -> Metrics:
    """The 24-48-64 network on 42,000 MNIST digits, the size of Kaggle's table: 80 % for training,
    20 % for validation, 20 epochs, adam, batches of 256."""
    digits = data.mnist()
    x, x_val, y, y_val = train_test_split(
        digits.x_train[:42_000], digits.y_train[:42_000], test_size=0.2, random_state=42
    )
    model = models.functional_convnet()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = training.fit(model, scaled(x), y, validation_data=(scaled(x_val), y_val), epochs=20, batch_size=256)
    return {
        "validation_accuracy": history["val_accuracy"][-1],
        "training_accuracy_with_dropout": history["accuracy"][-1],
    }


KINDS_IN_BFLOAT16 = tuple(
    getattr(keras.layers, kind) for kind in ("Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D")
)


def in_bfloat16(model: keras.Model) -> None:
    """Let convolutions compute in bfloat16, weights and the rest in float32: twice as fast where the processor can."""
    for layer in model.layers:
        if isinstance(layer, KINDS_IN_BFLOAT16):
            layer.dtype_policy = "mixed_bfloat16"


def fit_pets(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    batch_size: int,
    epochs: int,
    loss: str | keras.losses.Loss = "binary_crossentropy",
) -> Metrics:
    """Train on the 2,000 photos with convolutions in bfloat16."""
    in_bfloat16(model)
    return fit_on(data.cats_and_dogs(150, batch_size), model, optimizer, epochs, loss)


def fit_on(
    pets: data.Photos,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    epochs: int,
    loss: str | keras.losses.Loss = "binary_crossentropy",
) -> Metrics:
    """Train, keep the weights of the lowest validation loss, test those."""
    model.compile(optimizer, loss, metrics=["accuracy"])
    keep = keras.callbacks.EarlyStopping(monitor="val_loss", patience=epochs, restore_best_weights=True)
    history = training.fit(model, pets.train, validation_data=pets.validation, epochs=epochs, callbacks=[keep])
    return scores(history, training.correct_images(model, pets.test))


def scores(history: training.History, correct: np.ndarray) -> Metrics:
    """What is kept of a run: scores at the lowest validation loss and after the last epoch, curves, right answers."""
    best = int(np.nanargmin(history["val_loss"]))
    return {
        "test_accuracy": correct.mean(),
        "validation_accuracy": history["val_accuracy"][best],
        "validation_accuracy_last_epoch": history["val_accuracy"][-1],
        "training_accuracy_last_epoch": history["accuracy"][-1],
        "best_epoch": best + 1,
        "history": history,
        "correct": correct,
    }


@experiment
def pets_scratch(seed: int) -> Metrics:
    """The 3,453,121-parameter network on 2,000 photos of 150 pixels: 30 epochs, RMSprop at 0.0001, batches of 20, best
    weights by validation loss; convolutions in bfloat16."""
    return fit_pets(models.pets_convnet(), keras.optimizers.RMSprop(1e-4), 20, 30)


@experiment
def pets_augmented(seed: int) -> Metrics:
    """As pets_scratch with augmentation (turns to 40 degrees, shifts and zooms to 0.2, mirroring), dropout 0.5 and
    batches of 32: 80 epochs, RMSprop at 0.0004 and for the last 16 at 0.00008; convolutions in bfloat16."""
    augmentation, epochs, steps = [RandomAffine(turn=40, shift=0.2, zoom=0.2)], 80, 63
    model = models.pets_convnet(augmentation=augmentation, dropout=0.5)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([epochs * steps * 4 // 5], [4e-4, 8e-5])
    return fit_pets(model, keras.optimizers.RMSprop(rate), 32, epochs)


@experiment
def pets_modern(seed: int) -> Metrics:
    """The 1,721,313-parameter network with batch normalization and global average pooling on the 2,000 photos of 150
    pixels, augmentation (turns to 20 degrees, shifts to 0.1, zooms to 0.3, mirroring, contrast and brightness), label
    smoothing 0.1: 100 epochs, AdamW with weight decay 0.02, batches of 32, the rate rising to 0.002 in 3 epochs and
    falling to zero along a cosine; convolutions in bfloat16."""
    light = [keras.layers.RandomContrast(0.3), keras.layers.RandomBrightness(0.2)]
    augmentation, epochs, steps = [RandomAffine(turn=20, shift=0.1, zoom=0.3), *light], 100, 63
    model = models.modern_pets_convnet(augmentation=augmentation)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, (epochs - 3) * steps, warmup_target=2e-3, warmup_steps=3 * steps
    )
    smooth = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    return fit_pets(model, keras.optimizers.AdamW(rate, weight_decay=0.02), 32, epochs, smooth)


def fit_head(found: dict[str, tuple], model: keras.Model, rate, epochs: int, train=None) -> Metrics:
    """Train on features as the source does: RMSprop, batches of 20, best weights by validation loss.

    ``train``: an endless dataset of batches to use in place of ``found["train"]``, 100 of them an epoch.
    """
    model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])
    keep = keras.callbacks.EarlyStopping(monitor="val_loss", patience=epochs, restore_best_weights=True)
    options = {"validation_data": found["validation"], "epochs": epochs, "callbacks": [keep]}
    if train is None:
        history = training.fit(model, *found["train"], batch_size=20, **options)
    else:
        history = training.fit(model, train, steps_per_epoch=100, **options)
    return scores(history, training.correct_images(model, *found["test"]))


def scaled_pixels(images):
    return images / 255


def vgg16_features_of(layer: str | None = None, preprocess: Callable | None = None) -> dict[str, tuple]:
    """VGG16's features of the 4,000 photos at 150 pixels, by part; computed once and kept in the course's cache."""
    split, base = data.cats_and_dogs(150).files, bases.vgg16(150)
    in_bfloat16(base.model)
    return {part: features.extract(base, split, part, preprocess=preprocess, layer=layer) for part in photos.PARTS}


@experiment
def vgg16_features(seed: int) -> Metrics:
    """A dense head of 256 units with dropout 0.5 on VGG16's features of the 2,000 photos of 150 pixels, prepared by
    VGG16's own preprocessing: 30 epochs, RMSprop at 0.00002, batches of 20, best weights by validation loss;
    convolutions in bfloat16."""
    found = vgg16_features_of()
    return fit_head(found, models.dense_head(found["train"][0].shape[1:]), 2e-5, 30)


@experiment
def vgg16_features_scaled(seed: int) -> Metrics:
    """As vgg16_features, with the photos divided by 255 in place of VGG16's own preprocessing, as in the source."""
    found = vgg16_features_of(preprocess=scaled_pixels)
    return fit_head(found, models.dense_head(found["train"][0].shape[1:]), 2e-5, 30)


VIEWS = 8


@cache
def vgg16_views() -> tuple[np.ndarray, np.ndarray]:
    """What VGG16's block 4 gives for 8 random views of each training photo: float16 (16,000, 9, 9, 512), and labels."""
    views = RandomAffine(turn=40, shift=0.2, zoom=0.2)
    split, base = data.cats_and_dogs(150).files, bases.vgg16(150)
    in_bfloat16(base.model)
    images = photos.pipeline(split.paths["train"], split.labels["train"], 150, 50, shuffle=False)
    viewed = images.map(lambda images, _: base.preprocess(views(images, training=True)))
    lower = base.upto("block4_pool")
    maps = [features.compute(lower, viewed, f"view {n + 1}").astype(np.float16) for n in range(VIEWS)]
    return np.concatenate(maps), np.tile(split.labels["train"], VIEWS)


def shuffled(maps: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    """Batches of 20 without end, in a new order each time that all have been seen."""
    order = tf.data.Dataset.range(len(labels)).shuffle(len(labels)).repeat().batch(20)
    batch = [tf.TensorSpec((None, *maps.shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int32)]
    taken = tf.data.Dataset.from_generator(
        lambda: ((maps[i].astype(np.float32), labels[i]) for i in order.as_numpy_iterator()),
        output_signature=tuple(batch),
    )
    return taken.prefetch(tf.data.AUTOTUNE)


def head_on_views(block5: keras.Model, head: keras.Model) -> Metrics:
    """Train a dense head on what VGG16's block 5 makes of the views; validate and test on the photos as they are."""
    maps, labels = vgg16_views()
    batches = (maps[i : i + 100].astype(np.float32) for i in range(0, len(maps), 100))
    seen = features.compute(block5, batches, "block 5")
    return fit_head(vgg16_features_of(), head, 2e-5, 30, shuffled(seen, labels))


@experiment
def vgg16_augmented(seed: int) -> Metrics:
    """As vgg16_features under augmentation (turns to 40 degrees, shifts and zooms to 0.2, mirroring), which is the
    frozen base and the head in one model, with one thing cut: each photo has 8 random views, made once, in place of a
    new one in each of the 30 epochs."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    return head_on_views(block5, top.layers[-1])


@experiment
def vgg16_fine_tuned(seed: int) -> Metrics:
    """VGG16's block 5 and a dense head on kept block-4 features of 8 random views of each of the 2,000 photos: the head
    alone first, as in vgg16_augmented, then both for 20 epochs of 2,000 views with RMSprop at 0.00001, for the last 5
    at 0.000002, batches of 20, best weights by validation loss; convolutions in bfloat16."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    head_on_views(block5, top.layers[-1])
    in_bfloat16(block5)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([1500], [1e-5, 2e-6])
    return fit_head(vgg16_features_of("block4_pool"), top, rate, 20, shuffled(*vgg16_views()))


@experiment
def vgg16_fine_tuned_plain(seed: int) -> Metrics:
    """As vgg16_fine_tuned without augmentation, as in notebook 06: on kept block-4 features of the photos themselves,
    the head first as in vgg16_features, then both for 20 epochs with RMSprop at 0.00001."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    fit_head(vgg16_features_of(), top.layers[-1], 2e-5, 30)
    in_bfloat16(block5)
    return fit_head(vgg16_features_of("block4_pool"), top, 1e-5, 20)


@experiment
def vgg16_hasty(seed: int) -> Metrics:
    """As vgg16_fine_tuned_plain without training the head first, and at the optimizer's usual rate, 0.001, for 5
    epochs."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    in_bfloat16(block5)
    return fit_head(vgg16_features_of("block4_pool"), top, 1e-3, 5)


@experiment
def lite0_features(seed: int) -> Metrics:
    """Logistic regression on EfficientNet-Lite0's 1,280 features of the 4,000 photos at 224 pixels: read, compute the
    features, fit on 2,000, test on 1,000, nothing kept from earlier runs."""
    base = bases.modern()
    assert base.name == "efficientnet_lite0", f"this experiment is of EfficientNet-Lite0, not of {base.name}"
    split = data.cats_and_dogs(base.side).files
    found = {}
    for part in photos.PARTS:
        batches = photos.pipeline(split.paths[part], split.labels[part], base.side, 50, shuffle=False)
        found[part] = features.compute(base.model, batches.map(lambda images, _: base.preprocess(images)), part)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    probe.fit(found["train"], split.labels["train"])
    correct = {part: probe.predict(found[part]) == split.labels[part] for part in ("validation", "test")}
    return {
        "test_accuracy": correct["test"].mean(),
        "validation_accuracy": correct["validation"].mean(),
        "correct": correct["test"],
    }


@experiment
def inside_digits(seed: int) -> Metrics:
    """The 24-48-64 network trained on 42,000 MNIST digits (20 epochs, adam, batches of 256), looked into with 1,000
    test images: share of zeros and of silent channels in each convolution; what a linear decoder, fitted on 2,000 other
    digits, finds in each layer: share of the pixels' variance explained, share of classes right. The same decoder on
    the untrained network."""
    digits = data.mnist()
    model, untrained = models.functional_convnet(), models.functional_convnet()
    model.compile("adam", "sparse_categorical_crossentropy")
    training.fit(model, scaled(digits.x_train[:42_000]), digits.y_train[:42_000], epochs=20, batch_size=256)
    known, new = scaled(digits.x_train[-2000:]), scaled(digits.x_test[:1000])
    pixels, truth = known.reshape(2000, -1), new.reshape(1000, -1)
    targets = np.hstack([pixels, np.eye(10)[digits.y_train[-2000:]]])
    spread = ((truth - pixels.mean(axis=0)) ** 2).sum()
    places, found = [*range(1, 7), "hidden"], silence(model, new, [f"conv{number}" for number in (1, 2, 3)])
    for kind, network in (("", model), ("untrained_", untrained)):
        seen, unseen = (activations.layer_activations(network, images, places) for images in (known, new))
        for name, x in {"pixels": known, **seen}.items():
            x, y = x.reshape(2000, -1), unseen.get(name, new).reshape(1000, -1)
            decoded = Ridge(alpha=0.02 * x.var(axis=0).sum()).fit(x, targets).predict(y)
            found[f"{kind}read_back_{name}"] = 1 - ((decoded[:, :784] - truth) ** 2).sum() / spread
            found[f"{kind}class_{name}"] = (decoded[:, 784:].argmax(axis=1) == digits.y_test[:1000]).mean()
    return found


@experiment
def inside_vgg16(seed: int) -> Metrics:
    """VGG16 on 200 test photos of 150 pixels, prepared as it expects: share of zeros and of silent channels in each
    convolution, mean over photos."""
    base, split = bases.vgg16(150), data.cats_and_dogs(150).files
    paths, labels = (list(part["test"][::5]) for part in (split.paths, split.labels))
    batches = photos.pipeline(paths, labels, 150, 50, shuffle=False)
    images = np.concatenate([base.preprocess(images) for images, _ in batches])
    return silence(base.model, images, [layer.name for layer in base.model.layers if "conv" in layer.name])


def silence(model: keras.Model, images: np.ndarray, layers: list[str]) -> Metrics:
    """Mean share of zeros and of channels that are zero everywhere on an image, by layer."""
    found: dict[str, list] = {}
    for start in range(0, len(images), 20):
        for name, maps in activations.layer_activations(model, images[start : start + 20], layers).items():
            found.setdefault(f"zeros_{name}", []).append((maps == 0).mean())
            found.setdefault(f"silent_{name}", []).append((maps.max((1, 2)) == 0).mean())
    return {metric: np.mean(parts) for metric, parts in found.items()}


# How many filters of each layer are measured.
FILTER_LAYERS = {"block1_conv1": 32, "block2_conv1": 32, "block3_conv1": 16, "block4_conv1": 16}


def pattern_medians(base: bases.Base, seed: int) -> Metrics:
    """The medians of ``filters.measures`` over the patterns of the first filters of each layer."""
    found: Metrics = {}
    for layer, count in FILTER_LAYERS.items():
        pictures = filters.ascend(base.model, layer, range(count), preprocess=base.preprocess, seed=seed)
        for name, values in filters.measures(pictures - filters.start(range(count), seed=seed)).items():
            found[f"{name}_{layer}"] = np.median(values)
    return found


def unmoved(base: bases.Base, layer: str, objective: str, seed: int, count: int = 64) -> int:
    """How many pictures one step leaves at their start; there the gradient is zero, and stays so."""
    stepped = filters.ascend(
        base.model, layer, range(count), steps=1, objective=objective, preprocess=base.preprocess, seed=seed
    )
    return int((stepped == filters.start(range(count), seed=seed)).all((1, 2, 3)).sum())


@experiment
def vgg16_filter_patterns(seed: int) -> Metrics:
    """Patterns of the first filters of four layers of VGG16 (32 of blocks 1 and 2, 16 of blocks 3 and 4), 40 steps of 1
    at 64 pixels, default objective: medians over the filters of wavelength in pixels, number of waves and colored
    share. The seed is that of the start noise."""
    return pattern_medians(bases.vgg16(64), seed)


@experiment
def vgg16_untrained_filter_patterns(seed: int) -> Metrics:
    """As vgg16_filter_patterns, of a VGG16 with random weights, others for each seed: the control."""
    base = bases.vgg16(64)
    untrained = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    return pattern_medians(replace(base, model=untrained), seed)


@experiment
def vgg16_unmoved_filters(seed: int) -> Metrics:
    """How many of the first 64 filters of four layers of VGG16 stay at their start, by objective: the source's plain
    one and the default. The seed is that of the start noise."""
    base = bases.vgg16(64)
    return {
        f"{objective}_{layer}": unmoved(base, layer, objective, seed)
        for objective in ("plain", "leaky")
        for layer in FILTER_LAYERS
    }


def fit_drawn_pets(augmentation: list[keras.Layer], dropout: float, rate, epochs: int) -> Metrics:
    """The quick profile's network of notebooks 03 and 04 on 1,000 drawn pets of 64 pixels."""
    model = models.pets_convnet(64, 16, augmentation, dropout, "he_normal")
    return fit_on(data.cats_and_dogs(64, 32, 1000), model, keras.optimizers.RMSprop(rate), epochs)


@experiment
def drawn_scratch(seed: int) -> Metrics:
    """1,000 drawn pets of 64 pixels, from scratch: 12 epochs, RMSprop at 0.001, batches of 32, best weights by
    validation loss (notebook 03, quick)."""
    return fit_drawn_pets([], 0.0, 1e-3, 12)


@experiment
def drawn_augmented(seed: int) -> Metrics:
    """As drawn_scratch with augmentation (turns to 15 degrees, shifts and zooms to 0.1, mirroring) and dropout 0.4:
    24 epochs, the rate a fifth for the last fifth of them (notebook 04, quick)."""
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([24 * 32 * 4 // 5], [1e-3, 2e-4])
    return fit_drawn_pets([RandomAffine(turn=15, shift=0.1, zoom=0.1)], 0.4, rate, 24)


def menagerie_features_of(layer: str | None = None) -> dict[str, tuple]:
    """The course's own base's features of 1,000 + 500 + 1,000 drawn pets of 64 pixels, by part."""
    split = photos.first(data.cats_and_dogs(64).files, train=1000, validation=500, test=1000)
    return {part: features.extract(bases.menagerie(64), split, part, layer=layer) for part in photos.PARTS}


@experiment
def drawn_features(seed: int) -> Metrics:
    """A dense head on the features of the course's own base, 1,000 drawn pets of 64 pixels: 12 epochs, RMSprop at
    0.0002, batches of 20, best weights by validation loss (notebook 05, quick)."""
    found = menagerie_features_of()
    return fit_head(found, models.dense_head(found["train"][0].shape[1:]), 2e-4, 12)


@experiment
def drawn_fine_tuned(seed: int) -> Metrics:
    """The own base's block 5 and a dense head on kept block-4 features: the head alone first, as in drawn_features,
    then both for 5 epochs with RMSprop at 0.00005 (notebook 06, quick)."""
    block5, top = models.block5_and_head(bases.menagerie(64).model)
    fit_head(menagerie_features_of(), top.layers[-1], 2e-4, 12)
    return fit_head(menagerie_features_of("block4_pool"), top, 5e-5, 5)


LAYERS = ("pool1", "conv2", "pool3", "fc1", "logits")


@experiment
def tsne_convnet(seed: int) -> Metrics:
    """The 3,338,682-parameter network on MNIST: 60,000 training images, one epoch, Adam at 0.0001, batches of 50. Then,
    on the first 5,000 test images, five of its layers: points with the class of most of their 12 nearest others (knn),
    in all dimensions and in the pictures, linear probe (five folds), trustworthiness at 12 neighbors of t-SNE (50
    components, perplexity 40) and of the two largest components. The same of the untrained network, without t-SNE.
    Strangers are points that lie among another class in fc1's t-SNE picture."""
    digits, model = data.mnist(), models.tsne_convnet()
    x, y = scaled(digits.x_test[:5000]), digits.y_test[:5000]
    found = {f"untrained_{name}": value for name, value in separation(model, x, y, pictures=False).items()}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-4), loss, metrics=["accuracy"])
    training.fit(model, scaled(digits.x_train), digits.y_train, batch_size=50)
    found |= separation(model, x, y, pictures=True)
    fc1 = embeddings.embed(embeddings.flat_activations(model, x, ["fc1"])["fc1"])  # read from disk
    stranger = embeddings.nearest_class(fc1, y) != y
    wrong = training.predicted_classes(model, x) != y
    return found | {
        "test_accuracy": training.score(model, scaled(digits.x_test), digits.y_test).accuracy,
        "strangers": stranger.mean(),
        "strangers_wrong": wrong[stranger].mean(),
        "others_wrong": wrong[~stranger].mean(),
    }


def separation(model: keras.Model, images: np.ndarray, labels: np.ndarray, pictures: bool) -> Metrics:
    """How far each of the five layers tells the digits apart and, if asked, how far its two pictures can be trusted."""
    values = embeddings.flat_activations(model, images, LAYERS)
    found: Metrics = {}
    planes = embeddings.embed_each(values) if pictures else {}
    for layer, of_layer in values.items():
        flat = embeddings.embed(of_layer, "pca")
        scores = embeddings.layer_scores(of_layer, labels, flat)
        found |= {f"{layer}_knn": scores.knn.accuracy, f"{layer}_probe": scores.probe.accuracy}
        if pictures:
            found[f"{layer}_pca_trust"] = scores.trustworthiness
            found[f"{layer}_tsne_trust"] = embeddings.trustworthiness(of_layer, planes[layer])
            found[f"{layer}_pca_knn"] = (embeddings.nearest_class(flat, labels) == labels).mean()
            found[f"{layer}_tsne_knn"] = (embeddings.nearest_class(planes[layer], labels) == labels).mean()
    return found


def drawn_pets(count: int, seed: int, backdrops: dict[str, int] | None = None) -> tuple[np.ndarray, ...]:
    """Pictures of 64 pixels as float32 RGB, masks, labels."""
    pictures, masks, labels = drawn.animals(drawn.PETS, count, seed, 64, backdrops)
    return pictures.astype("float32"), masks, labels


def head_on_own_base(pictures: np.ndarray, labels: np.ndarray) -> keras.Model:
    """The course's own base and a dense head that has learnt the pictures, from prepared images (notebook 09)."""
    base = bases.menagerie(64)
    seen = base.model.predict(base.preprocess(pictures), verbose=0)
    head = models.dense_head(seen.shape[1:])
    head.compile(keras.optimizers.RMSprop(5e-4), "binary_crossentropy", metrics=["accuracy"])
    head.fit(seen, labels, batch_size=32, epochs=8, verbose=0)
    return keras.Sequential([keras.Input((64, 64, 3)), base.model, head])


def map_scores(model: keras.Model, prepared: np.ndarray, masks: np.ndarray, curves: int = 0) -> Metrics:
    """Mean energy in the mask and pointing game of Grad-CAM and of its baselines; for the first ``curves`` images the
    means over the curves of deletion and insertion."""
    found = {}
    maps = {"grad_cam": gradcam.grad_cam(model, prepared), **gradcam.baselines(model, prepared)}
    for name, heatmaps in maps.items():
        key = name.replace(" ", "_")
        found[f"energy_{key}"] = gradcam.energy_in_mask(heatmaps, masks).mean()
        found[f"pointing_{key}"] = gradcam.pointing_game(heatmaps, masks).mean()
        if curves:
            _, *both = gradcam.deletion_insertion(model, prepared[:curves], heatmaps[:curves], steps=6)
            found |= {f"{kind}_{key}": curve.mean() for kind, curve in zip(("deletion", "insertion"), both)}
    return found


@experiment
def drawn_grad_cam(seed: int) -> Metrics:
    """Maps of 300 drawn pets of 64 pixels, scored with their masks: the course's own base and a dense head that has
    learnt 600 others, 8 epochs, RMSprop at 0.0005, batches of 32; four copies of the network with random weights; and
    the mask itself, averaged over 4 x 4 places (notebook 09)."""
    pictures, _, labels = drawn_pets(600, 100 + seed)
    model, prepare = head_on_own_base(pictures, labels), bases.menagerie(64).preprocess
    pictures, masks, labels = drawn_pets(300, 200 + seed)
    cells = np.stack([cv2.resize(mask.astype("float32"), (4, 4), interpolation=cv2.INTER_AREA) for mask in masks])
    truth = tf.image.resize(cells[..., np.newaxis], (64, 64))[..., 0].numpy()
    places, orders, left = gradcam.grad_cam(model, prepare(pictures), upsample=False), [], []
    for _ in range(4):
        small = gradcam.grad_cam(keras.models.clone_model(model), prepare(pictures), upsample=False)
        pairs = [(a.ravel(), b.ravel()) for a, b in zip(places, small) if a.any() and b.any()]
        orders.append(np.mean([stats.spearmanr(a, b).statistic for a, b in pairs]))
        large = tf.image.resize(small[..., np.newaxis], (64, 64))[..., 0].numpy()
        left.append(gradcam.energy_in_mask(large, masks).mean())
    return map_scores(model, prepare(pictures), masks, curves=50) | {
        "test_accuracy": training.score(model, prepare(pictures), labels).accuracy,
        "energy_truth_4x4": gradcam.energy_in_mask(truth, masks).mean(),
        "energy_random_weights": np.mean(left),
        "rank_correlation_random_weights": np.mean(orders),
    }


def small_convnet(pictures: np.ndarray, labels: np.ndarray) -> keras.Model:
    """The quick profile's network of notebook 03, trained from scratch as in notebook 09."""
    model = models.pets_convnet(64, 16, initializer="he_normal")
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 8 * len(labels) // 20)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    model.fit(pictures, labels, batch_size=20, epochs=8, verbose=0)
    return model


@experiment
def drawn_cheat(seed: int) -> Metrics:
    """The quick profile's network of notebook 03 trained on 600 drawn pets of 64 pixels with every cat before one photo
    and every dog before the other, 8 epochs, Adam at 0.001 falling to zero along a cosine, batches of 20: accuracy on
    300 others of the same sort and on the same animals with the photos swapped, and maps of the former scored. To
    compare, on the same pictures: "untied", the same network trained on pets before any photo; "pretrained", the
    course's own base with a dense head that has learnt the tied pictures (notebook 09)."""
    tied, swapped = {"cat": 1, "dog": 0}, {"cat": 0, "dog": 1}
    learnt, _, kinds = drawn_pets(600, 100 + seed, tied)
    other, _, _ = drawn_pets(300, 200 + seed, swapped)
    pictures, masks, labels = drawn_pets(300, 200 + seed, tied)
    free, _, free_kinds = drawn_pets(600, 100 + seed)
    cheater, prepare = small_convnet(learnt, kinds), bases.menagerie(64).preprocess
    found = map_scores(cheater, pictures, masks)
    others = {
        "": (cheater, pictures, other),
        "untied_": (small_convnet(free, free_kinds), pictures, other),
        "pretrained_": (head_on_own_base(learnt, kinds), prepare(pictures), prepare(other)),
    }
    for name, (model, shown, shown_swapped) in others.items():
        found[f"{name}test_accuracy"] = training.score(model, shown, labels).accuracy
        found[f"{name}swapped_accuracy"] = training.score(model, shown_swapped, labels).accuracy
        found[f"{name}energy_grad_cam"] = gradcam.energy_in_mask(gradcam.grad_cam(model, shown), masks).mean()
    return found


@experiment
def lite0_elephants(seed: int) -> Metrics:
    """EfficientNet-Lite0 on the book's two elephants, the photo averaged down to 224 pixels: the probabilities of three
    classes, and the share of the map for African elephants that lies in boxes drawn by hand around the animals, x 86 to
    292 and y 128 to 234, x 238 to 525 and y 48 to 222 of the photo's 525 x 351 pixels. Nothing in it is random."""
    folder = profile.data_dir()
    model = keras.models.load_model(folder / "models" / "efficientnet_lite0.keras")
    photo = cv2.imread(str(folder / "images" / "creative_commons_elephant.jpg"))[..., ::-1]
    image = cv2.resize(photo, (224, 224), interpolation=cv2.INTER_AREA).astype("float32")
    boxes = np.zeros((1, *photo.shape[:2]), bool)
    boxes[0, 128:234, 86:292] = boxes[0, 48:222, 238:525] = True
    heatmap = cv2.resize(gradcam.grad_cam(model, image, 386)[0], photo.shape[1::-1])
    answers = model.predict(image[np.newaxis], verbose=0)[0]
    named = {"african_elephant": answers[386], "tusker": answers[101], "indian_elephant": answers[385]}
    return named | {"energy_in_boxes": gradcam.energy_in_mask(heatmap[np.newaxis], boxes)[0], "boxes": boxes.mean()}


def device() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"{os.cpu_count()} CPU cores"


def summary(values: list[float]) -> dict:
    """Values of one metric over seeds, their mean, and two 95 % half-widths by Student's t: of that mean, and of where
    one more run would lie, which is what a source's single run is to be compared with."""
    n = len(values)
    entry = {"values": values, "mean": float(np.mean(values)), "half_width": None, "one_more_run": None}
    if n > 1:
        entry["half_width"] = float(stats.t.ppf(0.975, n - 1) * stats.sem(values))
        entry["one_more_run"] = entry["half_width"] * (n + 1) ** 0.5
    return {k: [round(x, 5) for x in v] if isinstance(v, list) else v and round(v, 5) for k, v in entry.items()}


def measure(name: str, seeds: int) -> Iterator[dict]:
    """Run one experiment over seeds 0, 1, ... and give its ledger entry after each: a long one may be cut short."""
    runs, seconds, histories, correct = [], [], [], []
    os.environ |= DRAWN if name.startswith("drawn_") else REAL
    watch = Watch(os.getpid())
    for seed in range(seeds):
        profile.seed_everything(seed)
        started = time.perf_counter()
        run = EXPERIMENTS[name](seed)
        seconds.append(round(time.perf_counter() - started, 1))
        histories.append({k: [round(v, 6) for v in values] for k, values in run.pop("history", {}).items()})
        correct.append("".join("01"[int(c)] for c in run.pop("correct", [])))
        runs.append(run)
        keras.backend.clear_session()
        found = entry(name, runs, seconds, watch.mib)
        yield found | {k: v for k, v in {"histories": histories, "correct_test_images": correct}.items() if v[0]}
    watch.stop()


def entry(name: str, runs: list[Metrics], seconds: list[float], peak_mib: float) -> dict:
    """What results/NAME.json says of the runs so far."""
    memory = psutil.Process().memory_info()
    return {
        "experiment": name,
        "what": " ".join(EXPERIMENTS[name].__doc__.split()),
        "data": profile.data_choice(),
        "profile": profile.name(),
        "seeds": list(range(len(runs))),
        "metrics": {metric: summary([float(run[metric]) for run in runs]) for metric in runs[0]},
        "seconds": seconds,
        "memory_mib": round(memory.rss / 2**20),  # held at the end
        "peak_memory_mib": round(peak_mib),
        "device": device(),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "date": datetime.date.today().isoformat(),
        "command": f"python course.py measure {name} --seeds {len(runs)}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="course.py measure", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(EXPERIMENTS)}; default all")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
    for name in arguments.names or EXPERIMENTS:
        for found in measure(name, arguments.seeds):
            path = ledger.RESULTS / f"{name}.json"
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(name, json.dumps(found["metrics"]), found["seconds"], flush=True)


if __name__ == "__main__":
    try:
        main()
    except profile.CourseError as error:
        sys.exit(str(error))
