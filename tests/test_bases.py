"""Pretrained bases: found, whole, of the right architecture, and prepared for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

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

PUBLISHED = finding.REMOTES["VGG16"][0]
CARD = json.loads((bases.MENAGERIE.parent / "menagerie.json").read_text(encoding="utf-8"))


@pytest.fixture
def small_vgg16(empty_machine, monkeypatch):
    """A network with a name and a shape in place of VGG16, whose weights take 59 MB."""

    def build(weights, include_top, input_shape):
        convolutions = [keras.layers.Conv2D(4, 3, name="block1_conv1"), keras.layers.MaxPooling2D(name="block1_pool")]
        return keras.Sequential([keras.Input(input_shape), *convolutions], name="vgg16")

    monkeypatch.setattr(keras.applications, "VGG16", build)
    (empty_machine / "models").mkdir()
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
def test_weights_are_found_in_each_of_their_places(tmp_path, small_vgg16, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    save_as_published(small_vgg16, tmp_path / place / PUBLISHED.name)
    base = bases.vgg16(32)
    assert all(map(np.array_equal, base.model.get_weights(), small_vgg16.get_weights()))


def test_weights_that_are_nowhere_name_all_three_places(empty_machine, tmp_path):
    with pytest.raises(CourseError) as caught:
        bases.vgg16(64)
    places = (empty_machine / "models", tmp_path / "keras" / "models", fetching.address(PUBLISHED))
    for part in (*places, "cannot be reached", "COURSE_DATA=drawn"):
        assert str(part) in str(caught.value)


@pytest.mark.parametrize("fault", ["cut short", "another network"])
def test_a_bad_weights_file_is_named_and_left_alone(empty_machine, small_vgg16, fault):
    path = empty_machine / "models" / PUBLISHED.name
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    save_as_published(other if fault == "another network" else small_vgg16, path)
    if fault == "cut short":
        path.write_bytes(path.read_bytes()[:-2000])
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


def test_the_own_base_is_the_one_that_was_measured():
    assert hashlib.sha256(bases.MENAGERIE.read_bytes()).hexdigest() == CARD["sha256"]
    net = bases.menagerie(64).model
    assert net.count_params() == 947_344 and net.output_shape == (None, 2, 2, 192)


def test_the_own_base_never_saw_a_cat_or_a_dog():
    assert CARD["animals"] == list(drawn.OTHER_ANIMALS) and not {"cat", "dog"} & set(CARD["animals"])
    train, test = (set(pretrain.seeds(*part)) for part in (("train", 60_000), ("test", pretrain.TESTED)))
    assert not train & test and not {profile.SEED, 5} & (train | test)


def test_folding_a_normalization_keeps_the_outputs():
    profile.seed_everything()
    trained = pretrain.normalized_net()
    rng = np.random.default_rng(0)
    for layer in trained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as after training: not 1, 0, 0, 1
            layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    images = rng.uniform(-1, 1, (4, 64, 64, 3)).astype("float32")
    expected = trained.predict(images, verbose=0)
    folded = pretrain.folded(trained).predict(images, verbose=0)
    assert np.allclose(folded, expected, atol=1e-4 * np.abs(expected).max())


def test_the_own_base_tells_drawn_cats_from_dogs_far_better_than_an_untrained_one():
    images, _, labels = drawn.pets(600, seed=5, size=64)
    base, untrained = bases.menagerie(64), bases.menagerie_net(64)

    def accuracy(model):
        features = model.predict(base.preprocess(images.astype("float32")), verbose=0).reshape(len(images), -1)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))
        return probe.fit(features[:400], labels[:400]).score(features[400:], labels[400:])

    assert accuracy(base.model) > 0.8 > 0.7 > accuracy(untrained)


def test_vgg16_gets_blue_first_without_the_mean_color_and_images_stay_as_they_were(empty_machine, small_vgg16):
    save_as_published(small_vgg16, empty_machine / "models" / PUBLISHED.name)
    red = np.full((1, 32, 32, 3), (255, 0, 0), np.float32)
    for base, expected in ((bases.vgg16(32), [-103.939, -116.779, 255 - 123.68]), (bases.menagerie(32), [1, -1, -1])):
        assert np.allclose(base.preprocess(red)[0, 0, 0], expected)
        assert (red == (255, 0, 0)).all()


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
def base():
    profile.seed_everything()
    return bases.Base("small", bases.menagerie_net(32), lambda images: images / 127.5 - 1, "nothing")


def test_features_are_those_of_the_base_in_the_order_of_the_files_and_computed_once(few_pets, base, monkeypatch):
    features, labels = bases.extract(base, few_pets, "test")
    images, expected = next(iter(data.pipeline(few_pets.paths["test"], few_pets.labels["test"], 32, 8, shuffle=False)))
    assert features.shape == (8, 1, 1, 192) and features.dtype == np.float32
    assert np.allclose(features, base.model.predict(base.preprocess(images), verbose=0), atol=1e-5)
    assert labels.tolist() == expected.numpy().tolist() == few_pets.labels["test"]
    monkeypatch.setattr(base.model, "predict_on_batch", lambda images: pytest.fail("computed again"))
    assert np.array_equal(bases.extract(base, few_pets, "test")[0], features)


def test_other_weights_photos_sizes_preprocessing_or_layers_are_computed_anew(few_pets, base, cache):
    larger = replace(base, model=bases.menagerie_net(64))
    larger.model.set_weights(base.model.get_weights())
    pooled = keras.Model(base.model.inputs, keras.layers.GlobalMaxPooling2D()(base.model.output))
    backwards = replace(few_pets, paths={"test": few_pets.paths["test"][::-1]})
    ways = [
        (base, few_pets, {}),
        (base, few_pets, {"preprocess": lambda images: images / 255}),
        (base, few_pets, {"preprocess": lambda images: base.preprocess(images)[:, ::-1]}),
        (base, few_pets, {"layer": "block4_pool"}),
        (base, replace(few_pets, digest="changed bytes"), {}),
        (base, backwards, {}),
        (larger, few_pets, {}),
        (replace(base, model=pooled), few_pets, {}),  # with the same weights
    ]
    for its_base, split, options in ways:
        bases.extract(its_base, split, "test", **options)
    base.model.set_weights([1.001 * weight for weight in base.model.get_weights()])
    bases.extract(base, few_pets, "test")
    assert len(list((cache / "kept" / "features").iterdir())) == len(ways) + 1


def test_a_damaged_file_is_reported_and_made_again(few_pets, base, cache, capsys):
    good, _ = bases.extract(base, few_pets, "test")
    (path,) = (cache / "kept" / "features").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for said in ("is damaged", ""):
        assert np.array_equal(bases.extract(base, few_pets, "test")[0], good)
        shown = capsys.readouterr().out
        assert said in shown and bool(said) == bool(shown)
