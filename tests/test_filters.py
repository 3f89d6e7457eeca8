"""Filter patterns: every filter moves, whatever company it climbs in, and the reader's model stays as it was."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from helpers import bases, filters, profile

tf = profile.quiet_tensorflow()

LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")


@pytest.fixture(scope="module")
def base():
    return bases.menagerie(64)


@pytest.fixture
def toy():
    """A convolution whose filter 0 finds red, whose filter 1 is silent on gray, and whose filter 2 ignores images."""
    inputs = keras.Input((None, None, 3))
    convolution = keras.layers.Conv2D(3, 1, activation="relu", name="colors")
    model = keras.Model(inputs, keras.layers.MaxPooling2D(2, name="pool")(convolution(inputs)), name="toy")
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0, :, 0] = (1, 0, 0)
    kernel[0, 0, :, 1] = (0, 0, 1)
    convolution.set_weights([kernel, np.array([0, -1000, 0], np.float32)])
    return model


def moved(base: bases.Base, layer: str, numbers, **options) -> np.ndarray:
    """By how many gray levels each picture has left its start: (F,)."""
    found = filters.ascend(base.model, layer, numbers, preprocess=base.preprocess, **options)
    begun = filters.start(numbers, options.get("size", 64))
    return np.sqrt(((found - begun) ** 2).mean((1, 2, 3)))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_default_objective_moves_every_filter_of_the_own_base(base, layer):
    count = min(64, base.model.get_layer(layer).filters)
    assert moved(base, layer, range(count), steps=3).min() > 1


def test_the_plain_objective_leaves_silent_filters_and_the_default_moves_them(base):
    silent = np.flatnonzero(moved(base, LAYERS[0], range(24), steps=2, objective="plain") == 0)
    assert 0 < len(silent) < 24
    assert moved(base, LAYERS[0], silent.tolist(), steps=2).min() > 1


def test_a_dead_filter_stays_under_the_plain_objective_and_one_without_weights_under_both(toy):
    begun = filters.start(range(3), 16)
    plain, leaky = (filters.ascend(toy, "colors", range(3), 16, 5, objective=name) for name in ("plain", "leaky"))
    assert (plain == begun).all((1, 2, 3)).tolist() == [False, True, True]
    assert (leaky == begun).all((1, 2, 3)).tolist() == [False, False, True]
    assert np.isfinite(leaky).all()


def test_pictures_are_rgb_and_a_step_is_one_gray_level(toy):
    added = filters.ascend(toy, "colors", [0], 16, 7, 2.0, objective="plain") - filters.start([0], 16)
    assert (added[..., 0] > 0).all() and not added[..., 1:].any()
    assert np.sqrt((added**2).mean()) == pytest.approx(7 * 2.0, rel=1e-4)


def test_the_default_leaves_the_border_of_the_map_out(toy):
    added = filters.ascend(toy, "colors", [0], 16, 1) - filters.start([0], 16)
    inside = np.zeros((16, 16), bool)
    inside[2:-2, 2:-2] = True
    assert np.array_equal(added[0, ..., 0] > 0, inside)


def test_the_preprocessing_is_a_part_of_what_is_climbed(toy):
    added = filters.ascend(toy, "colors", [0], 16, 1, preprocess=lambda x: x[..., ::-1]) - filters.start([0], 16)
    assert added[..., 2].any() and not added[..., :2].any()


@pytest.mark.parametrize("objective", ["leaky", "plain"])
def test_together_is_the_same_as_one_at_a_time(base, objective):
    numbers, options = range(20), {"objective": objective, "steps": 10, "preprocess": base.preprocess, "size": 48}
    together = filters.filter_patterns(base.model, "block3_conv1", numbers, **options)
    assert together.std((1, 2, 3)).min() > 0.1
    for number in (0, 7, 16, 19):
        alone = filters.filter_patterns(base.model, "block3_conv1", [number], **options)
        assert np.abs(alone[0] - together[number]).max() < 1e-4


def test_the_helper_climbs_as_a_loop_written_out(base):
    layer, number = base.model.get_layer("block2_conv1"), 3
    part = keras.Model(base.model.input, layer.output)
    picture = keras.ops.convert_to_tensor(filters.start([number]))
    for _ in range(5):
        with filters.tf.GradientTape() as tape:
            tape.watch(picture)
            response = keras.ops.mean(part(base.preprocess(picture))[..., number])
        gradient = tape.gradient(response, picture)
        picture = picture + gradient / keras.ops.sqrt(keras.ops.mean(gradient**2))
    found = filters.ascend(base.model, "block2_conv1", [number], steps=5, objective="plain", preprocess=base.preprocess)
    assert np.abs(found - filters.start([number])).max() > 5 and np.allclose(found, picture, atol=0.01)


def test_the_response_rises_from_seed_to_seed_and_the_starts_differ(base):
    part = keras.Model(base.model.input, base.model.get_layer("block2_conv1").output)
    for seed in (0, 1):
        found = filters.ascend(base.model, "block2_conv1", [3], steps=10, preprocess=base.preprocess, seed=seed)
        before, after = (part(base.preprocess(x))[..., 3].numpy().mean() for x in (filters.start([3], 64, seed), found))
        assert after > before
    assert not np.allclose(filters.start([3], 64, 0), filters.start([3], 64, 1))
    assert not np.allclose(*filters.start([3, 4]))


def test_the_model_is_left_as_it_was(base):
    weights = [weight.copy() for weight in base.model.get_weights()]
    config, images = base.model.get_config(), filters.start([0])
    answer = base.model(images).numpy()
    filters.filter_patterns(base.model, "block2_conv1", [0, 1], steps=2, preprocess=base.preprocess)
    assert all(map(np.array_equal, base.model.get_weights(), weights)) and base.model.get_config() == config
    assert np.array_equal(base.model(images), answer)


def test_a_sequential_model_a_layer_by_its_place_and_a_size_of_its_own():
    model = keras.Sequential([keras.Input((150, 150, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(5, 3)])
    found = filters.filter_patterns(model, -1, [4, 2], size=20, steps=2)
    assert found.shape == (2, 20, 20, 3) and found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1
    assert filters.filter_patterns(model, -1, [], size=20).shape == (0, 20, 20, 3)


def refused(message: str, model, *arguments, **options) -> None:
    with pytest.raises(ValueError, match=message):
        filters.filter_patterns(model, *arguments, **options)


def test_a_layer_that_is_not_there_names_near_ones(base):
    refused("menagerie has no layer 'block3_con1'. Did you mean block3_conv1 or", base.model, "block3_con1")


@pytest.mark.parametrize("wrong", [[24], range(64), [0, -1], [1.0], [True], ["0"], [[0, 1]]])
def test_a_filter_out_of_range(base, wrong):
    refused("block1_conv1 has filters 0 to 23, and no filter ", base.model, "block1_conv1", wrong)


@pytest.mark.parametrize("wrong", ["01", 3])
def test_filters_that_are_no_numbers(base, wrong):
    refused(r"filters should be numbers, such as \[0, 5\] or range\(24\)", base.model, "block1_conv1", wrong)


def test_by_default_all_filters_are_shown_and_64_at_most(base):
    assert filters.filter_patterns(base.model, "block1_conv1", size=8, steps=0).shape == (24, 8, 8, 3)
    wide = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(70, 3)])
    assert filters.ascend(wide, 0, size=8, steps=0).shape == (64, 8, 8, 3)


def test_filters_may_come_in_anything_that_can_be_gone_through_once(toy):
    expected = filters.ascend(toy, "colors", [0, 2], 16, 2)
    assert np.abs(expected[0] - filters.start([0], 16)).max() > 1
    for some in ((number for number in (0, 2)), {0, 2}, np.array([0, 2]), range(0, 3, 2), {0: "red", 2: "blue"}):
        assert np.array_equal(filters.ascend(toy, "colors", some, 16, 2), expected)
    assert np.array_equal(filters.ascend(toy, "colors", [2, 0, 2], 16, 2), expected[[1, 0, 1]])


class Scaled(keras.layers.Layer):
    """A layer that cannot be rebuilt: it keeps no config."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, images):
        return self.factor * images


def with_below(layer: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((16, 16, 3)), layer, keras.layers.Conv2D(4, 3, name="maps")], name="own")


def test_a_lambda_layer_is_climbed_through_and_to():
    half = keras.layers.Lambda(lambda images, by: tf.nn.relu(images) / by, arguments={"by": 2}, name="half")
    model, twin = with_below(half), with_below(keras.layers.Rescaling(0.5))
    twin.set_weights(model.get_weights())
    expected = filters.ascend(twin, "maps", [1], 16, 2, 0.1)
    assert np.abs(expected - filters.start([1], 16)).max() > 0.1
    assert np.allclose(filters.ascend(model, "maps", [1], 16, 2, 0.1), expected, atol=1e-3)
    assert filters.filter_patterns(model, "half", size=16, steps=1).shape == (3, 16, 16, 3), "its channels"


def test_a_layer_that_cannot_be_copied_says_what_it_lacks():
    refused("own cannot be copied up to maps. A layer of your own needs get_config", with_below(Scaled(2.0)), "maps")


def test_a_layer_without_channels(base):
    inputs = keras.Input((64, 64, 3))
    maps = keras.layers.Conv2D(4, 3, name="maps")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(keras.layers.Flatten(name="flat")(maps)))
    refused(r"head gives \(2,\) and no maps with channels. These do: maps\.", model, "head", [0])


def test_a_layer_inside_a_nested_model(base):
    model = keras.Sequential([base.model, keras.layers.Flatten()], name="whole")
    refused(
        r"block2_conv1 lies inside menagerie, .* Pass that one: whole.get_layer\('menagerie'\)", model, "block2_conv1"
    )
    assert filters.filter_patterns(model.get_layer("menagerie"), "block2_conv1", [0], steps=1).shape == (1, 64, 64, 3)


def test_a_subclassed_model_cannot_be_cut():
    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.maps = keras.layers.Conv2D(2, 3, name="maps")

        def call(self, images):
            return self.maps(images)

    model = Own()
    model(np.zeros((1, 8, 8, 3), np.float32))
    refused("own is a subclassed model and cannot be cut at maps. Pass a functional one", model, "maps", [0])


def test_a_model_of_other_images_than_rgb():
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(4, 3, name="maps")], name="digits")
    refused(r"digits takes \(28, 28, 1\); expected was a model of RGB images", model, "maps", [0])


def test_a_size_too_small_says_which_is_enough(base):
    refused("32 pixels leave block4_conv1 maps of 4 x 4, .* Take size=40 or more", base.model, "block4_conv1", [0], 32)
    assert filters.filter_patterns(base.model, "block4_conv1", [0], size=40, steps=1).shape == (1, 40, 40, 3)
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(4, 9, name="maps")], name="wide")
    refused("wide does not run on 4 x 4 pixels up to maps", model, "maps", [0], 4)


def test_another_objective(base):
    refused(
        'The objective is \'relu\'; it can be "leaky" or "plain"', base.model, "block1_conv1", [0], objective="relu"
    )


def test_deprocessing_gives_each_picture_the_same_mean_and_contrast():
    rng = np.random.default_rng(0)
    pictures = rng.normal(0, 1, (3, 8, 8, 3)) * np.reshape([0.01, 5, 900], (3, 1, 1, 1)) + 70
    before = pictures.copy()
    found = filters.deprocess(pictures, 0.1)
    assert found.dtype == np.float32 and np.array_equal(pictures, before)
    assert np.allclose(found.mean((1, 2, 3)), 0.5, atol=1e-3) and np.allclose(found.std((1, 2, 3)), 0.1, atol=1e-3)
    assert np.allclose(filters.deprocess(pictures[1], 0.1), found[1])
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
    found = filters.measures(np.stack([wave, rng.normal(size=(64, 64, 3)), red]))
    assert found["wavelength"][0] == pytest.approx(8, rel=0.02) and found["wavelength"][2] > 64
    assert found["waves"][0] < 20 < 2000 < found["waves"][1]
    assert found["colored"] == pytest.approx([0, 2 / 3, 2 / 3], abs=0.02)
