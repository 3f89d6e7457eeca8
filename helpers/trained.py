"""The networks of earlier notebooks, trained by a fixed recipe and kept, for the notebooks that look inside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import keras
import numpy as np

from helpers import bases, data, features, models, photos, profile, training
from helpers.augmentation import RandomAffine


def functional_digits(digits: data.Images) -> keras.Model:
    """The 24-48-64 network of notebook 02 on digits; in the full profile at its source's sizes."""
    return _classifier(models.functional_convnet, digits, quick=(2_500, 4, 32), full=(42_000, 20, 256))


def dropout_digits(digits: data.Images) -> keras.Model:
    """The 32-64-128 network of notebook 02 on digits."""
    return _classifier(models.dropout_convnet, digits, quick=(2_500, 4, 32), full=(54_000, 10, 128))


def garments_net(garments: data.Images) -> keras.Model:
    """The 64-64 network of notebook 02 on garments; in the full profile at its source's sizes."""
    return _classifier(models.fashion_convnet, garments, quick=(2_000, 4, 32), full=(60_000, 5, 32))


def pets_augmented(pets: data.Photos, side: int) -> keras.Model:
    """The network of notebook 04, with augmentation and dropout; ``pets`` with batches of 32, as there.

    If 04 has not been run, and so has kept none, it is trained here for a quarter of the epochs.
    """
    recipe = pets_recipe(pets, side)
    if not training.is_kept("pets_augmented", recipe):
        recipe["epochs"] //= 4

    def train() -> tuple[keras.Model, dict]:
        epochs, turn, shift = recipe["epochs"], recipe["turn"], recipe["shift"]
        rates = [recipe["rate"], recipe["rate"] / 5]
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([epochs * len(pets.train) * 4 // 5], rates)
        views = [RandomAffine(turn=turn, shift=shift, zoom=shift)]
        model = models.pets_convnet(side, recipe["filters"], views, recipe["dropout"], recipe["initializer"])
        model.compile(keras.optimizers.RMSprop(rate), loss="binary_crossentropy", metrics=["accuracy"])
        best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
        options = {"validation_data": pets.validation, "epochs": epochs, "callbacks": [best]}
        return model, training.fit(model, pets.train, **options)

    return _once("pets_augmented", recipe, train)


def pets_recipe(pets: data.Photos, side: int) -> dict:
    """What decides the network of notebook 04: it keeps its own under this recipe, so that it is not trained twice."""
    epochs, rate = profile.pick(quick=(24, 1e-3), full=(80, 4e-4))
    turn, shift, dropout = profile.pick(quick=(15, 0.1, 0.4), full=(40, 0.2, 0.5))
    filters, initializer = profile.pick(quick=(16, "he_normal"), full=(32, "glorot_uniform"))
    numbers = {"epochs": epochs, "rate": rate, "turn": turn, "shift": shift, "dropout": dropout, "filters": filters}
    return {"data": pets.files.digest, "side": side, "initializer": initializer, **numbers}


def fine_tuned_pets() -> tuple[keras.Model, bases.Base, photos.Split]:
    """The network that notebook 06 ends with: a pretrained base whose block 5 has learnt cats and dogs, and a head.

    Returns the whole network, from images that the base has prepared to the probability of a dog, float32 (N, 1); the
    base that it was made of, which has the images' ``side`` and their ``preprocess``; and the photos that it has learnt
    from and can be tested on. Base, photos, rates and epochs are those of notebook 06 in the profile in force.
    """
    side = profile.pick(quick=64, full=150)
    pets = data.cats_and_dogs(side)
    few = {"train": 400, "validation": 200, "test": 400} if pets.real else {"train": 1000, "validation": 500}
    split = photos.first(pets.files, **profile.pick(quick=few, full={}))
    base = bases.vgg16(side) if pets.real else bases.menagerie(side)
    head_rate, head_epochs, block_rate = profile.pick(quick=(2e-4, 12, 5e-5), full=(2e-5, 30, 1e-5))
    block_epochs = profile.pick(quick=2 if pets.real else 5, full=20)

    def train() -> tuple[keras.Model, dict]:
        parts = ("train", "validation")
        maps = {part: features.extract(base, split, part, layer="block4_pool") for part in parts}
        block5, tuned = models.block5_and_head(base.model)
        above = {part: (block5.predict(found, verbose=0), labels) for part, (found, labels) in maps.items()}
        _fit(tuned.layers[-1], above, head_rate, head_epochs)
        return tuned, _fit(tuned, maps, block_rate, block_epochs)

    recipe = {
        "photos": split.digest,
        "counts": {part: len(paths) for part, paths in split.paths.items()},
        "side": side,
        "base": training.weight_hashes(base.model),
        "head": [head_rate, head_epochs],
        "block5": [block_rate, block_epochs],
    }
    tuned = _once("fine_tuned_pets", recipe, train)
    whole = [keras.Input((side, side, 3)), base.upto("block4_pool"), *tuned.layers]
    return keras.Sequential(whole, name="fine_tuned_pets"), base, split


def _classifier(
    build: Callable[[], keras.Model], images: data.Images, quick: tuple[int, int, int], full: tuple[int, int, int]
) -> keras.Model:
    """Trained with adam on the first so many images, for so many epochs, in batches of so many."""
    count, epochs, batch_size = profile.pick(quick=quick, full=full)
    x, y = images.x_train[:count], images.y_train[:count]
    content = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()[:12]

    def train() -> tuple[keras.Model, dict]:
        model = build()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        prepared = x[..., np.newaxis].astype("float32") / 255
        return model, training.fit(model, prepared, y, epochs=epochs, batch_size=batch_size)

    return _once(build.__name__, {"data": content, "epochs": epochs, "batch_size": batch_size}, train)


def _once(name: str, recipe: dict, train: Callable[[], tuple[keras.Model, dict]]) -> keras.Model:
    """``training.cached`` from the course's seed, so that what a notebook did before changes nothing."""

    def seeded() -> tuple[keras.Model, dict]:
        keras.utils.set_random_seed(profile.SEED)
        return train()

    return training.cached(name, recipe, seeded)[0]


def _fit(model: keras.Model, found: dict[str, tuple], rate: float, epochs: int) -> dict:
    """Train as notebook 06 does, and keep the weights of the lowest validation loss."""
    model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    options = {"validation_data": found["validation"], "epochs": epochs, "callbacks": [best]}
    return training.fit(model, *found["train"], batch_size=20, **options)
