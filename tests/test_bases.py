"""Pretrained bases: found, whole, of the right architecture, and prepared for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import bases, data, drawn, fetching, models, profile
from helpers.profile import CourseError
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
    save_as_published(small_vgg16, places / place / data.VGG16_FILES[0].name)
    base = bases.vgg16(32)
    assert all(map(np.array_equal, base.model.get_weights(), small_vgg16.get_weights()))


def test_weights_that_are_nowhere_name_all_three_places(places):
    with pytest.raises(CourseError) as caught:
        bases.vgg16(64)
    for place in (places / "data" / "models", places / "keras" / "models", data.VGG16_FILES[0].url):
        assert str(place) in str(caught.value)
    assert "did not answer" in str(caught.value) and "COURSE_DATA=drawn" in str(caught.value)


@pytest.mark.parametrize("fault", ["cut short", "another network", "empty"])
def test_a_bad_weights_file_is_named_and_left_alone(places, small_vgg16, fault):
    path = places / "data" / "models" / data.VGG16_FILES[0].name
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
    assert net.count_params() == 947_344 and f"{net.count_params():,} parameters" in bases.menagerie_net.__doc__
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
    trained = bases.menagerie_net(64, normalized=True)
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


def test_a_modern_base_that_cannot_be_had_says_where_it_was_looked_for(places, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "drawn")
    with pytest.raises(CourseError, match=r"There is no .*efficientnet_lite0.keras.*does not touch the network"):
        bases.modern()


def test_a_damaged_modern_base_is_named_and_left_alone(places):
    path = places / "data" / "models" / "efficientnet_lite0.keras"
    path.write_bytes(b"PK half an archive")
    with pytest.raises(CourseError, match="efficientnet_lite0.keras cannot be read as a Keras model"):
        bases.modern()
    assert path.read_bytes() == b"PK half an archive"


@pytest.mark.parametrize(("side", "pooling"), [(96, True), (224, False)])
def test_another_network_in_the_place_of_a_modern_base(places, side, pooling):
    inputs = keras.Input((side, side, 3))
    maps = keras.layers.Conv2D(5, 3, strides=32)(inputs)
    outputs = keras.layers.GlobalAveragePooling2D()(maps) if pooling else keras.layers.Flatten()(maps)
    keras.Model(inputs, outputs).save(places / "data" / "models" / "efficientnet_lite0.keras")
    with pytest.raises(CourseError, match=r"expected was a network for images of \(224, 224, 3\) with global"):
        bases.modern()


def test_a_modern_base_ends_in_its_global_pooling(places):
    inputs = keras.Input((224, 224, 3))
    maps = keras.layers.Conv2D(5, 3, strides=32, name="maps")(inputs)
    outputs = keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(maps))
    keras.Model(inputs, outputs).save(places / "data" / "models" / "efficientnet_lite0.keras")
    base = bases.modern()
    assert base.model.output_shape == (None, 5) and base.side == 224


def test_preparing_leaves_the_images_as_they_were(places, small_vgg16):
    save_as_published(small_vgg16, places / "data" / "models" / data.VGG16_FILES[0].name)
    for base in (bases.vgg16(32), bases.menagerie(32)):
        images = np.full((2, 32, 32, 3), 100, np.float32)
        prepared = base.preprocess(images)
        assert (images == 100).all() and np.array_equal(base.preprocess(images), prepared)


def test_vgg16_gets_blue_first_and_the_mean_color_taken_off(places, small_vgg16):
    save_as_published(small_vgg16, places / "data" / "models" / data.VGG16_FILES[0].name)
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
