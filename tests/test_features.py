"""Features are computed once, and what was kept for other settings or was damaged is never used."""

from __future__ import annotations

from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest

from helpers import bases, features, photos, profile


@pytest.fixture
def split(tmp_path, monkeypatch):
    """Six tiny photos, and an empty cache."""
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "cache")
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.jpg") for number in range(6)]
    for path in paths:
        cv2.imwrite(path, rng.integers(0, 255, (40, 50, 3)).astype(np.uint8))
    labels = [0, 0, 0, 1, 1, 1]
    return photos.Split(tmp_path, {"test": paths}, {"test": labels}, "six photos", "digest", True)


@pytest.fixture
def base():
    profile.seed_everything()
    return bases.Base("small", bases.menagerie_net(32), lambda images: images / 127.5 - 1, "nothing")


def files(tmp_path) -> set:
    return {path.name for path in (tmp_path / "cache" / "features").glob("*")}


def no_prediction(monkeypatch, base):
    monkeypatch.setattr(base.model, "predict_on_batch", lambda images: pytest.fail("computed again"))


def test_features_are_those_of_the_base_in_the_order_of_the_files(split, base):
    found, labels = features.extract(base, split, "test")
    images, expected = next(iter(photos.pipeline(split.paths["test"], split.labels["test"], 32, 6, shuffle=False)))
    assert found.shape == (6, 1, 1, 192) and found.dtype == np.float32
    assert np.allclose(found, base.model.predict(base.preprocess(images), verbose=0), atol=1e-5)
    assert labels.tolist() == expected.numpy().tolist() == split.labels["test"]


def test_the_second_time_they_are_read_from_disk(split, base, monkeypatch):
    first, _ = features.extract(base, split, "test")
    no_prediction(monkeypatch, base)
    assert np.array_equal(features.extract(base, split, "test")[0], first)


def test_other_weights_photos_sizes_preprocessing_or_layers_are_computed_anew(split, base, tmp_path):
    features.extract(base, split, "test")
    features.extract(base, split, "test", preprocess=lambda images: images / 255)
    features.extract(base, split, "test", layer="block4_pool")
    for pooling in (keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D()):  # the same weights
        pooled = keras.Model(base.model.inputs, pooling(base.model.output))
        features.extract(replace(base, model=pooled), split, "test")
    features.extract(base, split, "test", preprocess=lambda images: base.preprocess(images)[:, ::-1])
    features.extract(base, replace(split, digest="changed bytes"), "test")
    features.extract(base, replace(split, paths={"test": split.paths["test"][::-1]}), "test")
    larger = bases.menagerie_net(64)
    larger.set_weights(base.model.get_weights())
    features.extract(replace(base, model=larger), split, "test")
    base.model.set_weights([1.001 * weight for weight in base.model.get_weights()])
    features.extract(base, split, "test")
    base.model.get_layer("block1_conv1").dtype_policy = "mixed_bfloat16"
    features.extract(base, split, "test")
    for activation in (keras.activations.tanh, lambda x: 0.1 * x, lambda x: 0.2 * x):  # with equal weights
        base.model.get_layer("block3_conv1").activation = activation
        features.extract(base, split, "test")
    assert len(files(tmp_path)) == 14


@pytest.mark.parametrize("damage", ["cut short", "one bit", "a bit of the header", "empty", "another shape"])
def test_a_damaged_file_is_reported_and_made_again(split, base, tmp_path, capsys, damage):
    good, _ = features.extract(base, split, "test")
    (path,) = (tmp_path / "cache" / "features").glob("*.npz")
    content = bytearray(path.read_bytes())
    if damage == "another shape":
        np.savez(path.open("wb"), features=good[:3])
    else:
        content[70 if damage == "a bit of the header" else len(content) // 2] ^= 1
        path.write_bytes({"cut short": content[:-200], "empty": b""}.get(damage, content))
    found, _ = features.extract(base, split, "test")
    assert np.array_equal(found, good) and "is damaged" in capsys.readouterr().out
    features.extract(base, split, "test")
    assert capsys.readouterr().out == ""


def test_where_nothing_can_be_written_it_goes_on(split, base, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    found, _ = features.extract(base, split, "test")
    assert found.shape == (6, 1, 1, 192) and "was not kept" in capsys.readouterr().out
