"""Recipes are those of the notebooks; networks trained by them are whole, found again, and trained once."""

from __future__ import annotations

import pathlib
import tempfile
import time
import types
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest

from helpers import bases, data, drawn, models, profile, recipes, store, training
from helpers.augmentation import RandomAffine
from helpers.profile import ROOT


def pets_of(split: data.Split, side: int, batch_size: int = 20, train_count: int | None = None) -> data.Photos:
    """Photos of a split as eight batches in each part; no test looks into these."""
    return data.Photos(*[[None] * 8] * 3, data.PET_NAMES, "", False, split, side, batch_size)


@pytest.fixture
def few_pets(few_pets, monkeypatch):
    """Eight tiny photos instead of the drawn pets, and an empty cache."""
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setattr(data, "cats_and_dogs", partial(pets_of, few_pets))
    return few_pets


# Notebooks against recipes


def cells_of(number: str) -> dict[str, str]:
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}


# What cells have from the set-up cell, from imports and from the cells before
COMMON = dict(keras=keras, layers=keras.layers, np=np, Path=Path, pathlib=pathlib, tempfile=tempfile, time=time)
COMMON |= dict(training=training, profile=profile, models=models, data=data, drawn=drawn, RandomAffine=RandomAffine)
COMMON |= dict(names=["cat", "dog"], show=lambda *_, **__: None, train_count=None)


def run(cells: dict[str, str], names: str, known: dict) -> None:
    exec("\n".join(cells[name] for name in names.split()), known)


class Stopped(Exception):
    """The cell has come to the training that the test asks about."""


@pytest.fixture
def fitted(monkeypatch):
    """Run cells of a notebook on stand-ins for its data up to the n-th training; gives its model and options."""

    def fitted(number: str, names: str, known: dict, trainings: int = 1) -> tuple[keras.Model, dict]:
        calls = []

        def fit(model, *arrays, **options):
            calls.append((model, options))
            if len(calls) == trainings:
                raise Stopped
            return {}

        monkeypatch.setattr(training, "fit", fit)
        monkeypatch.setattr(keras.Model, "fit", fit)
        with pytest.raises(Stopped):
            run(cells_of(number), names, COMMON | known)
        return calls[-1]

    return fitted


IMAGES, LABELS = np.zeros((8, 28, 28, 1), "float32"), np.zeros(8, int)
DIGITS = {f"x_{part}": IMAGES for part in ("train", "val", "test")}
DIGITS |= {f"y_{part}": LABELS for part in ("train", "val", "test")}
DIGITS |= {"x_digits": IMAGES, "y_digits": LABELS, "x_watch": IMAGES, "y_watch": LABELS}  # 02, beside its garments
GRAY = data.Images(IMAGES[..., 0], LABELS, IMAGES[..., 0], LABELS, tuple("0123456789"), "", True)
PICTURES = lambda *_, **__: (np.zeros((8, 64, 64, 3), np.uint8), np.zeros((8, 64, 64), bool), LABELS)  # noqa: E731
SHAPES = {"05": (2, 2, 192), "06": (4, 4, 128)}  # of the features that these notebooks train on


def transfer(shape: tuple[int, ...]) -> dict:
    """What notebooks 05 and 06 have when they train: features and a block 5 that takes those of 06."""
    block5, _ = models.block5_and_head(bases.menagerie_net(64))
    features = np.zeros((40, *shape), "float32"), np.arange(40) % 2
    pets = types.SimpleNamespace(real=False)
    return {"found": dict.fromkeys(data.PARTS, features), "block5": block5, "pets": pets, "base": bases.menagerie(64)}


@pytest.mark.parametrize("chosen", ["quick", "full"])
@pytest.mark.parametrize(
    ("number", "cells", "name", "trainings"),
    [
        ("01", "network train", "book_convnet", 1),
        ("02", "fashion-network fashion-fit fashion-fit-on", "fashion_convnet_long", 2),
        ("02", "dropout-network dropout-fit", "dropout_convnet_stopped", 1),
        ("02", "functional-network functional-fit", "functional_convnet", 1),
        ("03", "network fit", "pets_scratch", 1),
        ("04", "scratch", "pets_scratch", 1),
        ("04", "scratch fit", "pets_augmented", 2),
        ("05", "head head-fit", "dense_head", 1),
        ("06", "head head-fit", "dense_head", 1),
        ("06", "head head-fit tune", "fine_tuned", 2),
        ("09", "scored", "scored_head", 1),
        ("09", "cheat-data", "cheater", 1),
        ("10", "network data train", "tsne_convnet", 1),
    ],
)
def test_a_notebook_trains_by_its_recipe(fitted, few_pets, monkeypatch, number, cells, name, trainings, chosen):
    """Architecture, loss, optimizer with its rates, epochs and batch size: of objects, not of source text."""
    monkeypatch.setenv("COURSE_PROFILE", chosen)
    recipe = recipes.recipe(name)
    side = profile.pick(quick=64, full=150)
    monkeypatch.setattr(data, "mnist", lambda: GRAY)
    known = {**DIGITS, "pets": pets_of(few_pets, side, recipe.batch_size), "side": side}
    known |= {"digits": GRAY, "prepare": lambda images: images[..., np.newaxis] / 255}
    known |= {"train_test_split": lambda x, y, **_: (x, x, y, y)}
    known |= {"drawn": types.SimpleNamespace(PETS=(), pets=PICTURES, animals=PICTURES)} if number == "09" else {}
    known |= transfer(SHAPES[number]) if number in SHAPES else {"bases": bases}
    model, options = fitted(number, cells, known, trainings)
    key = store.key(model)
    if name == "fine_tuned":  # in two parts, which the recipe compiles as a whole
        recipe.compile(model)
        wanted = model
    else:
        batches = recipe.images // recipe.batch_size if number == "09" else 8
        wanted = recipe.model(batches, **({"shape": model.input_shape[1:]} if "head" in name else {}))
    assert key == store.key(wanted)
    assert options["epochs"] == recipe.epochs
    assert options.get("batch_size", known["pets"].batch_size if number in ("03", "04") else None) == recipe.batch_size
    patience = [c.patience for c in options.get("callbacks", ()) if isinstance(c, keras.callbacks.EarlyStopping)]
    assert patience in ([], [recipe.patience or recipe.epochs])


# Trained networks


def test_the_whole_network_is_the_base_with_a_block_5_that_has_learned_and_is_kept(few_pets, monkeypatch):
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

    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    again, _, _ = recipes.fine_tuned_pets()
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))


def test_other_photos_another_base_or_recipe_train_anew(few_pets, monkeypatch):
    trainings = []
    monkeypatch.setattr(training, "fit", lambda *_, **__: trainings.append(1) or {})
    base, changed, moved = (bases.menagerie(64) for _ in range(3))
    changed.model.get_layer("block1_conv1").activation = keras.activations.tanh
    moved.model.get_layer("block1_conv1").bias.assign_add(keras.ops.ones(24))
    pets = data.cats_and_dogs(64)
    other = pets_of(replace(few_pets, digest="other photos"), 64)
    head = recipes.RECIPES["dense_head"]
    batches = [replace(recipe, batch_size=4) for recipe in head]
    ways = [(pets, base, head), (other, base, head), (pets, changed, head), (pets, moved, head), (pets, base, batches)]
    for photos, its_base, its_head in ways:
        for _ in range(2):
            monkeypatch.setattr(data, "cats_and_dogs", lambda side, photos=photos: photos)
            monkeypatch.setattr(bases, "menagerie", lambda side, its_base=its_base: its_base)
            monkeypatch.setitem(recipes.RECIPES, "dense_head", its_head)
            recipes.fine_tuned_pets()
    assert len(trainings) == 2 * len(ways), "each once: the head, then block 5 and the head"


def test_the_network_of_04_is_read_if_04_kept_it_and_else_trained_for_a_quarter_of_the_epochs(few_pets, monkeypatch):
    images = data.pipeline(few_pets.paths["train"], few_pets.labels["train"], 64, 8, shuffle=False)
    pets = replace(pets_of(few_pets, 64, 8), train=images, validation=images)
    epochs, fit = [], training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **k: epochs.append(k["epochs"]) or fit(*a, **{**k, "epochs": 1}))
    first, again = (recipes.trained("pets_augmented", pets) for _ in range(2))
    assert all(map(np.array_equal, first.get_weights(), again.get_weights()))
    assert epochs == [6], "trained once, shorter, and kept"
    recipes.trained("pets_augmented", replace(pets, batch_size=4))
    assert epochs == [6, 6], "other batches"


@pytest.mark.parametrize("chosen", ["quick", "full"])
def test_a_network_that_a_notebook_keeps_is_found_by_the_next(few_pets, cache, monkeypatch, chosen):
    """03 keeps its network for 04, and 04 for 07: their cells are run, with nothing trained."""
    monkeypatch.setenv("COURSE_PROFILE", chosen)
    monkeypatch.setattr(training, "curves", lambda *_: None)
    trainings = []

    def fit(*_, epochs, **__):
        trainings.append(epochs)
        return dict.fromkeys(("loss", "val_loss", "accuracy", "val_accuracy"), [0.0] * epochs)

    monkeypatch.setattr(training, "fit", fit)

    side, batch_size = profile.pick(quick=(64, 32), full=(150, 20))
    known = COMMON | {"side": side}
    cells = {number: cells_of(f"0{number}") for number in (3, 4)}
    known["pets"] = pets_of(few_pets, side, batch_size)
    run(cells[3], "network fit keep", known)
    known["pets"] = pets_of(few_pets, side, 32)
    run(cells[4], "scratch", known)
    assert len(trainings) == 1, "04 does not find what 03 has kept"
    run(cells[4], "fit", known)
    recipes.trained("pets_augmented", known["pets"])
    assert len(trainings) == 2, "07 would not find what 04 has kept"
    cells[3]["network"] = cells[3]["network"].replace("    layers.Rescaling(1 / 255),\n", "")
    known["pets"] = pets_of(few_pets, side, batch_size)
    before = set(cache.rglob("*.npz"))
    run(cells[3], "network fit keep", known)
    assert before < set(cache.rglob("*.npz")), "a reader's other network replaces the one that 04 compares with"
