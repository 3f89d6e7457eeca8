"""How the course's networks are trained, as data; and the trained networks, for later notebooks.

``RECIPES`` is the one place of every rate, number of epochs and batch size, in the quick and in the
full profile. Three parties read it: ``trained`` for the notebooks that look inside a network, the
measured experiments (tools/experiments), and a test that compares each notebook with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import CosineDecay, PiecewiseConstantDecay

from helpers import bases, data, models, profile, store, training
from helpers.augmentation import RandomAffine

Rate = Callable[[int, int], Any]  # of epochs and of steps per epoch: a learning rate or its schedule


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    ``network`` builds it from ``settings``, with ``RandomAffine(**views)`` in front, if there are
    any. ``images``: how many it is trained on (None: all). ``optimizer``: a class of
    ``keras.optimizers``, with its ``options``. ``patience``: after so many epochs without a lower
    validation loss training stops (None: never).
    """

    network: Callable[..., keras.Model]
    epochs: int
    batch_size: int
    optimizer: str = "Adam"
    rate: float | Rate = 1e-3
    images: int | None = None
    loss: Any = "sparse_categorical_crossentropy"
    patience: int | None = None
    settings: Mapping = field(default_factory=dict)
    views: Mapping | None = None
    options: Mapping = field(default_factory=dict)

    def model(self, steps: int = 0, **settings) -> keras.Model:
        """The network, compiled and untrained; ``steps``: batches per epoch, for a rate that falls."""
        settings = {**self.settings, **settings}
        if self.views:
            settings["augmentation"] = [RandomAffine(**self.views), *settings.get("augmentation", ())]
        model = self.network(**settings)
        self.compile(model, steps)
        return model

    def compile(self, model: keras.Model, steps: int = 0) -> None:
        """Compile a model for this recipe."""
        rate = self.rate(self.epochs, steps) if callable(self.rate) else self.rate
        optimizer = getattr(keras.optimizers, self.optimizer)(rate, **self.options)
        model.compile(optimizer, self.loss, metrics=["accuracy"])

    def fit(self, model: keras.Model, *train, **options) -> training.History:
        """Train a compiled model. With ``validation_data`` it ends with the weights of the lowest
        validation loss."""
        if "validation_data" in options:
            patience = self.patience or self.epochs
            best = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
            options = {"callbacks": [best], **options}
        if len(train) == 2:  # arrays
            options = {"batch_size": self.batch_size, **options}
        return training.fit(model, *train, **{"epochs": self.epochs, **options})


def late_drop(rate: float) -> Rate:
    """To a fifth for the last fifth of the steps."""
    return lambda epochs, steps: PiecewiseConstantDecay([epochs * steps * 4 // 5], [rate, rate / 5])


def cosine(rate: float, rising: int = 0) -> Rate:
    """To zero along a cosine, after ``rising`` epochs from a twentieth up to ``rate``."""
    if not rising:
        return lambda epochs, steps: CosineDecay(rate, epochs * steps)
    return lambda epochs, steps: CosineDecay(
        rate / 20, (epochs - rising) * steps, warmup_target=rate, warmup_steps=rising * steps
    )


SMALL = {"side": 64, "filters": 16, "initializer": "he_normal"}
BOOK = {"side": 150, "filters": 32, "initializer": "glorot_uniform"}
PETS = {"optimizer": "RMSprop", "loss": "binary_crossentropy"}
HEAD = {"network": models.dense_head, "batch_size": 20, **PETS}
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SMOOTH = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
FEW = {"train": 400, "validation": 200, "test": 400}  # photos: VGG16 takes long on a CPU

RECIPES: dict[str, dict[str, dict]] = {
    "book_convnet": {  # notebook 01
        "both": dict(network=models.book_convnet, epochs=5, batch_size=64, optimizer="RMSprop"),
        "quick": dict(images=8_000),
        "full": dict(images=55_000),
    },
    "fashion_convnet_long": {  # notebook 02: far too long, to see it overfit
        "both": dict(network=models.fashion_convnet, epochs=20, batch_size=32),
        "quick": dict(images=1_200),
        "full": dict(images=55_000),
    },
    "fashion_convnet": {  # the same network as notebook 07 looks into it
        "both": dict(network=models.fashion_convnet, batch_size=32),
        "quick": dict(images=2_000, epochs=4),
        "full": dict(images=60_000, epochs=5),
    },
    "dropout_convnet_stopped": {  # notebook 02: EarlyStopping decides on the epochs
        "both": dict(network=models.dropout_convnet, patience=2),
        "quick": dict(images=800, epochs=20, batch_size=32),
        "full": dict(images=54_000, epochs=100, batch_size=128),
    },
    "dropout_convnet": {
        "both": dict(network=models.dropout_convnet),
        "quick": dict(images=2_500, epochs=4, batch_size=32),
        "full": dict(images=54_000, epochs=10, batch_size=128),
    },
    "functional_convnet": {  # notebook 02
        "both": dict(network=models.functional_convnet),
        "quick": dict(images=2_500, epochs=4, batch_size=32),
        "full": dict(images=42_000, epochs=20, batch_size=256),
    },
    "pets_scratch": {  # notebook 03
        "both": dict(network=models.pets_convnet, **PETS),
        "quick": dict(settings=SMALL, images=1_000, epochs=12, batch_size=32, rate=1e-3),
        "full": dict(settings=BOOK, images=2_000, epochs=30, batch_size=20, rate=1e-4),
    },
    "pets_augmented": {  # notebook 04
        "both": dict(network=models.pets_convnet, batch_size=32, **PETS),
        "quick": dict(
            settings={**SMALL, "dropout": 0.4},
            views=dict(turn=15, shift=0.1, zoom=0.1),
            images=1_000,
            epochs=24,
            rate=late_drop(1e-3),
        ),
        "full": dict(
            settings={**BOOK, "dropout": 0.5},
            views=dict(turn=40, shift=0.2, zoom=0.2),
            images=2_000,
            epochs=80,
            rate=late_drop(4e-4),
        ),
    },
    "pets_modern": {  # measured only: hours on a CPU
        "full": dict(
            network=models.modern_pets_convnet,
            views=dict(turn=20, shift=0.1, zoom=0.3),
            images=2_000,
            epochs=100,
            batch_size=32,
            optimizer="AdamW",
            rate=cosine(2e-3, rising=3),
            options=dict(weight_decay=0.02),
            loss=SMOOTH,
        ),
    },
    "dense_head": {  # notebooks 05 and 06, on the features of a pretrained base
        "both": HEAD,
        "quick": dict(epochs=12, rate=2e-4),
        "full": dict(epochs=30, rate=2e-5),
    },
    "fine_tuned": {  # notebook 06: block 5 and the trained head
        "both": HEAD,
        "quick": dict(epochs=5, rate=5e-5),
        "full": dict(epochs=20, rate=1e-5),
    },
    "fine_tuned_vgg16": {  # VGG16's block 5 has 7 million parameters
        "both": HEAD,
        "quick": dict(epochs=2, rate=5e-5),
        "full": dict(epochs=20, rate=1e-5),
    },
    "scored_head": {  # notebook 09, on drawn pets
        "both": {**HEAD, "batch_size": 32, "images": 600, "epochs": 8, "rate": 5e-4},
    },
    "cheater": {  # notebook 09, on drawn pets whose background gives the class away
        "both": {
            **dict(network=models.pets_convnet, settings=SMALL, images=600, epochs=8, batch_size=20),
            **dict(rate=cosine(1e-3), loss="binary_crossentropy"),
        },
    },
    "tsne_convnet": {  # notebook 10
        "both": dict(network=models.tsne_convnet, loss=LOGITS),
        "quick": dict(images=2_000, epochs=2, batch_size=32, rate=1e-3),
        "full": dict(images=60_000, epochs=1, batch_size=50, rate=1e-4),
    },
}


def recipe(name: str, chosen: str = "") -> Recipe:
    """A recipe by its name, for the profile ``chosen`` ("quick" or "full") or the one in force."""
    parts = RECIPES[name]
    return Recipe(**{**parts.get("both", {}), **parts.get(chosen or profile.name(), {})})


def trained(name: str, images: data.Images | data.Photos) -> keras.Model:
    """A network of an earlier notebook, trained on ``images`` by its recipe, or read from the store.

    Photos come in the recipe's size and batches. If notebook 04 has not been run, and so has kept
    no network, "pets_augmented" is trained for a quarter of the epochs.
    """
    way = recipe(name)
    if isinstance(images, data.Photos):
        return _on_photos(name, way, images)
    prepared = images.x_train[: way.images, ..., np.newaxis].astype("float32") / 255
    labels = images.y_train[: way.images]
    decides = {"images": prepared, "labels": labels, "epochs": way.epochs}
    keras.utils.set_random_seed(profile.SEED)  # what a notebook did before changes nothing
    return training.load_or_train(
        name,
        model := way.model(),
        decides | {"batch_size": way.batch_size},
        lambda: way.fit(model, prepared, labels),
    )[0]


def _on_photos(name: str, way: Recipe, pets: data.Photos) -> keras.Model:
    def settings(way: Recipe) -> tuple[keras.Model, dict]:
        keras.utils.set_random_seed(profile.SEED)
        decides = {"photos": pets.files.digest, "batch_size": pets.batch_size, "epochs": way.epochs}
        return way.model(len(pets.train), side=pets.image_size), decides

    if not training.path_of(name, *settings(way)).is_file():
        way = replace(way, epochs=way.epochs // 4)
    model, decides = settings(way)
    watched = {"validation_data": pets.validation}
    fit = lambda: way.fit(model, pets.train, **watched)  # noqa: E731
    return training.load_or_train(name, model, decides, fit)[0]


def fine_tuned_pets() -> tuple[keras.Model, bases.Base, data.Split]:
    """Notebook 06's network: a pretrained base whose block 5 has learned cats and dogs, and a head.

    Returns the whole network, from images that the base has prepared to the probability of a dog,
    float32 (N, 1); the base it was made of, with the images' ``side`` and their ``preprocess``; and
    the photos that it has learned from and can be tested on.
    """
    pets, base, split = transfer_photos()
    first, second = recipe("dense_head"), recipe("fine_tuned_vgg16" if pets.real else "fine_tuned")
    keras.utils.set_random_seed(profile.SEED)
    block5, tuned = models.block5_and_head(base.model)

    def train() -> training.History:
        below = {part: bases.extract(base, split, part, "block4_pool") for part in ("train", "validation")}
        above = {part: (block5.predict(maps, verbose=0), labels) for part, (maps, labels) in below.items()}
        for way, model, maps in ((first, tuned.layers[-1], above), (second, tuned, below)):
            way.compile(model)
            history = way.fit(model, *maps["train"], validation_data=maps["validation"])
        return history

    decides = {
        "photos": split.digest,
        "side": base.side,
        "base": [store.key(base.model), training.weight_hashes(base.model)],
        "head": [first.rate, first.epochs, first.batch_size],
        "block5": [second.rate, second.epochs, second.batch_size],
    }
    tuned = training.load_or_train("fine_tuned_pets", tuned, decides, train)[0]
    whole = [keras.Input((base.side, base.side, 3)), base.upto("block4_pool"), *tuned.layers]
    return keras.Sequential(whole, name="fine_tuned_pets"), base, split


def transfer_photos() -> tuple[data.Photos, bases.Base, data.Split]:
    """What notebooks 05 and 06 train on: the photos, the base, and the part of the photos."""
    side = profile.pick(quick=64, full=150)
    pets = data.cats_and_dogs(side)
    base = bases.vgg16(side) if pets.real else bases.menagerie(side)
    few = FEW if pets.real else {"train": 1000, "validation": 500}
    return pets, base, data.first(pets.files, **profile.pick(quick=few, full={}))
