"""Scores, their intervals and paired comparisons, by hand and from models of all kinds."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import profile, scores

profile.quiet_tensorflow()
import keras  # noqa: E402


def test_score_prints_its_wilson_interval():
    score = scores.Score(968, 1000)
    low, high = score.interval
    # Wilson 1927: center 0.9662, half-width 0.0110
    assert low == pytest.approx(0.9552, abs=2e-4) and high == pytest.approx(0.9772, abs=2e-4)
    assert str(score) == "96.80 % (95 % interval 95.52 to 97.72, 1,000 images)"
    assert scores.Score(10, 10).interval[0] < 1.0, "ten of ten is not certainty"


def constant_model(outputs: list[float]) -> keras.Model:
    """A model that gives the same outputs for every image."""
    inputs = keras.Input((2, 2, 1))
    dense = keras.layers.Dense(len(outputs), kernel_initializer="zeros")
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    dense.bias.assign(outputs)
    return model


@pytest.mark.parametrize(("outputs", "expected"), [([0.1, 0.2, 0.7], 2), ([0.51], 1), ([0.49], 0)])
def test_predicted_class_is_the_largest_output_or_above_one_half(outputs, expected):
    images = np.zeros((5, 2, 2, 1))
    model = constant_model(outputs)
    model.compile(loss="mse")
    assert scores.predicted_classes(model, images).tolist() == [expected] * 5
    labels = np.array([expected, expected, expected, 1 - expected % 2, 1 - expected % 2])
    for given in (labels, labels[:, np.newaxis], labels.tolist(), labels.astype(float)):
        assert scores.score(model, images, given) == scores.Score(3, 5)


class Squeezed(keras.Model):
    """A subclassed model whose sigmoid is no layer, and whose output is a plain row of numbers."""

    def call(self, images):
        return keras.ops.sigmoid(keras.ops.sum(images, axis=(1, 2, 3)) - 0.3)


def single(output: float, loss=None, activation=None) -> keras.Model:
    model = constant_model([output])
    if callable(activation):  # an operation, and no layer of its own
        model = keras.Model(model.inputs, activation(model.outputs[0]))
        activation = None
    if activation:
        model = keras.Sequential([keras.Input((2, 2, 1)), *model.layers[1:], keras.layers.Activation(activation)])
    if loss is not None:
        model.compile(loss=loss)
    return model


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (single(0.3, keras.losses.BinaryCrossentropy(from_logits=True)), 1),
        (single(-0.3, keras.losses.BinaryFocalCrossentropy(from_logits=True)), 0),
        (single(0.3), 1),  # never compiled, and linear
        (single(0.3, lambda truth, logit: keras.ops.binary_crossentropy(truth, logit, from_logits=True)), 1),
        (single(-0.3, activation="sigmoid"), 0),  # probability 0.43
        (single(-0.3, "binary_crossentropy", keras.ops.sigmoid), 0),
        (single(0.3, ["binary_crossentropy"], "sigmoid"), 1),
        (single(0.3, "hinge", "tanh"), 1),
        (keras.Sequential([keras.Input((2, 2, 1)), single(0.3)]), 1),
        (Squeezed(), 0),
    ],
)
def test_one_output_is_held_against_one_half_or_as_a_logit_against_zero(model, expected):
    assert scores.score(model, np.zeros((4, 2, 2, 1)), np.full(4, expected)) == scores.Score(4, 4)


@pytest.mark.parametrize(
    ("labels", "outputs", "message"),
    [
        (np.eye(3)[[0, 1, 2]], [0.1, 0.2, 0.7], "one class number per image.*argmax"),
        (["cat", "dog", "dog"], [0.1, 0.9], "class numbers from 0 to 1; these hold .*cat"),
        ([1, 2, 2], [0.1, 0.9], "class numbers from 0 to 1"),
        ([0.05, 0.95, 0.95], [0.1, 0.9], "class numbers from 0 to 1"),
        (None, [0.1, 0.9], "give an array of images with its labels"),
        ([0, 1, 1], [np.nan], "NaN or infinite"),
    ],
)
def test_labels_or_outputs_that_cannot_be_compared_are_refused(labels, outputs, message):
    with pytest.raises(ValueError, match=message):
        scores.score(constant_model(outputs), np.zeros((3, 2, 2, 1)), labels)


def test_a_dataset_brings_its_labels_and_an_end():
    tf = profile.quiet_tensorflow()
    rows = tf.data.Dataset.from_tensor_slices((np.zeros((4, 2, 2, 1)), [0, 1, 1, 0])).batch(2)
    for dataset, labels in ((rows, [0, 1, 1, 0]), (rows.repeat(), None)):
        with pytest.raises(ValueError, match="which ends and holds its own labels"):
            scores.score(constant_model([0.1, 0.9]), dataset, labels)
    with pytest.raises(ValueError, match="there must be images"):
        scores.score(constant_model([0.1, 0.9]), rows.take(0))


def test_maps_are_no_answer():
    with pytest.raises(ValueError, match=r"outputs of shape \(2, 4, 4, 3\)"):
        scores.score(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.ReLU()]), np.zeros((2, 4, 4, 3)), [0, 1])


@pytest.mark.parametrize(("correct", "total"), [(1430, 64), (-1, 3), (0, 0)])
def test_a_score_counts_images(correct, total):
    with pytest.raises(ValueError, match="there must be images"):
        scores.Score(correct, total)
    assert scores.Score.of(np.array([True, False, True])) == scores.Score(2, 3)


def test_score_of_a_dataset_that_shuffles_and_weighs():
    """Images and labels are read in one pass: a second pass would come in another order."""
    tf = profile.quiet_tensorflow()
    labels = np.arange(40) % 2
    images = labels.reshape(40, 1, 1, 1) * np.ones((40, 2, 2, 1))
    rows = tf.data.Dataset.from_tensor_slices((images, labels[:, np.newaxis], labels))
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.GlobalMaxPooling2D()])
    assert scores.score(model, rows.shuffle(40).batch(7)) == scores.Score(40, 40)
    assert scores.correct_images(constant_model([0.9]), rows.batch(7)).tolist() == (labels == 1).tolist()


def test_gain_counts_what_only_one_model_gets_right():
    first = np.array([1, 1, 1, 0, 0, 0, 1, 0], bool)
    second = np.array([1, 1, 0, 1, 1, 1, 1, 0], bool)
    gain = scores.Gain.between(first, second)
    assert gain == scores.Gain(only_first=1, only_second=3, total=8) and gain.gain == 0.25
    with pytest.raises(ValueError, match="not on the same"):
        scores.Gain.between(first, second[:-1])


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((86, 150, 1600), 0.021, 0.059),  # Agresti's approval ratings
        ((1, 5, 20), -0.041, 0.405),  # by hand: 4/22 -+ 1.96 · sqrt(7/22 - (4/22)²) / sqrt(22)
        ((0, 0, 1000), -0.002, 0.002),  # equal models: no point
    ],
)
def test_interval_of_a_gain(counts, low, high):
    assert scores.Gain(*counts).interval == pytest.approx((low, high), abs=1e-3)


def test_a_gain_in_words_and_its_p_value():
    gain = scores.Gain(only_first=86, only_second=150, total=1600)
    assert str(gain).startswith("+4.00 points (95 % interval +2.1") and str(gain).endswith("1,600 images)")
    assert gain.p_value == pytest.approx(3.7e-5, rel=0.1) and scores.Gain(0, 0, 1000).p_value == 1


def test_the_gains_interval_holds_the_truth_nineteen_times_in_twenty():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        cell = rng.multinomial(1000, (0.06, 0.10, 0.84))
        low, high = scores.Gain(int(cell[0]), int(cell[1]), 1000).interval
        inside += low <= 0.04 <= high
    assert 0.92 <= inside / 400 <= 0.98
