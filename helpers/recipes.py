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

# Of epochs and of steps per epoch: a learning rate or its schedule
Rate = Callable[[int, int], Any]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    ``network`` builds it from ``settings``, with ``RandomAffine(**views)`` in front, if there are
    any. ``images``: how many it is trained on. ``optimizer``: a class of ``keras.optimizers``, with
    its first ``rate`` and other ``options``. ``patience``: after so many epochs without a lower
    validation loss training stops (None: never).
    """

    network: Callable[..., keras.Model]
    images: int
    epochs: int
    batch_size: int
    optimizer: str
    rate: float | Rate
    loss: Any = "sparse_categorical_crossentropy"
    patience: int | None = None
    settings: Mapping = field(default_factory=dict)
    views: Mapping | None = None
    options: Mapping = field(default_factory=dict)

    def model(self, steps: int = 0, **settings) -> keras.Model:
        """The network, compiled and untrained; ``steps`` per epoch matter if the rate falls."""
        settings = {**self.settings, **settings}
        if self.views:
            more = settings.get("augmentation", ())
            settings["augmentation"] = [RandomAffine(**self.views), *more]
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
VIEWS, BOOK_VIEWS = dict(turn=15, shift=0.1, zoom=0.1), dict(turn=40, shift=0.2, zoom=0.2)
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
BINARY, SMOOTH = "binary_crossentropy", keras.losses.BinaryCrossentropy(label_smoothing=0.1)
FEW = {"train": 400, "validation": 200, "test": 400}  # photos: VGG16 takes long on a CPU

# By name, for quick and for full: network, images, epochs, batch size, optimizer, rate, loss
# fmt: off
RECIPES: dict[str, tuple[Recipe, Recipe]] = {
    "book_convnet": (  # notebook 01
        Recipe(models.book_convnet, 8_000, 5, 64, "RMSprop", 1e-3),
        Recipe(models.book_convnet, 55_000, 5, 64, "RMSprop", 1e-3)),
    "fashion_convnet_long": (  # 02: far too long, to see it overfit
        Recipe(models.fashion_convnet, 200, 20, 8, "Adam", 1e-3),
        Recipe(models.fashion_convnet, 55_000, 20, 32, "Adam", 1e-3)),
    "fashion_convnet": (  # the same network, as 07 looks into it
        Recipe(models.fashion_convnet, 2_000, 4, 32, "Adam", 1e-3),
        Recipe(models.fashion_convnet, 60_000, 5, 32, "Adam", 1e-3)),
    "dropout_convnet_stopped": (  # 02: EarlyStopping decides on the epochs
        Recipe(models.dropout_convnet, 400, 20, 32, "Adam", 1e-3, patience=2),
        Recipe(models.dropout_convnet, 54_000, 100, 128, "Adam", 1e-3, patience=2)),
    "dropout_convnet": (  # the same network, as 07 looks into it
        Recipe(models.dropout_convnet, 2_500, 4, 32, "Adam", 1e-3),
        Recipe(models.dropout_convnet, 54_000, 10, 128, "Adam", 1e-3)),
    "functional_convnet": (  # 02 and 07
        Recipe(models.functional_convnet, 2_500, 4, 32, "Adam", 1e-3),
        Recipe(models.functional_convnet, 42_000, 20, 256, "Adam", 1e-3)),
    "pets_scratch": (  # 03
        Recipe(models.pets_convnet, 1_000, 12, 32, "RMSprop", 1e-3, BINARY, settings=SMALL),
        Recipe(models.pets_convnet, 2_000, 30, 20, "RMSprop", 1e-4, BINARY, settings=BOOK)),
    "pets_augmented": (  # 04
        Recipe(models.pets_convnet, 1_000, 24, 32, "RMSprop", late_drop(1e-3), BINARY,
               settings={**SMALL, "dropout": 0.4}, views=VIEWS),
        Recipe(models.pets_convnet, 2_000, 80, 32, "RMSprop", late_drop(4e-4), BINARY,
               settings={**BOOK, "dropout": 0.5}, views=BOOK_VIEWS)),
    "dense_head": (  # 05 and 06, on the features of a pretrained base
        Recipe(models.dense_head, 1_000, 12, 20, "RMSprop", 2e-4, BINARY),
        Recipe(models.dense_head, 2_000, 30, 20, "RMSprop", 2e-5, BINARY)),
    "fine_tuned": (  # 06: block 5 and the trained head
        Recipe(models.dense_head, 1_000, 5, 20, "RMSprop", 5e-5, BINARY),
        Recipe(models.dense_head, 2_000, 20, 20, "RMSprop", 1e-5, BINARY)),
    "fine_tuned_vgg16": (  # whose block 5 has 7 million parameters
        Recipe(models.dense_head, 400, 2, 20, "RMSprop", 5e-5, BINARY),
        Recipe(models.dense_head, 2_000, 20, 20, "RMSprop", 1e-5, BINARY)),
    "scored_head": (  # 09, on drawn pets
        2 * (Recipe(models.dense_head, 600, 8, 32, "RMSprop", 5e-4, BINARY),)),
    "cheater": (  # 09, on drawn pets whose background gives the class away
        2 * (Recipe(models.pets_convnet, 600, 8, 20, "Adam", cosine(1e-3), BINARY,
                    settings=SMALL),)),
    "tsne_convnet": (  # 10
        Recipe(models.tsne_convnet, 2_000, 2, 32, "Adam", 1e-3, LOGITS),
        Recipe(models.tsne_convnet, 60_000, 1, 50, "Adam", 1e-4, LOGITS)),
    "pets_modern": (  # measured only, hours on a CPU: what one would do today
        2 * (Recipe(models.modern_pets_convnet, 2_000, 100, 32, "AdamW", cosine(2e-3, rising=3),
                    SMOOTH, views=dict(turn=20, shift=0.1, zoom=0.3),
                    options=dict(weight_decay=0.02)),)),
}
# fmt: on


def recipe(name: str) -> Recipe:
    """A recipe by its name, for the profile in force."""
    quick, full = RECIPES[name]
    return profile.pick(quick=quick, full=full)


def trained(name: str, images: data.Images | data.Photos) -> keras.Model:
    """A network of an earlier notebook, trained on ``images`` by its recipe or read from the store.

    Photos come in the recipe's size and batches. If notebook 04 has not been run, and so has kept
    no network, "pets_augmented" is trained for a quarter of the epochs.
    """
    way = recipe(name)
    if isinstance(images, data.Photos):
        return _on_photos(name, way, images)
    x = images.x_train[: way.images, ..., np.newaxis].astype("float32") / 255
    y = images.y_train[: way.images]
    keras.utils.set_random_seed(profile.SEED)  # what a notebook did before changes nothing
    model, decides = way.model(), {"epochs": way.epochs, "batch_size": way.batch_size}
    decides |= {"images": x, "labels": y}
    return training.load_or_train(name, model, decides, lambda: way.fit(model, x, y))[0]


def _on_photos(name: str, way: Recipe, pets: data.Photos) -> keras.Model:
    def start(way: Recipe) -> tuple[keras.Model, dict]:
        keras.utils.set_random_seed(profile.SEED)
        decides = {"photos": pets.files.digest, "batch_size": pets.batch_size, "epochs": way.epochs}
        return way.model(len(pets.train), side=pets.image_size), decides

    if not training.path_of(name, *start(way)).is_file():
        way = replace(way, epochs=way.epochs // 4)
    model, decides = start(way)
    watched = {"validation_data": pets.validation}
    train = lambda: way.fit(model, pets.train, **watched)  # noqa: E731
    return training.load_or_train(name, model, decides, train)[0]


def fine_tuned_pets() -> tuple[keras.Model, bases.Base, data.Split]:
    """Notebook 06's network: a pretrained base whose block 5 has learned cats and dogs, and a head.

    Returns the whole network, from images that the base has prepared to the probability of a dog,
    float32 (N, 1); the base it was made of, with the images' ``side`` and their ``preprocess``; and
    the photos that it has learned from and can be tested on.
    """
    side = profile.pick(quick=64, full=150)
    pets = data.cats_and_dogs(side)
    base = bases.vgg16(side) if pets.real else bases.menagerie(side)
    few = FEW if pets.real else {"train": 1000, "validation": 500}
    split = data.first(pets.files, **profile.pick(quick=few, full={}))
    ways = recipe("dense_head"), recipe("fine_tuned_vgg16" if pets.real else "fine_tuned")
    keras.utils.set_random_seed(profile.SEED)
    block5, tuned = models.block5_and_head(base.model)

    def train() -> training.History:
        parts = ("train", "validation")
        below = {part: bases.extract(base, split, part, "block4_pool") for part in parts}
        above = {part: (block5.predict(x, verbose=0), y) for part, (x, y) in below.items()}
        for way, model, maps in zip(ways, (tuned.layers[-1], tuned), (above, below)):
            way.compile(model)
            history = way.fit(model, *maps["train"], validation_data=maps["validation"])
        return history

    decides = {
        "photos": [split.digest, side],
        "base": [store.key(base.model), training.weight_hashes(base.model)],
        "head, block 5": [[way.rate, way.epochs, way.batch_size] for way in ways],
    }
    tuned = training.load_or_train("fine_tuned_pets", tuned, decides, train)[0]
    whole = [keras.Input((side, side, 3)), base.upto("block4_pool"), *tuned.layers]
    return keras.Sequential(whole, name="fine_tuned_pets"), base, split
