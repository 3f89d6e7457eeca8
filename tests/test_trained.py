"""Networks trained for later notebooks are whole, follow their notebook's recipe, and are trained once."""

from __future__ import annotations

import cv2
import keras
import nbformat
import numpy as np
import pytest

from helpers import bases, data, models, photos, profile, trained, training
from helpers.profile import ROOT


@pytest.fixture
def few_pets(tmp_path, monkeypatch):
    """Eight tiny photos in place of the drawn pets, and an empty cache."""
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "cache")
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.jpg") for number in range(8)]
    for path in paths:
        cv2.imwrite(path, rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
    every = {part: paths for part in photos.PARTS}
    split = photos.Split(tmp_path, every, {part: [0, 1] * 4 for part in photos.PARTS}, "eight photos", "digest", False)
    monkeypatch.setattr(data, "cats_and_dogs", lambda side: data.Photos(*[None] * 3, data.PET_NAMES, "", False, split))
    return split


def test_the_whole_network_is_the_base_with_a_block_5_that_has_learnt(few_pets):
    profile.seed_everything()
    model, base, split = trained.fine_tuned_pets()
    images, _ = next(iter(photos.pipeline(split.paths["test"], split.labels["test"], base.side, 8, shuffle=False)))
    probabilities = model.predict(base.preprocess(images), verbose=0)
    assert probabilities.shape == (8, 1) and 0 < probabilities.min() and probabilities.max() < 1
    below, block5, head = model.layers
    by_hand = head(block5(base.upto("block4_pool").predict(base.preprocess(images), verbose=0)))
    assert np.allclose(by_hand, probabilities, atol=1e-5) and np.ptp(probabilities) > 1e-3
    own = base.model.get_layer("block5_conv2").get_weights()[0]
    assert not np.array_equal(block5.get_layer("block5_conv2").get_weights()[0], own), "block 5 has not learnt"
    assert np.array_equal(own, bases.menagerie(64).model.get_layer("block5_conv2").get_weights()[0])


def test_the_second_time_it_is_read_from_disk(few_pets, monkeypatch):
    first, _, _ = trained.fine_tuned_pets()
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    second, _, _ = trained.fine_tuned_pets()
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


@pytest.mark.parametrize("change", ["photos", "base"])
def test_other_photos_or_another_base_train_anew(few_pets, monkeypatch, change):
    trained.fine_tuned_pets()
    if change == "photos":
        changed = few_pets.__class__(**{**vars(few_pets), "digest": "other photos"})
        pets = data.Photos(*[None] * 3, data.PET_NAMES, "", False, changed)
        monkeypatch.setattr(data, "cats_and_dogs", lambda side: pets)
    else:
        base = bases.menagerie(64)
        base.model.get_layer("block1_conv1").bias.assign_add(keras.ops.ones(24))
        monkeypatch.setattr(bases, "menagerie", lambda side: base)
    fitted = []
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **k: fitted.append(1) or fit(*a, **k))
    trained.fine_tuned_pets()
    assert len(fitted) == 2, "the head, then block 5 and the head"


def test_the_network_of_04_is_read_if_04_kept_it_and_else_trained_for_a_quarter_of_the_epochs(few_pets, monkeypatch):
    images = photos.pipeline(few_pets.paths["train"], few_pets.labels["train"], 64, 8, shuffle=False)
    pets = data.Photos(images, images, images, data.PET_NAMES, "", False, few_pets)
    recipe = trained.pets_recipe(pets, 64)
    epochs = []
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **k: epochs.append(k["epochs"]) or fit(*a, **{**k, "epochs": 1}))
    assert trained.pets_augmented(pets, 64).count_params() == trained.pets_augmented(pets, 64).count_params()
    assert epochs == [recipe["epochs"] // 4] == [6], "trained once, shorter, and kept"
    of_04 = models.pets_convnet(64, recipe["filters"], [], recipe["dropout"], recipe["initializer"])
    training.keep("pets_augmented", recipe, of_04, {})
    read = trained.pets_augmented(pets, 64).get_weights()
    assert all(map(np.array_equal, read, of_04.get_weights())) and len(epochs) == 1


def test_the_recipe_is_that_of_notebook_06():
    cells = nbformat.read(ROOT / "notebooks" / "06_fine_tuning.ipynb", as_version=4).cells
    notebook = "".join("\n".join(cell.source for cell in cells if cell.cell_type == "code").split())
    source = "".join((ROOT / "helpers" / "trained.py").read_text(encoding="utf-8").split())
    for line in (
        'few = {"train": 400, "validation": 200, "test": 400} if pets.real else {"train": 1000, "validation": 500}',
        "head_rate, head_epochs, block_rate = profile.pick(quick=(2e-4, 12, 5e-5), full=(2e-5, 30, 1e-5))",
        "block_epochs = profile.pick(quick=2 if pets.real else 5, full=20)",
        'model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])',
        'training.fit(model, *found["train"], batch_size=20, **options)',
    ):
        assert "".join(line.split()) in notebook and "".join(line.split()) in source, line
