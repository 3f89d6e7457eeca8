"""Grad-CAM is the textbook's on every kind of model, changes none of them, and its scores count what they say."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from keras import layers

from helpers import gradcam, profile, training

tf = profile.quiet_tensorflow()

SIDE = 16
KINDS = ("functional", "sequential", "nested", "twice nested", "subclassed", "mixed precision", "reloaded")
HEADS = {
    "softmax": lambda: [layers.Dense(3, activation="softmax")],
    "softmax layer": lambda: [layers.Dense(3), layers.Softmax()],
    "logits": lambda: [layers.Dense(3)],
    "sigmoid": lambda: [layers.Dense(1, activation="sigmoid")],
    "sigmoid layer": lambda: [layers.Dense(1), layers.Activation("sigmoid")],
    "one logit": lambda: [layers.Dense(1)],
}


def parts(head: str) -> list[keras.Layer]:
    return [
        layers.Conv2D(6, 3, activation="relu", name="first"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Conv2D(8, 3, activation="tanh", name="last"),  # so that any class has places for and against it
        layers.Flatten(),
        layers.Dense(10, activation="relu", name="hidden"),
        *HEADS[head](),
    ]


@keras.saving.register_keras_serializable("gradcam")
class Subclassed(keras.Model):
    """Its layers are created in another order than they are called in."""

    def __init__(self, head="softmax", **options):
        super().__init__(**options)
        self.head, found = head, parts(head)
        for place in reversed(range(len(found))):
            setattr(self, f"part{place}", found[place])
        self.parts = found

    def call(self, images):
        for part in self.parts:
            images = part(images)
        return images

    def get_config(self):
        return {"head": self.head}


def build(kind: str, head: str) -> tuple[keras.Model, list[keras.Layer]]:
    """A model of the kind, and the layers it is made of in the order in which they are called."""
    if kind == "subclassed":
        model = Subclassed(head)
        model(np.zeros((1, SIDE, SIDE, 3), np.float32))
        return model, model.parts
    found, inputs = parts(head), keras.Input((SIDE, SIDE, 3))
    if kind == "nested":
        return keras.Sequential([inputs, keras.Sequential(found[:4]), *found[4:]]), found
    if kind == "twice nested":
        inner = keras.Sequential([keras.Input((SIDE, SIDE, 3)), *found[:3]])
        base = keras.Model(inner.inputs, found[3](inner.outputs[0]))
        return keras.Sequential([inputs, keras.Sequential([base]), keras.Sequential(found[4:])]), found
    if kind == "sequential":
        return keras.Sequential([inputs, *found]), found
    x = inputs
    for layer in found:
        x = layer(x)
    return keras.Model(inputs, x), found


@pytest.fixture(autouse=True)
def seeded():
    profile.seed_everything(1)


def made(kind_and_head: str, folder) -> tuple[keras.Model, list[keras.Layer]]:
    kind, head = kind_and_head.split(", ")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if kind == "mixed precision" else policy)
    model, found = build(kind, head)
    keras.config.set_dtype_policy(policy)
    for layer in found:
        if isinstance(layer, layers.BatchNormalization):  # as after training: not 1, 0, 0, 1
            layer.set_weights([np.linspace(low, 2, 6) for low in (0.5, -2, 0, 0.5)])
    return (reloaded(model, folder) if kind == "reloaded" else model), found


@pytest.fixture(params=[f"{kind}, {head}" for kind in KINDS for head in HEADS])
def any_case(request, tmp_path):
    """A model of every kind with every head, and its layers."""
    return made(request.param, tmp_path)


@pytest.fixture(params=[f"{kind}, {head}" for kind, head in zip(KINDS, itertools.cycle(HEADS))])
def case(request, tmp_path):
    """A model of every kind, each with another head, and its layers."""
    return made(request.param, tmp_path)


def reloaded(model: keras.Model, folder) -> keras.Model:
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def pictures(count: int = 6) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 1, (count, SIDE, SIDE, 3)).astype("float32")


def textbook(found: list[keras.Layer], images: np.ndarray, class_index: int) -> np.ndarray:
    """The usual computation: a functional model of convolution and logits, a gradient, a loop over the channels."""
    inputs = x = keras.Input((SIDE, SIDE, 3))
    for layer in found:
        if isinstance(layer, layers.Softmax | layers.Activation):
            continue
        if getattr(layer, "activation", None) in (keras.activations.softmax, keras.activations.sigmoid):
            linear = layers.Dense(layer.units, dtype=layer.dtype_policy)
            linear.build(x.shape)
            linear.set_weights(layer.get_weights())
            layer = linear
        x = layer(x)
        if layer.name == "last":
            maps = x
    twin = keras.Model(inputs, [maps, x])
    heatmaps = []
    for image in images:
        with tf.GradientTape() as tape:
            features, logits = twin(image[np.newaxis], training=False)
            score = logits[0, class_index] if logits.shape[1] > 1 else (logits[0, 0] if class_index else -logits[0, 0])
        gradient = tape.gradient(score, features).numpy()[0].astype("float32")
        features = features.numpy()[0].astype("float32")
        heatmap = np.zeros(features.shape[:2], "float32")
        for channel in range(features.shape[-1]):
            heatmap += gradient[..., channel].mean() * features[..., channel]
        heatmap = np.maximum(heatmap, 0)
        heatmaps.append(heatmap / heatmap.max() if heatmap.max() > 0 else heatmap)
    return np.array(heatmaps)


def test_every_kind_of_model_gives_the_textbooks_map(any_case):
    model, found = any_case
    for class_index in (0, 1):
        expected = textbook(found, pictures(), class_index)
        alone = [gradcam.grad_cam(model, image, class_index, upsample=False) for image in pictures()]
        heatmaps = np.concatenate(alone)
        assert expected.max() == 1 and heatmaps.dtype == np.float32
        assert np.abs(heatmaps - expected).max() <= 1e-5


def test_a_batch_gives_what_its_images_give_alone(case, monkeypatch):
    model, _ = case
    monkeypatch.setattr(gradcam, "AT_ONCE", 4)
    together = gradcam.grad_cam(model, pictures(), 1)
    alone = np.concatenate([gradcam.grad_cam(model, image, 1) for image in pictures()])
    tolerance = 1e-2 if model.dtype_policy.compute_dtype == "float16" else 1e-5
    assert together.shape == (6, SIDE, SIDE) and together.any()
    assert np.abs(together - alone).max() <= tolerance


def test_a_reloaded_model_gives_the_same_map(case, tmp_path):
    model, _ = case
    heatmaps = gradcam.grad_cam(model, pictures())
    assert heatmaps.any() and np.abs(gradcam.grad_cam(reloaded(model, tmp_path), pictures()) - heatmaps).max() <= 1e-6


def test_two_classes_have_two_maps(case):
    model, _ = case
    first, second = (gradcam.grad_cam(model, pictures(), class_index) for class_index in (0, 1))
    assert np.abs(first - second).max() > 0.1


def test_the_models_own_answer_is_the_default_class(case):
    model, found = case
    outputs = model.predict(pictures(), verbose=0)
    middle = 0 if getattr(found[-1], "activation", None) == keras.activations.linear else 0.5
    answers = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > middle).astype(int)
    chosen = [gradcam.grad_cam(model, image, int(answer))[0] for image, answer in zip(pictures(), answers)]
    assert np.abs(gradcam.grad_cam(model, pictures()) - chosen).max() <= 2e-2


def state(model: keras.Model) -> list:
    every = list(model._flatten_layers())
    flags = [(layer.name, layer.trainable, getattr(layer, "activation", None)) for layer in every]
    return [training.weight_hashes(model), flags, ["call" in vars(layer) for layer in every]]


def test_nothing_in_the_model_is_changed(case):
    model, _ = case
    model.layers[0].trainable = False
    before = state(model)
    gradcam.grad_cam(model, pictures())
    gradcam.baselines(model, pictures())
    gradcam.deletion_insertion(model, pictures(), np.ones((6, SIDE, SIDE)), steps=2)
    with pytest.raises(ValueError, match="class_index is 3"):
        gradcam.grad_cam(model, pictures(), 3)
    assert state(model) == before and not any(before[2])


def small(*top: keras.Layer, filters: int = 4) -> keras.Model:
    convolution = layers.Conv2D(filters, 3, activation="relu", name="maps")
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), convolution, *top], name="small")


def bright(head: keras.Layer) -> keras.Model:
    """One feature map, the image's brightness; the answer is its mean, times the head's weight."""
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 1), layers.GlobalAveragePooling2D(), head])
    model.layers[0].set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    return model


def test_a_saturated_sigmoid_still_has_a_map_for_either_class(capsys):
    model = bright(layers.Dense(1, activation="sigmoid"))
    model.layers[-1].set_weights([np.ones((1, 1)), np.full(1, 40.0)])
    image = np.eye(8, dtype="float32")[..., np.newaxis]
    assert model.predict(image[np.newaxis], verbose=0) == 1
    assert np.array_equal(gradcam.grad_cam(model, image)[0], image[..., 0])
    assert capsys.readouterr().out == ""
    against = gradcam.grad_cam(model, image, 0)
    assert not against.any() and "1 of 1 maps are zero everywhere" in capsys.readouterr().out
    model.layers[-1].set_weights([-np.ones((1, 1)), np.full(1, -40.0)])
    assert np.array_equal(gradcam.grad_cam(model, image)[0], image[..., 0])


def test_a_saturated_softmax_still_has_a_map():
    model = bright(layers.Dense(2, activation="softmax"))
    model.layers[-1].set_weights([np.array([[0.0, 1.0]]), np.array([0.0, 200.0])])
    image = np.eye(8, dtype="float32")[..., np.newaxis]
    assert np.array_equal(gradcam.grad_cam(model, image, 1)[0], image[..., 0])


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64"])
def test_other_number_types_give_the_map_of_float32(dtype):
    model, _ = build("functional", "softmax")
    images = np.random.default_rng(0).integers(0, 4, (3, SIDE, SIDE, 3))
    expected = gradcam.grad_cam(model, images.astype("float32"))
    assert expected.any() and np.array_equal(gradcam.grad_cam(model, images.astype(dtype)), expected)


def test_a_black_image_gives_zeros_and_never_nan(capsys):
    model = bright(layers.Dense(1))
    model.layers[-1].set_weights([np.ones((1, 1)), np.zeros(1)])
    heatmaps = gradcam.grad_cam(model, np.stack([np.zeros((8, 8, 1)), np.ones((8, 8, 1))]), 1)
    assert (heatmaps[0] == 0).all() and (heatmaps[1] == 1).all() and "1 of 2 maps" in capsys.readouterr().out


class Compiled(keras.Model):
    def __init__(self):
        super().__init__()
        self.below, self.answer = bright(layers.Dense(1)), tf.sigmoid

    @tf.function
    def call(self, images):
        return self.answer(self.below(images))


ENDS = {  # other ways to the same answer as Dense(1, activation="sigmoid") and Dense(2, activation="softmax")
    "TensorFlow's": [lambda: layers.Dense(1, activation=tf.nn.sigmoid)],
    "an operation": [lambda: layers.Dense(1, activation=keras.ops.sigmoid)],
    "an activation": [lambda: layers.Dense(1), lambda: layers.Activation(tf.math.sigmoid)],
    "a lambda": [lambda: layers.Dense(1), lambda: layers.Lambda(lambda x: tf.sigmoid(x))],
    "a compiled one": [lambda: layers.Dense(1), lambda: layers.Lambda(tf.function(lambda x: tf.sigmoid(x)))],
    "nested": [lambda: keras.Sequential([keras.Sequential([layers.Dense(1, activation=tf.nn.sigmoid)])])],
    "reshaped": [lambda: layers.Dense(1, activation="sigmoid"), lambda: layers.Reshape((1, 1)), layers.Flatten],
    "half precision": [lambda: layers.Dense(1, activation=tf.nn.sigmoid, dtype="mixed_bfloat16")],
    "cast": [lambda: layers.Dense(1, activation=tf.nn.sigmoid), lambda: layers.Lambda(lambda x: tf.cast(x, "float64"))],
    "several": [lambda: layers.Dense(2, activation=tf.nn.sigmoid)],
    "TensorFlow's softmax": [lambda: layers.Dense(2, activation=tf.nn.softmax)],
    "a lambda's softmax": [lambda: layers.Dense(2), lambda: layers.Lambda(lambda x: tf.nn.softmax(x))],
    "its logarithm": [lambda: layers.Dense(2, activation="log_softmax")],
}


def ending(end: str, bias: float) -> keras.Model:
    """The answer is the mean brightness and a bias, through the end."""
    first, *more = [make() for make in ENDS[end]]
    model = bright(first)
    for layer in more:
        model.add(layer)
    *_, kernel, _ = model.get_weights()
    units = kernel.shape[1]
    model.set_weights([*model.get_weights()[:-2], np.eye(2)[-1:, -units:], bias * np.eye(2)[-1, -units:]])
    return model


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("bias", [-40.0, 0.25, 40.0])
def test_the_logit_is_found_behind_whatever_softmax_or_sigmoid(end, bias):
    """Where it was not, a probability was taken for a logit: as it is above 0, class 1 was the answer every time."""
    model, images = ending(end, bias), np.eye(8, dtype="float32")[np.newaxis, ..., np.newaxis]
    logits, probabilities = gradcam._answers(model, images)
    units = [-(1 / 8 + bias), 1 / 8 + bias] if model.output_shape[1] == 1 else [0, 1 / 8 + bias]
    assert np.allclose(logits, [units], atol=0.01 * abs(bias))
    assert np.allclose(probabilities[0, 1], 1 / (1 + np.exp(-1 / 8 - bias)), atol=1e-2)
    assert np.array_equal(gradcam.grad_cam(model, images, 1)[0], images[0, ..., 0]), "saturated or not"
    answer = gradcam.grad_cam(model, images)
    assert np.array_equal(answer, gradcam.grad_cam(model, images, int(bias > 0)))
    _, deleted, _ = gradcam.deletion_insertion(model, images, answer, 1, steps=1)
    assert deleted[0, 0] == probabilities[0, 1]


def test_a_call_under_tf_function_is_explained_like_any_other():
    model, images = Compiled(), np.eye(8, dtype="float32")[np.newaxis, ..., np.newaxis]
    model(images)
    model.below.layers[-1].set_weights([np.ones((1, 1)), np.full(1, -40.0)])
    assert np.array_equal(gradcam.grad_cam(model, images, 1)[0], images[0, ..., 0])
    assert gradcam._classes(gradcam._answers(model, images)[0], None) == 0


@pytest.mark.parametrize(
    "top",
    [
        lambda: [layers.GlobalAveragePooling2D(), layers.Dense(1, bias_initializer="ones", kernel_initializer="zeros")],
        lambda: [layers.Conv2D(1, 3, bias_initializer="ones", kernel_initializer="zeros"), layers.GlobalMaxPooling2D()],
        lambda: [
            *(layers.GlobalAveragePooling2D(), layers.Dense(2, kernel_initializer="zeros", bias_initializer="ones")),
            *(layers.BatchNormalization(), layers.Lambda(lambda x: x / 2.5)),
        ],
    ],
)
def test_logits_that_happen_to_lie_between_0_and_1_are_logits(top):
    model = small(*top())
    outputs = model(pictures()).numpy()
    assert (outputs > 0.3).all() and (outputs <= 1).all()
    assert np.array_equal(gradcam._answers(model, pictures())[0][:, -1], outputs[:, -1])


@pytest.mark.parametrize("number", [1, np.int64(1), np.uint8(1)])
def test_a_class_may_be_any_whole_number(number):
    model, _ = build("functional", "softmax")
    assert np.array_equal(gradcam.grad_cam(model, pictures(), number), gradcam.grad_cam(model, pictures(), 1))


def test_gradients_that_overflow_are_refused():
    model = bright(layers.Dense(2))
    model.layers[-1].set_weights([np.full((1, 2), 3e38), np.zeros(2)])
    with pytest.raises(ValueError, match="not finite"):
        gradcam.grad_cam(model, np.full((8, 8, 1), 1e3), 1)


def test_a_named_layer_takes_the_place_of_the_last_convolution():
    deep = small(layers.Conv2D(5, 3, name="deep"), layers.Flatten(), layers.Dense(2))
    assert gradcam.grad_cam(deep, pictures(), layer="maps", upsample=False).shape == (6, 14, 14)
    assert gradcam.grad_cam(deep, pictures(), layer=0, upsample=False).shape == (6, 14, 14)
    assert gradcam.grad_cam(deep, pictures(), upsample=False).shape == (6, 12, 12)


def test_a_convolution_of_one_place_is_passed_over():
    model = small(layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1), layers.Flatten())
    assert gradcam.grad_cam(model, pictures(), upsample=False).shape == (6, 14, 14)


def dense_only() -> keras.Model:
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(2)])


def two_ends() -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 3))
    maps, aside = (layers.Conv2D(2, 3, name=name)(inputs) for name in ("maps", "aside"))
    flat = layers.Flatten()(maps)
    return keras.Model(inputs, [layers.Dense(2)(flat), layers.Flatten()(aside)])


def two_images() -> keras.Model:
    pair = [keras.Input((SIDE, SIDE, 3), name=name) for name in ("left", "right")]
    answer = layers.Dense(2)(layers.Flatten()(layers.Conv2D(2, 3)(layers.Add()(pair))))
    return keras.Model(pair, answer, name="two_images")


class Own(keras.Model):
    """A convolution that answers, one that nothing depends on, and an end that the test chooses."""

    def __init__(self, end):
        super().__init__(name="own")
        self.maps, self.dense, self.aside = layers.Conv2D(2, 3), layers.Dense(2), layers.Conv2D(2, 3, name="aside")
        self.end = end

    def call(self, images):
        self.aside(images)
        return self.end(self.dense(tf.reduce_mean(self.maps(images), axis=(1, 2))))


FAULTS = {
    "no feature map": (dense_only, {}, "no feature maps here: no convolution is called. Name a layer before"),
    "class too high": (None, {"class_index": 2}, "class_index is 2; the model has classes 0 to 1"),
    "class negative": (None, {"class_index": -1}, "class_index is -1; the model has classes 0 to 1"),
    "class a fraction": (None, {"class_index": 0.5}, "class_index is 0.5; the model has classes 0 to 1"),
    "class a float": (
        None,
        {"class_index": 1.0},
        "class_index is 1.0; the model has classes 0 to 1: give one of these",
    ),
    "class a truth": (None, {"class_index": True}, "class_index is True; the model has classes 0 to 1"),
    "class a name": (None, {"class_index": "1"}, "class_index is '1'; the model has classes 0 to 1"),
    "class of each": (None, {"class_index": [0] * 6}, r"class_index is \[0, 0.*: give one of these numbers for all"),
    "after pooling": (None, {"layer": "pool"}, r"pool gives \(6, 4\). Name a layer before the global pooling"),
    "unknown layer": (None, {"layer": "map"}, "no layer 'map'. Did you mean maps"),
    "two outputs": (two_ends, {}, "not a classifier with one output"),
    "layer aside": (lambda: Own(tf.identity), {"layer": "aside"}, "does not depend on aside: name another layer"),
    "maps as output": (small, {}, "not a classifier with one output"),
    "softmax by hand": (lambda: Own(lambda x: tf.exp(x) / (tf.exp(x) @ tf.ones((2, 2)))), {}, "logits cannot be found"),
    "half a softmax": (lambda: Own(lambda x: tf.nn.softmax(x)[:, 1:]), {}, "its logits cannot be found. Let a layer"),
    "one minus": (lambda: Own(lambda x: 1 - tf.sigmoid(x[:, :1])), {}, "its logits cannot be found"),
    "mean of two": (
        lambda: Own(lambda x: tf.reduce_mean(tf.sigmoid(x), 1, keepdims=True)),
        {},
        "logits cannot be found",
    ),
    "sigmoid by hand": (lambda: Own(lambda x: 1 / (1 + tf.exp(-x[:, :1]))), {}, "its logits cannot be found"),
    "sigmoids by hand": (lambda: Own(lambda x: 1 / (1 + tf.exp(-x))), {}, "its logits cannot be found"),
    "from tanh": (lambda: Own(lambda x: (1 + tf.tanh(x[:, :1])) / 2), {}, "its logits cannot be found"),
    "hard sigmoid": (lambda: Own(lambda x: keras.ops.hard_sigmoid(x[:, :1])), {}, "its logits cannot be found"),
    "clipped": (lambda: Own(lambda x: tf.clip_by_value(x[:, :1], 0, 1)), {}, "its logits cannot be found"),
    "two images": (two_images, {}, "two_images takes 2 inputs"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_explained_is_refused_and_the_model_left_alone(fault):
    make, options, message = FAULTS[fault]
    model = make() if make else small(layers.GlobalAveragePooling2D(name="pool"), layers.Dense(2))
    with pytest.raises(ValueError, match=message):
        gradcam.grad_cam(model, pictures(), **options)
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


@pytest.mark.parametrize("shape", [(SIDE, SIDE + 1, 3), (2, SIDE, SIDE, 1), (SIDE, SIDE), (0, SIDE, SIDE, 3)])
def test_a_picture_of_the_wrong_size_names_the_right_one(shape):
    model = small(layers.GlobalAveragePooling2D(), layers.Dense(2))
    for function in (gradcam.grad_cam, gradcam.baselines):
        with pytest.raises(ValueError, match=r"small takes images of shape \(16, 16, 3\)"):
            function(model, np.zeros(shape))


# The overlay and the scores


def test_an_overlay_is_rgb_of_the_photos_size_dark_where_the_map_is_weak_and_orange_where_it_is_strong():
    photo, heatmap = np.full((20, 30, 3), 9, np.uint8), np.zeros((2, 3))
    heatmap[1, 2] = 0.75
    colored = gradcam.overlay(photo, heatmap, alpha=1)
    assert colored.shape == photo.shape and colored.dtype == np.uint8 and (photo == 9).all()
    red, green, blue = colored[-1, -1].astype(int)
    assert red > 200 > green > 100 > 50 > blue and colored[0, 0].max() < 10


def test_an_overlay_mixes_by_its_share_of_color():
    photo = np.full((4, 4, 3), 200.0)
    assert (gradcam.overlay(photo, np.ones((4, 4)), alpha=0) == 200).all()
    whole, mixed = (gradcam.overlay(photo, np.ones((4, 4)), alpha)[0, 0] for alpha in (1, 0.25))
    assert np.abs(mixed - (0.25 * whole + 0.75 * 200)).max() <= 1


def test_an_overlay_of_a_photo_of_0_to_1_is_refused_and_not_black():
    with pytest.raises(ValueError, match=r"these are 0 to 1 and would be black. Give image \* 255"):
        gradcam.overlay(np.random.default_rng(0).random((4, 4, 3)), np.ones((4, 4)))
    for black in (np.zeros((4, 4, 3)), np.ones((4, 4, 3), np.uint8)):
        assert gradcam.overlay(black, np.ones((4, 4)), alpha=0).max() <= 1


@pytest.mark.parametrize(
    ("photo", "heatmap", "alpha", "message"),
    [
        ((4, 4), np.ones((4, 4)), 0.4, "image should be"),
        ((4, 4, 4), np.ones((4, 4)), 0.4, "image should be"),
        ((4, 4, 3), np.full((4, 4), 2.0), 0.4, "values 0 to 1"),
        ((4, 4, 3), np.full((4, 4), np.nan), 0.4, "values 0 to 1"),
        ((4, 4, 3), np.ones((1, 4, 4)), 0.4, "heatmap should be"),
        ((4, 4, 3), np.ones((4, 4)), 4, "alpha is 4"),
    ],
)
def test_an_overlay_of_something_else_is_refused(photo, heatmap, alpha, message):
    with pytest.raises(ValueError, match=message):
        gradcam.overlay(np.zeros(photo), heatmap, alpha)


LEFT = np.repeat([[True] * 2 + [False] * 6], 4, axis=0)  # the left quarter of a 4 x 8 picture


def test_scores_of_maps_with_known_answers():
    inside, outside, uniform, zero = LEFT * 1.0, ~LEFT * 1.0, np.ones((4, 8)), np.zeros((4, 8))
    weaker = np.where(LEFT, 1.0, 0.2)  # 8 inside, 24 * 0.2 = 4.8 outside
    heatmaps = np.stack([inside, outside, uniform, zero, weaker])
    masks = np.stack([LEFT] * 5)
    assert np.allclose(gradcam.energy_in_mask(heatmaps, masks), [1, 0, 0.25, 0, 8 / 12.8])
    assert np.allclose(gradcam.pointing_game(heatmaps, masks), [1, 0, 0.25, 0, 1])


@pytest.mark.parametrize("maps", [np.float16, np.float32, np.uint8, bool])
@pytest.mark.parametrize("masks", [bool, np.uint8, np.int64, np.float16, np.float64])
def test_scores_do_not_depend_on_the_kind_of_number(maps, masks):
    heatmaps = np.full((1, 400, 400), 200).astype(maps)  # their sum is too large for float16
    inside = np.broadcast_to(np.arange(400) < 100, heatmaps.shape).astype(masks)
    for score in (gradcam.energy_in_mask, gradcam.pointing_game):
        assert score(heatmaps, inside) == pytest.approx(0.25)


def test_masks_of_255_and_maps_that_are_no_shares_are_refused():
    heatmap, mask = np.ones((1, 4, 8)), LEFT[np.newaxis]
    assert gradcam.energy_in_mask(heatmap, mask * 0.5) == 0.125, "a soft mask"
    for score in (gradcam.energy_in_mask, gradcam.pointing_game):
        for wrong in (255 * mask, 255 * mask.astype(np.uint8), mask - 1.0, np.where(mask, np.nan, 0)):
            with pytest.raises(ValueError, match="masks should be bool, or shares from 0 to 1; these go from"):
                score(heatmap, wrong)
        for wrong in (np.where(mask, np.nan, 1), np.where(mask, np.inf, 1)):
            with pytest.raises(ValueError, match="8 values of the maps are NaN or infinite"):
                score(wrong, mask)
    with pytest.raises(ValueError, match="maps should not be negative; the lowest value of these is -1"):
        gradcam.energy_in_mask(heatmap - 2, mask)


@pytest.mark.parametrize("score", [gradcam.energy_in_mask, gradcam.pointing_game])
@pytest.mark.parametrize("shape", [(1, 4, 7), (2, 4, 8), (4, 8)])
def test_maps_and_masks_must_match(score, shape):
    with pytest.raises(ValueError, match="maps and masks should be"):
        score(np.ones((1, 4, 8)), np.ones(shape, bool))


def test_deleting_what_decides_lowers_the_probability_at_once_and_inserting_it_raises_it():
    """The network answers with the brightness of the middle, where a white square lies; blurred, it is gray."""
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Cropping2D(6), layers.GlobalAveragePooling2D()])
    model.add(layers.Dense(1, activation="sigmoid"))
    model.layers[-1].set_weights([np.full((1, 1), 20.0), np.full(1, -10.0)])
    images = np.zeros((2, 16, 16, 1), np.float32)
    images[:, 6:10, 6:10] = 1
    right, wrong = images[..., 0], 1 - images[..., 0]
    shares, deleted, inserted = gradcam.deletion_insertion(model, images, right, steps=4)
    assert shares.tolist() == [0, 0.25, 0.5, 0.75, 1] and deleted.shape == inserted.shape == (2, 5)
    assert (deleted[:, 0] > 0.99).all() and (deleted[:, 1:] < 0.1).all()
    assert (inserted[:, 0] < 0.1).all() and (inserted[:, 1:] > 0.99).all()
    _, deleted, inserted = gradcam.deletion_insertion(model, images, wrong, steps=4)
    assert (deleted[:, :4] > 0.99).all() and (inserted[:, :4] < 0.1).all() and (deleted[:, 4] < 0.1).all()
    _, other, _ = gradcam.deletion_insertion(model, images, wrong, class_index=0, steps=4)
    assert np.allclose(other, 1 - deleted, atol=1e-5)


def test_deletion_of_logits_gives_probabilities_too():
    for head in ("logits", "one logit"):
        model, _ = build("sequential", head)
        _, deleted, _ = gradcam.deletion_insertion(model, 9 * pictures(), np.ones((6, SIDE, SIDE)), 1, steps=2)
        logits = model.predict(9 * pictures(), verbose=0)
        expected = tf.sigmoid(logits)[:, 0] if head == "one logit" else tf.nn.softmax(logits)[:, 1]
        assert np.allclose(deleted[:, 0], expected, atol=1e-5) and np.ptp(expected) > 0.01


def test_baselines_are_maps_from_0_to_1_and_know_what_they_should():
    model = small(layers.Cropping2D(((0, 7), (0, 0))), layers.Flatten(), layers.Dense(2, activation="softmax"))
    images = pictures()
    images[:, :, 8:] = 0.5
    found = gradcam.baselines(model, images, 1)
    assert list(found) == ["uniform", "random", "center", "edges", "input gradient"]
    assert all(maps.shape == (6, SIDE, SIDE) and maps.min() >= 0 and maps.max() == 1 for maps in found.values())
    assert not found["edges"][:, :, 10:].any() and found["edges"][:, :, :8].any()
    assert not found["input gradient"][:, 9:].any(), "the model does not see the lower half"
    assert found["center"].argmax() in (SIDE * 7 + 7, SIDE * 7 + 8, SIDE * 8 + 7, SIDE * 8 + 8)
    assert (found["uniform"] == 1).all() and np.array_equal(found["random"], gradcam.baselines(model, images)["random"])


# Another library's computation, where it is installed


@pytest.mark.parametrize("head", ["softmax", "logits"])
def test_tf_keras_vis_gives_the_same_map_on_flat_models(head):
    library = pytest.importorskip("tf_keras_vis.gradcam", reason="tf-keras-vis is not installed")
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    model, _ = build("functional", head)  # of Sequential models it asks what they have no more in Keras 3
    found = library.Gradcam(model, model_modifier=ReplaceToLinear(), clone=True)(
        CategoricalScore([1] * 6), pictures(), penultimate_layer="last", expand_cam=False, normalize_cam=False
    )
    expected = np.asarray(found)
    expected = expected / np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-12)
    heatmaps = gradcam.grad_cam(model, pictures(), 1, upsample=False)
    assert expected.max() == 1 and np.abs(heatmaps - expected).max() <= 1e-5
