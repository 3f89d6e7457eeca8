"""Recipes are those of the notebooks; networks trained by them are whole, found again, and trained once."""

from __future__ import annotations

import pathlib
import tempfile
import time
import types
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import nbformat
import numpy as np
import pytest

from helpers import bases, data, drawn, models, profile, recipes, store, training
from helpers.augmentation import RandomAffine
from helpers.profile import ROOT


def pets_of(split: data.Split, images, side: int, batch_size: int) -> data.Photos:
    return data.Photos(*[images] * 3, data.PET_NAMES, "", False, split, side, batch_size)


@pytest.fixture
def few_pets(tmp_path, monkeypatch):
    """Eight tiny photos instead of the drawn pets, and an empty cache."""
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "cache")
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.jpg") for number in range(8)]
    for path in paths:
        cv2.imwrite(path, rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
    every = {part: paths for part in data.PARTS}
    split = data.Split(tmp_path, every, {part: [0, 1] * 4 for part in data.PARTS}, "eight photos", "digest", False)
    monkeypatch.setattr(data, "cats_and_dogs", lambda side: pets_of(split, None, side, 20))
    return split


# Notebooks against recipes


def cells_of(number: str) -> dict[str, str]:
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}


class Stopped(Exception):
    """The cell has come to the training that the test asks about."""


@pytest.fixture
def fitted(monkeypatch):
    """Run cells of a notebook on stand-ins for its data up to the n-th training; gives its model and options."""

    def run(number: str, names: str, known: dict, trainings: int = 1) -> tuple[keras.Model, dict]:
        calls = []

        def fit(model, *arrays, **options):
            calls.append((model, options))
            if len(calls) == trainings:
                raise Stopped
            return {}

        monkeypatch.setattr(training, "fit", fit)
        monkeypatch.setattr(keras.Model, "fit", fit)
        known = dict(keras=keras, layers=keras.layers, np=np, Path=Path, pathlib=pathlib, tempfile=tempfile) | known
        known |= dict(time=time, training=training, profile=profile, models=models, data=data, drawn=drawn)
        known |= dict(RandomAffine=RandomAffine, names=["cat", "dog"], show=lambda *_, **__: None)
        cells = cells_of(number)
        with pytest.raises(Stopped):
            exec("\n".join(cells[name] for name in names.split()), known)
        return calls[-1]

    return run


IMAGES, LABELS = np.zeros((8, 28, 28, 1), "float32"), np.zeros(8, int)
DIGITS = {f"x_{part}": IMAGES for part in ("train", "val", "test")}
DIGITS |= {f"y_{part}": LABELS for part in ("train", "val", "test")}
GRAY = data.Images(IMAGES[..., 0], LABELS, IMAGES[..., 0], LABELS, tuple("0123456789"), "", True)
MAPS = {part: (np.zeros((40, 4, 4, 128), "float32"), np.arange(40) % 2) for part in data.PARTS}


def transfer(real: bool) -> dict:
    """What notebooks 05 and 06 have when they train: features and a block 5 that takes them."""
    block5, _ = models.block5_and_head(bases.menagerie_net(64))
    above = {part: (np.zeros((40, 2, 2, 192), "float32"), labels) for part, (_, labels) in MAPS.items()}
    pets = types.SimpleNamespace(real=real)
    found = MAPS if real is not None else above
    return {"found": found, "block5": block5, "pets": pets, "base": bases.menagerie(64)}


@pytest.mark.parametrize("chosen", ["quick", "full"])
@pytest.mark.parametrize(
    ("number", "cells", "name", "trainings"),
    [
        ("01", "network train", "book_convnet", 1),
        ("02", "fashion-network fashion-fit", "fashion_convnet_long", 2),
        ("02", "dropout-network dropout-fit", "dropout_convnet_stopped", 1),
        ("02", "functional-network functional-fit", "functional_convnet", 1),
        ("03", "network fit", "pets_scratch", 1),
        ("04", "scratch", "pets_scratch", 1),
        ("04", "scratch fit", "pets_augmented", 2),
        ("05", "head head-fit", "dense_head", 1),
        ("06", "head head-fit", "dense_head", 1),
        ("06", "head head-fit tune", "fine_tuned", 2),
        ("10", "network data train", "tsne_convnet", 1),
    ],
)
def test_a_notebook_trains_by_its_recipe(fitted, few_pets, monkeypatch, number, cells, name, trainings, chosen):
    """Architecture, loss, optimizer with its rates, epochs and batch size: of objects, not of source text."""
    monkeypatch.setenv("COURSE_PROFILE", chosen)
    recipe = recipes.recipe(name)
    side = profile.pick(quick=64, full=150)
    batches = lambda side, batch_size=20, count=None: pets_of(few_pets, [None] * 8, side, batch_size)  # noqa: E731
    monkeypatch.setattr(data, "cats_and_dogs", batches)
    monkeypatch.setattr(data, "mnist", lambda: GRAY)
    known = {**DIGITS, "pets": batches(side, recipe.batch_size), "side": side, "train_count": None}
    known |= {"digits": GRAY, "prepare": lambda images: images[..., np.newaxis] / 255}
    known |= {"train_test_split": lambda x, y, **_: (x, x, y, y)}
    known |= transfer(real=None if number == "05" else False) if number in ("05", "06") else {}
    model, options = fitted(number, cells, known, trainings)
    key = store.key(model)
    if name == "fine_tuned":  # in two parts, which the recipe compiles as a whole
        recipe.compile(model)
        wanted = model
    else:
        wanted = recipe.model(8, **({"shape": model.input_shape[1:]} if name == "dense_head" else {}))
    assert key == store.key(wanted)
    assert options["epochs"] == recipe.epochs
    assert options.get("batch_size", known["pets"].batch_size if number in ("03", "04") else None) == recipe.batch_size
    patience = [c.patience for c in options.get("callbacks", ()) if isinstance(c, keras.callbacks.EarlyStopping)]
    assert patience in ([], [recipe.patience or recipe.epochs])


def test_another_rate_in_a_recipe_is_noticed(fitted, few_pets, monkeypatch):
    changed = [replace(recipe, rate=2e-3) for recipe in recipes.RECIPES["book_convnet"]]
    model, _ = fitted("01", "network train", DIGITS)
    assert store.key(model) == store.key(recipes.recipe("book_convnet").model())
    monkeypatch.setitem(recipes.RECIPES, "book_convnet", changed)
    assert store.key(model) != store.key(recipes.recipe("book_convnet").model())


# Trained networks


def test_the_whole_network_is_the_base_with_a_block_5_that_has_learned(few_pets):
    profile.seed_everything()
    model, base, split = recipes.fine_tuned_pets()
    images, _ = next(iter(data.pipeline(split.paths["test"], split.labels["test"], base.side, 8, shuffle=False)))
    probabilities = model.predict(base.preprocess(images), verbose=0)
    assert probabilities.shape == (8, 1) and 0 < probabilities.min() and probabilities.max() < 1
    below, block5, head = model.layers
    by_hand = head(block5(base.upto("block4_pool").predict(base.preprocess(images), verbose=0)))
    assert np.allclose(by_hand, probabilities, atol=1e-5) and np.ptp(probabilities) > 1e-3
    own = base.model.get_layer("block5_conv2").get_weights()[0]
    assert not np.array_equal(block5.get_layer("block5_conv2").get_weights()[0], own), "block 5 has not learned"
    assert np.array_equal(own, bases.menagerie(64).model.get_layer("block5_conv2").get_weights()[0])


def test_the_second_time_it_is_read_from_disk(few_pets, monkeypatch):
    first, _, _ = recipes.fine_tuned_pets()
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    second, _, _ = recipes.fine_tuned_pets()
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


def test_other_photos_another_base_or_recipe_train_anew(few_pets, monkeypatch):
    trainings = []
    monkeypatch.setattr(training, "fit", lambda *_, **__: trainings.append(1) or {})
    base, changed, moved = (bases.menagerie(64) for _ in range(3))
    changed.model.get_layer("block1_conv1").activation = keras.activations.tanh
    moved.model.get_layer("block1_conv1").bias.assign_add(keras.ops.ones(24))
    pets = data.cats_and_dogs(64)
    other = pets_of(replace(few_pets, digest="other photos"), None, 64, 20)
    head = recipes.RECIPES["dense_head"]
    batches = [replace(recipe, batch_size=4) for recipe in head]
    for photos, its_base, its_head in (
        (pets, base, head),
        (other, base, head),
        (pets, changed, head),
        (pets, moved, head),
        (pets, base, batches),
    ):
        for _ in range(2):
            monkeypatch.setattr(data, "cats_and_dogs", lambda side, photos=photos: photos)
            monkeypatch.setattr(bases, "menagerie", lambda side, its_base=its_base: its_base)
            monkeypatch.setitem(recipes.RECIPES, "dense_head", its_head)
            recipes.fine_tuned_pets()
    assert len(trainings) == 5 * 2, "each once: the head, then block 5 and the head"


def test_the_network_of_04_is_read_if_04_kept_it_and_else_trained_for_a_quarter_of_the_epochs(few_pets, monkeypatch):
    images = data.pipeline(few_pets.paths["train"], few_pets.labels["train"], 64, 8, shuffle=False)
    pets = pets_of(few_pets, images, 64, 8)
    epochs, fit = [], training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **k: epochs.append(k["epochs"]) or fit(*a, **{**k, "epochs": 1}))
    first, again = (recipes.trained("pets_augmented", pets) for _ in range(2))
    assert all(map(np.array_equal, first.get_weights(), again.get_weights()))
    assert epochs == [6], "trained once, shorter, and kept"
    recipes.trained("pets_augmented", pets_of(few_pets, images, 64, 4))
    assert epochs == [6, 6], "other batches"


@pytest.mark.parametrize("chosen", ["quick", "full"])
def test_a_network_that_a_notebook_keeps_is_found_by_the_next(few_pets, monkeypatch, chosen):
    """03 keeps its network for 04, and 04 for 07: their cells are run, with nothing trained."""
    monkeypatch.setenv("COURSE_PROFILE", chosen)
    monkeypatch.setattr(training, "curves", lambda *_: None)
    trainings = []

    def fit(*_, epochs, **__):
        trainings.append(epochs)
        return dict.fromkeys(("loss", "val_loss", "accuracy", "val_accuracy"), [0.0] * epochs)

    monkeypatch.setattr(training, "fit", fit)

    def pets(side, batch_size=20, train_count=None):
        return pets_of(few_pets, [None] * 8, side, batch_size)

    monkeypatch.setattr(data, "cats_and_dogs", pets)
    side, batch_size = profile.pick(quick=(64, 32), full=(150, 20))
    known = dict(keras=keras, layers=keras.layers, np=np, Path=Path, tempfile=tempfile, side=side, train_count=None)
    known |= dict(data=data, models=models, profile=profile, training=training, RandomAffine=RandomAffine)
    run = lambda names, cells: exec("\n".join(cells[name] for name in names), known)  # noqa: E731
    cells = {number: cells_of(f"0{number}") for number in (3, 4)}
    cells[3]["save"] = cells[3]["save"][cells[3]["save"].index("settings =") :]
    known["pets"] = pets(side, batch_size)
    run(["network", "fit", "save"], cells[3])
    known["pets"] = pets(side, 32)
    run(["scratch"], cells[4])
    assert len(trainings) == 1, "04 does not find what 03 has kept"
    run(["fit"], cells[4])
    recipes.trained("pets_augmented", known["pets"])
    assert len(trainings) == 2, "07 would not find what 04 has kept"
    cells[3]["network"] = cells[3]["network"].replace(", layers.Rescaling(1 / 255)", "")
    known["pets"] = pets(side, batch_size)
    kept = list((few_pets.folder / "cache").rglob("*.npz"))
    run(["network", "fit", "save"], cells[3])
    after = list((few_pets.folder / "cache").rglob("*.npz"))
    assert len(after) == len(kept) + 1, "a reader's other network replaces the one that 04 compares with"
