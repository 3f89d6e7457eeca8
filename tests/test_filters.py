"""Filter patterns: every filter moves, whatever company it climbs in, and the reader's model stays as it was."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from helpers import bases, filters, profile

tf = profile.quiet_tensorflow()


@pytest.fixture(scope="module")
def base():
    return bases.menagerie(64)


@pytest.fixture
def toy():
    """A convolution whose filter 0 finds red, whose filter 1 is silent on gray, and whose filter 2 ignores images."""
    inputs = keras.Input((None, None, 3))
    convolution = layers.Conv2D(3, 1, activation="relu", name="colors")
    model = keras.Model(inputs, layers.MaxPooling2D(2, name="pool")(convolution(inputs)), name="toy")
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0, :, 0] = (1, 0, 0)
    kernel[0, 0, :, 1] = (0, 0, 1)
    convolution.set_weights([kernel, np.array([0, -1000, 0], np.float32)])
    return model


def moved(base: bases.Base, layer: str, numbers, **options) -> np.ndarray:
    """By how many gray levels each picture has left its start: (F,)."""
    added = filters.ascend(base.model, layer, numbers, preprocess=base.preprocess, **options) - filters.start(numbers)
    return np.sqrt((added**2).mean((1, 2, 3)))


@pytest.mark.parametrize("layer", ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1"])
def test_the_default_objective_moves_every_filter_of_the_own_base(base, layer):
    count = min(64, base.model.get_layer(layer).filters)
    assert moved(base, layer, range(count), steps=3).min() > 1


def test_the_plain_objective_leaves_silent_filters_and_the_default_moves_them(base):
    silent = np.flatnonzero(moved(base, "block1_conv1", range(24), steps=2, objective="plain") == 0)
    assert 0 < len(silent) < 24
    assert moved(base, "block1_conv1", silent.tolist(), steps=2).min() > 1


def test_a_dead_filter_stays_under_the_plain_objective_and_one_without_weights_under_both(toy):
    begun = filters.start(range(3), 16)
    plain, leaky = (filters.ascend(toy, "colors", range(3), 16, 5, objective=name) for name in ("plain", "leaky"))
    assert (plain == begun).all((1, 2, 3)).tolist() == [False, True, True]
    assert (leaky == begun).all((1, 2, 3)).tolist() == [False, False, True]
    assert np.isfinite(leaky).all()


def test_a_step_is_one_gray_level_in_rgb_through_the_preprocessing_and_off_the_border(toy):
    added = filters.ascend(toy, "colors", [0], 16, 7, 2.0, objective="plain") - filters.start([0], 16)
    assert (added[..., 0] > 0).all() and not added[..., 1:].any()
    assert np.sqrt((added**2).mean()) == pytest.approx(7 * 2.0, rel=1e-4)
    added = filters.ascend(toy, "colors", [0], 16, 1, preprocess=lambda x: x[..., ::-1]) - filters.start([0], 16)
    inside = np.zeros((16, 16), bool)
    inside[2:-2, 2:-2] = True
    assert np.array_equal(added[0, ..., 2] > 0, inside) and not added[..., :2].any()


@pytest.mark.parametrize("objective", ["leaky", "plain"])
def test_together_is_the_same_as_one_at_a_time(base, objective):
    numbers, options = range(20), {"objective": objective, "steps": 10, "preprocess": base.preprocess, "size": 48}
    together = filters.filter_patterns(base.model, "block3_conv1", numbers, **options)
    assert together.std((1, 2, 3)).min() > 0.1
    for number in (0, 7, 16, 19):
        alone = filters.filter_patterns(base.model, "block3_conv1", [number], **options)
        assert np.abs(alone[0] - together[number]).max() < 1e-4


def test_the_helper_climbs_as_a_loop_written_out_and_leaves_the_model_as_it_was(base):
    weights, config = [weight.copy() for weight in base.model.get_weights()], base.model.get_config()
    part = keras.Model(base.model.input, base.model.get_layer("block2_conv1").output)
    for seed in (0, 1):
        begun = filters.start([3], seed=seed)
        picture, responses = tf.constant(begun), []
        for _ in range(5):
            with tf.GradientTape() as tape:
                tape.watch(picture)
                responses.append(tf.reduce_mean(part(base.preprocess(picture))[..., 3]))
            gradient = tape.gradient(responses[-1], picture)
            picture = picture + gradient / tf.sqrt(tf.reduce_mean(gradient**2))
        options = {"steps": 5, "objective": "plain", "preprocess": base.preprocess, "seed": seed}
        climbed = filters.ascend(base.model, "block2_conv1", [3], **options)
        assert np.abs(climbed - begun).max() > 5 and np.allclose(climbed, picture, atol=0.01)
        assert responses[-1] > responses[0]
    assert all(map(np.array_equal, base.model.get_weights(), weights)) and base.model.get_config() == config
    assert not np.allclose(begun, filters.start([3])) and not np.allclose(*filters.start([3, 4]))


def test_a_sequential_model_a_layer_by_its_place_and_a_size_of_its_own():
    model = keras.Sequential([keras.Input((150, 150, 3)), layers.Rescaling(1 / 255), layers.Conv2D(70, 3)])
    patterns = filters.filter_patterns(model, -1, [4, 2], size=20, steps=2)
    assert patterns.shape == (2, 20, 20, 3) and patterns.dtype == np.float32
    assert 0 <= patterns.min() < patterns.max() <= 1
    assert filters.filter_patterns(model, -1, [], size=20).shape == (0, 20, 20, 3)
    assert filters.ascend(model, -1, size=8, steps=0).shape == (64, 8, 8, 3), "by default, 64 at most"


def test_filters_may_come_in_anything_that_can_be_gone_through_once(toy):
    assert filters.ascend(toy, "colors", size=16, steps=0).shape == (3, 16, 16, 3), "by default, all"
    expected = filters.ascend(toy, "colors", [0, 2], 16, 2)
    assert np.abs(expected[0] - filters.start([0], 16)).max() > 1
    for some in ((number for number in (0, 2)), {0, 2}, np.array([0, 2]), range(0, 3, 2), {0: "red", 2: "blue"}):
        assert np.array_equal(filters.ascend(toy, "colors", some, 16, 2), expected)
    assert np.array_equal(filters.ascend(toy, "colors", [2, 0, 2], 16, 2), expected[[1, 0, 1]])


def own(*below: keras.layers.Layer, side: int = 16, kernel: int = 3) -> keras.Model:
    maps = layers.Conv2D(4, kernel, name="maps")
    head = [layers.Flatten(name="flat"), layers.Dense(2, name="head")]
    return keras.Sequential([keras.Input((side, side, 3)), *below, maps, *head], name="own")


def test_a_lambda_layer_is_climbed_through_and_to():
    half = layers.Lambda(lambda images, by: tf.nn.relu(images) / by, arguments={"by": 2}, name="half")
    model, twin = own(half), own(layers.Rescaling(0.5))
    twin.set_weights(model.get_weights())
    expected = filters.ascend(twin, "maps", [1], 16, 2, 0.1)
    assert np.abs(expected - filters.start([1], 16)).max() > 0.1
    assert np.allclose(filters.ascend(model, "maps", [1], 16, 2, 0.1), expected, atol=1e-3)
    assert filters.filter_patterns(model, "half", size=16, steps=1).shape == (3, 16, 16, 3), "its channels"


class Scaled(layers.Layer):
    """A layer that cannot be rebuilt: it keeps no config."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, images):
        return self.factor * images


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.maps = layers.Conv2D(2, 3, name="maps")

    def call(self, images):
        return self.maps(images)


def test_a_model_that_cannot_be_cut_or_copied_says_why(base):
    subclassed = Subclassed()
    subclassed(np.zeros((1, 8, 8, 3), np.float32))
    digits = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(4, 3, name="maps")], name="digits")
    whole = keras.Sequential([base.model, layers.Flatten()], name="whole")
    inside = r"block2_conv1 is inside menagerie, .* Pass that one: whole.get_layer\('menagerie'\)"
    for model, layer, size, message in (
        (base.model, "block3_con1", 64, "menagerie has no layer 'block3_con1'. Did you mean block3_conv1 or"),
        (own(Scaled(2.0)), "maps", 16, "own cannot be copied up to maps. A layer of your own needs get_config"),
        (own(), "head", 16, r"head gives \(2,\) and no maps with channels. These do: maps\."),
        (own(side=64, kernel=9), "maps", 4, "own does not run on 4 x 4 pixels up to maps"),
        (whole, "block2_conv1", 64, inside),
        (subclassed, "maps", 8, "subclassed is a subclassed model and cannot be cut at maps. Pass a functional one"),
        (digits, "maps", 28, r"digits takes \(28, 28, 1\); expected was a model of RGB images"),
        (base.model, "block4_conv1", 32, "32 pixels leave block4_conv1 maps of 4 x 4, .* Take size=40 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            filters.filter_patterns(model, layer, [0], size)
    for model, layer, size in ((whole.get_layer("menagerie"), "block2_conv1", 64), (base.model, "block4_conv1", 40)):
        assert filters.filter_patterns(model, layer, [0], size, steps=1).shape == (1, size, size, 3), "what they advise"


def test_filters_and_objectives_that_are_none(toy):
    for wrong in ([3], range(64), [0, -1], [1.0], [True], ["0"], [[0, 1]]):
        with pytest.raises(ValueError, match="colors has filters 0 to 2, and no filter "):
            filters.ascend(toy, "colors", wrong)
    for wrong in ("01", 3):
        with pytest.raises(ValueError, match=r"filters should be numbers, such as \[0, 5\] or range\(3\)"):
            filters.ascend(toy, "colors", wrong)
    with pytest.raises(ValueError, match='objective is \'relu\'; it can be "leaky" or "plain"'):
        filters.ascend(toy, "colors", objective="relu")


def test_deprocessing_gives_each_picture_the_same_mean_and_contrast():
    rng = np.random.default_rng(0)
    pictures = rng.normal(0, 1, (3, 8, 8, 3)) * np.reshape([0.01, 5, 900], (3, 1, 1, 1)) + 70
    before = pictures.copy()
    shown = filters.deprocess(pictures, 0.1)
    assert shown.dtype == np.float32 and np.array_equal(pictures, before)
    assert np.allclose(shown.mean((1, 2, 3)), 0.5, atol=1e-3) and np.allclose(shown.std((1, 2, 3)), 0.1, atol=1e-3)
    assert np.allclose(filters.deprocess(pictures[1], 0.1), shown[1])
    assert filters.deprocess(pictures, 5).min() == 0 and filters.deprocess(pictures, 5).max() == 1
    assert (filters.deprocess(np.full((8, 8, 3), 128)) == 0.5).all()


def test_tiles_lie_row_by_row_with_white_between():
    pictures = np.arange(1, 4).reshape(3, 1, 1, 1) / 10 * np.ones((3, 4, 5, 3))
    sheet = filters.tile(pictures, columns=2, margin=1)
    assert sheet.shape == (2 * 4 + 1, 2 * 5 + 1, 3)
    assert np.allclose(sheet[:4, :5], 0.1) and np.allclose(sheet[:4, 6:], 0.2) and np.allclose(sheet[5:, :5], 0.3)
    assert (sheet[4] == 1).all() and (sheet[:, 5] == 1).all() and (sheet[5:, 6:] == 1).all()
    assert filters.tile(pictures, columns=3, margin=0).shape == (4, 15, 3)


def test_measures_of_a_wave_of_noise_and_of_one_color():
    rng, x = np.random.default_rng(0), np.arange(64)
    wave = np.sin(2 * np.pi * x / 8)[np.newaxis, :, np.newaxis] * np.ones((64, 1, 3))
    red = np.zeros((64, 64, 3))
    red[..., 0] = 1
    measured = filters.measures(np.stack([wave, rng.normal(size=(64, 64, 3)), red]))
    assert measured["wavelength"][0] == pytest.approx(8, rel=0.02) and measured["wavelength"][2] > 64
    assert measured["waves"][0] < 20 < 2000 < measured["waves"][1]
    assert measured["colored"] == pytest.approx([0, 2 / 3, 2 / 3], abs=0.02)
