from __future__ import annotations

import gc
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
from keras import layers

from helpers import activations, bases, models
from tests.test_taps import DIGITS, nested, subclassed


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # of other packages, when a model is saved
        yield


def test_activations_come_by_name_in_the_order_in_which_layers_run(monkeypatch):
    model = models.dropout_convnet()
    every = activations.layer_activations(model, DIGITS)
    assert list(every) == [layer.name for layer in model.layers] and every["conv2"].shape == (3, 11, 11, 64)
    assert np.array_equal(every["pool1"], every["dropout1"]) and every["pool1"].any(), "dropout does nothing"
    monkeypatch.setattr(activations, "AT_ONCE", 2)
    some = activations.layer_activations(model, DIGITS, ["pool2", 0])
    assert list(some) == ["conv1", "pool2"] and np.allclose(some["pool2"], every["pool2"], atol=1e-6)


def test_nested_subclassed_and_reloaded_models(tmp_path):
    model = nested()
    direct = activations.layer_activations(model.layers[0].layers[0], DIGITS)
    through = activations.layer_activations(model, DIGITS)
    assert list(through) == [*direct, "head"], "containers are left out"
    model.save(tmp_path / "model.keras")
    reloaded = activations.layer_activations(keras.models.load_model(tmp_path / "model.keras"), DIGITS)
    assert all(np.allclose(direct[name], through[name], atol=1e-6) for name in direct)
    assert all(np.allclose(reloaded[name], through[name], atol=1e-6) for name in through)
    own = activations.layer_activations(subclassed(), DIGITS)
    shapes = {"block/conv": (3, 26, 26, 4), "relu": (3, 26, 26, 4), "conv": (3, 24, 24, 8)}
    assert {name: activation.shape for name, activation in own.items()} == shapes, "and what is not used"
    with pytest.raises(ValueError, match="does not use spare"):
        activations.layer_activations(subclassed(), DIGITS, ["spare"])


class Places(keras.Model):
    """Its layers give numbers for places and for windows, not only for images, as those of transformers do."""

    def __init__(self):
        super().__init__(name="places")
        self.places, self.window = layers.Embedding(28, 28, name="places"), layers.Dense(2, name="window")

    def call(self, images):
        images = images[..., 0] + self.places(keras.ops.arange(28))
        return keras.ops.mean(keras.ops.reshape(self.window(keras.ops.reshape(images, (-1, 7, 28))), (-1, 56)), axis=1)


def test_layers_whose_first_axis_is_not_the_images():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has no `build`
        made = activations.layer_activations(Places(), DIGITS)
    assert {name: values.shape for name, values in made.items()} == {"places": (28, 28), "window": (12, 7, 2)}


@pytest.mark.parametrize("channels", [1, 16, 20])
def test_every_channel_is_in_the_grid_scaled_on_its_own(channels):
    maps = np.random.default_rng(1).uniform(0.1, 1, (5, 7, channels)) * np.arange(1, channels + 1)
    grid, silent = activations.activation_grid(maps)
    columns, rows = min(16, channels), -(-channels // 16)
    assert grid.shape == (rows * 6 - 1, columns * 8 - 1) and silent == 0
    assert np.isfinite(grid).sum() == maps.size
    for channel in range(channels):
        top, left = channel // 16 * 6, channel % 16 * 8
        expected = maps[..., channel] / maps[..., channel].max()
        assert np.allclose(grid[top : top + 5, left : left + 7], expected, atol=1e-6)


def test_silent_channels_are_counted_and_empty_and_negative_values_keep_their_order():
    maps = np.ones((1, 4, 4, 5))
    maps[..., [1, 4]] = 0
    grid, silent = activations.activation_grid(maps, columns=5)
    assert silent == 2 and np.isnan(grid[:, 5:9]).all() and np.isnan(grid[:, 20:]).all()
    assert (grid[:, :4] == 1).all(), "a constant channel that is not zero is not silent"
    grid, silent = activations.activation_grid(np.array([[[-1.0], [0.0], [3.0]]]))
    assert np.allclose(grid, [[0, 0.25, 1]]) and silent == 0


def test_a_model_with_silent_channels_is_drawn_without_warnings():
    model = models.functional_convnet()
    for name, bias in (("conv1", 100.0), ("conv2", -1e6)):  # whatever the random kernels: all answer, none does
        kernel, _ = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel, np.full(kernel.shape[-1], bias)])
    figure = activations.draw(model, DIGITS[0], range(1, 7))
    titles = [axis.get_title("left") for axis in figure.axes]
    assert titles[2] == "conv2: 48 channels of 14 × 14, 48 silent"
    assert titles[0].endswith("24 channels of 28 × 28, 0 silent") and len(titles) == 6
    figure.canvas.draw()


def test_eighteen_layers_of_vgg16_leave_no_figure_and_little_memory():
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    image = np.random.default_rng(0).uniform(-100, 100, (64, 64, 3)).astype("float32")
    plt.close("all")  # of other tests
    activations.draw(model, image).canvas.draw()  # what Matplotlib and TensorFlow keep once
    gc.collect()
    before = psutil.Process().memory_info().rss
    figure = activations.draw(model, image)
    figure.canvas.draw()
    assert len(figure.axes) == 18 and plt.get_fignums() == []
    del figure
    gc.collect()
    assert psutil.Process().memory_info().rss - before < 100 << 20


def test_what_cannot_be_drawn():
    flat = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)], name="dense")
    convnet = models.functional_convnet()
    for message, draw, *arguments in (
        (r"shape \(1, 128\), .* as of a dense layer", activations.activation_grid, np.zeros((1, 128))),
        (r"shape \(2, 4, 4, 3\), of several images", activations.activation_grid, np.zeros((2, 4, 4, 3))),
        (r"shape \(1, 128\).*dense layer", activations.draw, convnet, DIGITS[0], ["hidden"]),
        (r"shape \(3, 28, 28, 24\), of several images", activations.draw, convnet, DIGITS, ["conv1"]),
        ("dense has no layer that gives feature maps", activations.draw, flat, DIGITS[0]),
    ):
        with pytest.raises(ValueError, match=message):
            draw(*arguments)


RECURRENT = {
    "with its states": lambda: layers.LSTM(4, return_state=True, name="rnn"),
    "two cells": lambda: layers.RNN([layers.GRUCell(3), layers.LSTMCell(4)], name="rnn"),
    "unrolled": lambda: layers.SimpleRNN(4, unroll=True, name="rnn"),
    "there and back": lambda: layers.Bidirectional(layers.GRU(2), name="rnn"),
}


@pytest.mark.parametrize("case", RECURRENT)
def test_recurrent_layers_give_what_the_model_gets_of_them(case):
    """By default every layer is opened, their cells too, which run once per step and give their states as well."""
    inputs = keras.Input((7, 5))
    given = RECURRENT[case]()(inputs)
    given = given[0] if isinstance(given, (list, tuple)) else given
    model = keras.Model(inputs, layers.Dense(1, name="head")(given))
    steps = np.random.default_rng(0).normal(size=(3, 7, 5)).astype("float32")
    expected = keras.Model(inputs, given)(steps).numpy()
    assert np.allclose(activations.layer_activations(model, steps, ["rnn"])["rnn"], expected, atol=1e-6)
    every = activations.layer_activations(model, steps)
    assert every["head"].shape == (3, 1) and all(len(values) == 3 for values in every.values())
    assert case == "there and back" or np.allclose(every["rnn"], expected, atol=1e-6)


class Divides(keras.Model):
    def __init__(self):
        super().__init__(name="divides")
        self.conv = layers.Conv2D(2, 3, name="conv")

    def call(self, images):
        return self.conv(keras.ops.cast(images, "float32") / 255)


def rescaling(*below: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3)), *below, layers.Conv2D(2, 3, name="conv")], name="rescales")


RESCALES = {
    "to -1 to 1": lambda: rescaling(layers.RandomFlip(), layers.Rescaling(1 / 127.5, offset=-1)),
    "by half": lambda: rescaling(layers.Rescaling(0.5)),
    "in a lambda": lambda: rescaling(layers.Lambda(lambda images: images / 255)),
    "by batch normalization": lambda: rescaling(layers.BatchNormalization()),
    "inside": lambda: rescaling(rescaling(layers.Rescaling(1 / 255))),
    "in its own call": Divides,
}


@pytest.mark.parametrize("case", RESCALES)
def test_whole_numbers_are_taken_by_models_that_rescale_them_however_they_do(case):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype("uint8")
    images[1, 2, 2] = 255
    model = RESCALES[case]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a subclassed model has no `build`
        model(images.astype("float32"))
    expected = activations.layer_activations(model, images.astype("float32"))
    made = activations.layer_activations(model, images)
    assert all(np.array_equal(made[name], expected[name]) for name in expected)


def test_images_in_a_range_that_cannot_be_right():
    pets = models.pets_convnet(64)
    photo = np.random.default_rng(0).uniform(0, 255, (64, 64, 3)).astype("float32")
    for model, right in ((pets, photo), (pets, photo.astype("uint8")), (bases.menagerie_net(64), photo - 128)):
        activations.layer_activations(model, right)
    with pytest.raises(ValueError, match="as if they had been divided already"):
        activations.layer_activations(pets, photo / 255, ["conv1"])
    passing_on = rescaling(layers.ZeroPadding2D(), layers.RandomFlip(), layers.Dropout(0.5))
    for model, image in ((passing_on, photo[:8, :8]), (models.functional_convnet(), 255 * DIGITS)):
        with pytest.raises(ValueError, match="has no layer that rescales them"):
            activations.layer_activations(model, image.astype("uint8"))
