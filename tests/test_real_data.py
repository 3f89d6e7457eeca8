"""The real datasets, where they are on this machine (COURSE_DATA_DIR)."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import data, profile


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_full_dataset(name, monkeypatch):
    if not (profile.data_dir() / f"{name}.npz").is_file():
        pytest.skip(f"{name}.npz is not in {profile.data_dir()}")
    monkeypatch.setenv("COURSE_DATA", "real")
    images = getattr(data, name)()
    assert images.x_train.shape == (60_000, 28, 28) and images.x_test.shape == (10_000, 28, 28)
    assert images.real and len(images.class_names) == 10
    counts = np.bincount(images.y_train)
    assert len(counts) == 10 and counts.min() > 5_000


def test_photos(monkeypatch):
    if not (profile.data_dir() / "cats_and_dogs_small").is_dir():
        pytest.skip(f"cats_and_dogs_small is not in {profile.data_dir()}")
    monkeypatch.setenv("COURSE_DATA", "real")
    pets = data.cats_and_dogs()
    assert {part: len(paths) for part, paths in pets.files.paths.items()} == {
        "train": 2000,
        "validation": 1000,
        "test": 1000,
    }
    assert pets.real and pets.files.labels["test"] == [0] * 500 + [1] * 500
