from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import models, taps

RNG = np.random.default_rng(0)
DIGITS = RNG.uniform(size=(3, 28, 28, 1)).astype("float32")


class Block(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.conv = keras.layers.Conv2D(4, 3, name="conv")
        self.more = [keras.layers.ReLU(name="relu")]

    def call(self, x):
        return self.more[0](self.conv(x))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.block = Block(name="block")
        self.conv = keras.layers.Conv2D(8, 3, name="conv")
        self.spare = keras.layers.ReLU(name="spare")  # never called

    def call(self, x):
        return self.conv(self.block(x))


def subclassed() -> Subclassed:
    model = Subclassed()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has no `build`, as many subclassed models have none
        model(np.zeros((1, 28, 28, 1), "float32"))
    return model


def nested() -> keras.Sequential:
    inner = keras.Sequential([keras.Input((28, 28, 1)), models.functional_convnet()], name="inner")
    return keras.Sequential([keras.Input((28, 28, 1)), inner, keras.layers.Dense(1, name="head")], name="outer")


def untouched(model: keras.Model) -> bool:
    return not any("call" in vars(layer) for layer in model._flatten_layers())


def test_layers_inside_models_blocks_and_lists_are_named_without_inputs_and_found():
    model = nested()
    names = list(taps.layers_by_name(model))
    assert names[:3] == ["inner", "functional_convnet", "conv1"] and names[-1] == "head"
    assert not any("input" in name for name in names)
    assert list(taps.layers_by_name(subclassed())) == ["block", "block/conv", "relu", "conv", "spare"]
    assert taps.find(model, "conv2")[1] is model.layers[0].layers[0].get_layer("conv2")
    assert taps.find(model, -1) == ("head", model.layers[-1])
    assert taps.find(subclassed(), "block/conv")[1].filters == 4


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("con2", "has no layer 'con2'. Did you mean conv2"),
        (11, "has layers 0 to 10, and no layer 11"),
        (-12, "has layers 0 to 10, and no layer -12"),
        (0, "is its input"),
    ],
)
def test_a_layer_that_is_not_there(layer, message):
    with pytest.raises(ValueError, match=message):
        taps.find(models.functional_convnet(), layer)


def test_outputs_are_those_of_a_model_cut_open():
    model = models.functional_convnet()
    cut = keras.Model(model.inputs, [layer.output for layer in model.layers[1:]]).predict(DIGITS, verbose=0)
    with taps.outputs(taps.layers_by_name(model)) as noted:
        model(DIGITS)
    assert list(noted) == [layer.name for layer in model.layers[1:]]
    for expected, (name, made) in zip(cut, noted.items(), strict=True):
        assert np.allclose(expected, made, atol=1e-5), name


def test_a_batch_is_read_in_steps_and_what_they_made_is_let_go():
    model = models.functional_convnet()
    layers = dict([taps.find(model, "conv3")])
    seen = [(some, np.array(made["conv3"]), made) for some, made in taps.read(model, DIGITS, layers, 2)]
    assert [some for some, *_ in seen] == [slice(0, 2), slice(2, 4)] and not any(made for *_, made in seen)
    ((_, whole),) = [(some, np.array(made["conv3"])) for some, made in taps.read(model, DIGITS, layers, 64)]
    assert np.allclose(np.concatenate([part for _, part, _ in seen]), whole, atol=1e-6) and untouched(model)


def test_the_model_is_left_as_it_was_even_after_an_error():
    model = models.functional_convnet()
    with pytest.raises(ZeroDivisionError), taps.outputs(taps.layers_by_name(model)):
        1 / 0  # noqa: B018
    assert untouched(model)


def test_a_tape_sees_what_a_layer_returns():
    model, seen = models.functional_convnet(), {}
    with tf.GradientTape() as tape:

        def note(name, output):
            tape.watch(output)
            seen[name] = output

        with taps.tapped(dict([taps.find(model, "pool3")]), note):
            score = model(DIGITS, training=False)[:, 3]
    gradient = tape.gradient(score, seen["pool3"])
    assert gradient.shape == (3, 3, 3, 64) and np.abs(gradient).max() > 0


def twice(kind: str) -> keras.Model:
    """A model in which one convolution is called twice, the last time for the answer."""
    image, conv = keras.Input((8, 8, 4)), keras.layers.Conv2D(4, 3, padding="same", name="conv")
    base = keras.Sequential([keras.Input((8, 8, 4)), conv, keras.layers.ReLU(name="relu")], name="base")
    if kind == "by two models":
        other = keras.Sequential([keras.Input((8, 8, 4)), conv], name="other")
    else:
        other = base = keras.Sequential([keras.Input((8, 8, 4)), conv], name="other")
    return keras.Model(image, other(base(image) + 1))


@pytest.mark.parametrize(("kind", "names"), [("by two models", 2), ("by one model", 1)])
def test_a_layer_that_is_called_twice_counts_as_it_was_called_last(kind, names):
    model, images = twice(kind), RNG.normal(size=(2, 8, 8, 4)).astype("float32")
    named = taps.layers_by_name(model)
    paths = [name for name in named if name.endswith("conv")]
    with taps.outputs(named) as noted:
        answer = model(images)
    assert len(paths) == names and all(np.array_equal(noted[path], answer) for path in paths) and untouched(model)
    assert kind == "by one model" or [*noted].index("relu") < min(map([*noted].index, paths)), "the last call counts"


def test_two_taps_on_one_layer_and_one_that_somebody_else_has_set():
    model, seen = models.functional_convnet(), []
    layer = model.get_layer("conv1")
    own = layer.call = lambda x: seen.append(x) or type(layer).call(layer, x)
    with taps.outputs({"one": layer}) as outer, taps.outputs({"two": layer, "three": layer}) as inner:
        model(DIGITS)
    assert list(outer) == ["one"] and list(inner) == ["two", "three"] and len(seen) == 1 and layer.call is own


class Compiled(keras.Model):
    """TensorFlow would compile it: then layers run with symbols instead of numbers."""

    def __init__(self):
        super().__init__(name="compiled")
        self.conv = keras.layers.Conv2D(4, 3, name="conv")
        self.dense = keras.layers.Dense(1, name="dense")

    @tf.function
    def call(self, images):
        return tf.sigmoid(self.dense(tf.reduce_mean(self.conv(images), axis=(1, 2))))


def test_a_call_under_tf_function_runs_as_python_meanwhile():
    model = Compiled()
    answer = model(DIGITS)
    with taps.outputs(taps.layers_by_name(model)) as noted:
        assert np.allclose(model(DIGITS), answer)
    assert noted["conv"].numpy().shape == (3, 26, 26, 4) and np.allclose(tf.sigmoid(noted["dense"]), answer)
    assert not tf.config.functions_run_eagerly()


def test_of_several_outputs_the_first_is_noted():
    for give in (lambda x: [x, [2 * x]], lambda x: {"a": x, "b": (2 * x,)}, lambda x: ((None, x), 3.0)):
        layer = keras.layers.Lambda(give)
        with taps.outputs({"several": layer}) as noted:
            layer(DIGITS)
        assert np.array_equal(noted["several"], DIGITS)


def test_operations_are_seen_in_order_and_only_inside_the_block():
    seen = []
    with taps.operations(lambda kind, inputs, outputs: seen.append((kind, outputs[0].numpy().tolist()))):
        tf.function(lambda x: tf.nn.relu(x + 1))(tf.constant([-3.0, 1.0]))
    tf.nn.relu(tf.constant(1.0))
    assert seen == [("AddV2", [-2, 2]), ("Relu", [0, 2])]


def test_one_image_becomes_a_batch_of_float32():
    batch = taps.as_batch(models.functional_convnet(), np.zeros((28, 28, 1), np.uint8))
    assert batch.shape == (1, 28, 28, 1) and batch.dtype == np.float32
    assert taps.as_batch(Subclassed(), np.zeros((5, 9, 9, 3))).shape == (5, 9, 9, 3), "never built: any size"


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((28, 28)), r"takes images of shape \(28, 28, 1\).*have shape \(28, 28\)"),
        (np.zeros((2, 32, 32, 1)), "these have shape"),
        (np.zeros((0, 28, 28, 1)), "these have shape"),
        (np.full((1, 28, 28, 1), np.nan), "784 values of the images are NaN"),
    ],
)
def test_images_that_do_not_fit(images, message):
    with pytest.raises(ValueError, match=message):
        taps.as_batch(models.functional_convnet(), images)


def test_a_model_of_two_images_is_refused():
    pair = [keras.Input((8, 8, 3), name=name) for name in ("left", "right")]
    model = keras.Model(pair, keras.layers.Add()(pair), name="pair")
    with pytest.raises(ValueError, match="pair takes 2 inputs; only models that take images alone"):
        taps.as_batch(model, np.zeros((1, 8, 8, 3)))
