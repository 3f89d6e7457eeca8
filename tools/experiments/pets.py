"""Cats and dogs from scratch: the networks of notebooks 03 and 04."""

from __future__ import annotations

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


def fit_pets(name: str, **settings) -> Metrics:
    """Train by a recipe, keep the weights of the lowest validation loss, test those."""
    recipe = recipes.recipe(name)
    pets = data.cats_and_dogs(recipe.settings.get("side", 150), recipe.batch_size, recipe.images)
    model = recipe.model(len(pets.train), **settings)
    if pets.real:
        in_bfloat16(model)
    history = recipe.fit(model, pets.train, validation_data=pets.validation)
    return metrics_of(history, scores.correct_images(model, pets.test))


@experiment
def pets_scratch(seed: int) -> Metrics:
    """The 3,453,121-parameter network on 2,000 photos of 150 pixels: 30 epochs, RMSprop at 0.0001, batches of 20, best
    weights by validation loss; convolutions in bfloat16."""
    return fit_pets("pets_scratch")


@experiment
def pets_augmented(seed: int) -> Metrics:
    """As pets_scratch with augmentation (turns to 40 degrees, shifts and zooms to 0.2, mirroring), dropout 0.5 and
    batches of 32: 80 epochs, RMSprop at 0.0004 and for the last 16 at 0.00008; convolutions in bfloat16."""
    return fit_pets("pets_augmented")


@experiment
def pets_modern(seed: int) -> Metrics:
    """The 1,721,313-parameter network with batch normalization and global average pooling on the 2,000 photos of 150
    pixels, augmentation (turns to 20 degrees, shifts to 0.1, zooms to 0.3, mirroring, contrast and brightness), label
    smoothing 0.1: 100 epochs, AdamW with weight decay 0.02, batches of 32, the rate rising to 0.002 in 3 epochs and
    falling to zero along a cosine; convolutions in bfloat16."""
    light = [keras.layers.RandomContrast(0.3), keras.layers.RandomBrightness(0.2)]
    return fit_pets("pets_modern", augmentation=light)


@experiment
def drawn_scratch(seed: int) -> Metrics:
    """1,000 drawn pets of 64 pixels, from scratch: 12 epochs, RMSprop at 0.001, batches of 32, best weights by
    validation loss (notebook 03, quick)."""
    return fit_pets("pets_scratch")


@experiment
def drawn_augmented(seed: int) -> Metrics:
    """As drawn_scratch with augmentation (turns to 15 degrees, shifts and zooms to 0.1, mirroring) and dropout 0.4:
    24 epochs, the rate a fifth for the last fifth of them (notebook 04, quick)."""
    return fit_pets("pets_augmented")
