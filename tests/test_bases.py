"""Pretrained bases: found, whole, of the right architecture, and prepared for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import bases, data, drawn, models, profile
from helpers.profile import CourseError
from helpers.sources import fetching, finding
from tools import pretrain


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A data folder and a Keras cache with nothing in them, and no network."""
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("COURSE_DATA", "auto")
    monkeypatch.delenv("COURSE_MIRROR", raising=False)
    monkeypatch.setattr(fetching, "unreachable", lambda url: "the host did not answer")
    for folder in ("data/models", "keras/models"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def small_vgg16(monkeypatch):
    """A network with a name and a shape in place of VGG16, whose weights take 59 MB."""

    def build(weights, include_top, input_shape):
        convolutions = [keras.layers.Conv2D(4, 3, name="block1_conv1"), keras.layers.MaxPooling2D(name="block1_pool")]
        return keras.Sequential([keras.Input(input_shape), *convolutions], name="vgg16")

    monkeypatch.setattr(keras.applications, "VGG16", build)
    return build(None, False, (32, 32, 3))


def save_as_published(model: keras.Model, path: Path) -> None:
    """Keras's old HDF5 layout, in which VGG16's weights are published: a group a layer, an array a weight."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{number}".encode() for number in range(len(layer.get_weights()))]
            for number, weight in enumerate(layer.get_weights()):
                group[f"{number}"] = weight


@pytest.mark.parametrize("place", ["data/models", "keras/models", "data/fetched"])
def test_weights_are_found_in_each_of_their_places(places, small_vgg16, place):
    (places / place).mkdir(exist_ok=True)
    save_as_published(small_vgg16, places / place / finding.REMOTES["VGG16"][0].name)
    base = bases.vgg16(32)
    assert all(map(np.array_equal, base.model.get_weights(), small_vgg16.get_weights()))


def test_weights_that_are_nowhere_name_all_three_places(places):
    with pytest.raises(CourseError) as caught:
        bases.vgg16(64)
    for place in (places / "data" / "models", places / "keras" / "models", finding.REMOTES["VGG16"][0].url):
        assert str(place) in str(caught.value)
    assert "did not answer" in str(caught.value) and "COURSE_DATA=drawn" in str(caught.value)


@pytest.mark.parametrize("fault", ["cut short", "another network", "empty"])
def test_a_bad_weights_file_is_named_and_left_alone(places, small_vgg16, fault):
    path = places / "data" / "models" / finding.REMOTES["VGG16"][0].name
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    save_as_published(other if fault == "another network" else small_vgg16, path)
    content = path.read_bytes()
    path.write_bytes({"cut short": content[: len(content) // 2], "empty": b""}.get(fault, content))
    before = path.read_bytes()
    with pytest.raises(CourseError, match="does not hold the weights of vgg16"):
        bases.vgg16(32)
    assert path.read_bytes() == before


def test_an_image_too_small_for_five_poolings():
    for build in (bases.vgg16, bases.menagerie):
        with pytest.raises(CourseError, match="31 pixels wide; a base with five poolings needs 32"):
            build(31)


def test_an_unknown_layer_names_the_known():
    base = bases.Base("menagerie", bases.menagerie_net(32), lambda images: images, "nothing")
    with pytest.raises(CourseError, match="no layer 'block6'. It has .*block5_conv2, block5_pool"):
        base.upto("block6")
    assert base.upto("block4_pool").output_shape == (None, 2, 2, 128)


def test_the_own_base_has_the_documented_size():
    net = bases.menagerie_net(64)
    assert net.count_params() == 947_344
    assert net.output_shape == (None, 2, 2, 192)


def test_the_own_base_is_the_one_that_was_measured_and_small():
    content = bases.MENAGERIE.read_bytes()
    card = json.loads((bases.MENAGERIE.parent / "menagerie.json").read_text(encoding="utf-8"))
    assert hashlib.sha256(content).hexdigest() == card["sha256"]
    assert len(content) <= 5e6 and bases.menagerie().model.count_params() <= 1_200_000


def test_the_own_base_never_saw_a_cat_or_a_dog():
    card = json.loads((bases.MENAGERIE.parent / "menagerie.json").read_text(encoding="utf-8"))
    assert card["animals"] == list(drawn.OTHER_ANIMALS) and not {"cat", "dog"} & set(card["animals"])
    drawn_from = [set(pretrain.seeds(part, count)) for part, count in (("train", 60_000), ("test", pretrain.TESTED))]
    assert not drawn_from[0] & drawn_from[1] and not {profile.SEED, 5} & (drawn_from[0] | drawn_from[1])


def test_folding_a_normalization_keeps_the_outputs():
    profile.seed_everything()
    trained = pretrain.normalized_net()
    rng = np.random.default_rng(0)
    for layer in trained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as after training: not 1, 0, 0, 1
            layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    images = rng.uniform(-1, 1, (4, 64, 64, 3)).astype("float32")
    expected = trained.predict(images, verbose=0)
    assert np.allclose(
        pretrain.folded(trained).predict(images, verbose=0), expected, atol=1e-4 * np.abs(expected).max()
    )


def test_the_own_base_tells_drawn_cats_from_dogs_far_better_than_an_untrained_one():
    images, _, labels = drawn.pets(600, seed=5, size=64)
    base, untrained = bases.menagerie(64), bases.menagerie_net(64)

    def accuracy(model):
        found = model.predict(base.preprocess(images.astype("float32")), verbose=0).reshape(len(images), -1)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))
        return probe.fit(found[:400], labels[:400]).score(found[400:], labels[400:])

    assert accuracy(base.model) > 0.8 > 0.7 > accuracy(untrained)


def test_preparing_leaves_the_images_as_they_were(places, small_vgg16):
    save_as_published(small_vgg16, places / "data" / "models" / finding.REMOTES["VGG16"][0].name)
    for base in (bases.vgg16(32), bases.menagerie(32)):
        images = np.full((2, 32, 32, 3), 100, np.float32)
        prepared = base.preprocess(images)
        assert (images == 100).all() and np.array_equal(base.preprocess(images), prepared)


def test_vgg16_gets_blue_first_and_the_mean_color_taken_off(places, small_vgg16):
    save_as_published(small_vgg16, places / "data" / "models" / finding.REMOTES["VGG16"][0].name)
    red = np.full((1, 32, 32, 3), (255, 0, 0), np.float32)
    assert np.allclose(bases.vgg16(32).preprocess(red)[0, 0, 0], [-103.939, -116.779, 255 - 123.68])


def test_block_5_learns_even_if_the_base_was_frozen():
    base = bases.menagerie_net(64)
    base.trainable = False
    block5, whole = models.block5_and_head(base)
    assert whole.input_shape == (None, 4, 4, 128) and len(block5.trainable_weights) == 4
    assert all(map(np.array_equal, block5.get_weights(), base.get_weights()[-4:]))
    maps = np.random.default_rng(0).normal(size=(8, 4, 4, 128)).astype("float32")
    before = [weight.copy() for weight in base.get_weights()]
    whole.compile("rmsprop", "binary_crossentropy")
    whole.fit(maps, np.arange(8) % 2, verbose=0)
    assert all(map(np.array_equal, base.get_weights(), before)), "block 5 is not a copy"
    assert not np.array_equal(block5.get_weights()[0], before[-4])


# Features, kept


@pytest.fixture
def split(tmp_path, monkeypatch):
    """Six tiny photos, and an empty cache."""
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "cache")
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.jpg") for number in range(6)]
    for path in paths:
        cv2.imwrite(path, rng.integers(0, 255, (40, 50, 3)).astype(np.uint8))
    labels = [0, 0, 0, 1, 1, 1]
    return data.Split(tmp_path, {"test": paths}, {"test": labels}, "six photos", "digest", True)


@pytest.fixture
def base():
    profile.seed_everything()
    return bases.Base("small", bases.menagerie_net(32), lambda images: images / 127.5 - 1, "nothing")


def files(tmp_path) -> set:
    return {path.name for path in (tmp_path / "cache" / "kept" / "features").glob("*")}


def no_prediction(monkeypatch, base):
    monkeypatch.setattr(base.model, "predict_on_batch", lambda images: pytest.fail("computed again"))


def test_features_are_those_of_the_base_in_the_order_of_the_files(split, base):
    found, labels = bases.extract(base, split, "test")
    images, expected = next(iter(data.pipeline(split.paths["test"], split.labels["test"], 32, 6, shuffle=False)))
    assert found.shape == (6, 1, 1, 192) and found.dtype == np.float32
    assert np.allclose(found, base.model.predict(base.preprocess(images), verbose=0), atol=1e-5)
    assert labels.tolist() == expected.numpy().tolist() == split.labels["test"]


def test_the_second_time_they_are_read_from_disk(split, base, monkeypatch):
    first, _ = bases.extract(base, split, "test")
    no_prediction(monkeypatch, base)
    assert np.array_equal(bases.extract(base, split, "test")[0], first)


def test_other_weights_photos_sizes_preprocessing_or_layers_are_computed_anew(split, base, tmp_path):
    bases.extract(base, split, "test")
    bases.extract(base, split, "test", preprocess=lambda images: images / 255)
    bases.extract(base, split, "test", layer="block4_pool")
    for pooling in (keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D()):  # the same weights
        pooled = keras.Model(base.model.inputs, pooling(base.model.output))
        bases.extract(replace(base, model=pooled), split, "test")
    bases.extract(base, split, "test", preprocess=lambda images: base.preprocess(images)[:, ::-1])
    bases.extract(base, replace(split, digest="changed bytes"), "test")
    bases.extract(base, replace(split, paths={"test": split.paths["test"][::-1]}), "test")
    larger = bases.menagerie_net(64)
    larger.set_weights(base.model.get_weights())
    bases.extract(replace(base, model=larger), split, "test")
    base.model.set_weights([1.001 * weight for weight in base.model.get_weights()])
    bases.extract(base, split, "test")
    base.model.get_layer("block1_conv1").dtype_policy = "mixed_bfloat16"
    bases.extract(base, split, "test")
    for activation in (keras.activations.tanh, lambda x: 0.1 * x, lambda x: 0.2 * x):  # with equal weights
        base.model.get_layer("block3_conv1").activation = activation
        bases.extract(base, split, "test")
    assert len(files(tmp_path)) == 14


@pytest.mark.parametrize("damage", ["cut short", "one bit", "a bit of the header", "empty"])
def test_a_damaged_file_is_reported_and_made_again(split, base, tmp_path, capsys, damage):
    good, _ = bases.extract(base, split, "test")
    (path,) = (tmp_path / "cache" / "kept" / "features").glob("*.npz")
    content = bytearray(path.read_bytes())
    content[70 if damage == "a bit of the header" else len(content) // 2] ^= 1
    path.write_bytes({"cut short": content[:-200], "empty": b""}.get(damage, content))
    found, _ = bases.extract(base, split, "test")
    assert np.array_equal(found, good) and "is damaged" in capsys.readouterr().out
    bases.extract(base, split, "test")
    assert capsys.readouterr().out == ""


def test_where_nothing_can_be_written_it_goes_on(split, base, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    found, _ = bases.extract(base, split, "test")
    assert found.shape == (6, 1, 1, 192) and "was not kept" in capsys.readouterr().out
