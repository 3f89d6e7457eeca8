from __future__ import annotations

import numpy as np
import pytest

from helpers import profile, training

profile.quiet_tensorflow()
import keras  # noqa: E402


def test_score_prints_its_wilson_interval():
    score = training.Score(968, 1000)
    low, high = score.interval
    # Wilson 1927: center 0.9662, half-width 0.0110
    assert low == pytest.approx(0.9552, abs=2e-4) and high == pytest.approx(0.9772, abs=2e-4)
    assert str(score) == "96.80 % (95 % interval 95.52 to 97.72, 1,000 images)"
    assert training.Score(10, 10).interval[0] < 1.0, "ten of ten is not certainty"


def constant_model(outputs: list[float]) -> keras.Model:
    """A model that gives the same outputs for every image."""
    inputs = keras.Input((2, 2, 1))
    dense = keras.layers.Dense(len(outputs), kernel_initializer="zeros")
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    dense.bias.assign(outputs)
    return model


@pytest.mark.parametrize(
    ("outputs", "expected"), [([0.1, 0.2, 0.7], 2), ([0.9, 0.1, 0.0], 0), ([0.51], 1), ([0.49], 0)]
)
def test_predicted_class_is_the_largest_output_or_above_one_half(outputs, expected):
    images = np.zeros((5, 2, 2, 1))
    model = constant_model(outputs)
    assert training.predicted_classes(model, images).tolist() == [expected] * 5
    labels = np.array([expected, expected, expected, 9, 9])
    assert training.score(model, images, labels) == training.Score(3, 5)


def test_fit_returns_one_value_an_epoch_and_keeps_callbacks():
    model, seen = constant_model([0.0, 1.0]), []
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    log = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    x, y = np.ones((8, 2, 2, 1)), np.zeros(8)
    history = training.fit(model, x, y, validation_data=(x, y), epochs=3, batch_size=4, callbacks=[log])
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), 3
    )
    assert history["loss"][2] < history["loss"][0] and seen == [0, 1, 2]


def history(val_loss: list[float]) -> dict[str, list[float]]:
    n = len(val_loss)
    return {
        "loss": [1.0] * n,
        "accuracy": [0.5] * n,
        "val_loss": val_loss,
        "val_accuracy": [0.1 * i for i in range(n)],
    }


def test_curves_ring_the_lowest_validation_loss():
    import matplotlib.pyplot as plt

    figure = training.curves(history([3.0, 1.0, 2.0]), title="a run")
    rings = [line for axis in figure.axes for line in axis.lines if line.get_marker() == "o"]
    assert [float(ring.get_xdata()[0]) for ring in rings] == [2, 2]
    assert [float(ring.get_ydata()[0]) for ring in rings] == [1.0, 0.1]
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "accuracy"]
    plt.close(figure)


def test_curves_compare_runs_of_different_length():
    import matplotlib.pyplot as plt

    figure = training.curves({"early": history([1.0]), "late": history([3.0, 2.0])})
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["early: training", "early: validation", "late: training", "late: validation"]
    plt.close(figure)
