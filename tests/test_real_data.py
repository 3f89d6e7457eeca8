"""The real datasets, where they are on this machine (COURSE_DATA_DIR)."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import bases, data, filters, profile
from helpers.sources import finding


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
    counts = {part: len(paths) for part, paths in pets.files.paths.items()}
    assert counts == {"train": 2000, "validation": 1000, "test": 1000}
    assert pets.real and pets.files.labels["test"] == [0] * 500 + [1] * 500


@pytest.mark.parametrize(
    ("layer", "size"), [("block1_conv1", 32), ("block2_conv1", 32), ("block3_conv1", 32), ("block4_conv1", 48)]
)
def test_every_filter_of_vgg16_moves(layer, size, monkeypatch):
    """Two steps: a picture that has left its start climbs on; one that has not never will."""
    if not (profile.data_dir() / "models" / finding.REMOTES["VGG16"][0].name).is_file():
        pytest.skip(f"VGG16's weights are not in {profile.data_dir()}")
    monkeypatch.setenv("COURSE_DATA", "real")
    base = bases.vgg16(size)
    pictures = filters.ascend(base.model, layer, range(64), size, steps=2, preprocess=base.preprocess)
    moved = np.sqrt(((pictures - filters.start(range(64), size)) ** 2).mean((1, 2, 3)))
    assert moved.min() > 0.5
