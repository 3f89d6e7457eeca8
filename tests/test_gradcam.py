"""Grad-CAM is the textbook's on every kind of model, changes none of them, and its scores count what they say."""

from __future__ import annotations

import itertools
from unittest import mock

import keras
import numpy as np
import pytest
from keras import layers

from helpers import gradcam, profile, training
from helpers.plumbing import operations

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
CASES = [*zip(KINDS, itertools.cycle(HEADS)), *(("functional", head) for head in HEADS if head != "softmax")]


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
        self.head, made = head, parts(head)
        for place in reversed(range(len(made))):
            setattr(self, f"part{place}", made[place])
        self.parts = made

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
    made, inputs = parts(head), keras.Input((SIDE, SIDE, 3))
    if kind == "nested":
        return keras.Sequential([inputs, keras.Sequential(made[:4]), *made[4:]]), made
    if kind == "twice nested":
        inner = keras.Sequential([keras.Input((SIDE, SIDE, 3)), *made[:3]])
        base = keras.Model(inner.inputs, made[3](inner.outputs[0]))
        return keras.Sequential([inputs, keras.Sequential([base]), keras.Sequential(made[4:])]), made
    model = keras.Sequential([inputs, *made])
    return (model if kind == "sequential" else keras.Model(model.inputs[0], model.outputs[0])), made


@pytest.fixture(autouse=True)
def seeded():
    profile.seed_everything(1)


@pytest.fixture(params=CASES, ids=", ".join)
def case(request, tmp_path):
    """A model of every kind, each with another head, and of every head; and its layers."""
    kind, head = request.param
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if kind == "mixed precision" else policy)
    model, made = build(kind, head)
    keras.config.set_dtype_policy(policy)
    for layer in made:
        if isinstance(layer, layers.BatchNormalization):  # as after training: not 1, 0, 0, 1
            layer.set_weights([np.linspace(low, 2, 6) for low in (0.5, -2, 0, 0.5)])
    return (reloaded(model, tmp_path) if kind == "reloaded" else model), made


def reloaded(model: keras.Model, folder) -> keras.Model:
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


PICTURES = np.random.default_rng(3).normal(0, 1, (6, SIDE, SIDE, 3)).astype("float32")


def textbook(made: list[keras.Layer], class_index: int) -> np.ndarray:
    """The usual computation: convolution and logits, a gradient, a loop over the channels."""
    heatmaps = []
    for x in PICTURES[:, np.newaxis]:
        with tf.GradientTape() as tape, mock.patch.object(made[6], "activation", keras.activations.linear):
            for layer in made[:7]:  # the seventh gives the answer
                x = layer(x)
                if layer.name == "last":
                    features = x
                    tape.watch(features)
            score = x[0, class_index] if x.shape[1] > 1 else (x[0, 0] if class_index else -x[0, 0])
        gradient = tape.gradient(score, features).numpy()[0].astype("float32")
        features = features.numpy()[0].astype("float32")
        heatmap = sum(gradient[..., channel].mean() * features[..., channel] for channel in range(8))
        heatmap = np.maximum(heatmap, 0)
        heatmaps.append(heatmap / heatmap.max() if heatmap.max() > 0 else heatmap)
    return np.array(heatmaps)


def state(model: keras.Model) -> list:
    every = list(model._flatten_layers())
    flags = [(layer.name, layer.trainable, getattr(layer, "activation", None)) for layer in every]
    return [training.weight_hashes(model), flags, ["call" in vars(layer) for layer in every]]


def test_every_kind_of_model_gives_the_textbooks_map_of_each_class_and_by_default_of_its_answer(case, monkeypatch):
    model, made = case
    every = []
    for class_index in (0, 1):
        heatmaps = [gradcam.grad_cam(model, image, class_index, upsample=False)[0] for image in PICTURES]
        expected = textbook(made, class_index)
        assert expected.max() == 1 and heatmaps[0].dtype == np.float32
        assert np.abs(np.array(heatmaps) - expected).max() <= 1e-5
        every.append(heatmaps)
    assert np.abs(np.subtract(*every)).max() > 0.1, "two classes have two maps"
    outputs = model.predict(PICTURES, verbose=0)
    middle = 0 if getattr(made[-1], "activation", None) == keras.activations.linear else 0.5
    answers = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > middle).astype(int)
    chosen = [gradcam.grad_cam(model, image, int(answer))[0] for image, answer in zip(PICTURES, answers)]
    monkeypatch.setattr(gradcam, "AT_ONCE", 4)
    together = gradcam.grad_cam(model, PICTURES)
    tolerance = 2e-2 if model.dtype_policy.compute_dtype == "float16" else 1e-5
    assert together.shape == (6, SIDE, SIDE) and together.any() and np.abs(together - chosen).max() <= tolerance


def test_nothing_in_the_model_is_changed_and_a_reloaded_one_gives_the_same_map(case, tmp_path):
    model, _ = case
    model.layers[0].trainable = False
    before = state(model)
    heatmaps = gradcam.grad_cam(model, PICTURES)
    gradcam.baselines(model, PICTURES)
    gradcam.deletion_insertion(model, PICTURES, np.ones((6, SIDE, SIDE)), steps=2)
    with pytest.raises(ValueError, match="class_index is 3"):
        gradcam.grad_cam(model, PICTURES, 3)
    assert state(model) == before and not any(before[2])
    assert heatmaps.any() and np.abs(gradcam.grad_cam(reloaded(model, tmp_path), PICTURES) - heatmaps).max() <= 1e-6


def small(*top: keras.Layer) -> keras.Model:
    convolution = layers.Conv2D(4, 3, activation="relu", name="maps")
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), convolution, *top], name="small")


SPOTS = np.eye(8, dtype="float32")[np.newaxis, ..., np.newaxis]  # one image


def bright(*top: keras.Layer, bias: float = 0.0) -> keras.Model:
    """One feature map, the image's brightness; the last unit's logit is its mean plus the bias, the other's 0."""
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 1), layers.GlobalAveragePooling2D(), *top])
    units = model.get_weights()[-1].size
    last = np.eye(units)[-1:]
    model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1), last, bias * last[0]])
    return model


def test_where_no_place_speaks_for_the_class_zeros_are_told_of_and_never_nan(capsys):
    sure = bright(layers.Dense(1, activation="sigmoid"), bias=40.0)
    assert np.array_equal(gradcam.grad_cam(sure, SPOTS), SPOTS[..., 0]) and capsys.readouterr().out == ""
    assert not gradcam.grad_cam(sure, SPOTS, 0).any() and "1 of 1 maps are zero everywhere" in capsys.readouterr().out
    heatmaps = gradcam.grad_cam(bright(layers.Dense(1)), np.stack([np.zeros((8, 8, 1)), np.ones((8, 8, 1))]), 1)
    assert (heatmaps[0] == 0).all() and (heatmaps[1] == 1).all() and "1 of 2 maps" in capsys.readouterr().out


def test_other_kinds_of_number_give_the_map_of_float32():
    model, _ = build("functional", "softmax")
    images = np.random.default_rng(0).integers(0, 4, (3, SIDE, SIDE, 3))
    expected = gradcam.grad_cam(model, images.astype("float32"), 1)
    assert expected.any()
    for dtype, number in (("uint8", np.int64(1)), ("float16", np.uint8(1)), ("float64", 1)):
        assert np.array_equal(gradcam.grad_cam(model, images.astype(dtype), number), expected)


class Compiled(keras.Model):
    def __init__(self, bias):
        super().__init__()
        self.below = bright(layers.Dense(1), bias=bias)

    @tf.function
    def call(self, images):
        return tf.sigmoid(self.below(images))


SIGMOID, HALF = {"activation": tf.nn.sigmoid}, {"activation": "sigmoid", "dtype": "mixed_bfloat16"}
ENDS = {  # ways to the answer of Dense(1, activation="sigmoid") and Dense(2, activation="softmax")
    "a function": lambda: [layers.Dense(1, **SIGMOID)],
    "an operation": lambda: [layers.Dense(1, activation=keras.ops.sigmoid)],
    "a compiled one": lambda: [layers.Dense(1), layers.Lambda(tf.function(tf.sigmoid))],
    "nested": lambda: [keras.Sequential([layers.Dense(1, **SIGMOID)])],
    "reshaped": lambda: [layers.Dense(1, **SIGMOID), layers.Reshape((1, 1)), layers.Flatten()],
    "half precision": lambda: [layers.Dense(1, **HALF), layers.Lambda(lambda x: tf.cast(x, "float64"))],
    "several": lambda: [layers.Dense(2, **SIGMOID)],
    "a lambda's softmax": lambda: [layers.Dense(2), layers.Lambda(lambda x: tf.nn.softmax(x))],
    "its logarithm": lambda: [layers.Dense(2, activation="log_softmax")],
    "a compiled call": None,
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("bias", [-40.0, 0.25, 40.0])
def test_the_logit_is_found_behind_whatever_softmax_or_sigmoid(end, bias):
    """Where it was not, a probability was taken for a logit: as it is above 0, class 1 was the answer every time."""
    model = bright(*ENDS[end](), bias=bias) if ENDS[end] else Compiled(bias)
    logits, probabilities = operations.answers(model, SPOTS)
    units = [-(1 / 8 + bias), 1 / 8 + bias] if model(SPOTS).shape[1] == 1 else [0, 1 / 8 + bias]
    assert np.allclose(logits, [units], atol=0.01 * abs(bias))
    assert np.allclose(probabilities[0, 1], 1 / (1 + np.exp(-1 / 8 - bias)), atol=1e-2)
    assert np.array_equal(gradcam.grad_cam(model, SPOTS, 1), SPOTS[..., 0]), "saturated or not"
    answer = gradcam.grad_cam(model, SPOTS)
    assert np.array_equal(answer, gradcam.grad_cam(model, SPOTS, int(bias > 0)))
    _, deleted, _ = gradcam.deletion_insertion(model, SPOTS, answer, 1, steps=1)
    assert deleted[0, 0] == probabilities[0, 1]


FLAT = {"bias_initializer": "ones", "kernel_initializer": "zeros"}


@pytest.mark.parametrize(
    "top",
    [
        lambda: [layers.GlobalAveragePooling2D(), layers.Dense(1, **FLAT)],
        lambda: [layers.Conv2D(1, 3, **FLAT), layers.GlobalMaxPooling2D()],
        lambda: [
            *(layers.GlobalAveragePooling2D(), layers.Dense(2, **FLAT), layers.BatchNormalization()),
            layers.Lambda(lambda x: x / 2.5),
        ],
    ],
)
def test_logits_that_happen_to_lie_between_0_and_1_are_logits(top):
    model = small(*top())
    outputs = model(PICTURES).numpy()
    assert (outputs > 0.3).all() and (outputs <= 1).all()
    assert np.array_equal(operations.answers(model, PICTURES)[0][:, -1], outputs[:, -1])


def test_the_last_convolution_with_more_than_one_place_or_a_layer_that_is_named():
    deep = small(layers.Conv2D(5, 3, name="deep"), layers.Flatten(), layers.Dense(2))
    pooled = small(layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1), layers.Flatten())
    for model, layer, side in ((deep, None, 12), (deep, "maps", 14), (deep, 0, 14), (pooled, None, 14)):
        assert gradcam.grad_cam(model, PICTURES, layer=layer, upsample=False).shape == (6, side, side)


def two_ends() -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 3))
    maps, aside = (layers.Conv2D(2, 3, name=name)(inputs) for name in ("maps", "aside"))
    return keras.Model(inputs, [layers.Dense(2)(layers.Flatten()(maps)), layers.Flatten()(aside)])


class Own(keras.Model):
    """A convolution that answers, one that nothing depends on, and an end that the test chooses."""

    def __init__(self, end):
        super().__init__(name="own")
        self.maps, self.dense, self.aside = layers.Conv2D(2, 3), layers.Dense(2), layers.Conv2D(2, 3, name="aside")
        self.end = end

    def call(self, images):
        self.aside(images)
        return self.end(self.dense(tf.reduce_mean(self.maps(images), axis=(1, 2))))


def dense_only() -> keras.Model:
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(2)])


def pooled() -> keras.Model:
    return small(layers.GlobalAveragePooling2D(name="pool"), layers.Dense(2))


FAULTS = {
    "no feature map": (dense_only, None, "no feature maps here: no convolution is called. Name a layer before"),
    "after pooling": (pooled, "pool", r"pool gives \(6, 4\). Name a layer before the global pooling"),
    "unknown layer": (pooled, "map", "no layer 'map'. Did you mean maps"),
    "two outputs": (two_ends, None, "not a classifier with one output"),
    "layer aside": (lambda: Own(tf.identity), "aside", "does not depend on aside: name another layer"),
    "maps as output": (small, None, "not a classifier with one output"),
}
BY_HAND = {
    "softmax": lambda x: tf.exp(x) / (tf.exp(x) @ tf.ones((2, 2))),
    "mixed": lambda x: tf.nn.softmax(x) @ [[0.7, 0.3], [0.3, 0.7]],
    "half a softmax": lambda x: tf.nn.softmax(x)[:, 1:],
    "one minus": lambda x: 1 - tf.sigmoid(x[:, :1]),
    "mean of two": lambda x: tf.reduce_mean(tf.sigmoid(x), 1, keepdims=True),
    "sigmoid": lambda x: 1 / (1 + tf.exp(-x[:, :1])),
    "sigmoids": lambda x: 1 / (1 + tf.exp(-x)),
    "hard sigmoid": lambda x: keras.ops.hard_sigmoid(x[:, :1]),
    "from tanh": lambda x: (1 + tf.tanh(x[:, :1])) / 2,
}
FAULTS |= {name: (lambda end=end: Own(end), None, "its logits cannot be found") for name, end in BY_HAND.items()}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_explained_is_refused_and_the_model_left_alone(fault):
    make, layer, message = FAULTS[fault]
    model = make()
    with pytest.raises(ValueError, match=message):
        gradcam.grad_cam(model, PICTURES, layer=layer)
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


@pytest.mark.parametrize("wrong", [2, -1, 0.5, 1.0, True, "1", [0] * 6])
def test_a_class_that_is_none(wrong):
    with pytest.raises(ValueError, match="class_index is .*; the model has classes 0 to 1: give one of these numbers"):
        gradcam.grad_cam(pooled(), PICTURES, wrong)


def test_wrong_images_and_gradients_that_overflow_are_refused():
    for function in (gradcam.grad_cam, gradcam.baselines):
        with pytest.raises(ValueError, match=r"small takes images of shape \(16, 16, 3\)"):
            function(pooled(), np.zeros((SIDE, SIDE + 1, 3)))
    model = bright(layers.Dense(2))
    model.layers[-1].set_weights([np.full((1, 2), 3e38), np.zeros(2)])
    with pytest.raises(ValueError, match="not finite"):
        gradcam.grad_cam(model, np.full((8, 8, 1), 1e3), 1)


# The overlay and the scores


def test_an_overlay_is_rgb_of_the_photos_size_dark_where_the_map_is_weak_and_orange_where_it_is_strong():
    photo, heatmap = np.full((20, 30, 3), 9, np.uint8), np.zeros((2, 3))
    heatmap[1, 2] = 0.75
    colored = gradcam.overlay(photo, heatmap, alpha=1)
    assert colored.shape == photo.shape and colored.dtype == np.uint8 and (photo == 9).all()
    red, green, blue = colored[-1, -1].astype(int)
    assert red > 200 > green > 100 > 50 > blue and colored[0, 0].max() < 10
    photo = np.full((4, 4, 3), 200.0)
    assert (gradcam.overlay(photo, np.ones((4, 4)), alpha=0) == 200).all()
    whole, mixed = (gradcam.overlay(photo, np.ones((4, 4)), alpha)[0, 0] for alpha in (1, 0.25))
    assert np.abs(mixed - (0.25 * whole + 0.75 * 200)).max() <= 1, "by its share of color"
    for black in (np.zeros((4, 4, 3)), np.ones((4, 4, 3), np.uint8)):
        assert gradcam.overlay(black, np.ones((4, 4)), alpha=0).max() <= 1


BLACK, MAP = np.zeros((4, 4, 3)), np.ones((4, 4))


@pytest.mark.parametrize(
    ("photo", "heatmap", "alpha", "message"),
    [
        (BLACK[..., 0], MAP, 0.4, "image should be"),
        (BLACK - 1, MAP, 0.4, "image should be"),
        (BLACK + 0.5, MAP, 0.4, r"these are 0 to 1 and would be black. Give image \* 255"),
        (BLACK, 2 * MAP, 0.4, "values 0 to 1"),
        (BLACK, np.nan * MAP, 0.4, "values 0 to 1"),
        (BLACK, MAP[np.newaxis], 0.4, "heatmap should be"),
        (BLACK, MAP, 4, "alpha is 4"),
    ],
)
def test_an_overlay_of_something_else_is_refused(photo, heatmap, alpha, message):
    with pytest.raises(ValueError, match=message):
        gradcam.overlay(photo, heatmap, alpha)


LEFT = np.repeat([[True] * 2 + [False] * 6], 4, axis=0)  # the left quarter of a 4 x 8 picture
SCORES = (gradcam.energy_in_mask, gradcam.pointing_game)


def test_scores_of_maps_with_known_answers():
    inside, outside, uniform, zero = LEFT * 1.0, ~LEFT * 1.0, np.ones((4, 8)), np.zeros((4, 8))
    weaker = np.where(LEFT, 1.0, 0.2)  # 8 inside, 24 * 0.2 = 4.8 outside
    heatmaps = np.stack([inside, outside, uniform, zero, weaker])
    masks = np.stack([LEFT] * 5)
    assert np.allclose(gradcam.energy_in_mask(heatmaps, masks), [1, 0, 0.25, 0, 8 / 12.8])
    assert np.allclose(gradcam.pointing_game(heatmaps, masks), [1, 0, 0.25, 0, 1])
    assert gradcam.pointing_game(inside[np.newaxis] - 0.5, LEFT[np.newaxis]) == 1, "a map may be negative here"
    assert gradcam.energy_in_mask(uniform[np.newaxis], LEFT[np.newaxis] * 0.5) == 0.125, "a soft mask"


@pytest.mark.parametrize("maps", [np.float16, np.float32, np.uint8, bool])
@pytest.mark.parametrize("masks", [bool, np.uint8, np.float16, np.float64])
def test_scores_do_not_depend_on_the_kind_of_number(maps, masks):
    heatmaps = np.full((1, 400, 400), 200).astype(maps)  # their sum is too large for float16
    inside = np.broadcast_to(np.arange(400) < 100, heatmaps.shape).astype(masks)
    for score in SCORES:
        assert score(heatmaps, inside) == pytest.approx(0.25)


@pytest.mark.parametrize("score", SCORES)
def test_maps_and_masks_of_other_shapes_and_values_are_refused(score):
    heatmap, mask = np.ones((1, 4, 8)), LEFT[np.newaxis]
    masks, maps = "masks should be bool, or shares from 0 to 1; these", "8 values of the maps are NaN or infinite"
    for some, inside, message in (
        *((heatmap, wrong, masks) for wrong in (255 * mask.astype(np.uint8), mask - 1.0, np.where(mask, np.nan, 0))),
        *((np.where(mask, wrong, 1), mask, maps) for wrong in (np.nan, np.inf)),
        *((heatmap, np.ones(shape), "maps and masks should be") for shape in ((1, 4, 7), (2, 4, 8), (4, 8))),
    ):
        with pytest.raises(ValueError, match=message):
            score(some, inside)
    with pytest.raises(ValueError, match="maps should not be negative; the lowest value of these is -1"):
        gradcam.energy_in_mask(heatmap - 2, mask)


def test_deleting_what_decides_lowers_the_probability_at_once_and_inserting_it_raises_it():
    """The network answers with the brightness of the middle, where a white square lies; blurred, it is gray."""
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Cropping2D(6), layers.GlobalAveragePooling2D()])
    model.add(layers.Dense(1, activation="sigmoid"))
    model.layers[-1].set_weights([np.full((1, 1), 20.0), np.full(1, -10.0)])
    images = np.zeros((2, 16, 16, 1), np.float32)
    images[:, 6:10, 6:10] = 1
    right, wrong = images[..., 0] - 1, 1 - images[..., 0]  # maps may be negative
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
        _, deleted, _ = gradcam.deletion_insertion(model, 9 * PICTURES, np.ones((6, SIDE, SIDE)), 1, steps=2)
        logits = model.predict(9 * PICTURES, verbose=0)
        expected = tf.sigmoid(logits)[:, 0] if head == "one logit" else tf.nn.softmax(logits)[:, 1]
        assert np.allclose(deleted[:, 0], expected, atol=1e-5) and np.ptp(expected) > 0.01


def test_baselines_are_maps_from_0_to_1_and_know_what_they_should():
    model = small(layers.Cropping2D(((0, 7), (0, 0))), layers.Flatten(), layers.Dense(2, activation="softmax"))
    images = PICTURES.copy()
    images[:, :, 8:] = 0.5
    maps = gradcam.baselines(model, images, 1)
    assert list(maps) == ["uniform", "random", "center", "edges", "input gradient"]
    assert all(each.shape == (6, SIDE, SIDE) and each.min() >= 0 and each.max() == 1 for each in maps.values())
    assert not maps["edges"][:, :, 10:].any() and maps["edges"][:, :, :8].any()
    assert not maps["input gradient"][:, 9:].any(), "the model does not see the lower half"
    assert maps["center"].argmax() in (SIDE * 7 + 7, SIDE * 7 + 8, SIDE * 8 + 7, SIDE * 8 + 8)
    assert (maps["uniform"] == 1).all() and np.array_equal(maps["random"], gradcam.baselines(model, images)["random"])
