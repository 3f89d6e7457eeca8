"""Cats and dogs from scratch: the networks of notebooks 03 and 04."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from helpers import data, recipes, scores, training
from tools.experiments import Metrics, experiment

IN_BFLOAT16 = (keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.ReLU, keras.layers.MaxPooling2D)


def in_bfloat16(model: keras.Model) -> None:
    """Let convolutions compute in bfloat16, weights and the rest in float32: twice as fast where the processor can."""
    for layer in model.layers:
        if isinstance(layer, IN_BFLOAT16):
            layer.dtype_policy = "mixed_bfloat16"


def metrics_of(history: training.History, correct: np.ndarray) -> Metrics:
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


def fit_pets(recipe: recipes.Recipe, steps: int | None = None, short: bool = True, **settings) -> Metrics:
    """Train by a recipe, keep the weights of the lowest validation loss, test those.

    ``steps``: batches in an epoch, if these are not all photos once. ``short``: real photos go through convolutions in
    bfloat16, which only newer processors do in less time than in float32; others take ten times as long.
    """
    pets = data.cats_and_dogs(recipe.settings.get("side", 150), recipe.batch_size, recipe.images)
    model = recipe.model(steps or len(pets.train), **settings)
    if pets.real and short:
        in_bfloat16(model)
    train = pets.train.repeat() if steps else pets.train
    history = recipe.fit(model, train, validation_data=pets.validation, steps_per_epoch=steps)
    return metrics_of(history, scores.correct_images(model, pets.test))


@experiment
def pets_scratch(seed: int) -> Metrics:
    """The 3,453,121-parameter network on 2,000 photos of 150 pixels: 30 epochs, RMSprop at 0.0001, batches of 20, best
    weights by validation loss; convolutions in bfloat16."""
    return fit_pets(recipes.recipe("pets_scratch"))


@experiment
def pets_augmented(seed: int) -> Metrics:
    """As pets_scratch with augmentation (turns to 40 degrees, shifts and zooms to 0.2, mirroring), dropout 0.5 and
    batches of 32: 80 epochs, RMSprop at 0.0004 and for the last 16 at 0.00008; convolutions in bfloat16."""
    return fit_pets(recipes.recipe("pets_augmented"))


@experiment
def pets_modern(seed: int) -> Metrics:
    """The 1,721,313-parameter network with batch normalization and global average pooling on the 2,000 photos of 150
    pixels, augmentation (turns to 20 degrees, shifts to 0.1, zooms to 0.3, mirroring, contrast and brightness), label
    smoothing 0.1: 100 epochs, AdamW with weight decay 0.02, batches of 32, the rate rising to 0.002 in 3 epochs and
    falling to zero along a cosine; convolutions in bfloat16."""
    light = [keras.layers.RandomContrast(0.3), keras.layers.RandomBrightness(0.2)]
    return fit_pets(recipes.recipe("pets_modern"), augmentation=light)


def one_remedy(views: bool, dropout: bool, **settings) -> Metrics:
    """The recipe of pets_augmented for 30 epochs, with or without its augmentation and its dropout."""
    recipe = replace(recipes.recipe("pets_augmented"), epochs=30)
    off = {} if dropout else {"dropout": 0.0}
    return fit_pets(replace(recipe, views=recipe.views if views else None), short=False, **off, **settings)


@experiment
def pets_neither(seed: int) -> Metrics:
    """The recipe of pets_augmented without augmentation and without dropout, for 30 epochs in place of 80: the
    3,453,121-parameter network on 2,000 photos of 150 pixels, RMSprop at 0.0004 and for the last 6 epochs at 0.00008,
    batches of 32, best weights by validation loss; all in float32, where pets_augmented has bfloat16. The control of
    pets_dropout, pets_views and pets_both, which differ from it in what they say and in nothing else."""
    return one_remedy(views=False, dropout=False)


@experiment
def pets_dropout(seed: int) -> Metrics:
    """As pets_neither, with dropout 0.5 before the hidden layer."""
    return one_remedy(views=False, dropout=True)


@experiment
def pets_views(seed: int) -> Metrics:
    """As pets_neither, with augmentation: turns to 40 degrees, shifts and zooms to 0.2, mirroring."""
    return one_remedy(views=True, dropout=False)


@experiment
def pets_both(seed: int) -> Metrics:
    """As pets_neither, with the augmentation of pets_views and the dropout of pets_dropout: pets_augmented for 30
    epochs, in float32."""
    return one_remedy(views=True, dropout=True)


@experiment
def pets_stock_layers(seed: int) -> Metrics:
    """As pets_both, with Keras's own RandomFlip, RandomTranslation, RandomZoom and RandomRotation, of the same ranges
    and with the nearest pixel where a view leaves the photo, in place of RandomAffine, which does the four in one."""
    nearest = {"fill_mode": "nearest"}
    stock = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomTranslation(0.2, 0.2, **nearest),
        keras.layers.RandomZoom((-0.2, 0.2), (-0.2, 0.2), **nearest),
        keras.layers.RandomRotation(40 / 360, **nearest),
    ]
    return one_remedy(views=False, dropout=True, augmentation=stock)


@experiment
def pets_source_schedule(seed: int) -> Metrics:
    """pets_augmented on the source's own schedule: 100 epochs of 100 batches of 32 views, RMSprop at 0.0001 throughout.
    Left out is the source's shear, of 0.2 degrees at most; all in float32. The source reports the validation after the
    last epoch."""
    return fit_pets(replace(recipes.recipe("pets_augmented"), epochs=100, rate=1e-4), steps=100, short=False)


@experiment
def drawn_scratch(seed: int) -> Metrics:
    """1,000 drawn pets of 64 pixels, from scratch: 12 epochs, RMSprop at 0.001, batches of 32, best weights by
    validation loss (notebook 03, quick)."""
    return fit_pets(recipes.recipe("pets_scratch"))


@experiment
def drawn_augmented(seed: int) -> Metrics:
    """As drawn_scratch with augmentation (turns to 15 degrees, shifts and zooms to 0.1, mirroring) and dropout 0.4:
    24 epochs, the rate a fifth for the last fifth of them (notebook 04, quick)."""
    return fit_pets(recipes.recipe("pets_augmented"))
