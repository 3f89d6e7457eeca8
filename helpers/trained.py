"""Networks that later notebooks look into: trained once with a fixed recipe, and kept."""

from __future__ import annotations

import keras

from helpers import bases, data, features, models, photos, profile, training


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
    tuned, _ = training.cached("fine_tuned_pets", recipe, train)
    whole = [keras.Input((side, side, 3)), base.upto("block4_pool"), *tuned.layers]
    return keras.Sequential(whole, name="fine_tuned_pets"), base, split


def _fit(model: keras.Model, found: dict[str, tuple], rate: float, epochs: int) -> dict:
    """Train as notebook 06 does, and keep the weights of the lowest validation loss."""
    model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    options = {"validation_data": found["validation"], "epochs": epochs, "callbacks": [best]}
    return training.fit(model, *found["train"], batch_size=20, **options)
