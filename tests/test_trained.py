"""Networks trained for later notebooks are whole, follow their notebook's recipe, and are trained once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import keras
import nbformat
import numpy as np
import pytest

from helpers import bases, data, photos, profile, trained, training
from helpers.profile import ROOT


def pets_of(split: photos.Split, images, side: int, batch_size: int) -> data.Photos:
    return data.Photos(*[images] * 3, data.PET_NAMES, "", False, split, side, batch_size)


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
    monkeypatch.setattr(data, "cats_and_dogs", lambda side: pets_of(split, None, side, 20))
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


def test_other_photos_or_another_base_train_anew(few_pets, monkeypatch):
    fitted = []
    monkeypatch.setattr(training, "fit", lambda *_, **__: fitted.append(1) or {})
    base, changed, moved = (bases.menagerie(64) for _ in range(3))
    changed.model.get_layer("block1_conv1").activation = keras.activations.tanh
    moved.model.get_layer("block1_conv1").bias.assign_add(keras.ops.ones(24))
    other = pets_of(few_pets.__class__(**{**vars(few_pets), "digest": "other photos"}), None, 64, 20)
    pets = data.cats_and_dogs(64)
    for photos_, base_, batch in (
        (pets, base, 20),
        (other, base, 20),
        (pets, changed, 20),
        (pets, moved, 20),
        (pets, base, 4),
    ):
        for _ in range(2):
            monkeypatch.setattr(data, "cats_and_dogs", lambda side, found=photos_: found)
            monkeypatch.setattr(bases, "menagerie", lambda side, found=base_: found)
            monkeypatch.setattr(trained, "BATCH", batch)
            trained.fine_tuned_pets()
    assert len(fitted) == 5 * 2, "each once: the head, then block 5 and the head"


def test_the_network_of_04_is_read_if_04_kept_it_and_else_trained_for_a_quarter_of_the_epochs(few_pets, monkeypatch):
    images = photos.pipeline(few_pets.paths["train"], few_pets.labels["train"], 64, 8, shuffle=False)
    pets = pets_of(few_pets, images, 64, 8)
    epochs = []
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **k: epochs.append(k["epochs"]) or fit(*a, **{**k, "epochs": 1}))
    assert trained.pets_augmented(pets).count_params() == trained.pets_augmented(pets).count_params()
    assert epochs == [6], "trained once, shorter, and kept"
    trained.pets_augmented(pets_of(few_pets, images, 64, 4))
    assert epochs == [6, 6], "other batches"
    of_04 = trained._augmented_net(pets, 24)
    training.keep("pets_augmented", of_04, trained._photos(pets, 24), {})
    read = trained.pets_augmented(pets).get_weights()
    assert all(map(np.array_equal, read, of_04.get_weights())) and len(epochs) == 2


@pytest.mark.parametrize("choice", ["quick", "full"])
def test_a_network_that_a_notebook_keeps_is_found_by_the_next(few_pets, monkeypatch, choice):
    """03 keeps its network for 04, and 04 for 07: their cells are run, with nothing trained."""
    monkeypatch.setenv("COURSE_PROFILE", choice)
    monkeypatch.setattr(training, "curves", lambda *_: None)
    fitted = []

    def fit(*_, epochs, **__):
        fitted.append(epochs)
        return dict.fromkeys(("loss", "val_loss", "accuracy", "val_accuracy"), [0.0] * epochs)

    monkeypatch.setattr(training, "fit", fit)

    def pets(side, batch_size=20, train_count=None):
        return pets_of(few_pets, [None] * 8, side, batch_size)

    monkeypatch.setattr(data, "cats_and_dogs", pets)
    side = profile.pick(quick=64, full=150)
    known = {**vars(keras), **vars(trained), "Path": Path, "np": np, "tempfile": tempfile, "keras": keras, "side": side}
    known |= {"train_count": None, "batch_size": profile.pick(quick=32, full=20)}
    run = lambda names, cells: exec("\n".join(cells[name] for name in names), known)  # noqa: E731
    cells = {number: cells_of(f"0{number}") for number in (3, 4)}
    cells[3]["save"] = cells[3]["save"][cells[3]["save"].index("settings =") :]
    known["pets"] = pets(side, profile.pick(quick=32, full=20))
    run(["network", "fit", "save"], cells[3])
    known["pets"] = pets(side, 32)
    run(["scratch"], cells[4])
    assert len(fitted) == 1, "04 does not find what 03 has kept"
    run(["fit"], cells[4])
    trained.pets_augmented(known["pets"])
    assert len(fitted) == 2, "07 would not find what 04 has kept"
    cells[3]["network"] = cells[3]["network"].replace(", layers.Rescaling(1 / 255)", "")
    known["pets"] = pets(side, profile.pick(quick=32, full=20))
    kept = files(few_pets)
    run(["network", "fit", "save"], cells[3])
    assert len(files(few_pets)) == len(kept) + 1, "a reader's other network replaces the one that 04 compares with"


def files(split: photos.Split) -> list[Path]:
    return list((split.folder / "cache" / "models").iterdir())


def cells_of(number: str) -> dict[str, str]:
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}


def test_the_recipe_is_that_of_notebook_06():
    cells = nbformat.read(ROOT / "notebooks" / "06_fine_tuning.ipynb", as_version=4).cells
    notebook = "".join("\n".join(cell.source for cell in cells if cell.cell_type == "code").split())
    source = "".join((ROOT / "helpers" / "trained.py").read_text(encoding="utf-8").split())
    for line in (
        'few = {"train": 400, "validation": 200, "test": 400} if pets.real else {"train": 1000, "validation": 500}',
        "head_rate, head_epochs, block_rate = profile.pick(quick=(2e-4, 12, 5e-5), full=(2e-5, 30, 1e-5))",
        "block_epochs = profile.pick(quick=2 if pets.real else 5, full=20)",
        'model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])',
    ):
        assert "".join(line.split()) in notebook and "".join(line.split()) in source, line
    assert f'training.fit(model,*found["train"],batch_size={trained.BATCH},**options)' in notebook
