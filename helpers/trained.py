"""The networks of earlier notebooks, trained by a fixed recipe and kept, for the notebooks that look inside them."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from helpers import bases, data, features, keeping, models, photos, profile, training
from helpers.augmentation import RandomAffine

BATCH = 20  # photos in a step of notebook 06


def functional_digits(digits: data.Images) -> keras.Model:
    """The 24-48-64 network of notebook 02 on digits; in the full profile at its source's sizes."""
    return _classifier(models.functional_convnet, digits, quick=(2_500, 4, 32), full=(42_000, 20, 256))


def dropout_digits(digits: data.Images) -> keras.Model:
    """The 32-64-128 network of notebook 02 on digits."""
    return _classifier(models.dropout_convnet, digits, quick=(2_500, 4, 32), full=(54_000, 10, 128))


def garments_net(garments: data.Images) -> keras.Model:
    """The 64-64 network of notebook 02 on garments; in the full profile at its source's sizes."""
    return _classifier(models.fashion_convnet, garments, quick=(2_000, 4, 32), full=(60_000, 5, 32))


def pets_augmented(pets: data.Photos) -> keras.Model:
    """The network of notebook 04, with augmentation and dropout; ``pets`` in its size and batches.

    If 04 has not been run, and so has kept none, it is trained here for a quarter of the epochs.
    """
    epochs = profile.pick(quick=24, full=80)
    if not training.is_kept("pets_augmented", _augmented_net(pets, epochs), _photos(pets, epochs)):
        epochs //= 4
    keras.utils.set_random_seed(profile.SEED)
    model = _augmented_net(pets, epochs)
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    options = {"validation_data": pets.validation, "epochs": epochs, "callbacks": [best]}
    fit = lambda: training.fit(model, pets.train, **options)  # noqa: E731
    return training.cached("pets_augmented", model, _photos(pets, epochs), fit)[0]


def _augmented_net(pets: data.Photos, epochs: int) -> keras.Model:
    rate = profile.pick(quick=1e-3, full=4e-4)
    turn, shift, dropout = profile.pick(quick=(15, 0.1, 0.4), full=(40, 0.2, 0.5))
    filters, initializer = profile.pick(quick=(16, "he_normal"), full=(32, "glorot_uniform"))
    views = [RandomAffine(turn=turn, shift=shift, zoom=shift)]
    model = models.pets_convnet(pets.image_size, filters, views, dropout, initializer)
    drop_at = epochs * len(pets.train) * 4 // 5
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([drop_at], [rate, rate / 5])
    model.compile(keras.optimizers.RMSprop(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def _photos(pets: data.Photos, epochs: int) -> dict:
    """What decides a network of photos besides the network; notebooks 03 and 04 keep theirs under the same."""
    return {"photos": pets.files.digest, "batch_size": pets.batch_size, "epochs": epochs}


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

    keras.utils.set_random_seed(profile.SEED)
    block5, tuned = models.block5_and_head(base.model)

    def train() -> dict:
        parts = ("train", "validation")
        maps = {part: features.extract(base, split, part, layer="block4_pool") for part in parts}
        above = {part: (block5.predict(found, verbose=0), labels) for part, (found, labels) in maps.items()}
        _fit(tuned.layers[-1], above, head_rate, head_epochs)
        return _fit(tuned, maps, block_rate, block_epochs)

    decides = {
        "photos": split.digest,
        "side": side,
        "base": [keeping.key(base.model), training.weight_hashes(base.model)],
        "head": [head_rate, head_epochs],
        "block5": [block_rate, block_epochs],
        "batch_size": BATCH,
    }
    tuned = training.cached("fine_tuned_pets", tuned, decides, train)[0]
    whole = [keras.Input((side, side, 3)), base.upto("block4_pool"), *tuned.layers]
    return keras.Sequential(whole, name="fine_tuned_pets"), base, split


def _classifier(
    build: Callable[[], keras.Model], images: data.Images, quick: tuple[int, int, int], full: tuple[int, int, int]
) -> keras.Model:
    """Trained with adam on the first so many images, for so many epochs, in batches of so many."""
    count, epochs, batch_size = profile.pick(quick=quick, full=full)
    x, y = images.x_train[:count], images.y_train[:count]
    keras.utils.set_random_seed(profile.SEED)  # so that what a notebook did before changes nothing
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    prepared = x[..., np.newaxis].astype("float32") / 255
    fit = lambda: training.fit(model, prepared, y, epochs=epochs, batch_size=batch_size)  # noqa: E731
    decides = {"images": prepared, "labels": y, "epochs": epochs, "batch_size": batch_size}
    return training.cached(build.__name__, model, decides, fit)[0]


def _fit(model: keras.Model, found: dict[str, tuple], rate: float, epochs: int) -> dict:
    """Train as notebook 06 does, and keep the weights of the lowest validation loss."""
    model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    options = {"validation_data": found["validation"], "epochs": epochs, "callbacks": [best]}
    return training.fit(model, *found["train"], batch_size=BATCH, **options)
