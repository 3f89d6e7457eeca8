from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import augmentation, keeping, profile, training

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
    model.compile(loss="mse")
    assert training.predicted_classes(model, images).tolist() == [expected] * 5
    labels = np.array([expected, expected, expected, 1 - expected % 2, 1 - expected % 2])
    for given in (labels, labels[:, np.newaxis], labels.tolist(), labels.astype(float)):
        assert training.score(model, images, given) == training.Score(3, 5)


class Squeezed(keras.Model):
    """A subclassed model whose sigmoid is no layer, and whose output is a plain row of numbers."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = keras.layers.Dense(
            1, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(logit)
        )

    def call(self, images):
        return keras.ops.sigmoid(self.logit(keras.ops.reshape(images, (-1, 4))))[:, 0]


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
        (single(0.3, "mse"), 0),
        (single(0.7, keras.losses.MeanAbsoluteError()), 1),
        (single(-0.3, activation="sigmoid"), 0),  # probability 0.43
        (single(0.3, "binary_crossentropy", "sigmoid"), 1),
        (single(-0.3, activation="tanh"), 0),
        (single(-0.3, activation=keras.ops.sigmoid), 0),
        (single(-0.3, "binary_crossentropy", keras.ops.sigmoid), 0),
        (single(0.3, ["binary_crossentropy"], "sigmoid"), 1),
        (single(0.3, "hinge", "tanh"), 1),
        (single(0.3, "huber"), 0),
        (keras.Sequential([keras.Input((2, 2, 1)), single(0.3)]), 1),
        (Squeezed(-0.3), 0),
        (Squeezed(0.3), 1),
    ],
)
def test_one_output_is_held_against_one_half_or_as_a_logit_against_zero(model, expected):
    assert training.score(model, np.zeros((4, 2, 2, 1)), np.full(4, expected)) == training.Score(4, 4)


@pytest.mark.parametrize(
    ("labels", "outputs", "message"),
    [
        (np.eye(3)[[0, 1, 2]], [0.1, 0.2, 0.7], "one class number per image.*argmax"),
        ([0, 1], [0.1, 0.9], r"3 images and labels of shape \(2,\)"),
        (1, [0.1, 0.9], "one class number per image"),
        (["cat", "dog", "dog"], [0.1, 0.9], "class numbers from 0 to 1; these hold .*cat"),
        ([1, 2, 2], [0.1, 0.9], "class numbers from 0 to 1"),
        ([-1, 1, 1], [0.1], "class numbers from 0 to 1"),
        ([0.05, 0.95, 0.95], [0.1, 0.9], "class numbers from 0 to 1"),
        (None, [0.1, 0.9], "give an array of images with its labels"),
        ([0, 1, 1], [np.nan], "NaN or infinite"),
    ],
)
def test_labels_or_outputs_that_cannot_be_compared_are_refused(labels, outputs, message):
    with pytest.raises(ValueError, match=message):
        training.score(constant_model(outputs), np.zeros((3, 2, 2, 1)), labels)


def test_a_dataset_brings_its_labels_and_an_end():
    tf = profile.quiet_tensorflow()
    rows = tf.data.Dataset.from_tensor_slices((np.zeros((4, 2, 2, 1)), [0, 1, 1, 0])).batch(2)
    for dataset, labels in ((rows, [0, 1, 1, 0]), (rows.repeat(), None)):
        with pytest.raises(ValueError, match="which ends and holds its own labels"):
            training.score(constant_model([0.1, 0.9]), dataset, labels)
    with pytest.raises(ValueError, match="there must be images"):
        training.score(constant_model([0.1, 0.9]), rows.take(0))


def test_maps_are_no_answer():
    with pytest.raises(ValueError, match=r"outputs of shape \(2, 4, 4, 3\)"):
        training.score(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.ReLU()]), np.zeros((2, 4, 4, 3)), [0, 1])


@pytest.mark.parametrize(("correct", "total"), [(1430, 64), (-1, 3), (0, 0)])
def test_a_score_counts_images(correct, total):
    with pytest.raises(ValueError, match="there must be images"):
        training.Score(correct, total)
    assert training.Score.of(np.array([True, False, True])) == training.Score(2, 3)


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


def test_curves_draw_what_a_history_has():
    import matplotlib.pyplot as plt

    alone = {"loss": [2.0, 1.0], "accuracy": [0.5, 0.6]}
    broken = history([float("nan")] * 2)
    for given, panels, lines, rings in (
        (alone, 2, 1, 0),
        ({"loss": [2.0], "val_loss": [2.0]}, 1, 2, 1),
        (broken, 2, 2, 0),
        ({"a": alone, "b": history([2.0, 1.0])}, 2, 3, 1),
        ({str(number): alone for number in range(12)}, 2, 12, 0),
    ):
        figure = training.curves(given)
        drawn = figure.axes[0].lines
        assert len(figure.axes) == panels
        assert len([line for line in drawn if line.get_marker() != "o"]) == lines
        assert len([line for line in drawn if line.get_marker() == "o"]) == rings
        assert ("ring" in figure.axes[0].get_title()) == bool(rings)
        plt.close(figure)
    figure = training.curves({"loss": [3.0, 2.0, 1.0, 0.5], "val_loss": [1.0, 2.0]})  # validation_freq=2
    ring = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert [list(line.get_xdata()) for line in figure.axes[0].lines][1] == [2, 4] and ring.get_xdata()[0] == 2
    plt.close(figure)
    for nothing in ({}, {"loss": []}, {"a": {"accuracy": [0.5]}}):
        with pytest.raises(ValueError, match="nothing to draw"):
            training.curves(nothing)


def test_curves_compare_runs_of_different_length():
    import matplotlib.pyplot as plt

    figure = training.curves({"early": history([1.0]), "late": history([3.0, 2.0])})
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["early: training", "early: validation", "late: training", "late: validation"]
    plt.close(figure)


# Datasets and paired comparison


def test_score_takes_a_dataset_with_its_labels():
    tf = profile.quiet_tensorflow()
    dataset = tf.data.Dataset.from_tensor_slices((np.zeros((7, 2, 2, 1)), [1, 1, 1, 0, 0, 1, 1])).batch(3)
    assert training.score(constant_model([0.9]), dataset) == training.Score(5, 7)
    correct = training.correct_images(constant_model([0.9]), dataset)
    assert correct.tolist() == [True, True, True, False, False, True, True]


def test_score_of_a_dataset_that_shuffles_and_weighs():
    """Images and labels are read in one pass: a second pass would come in another order."""
    tf = profile.quiet_tensorflow()
    labels = np.arange(40) % 2
    rows = tf.data.Dataset.from_tensor_slices(
        (labels.reshape(40, 1, 1, 1) * np.ones((40, 2, 2, 1)), labels[:, None], labels)
    )
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.GlobalMaxPooling2D()])
    assert training.score(model, rows.shuffle(40).batch(7)) == training.Score(40, 40)


def test_fit_on_a_dataset_gives_no_advice_on_shuffling(recwarn):
    tf = profile.quiet_tensorflow()
    model = constant_model([0.0, 1.0])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    training.fit(model, tf.data.Dataset.from_tensor_slices((np.ones((8, 2, 2, 1)), np.zeros(8))).batch(4), epochs=1)
    assert not [w for w in recwarn if "shuffle" in str(w.message)]


def test_gain_counts_what_only_one_model_gets_right():
    first = np.array([1, 1, 1, 0, 0, 0, 1, 0], bool)
    second = np.array([1, 1, 0, 1, 1, 1, 1, 0], bool)
    gain = training.Gain.between(first, second)
    assert gain == training.Gain(only_first=1, only_second=3, total=8) and gain.gain == 0.25
    with pytest.raises(ValueError, match="not on the same"):
        training.Gain.between(first, second[:-1])


def test_gain_of_a_textbook_table():
    """Agresti's approval ratings: 150 and 86 changed their minds among 1,600: difference 0.04, 0.021 to 0.059."""
    gain = training.Gain(only_first=86, only_second=150, total=1600)
    low, high = gain.interval
    assert (
        gain.gain == pytest.approx(0.04)
        and low == pytest.approx(0.021, abs=1e-3)
        and high == pytest.approx(0.059, abs=1e-3)
    )
    assert gain.p_value == pytest.approx(3.7e-5, rel=0.1)
    assert str(gain).startswith("+4.00 points (95 % interval +2.1") and str(gain).endswith("1,600 images)")


def test_interval_of_a_small_table_by_hand():
    """(1.5, 5.5) of 22: middle 4/22, half-width 1.96 · sqrt(7/22 - (4/22)²) / sqrt(22)."""
    low, high = training.Gain(only_first=1, only_second=5, total=20).interval
    assert (low + high) / 2 == pytest.approx(0.181818, abs=1e-6)
    assert (high - low) / 2 == pytest.approx(0.223132, abs=1e-5)


def test_equal_models_gain_nothing_and_the_interval_is_no_point():
    gain = training.Gain(0, 0, 1000)
    assert gain.p_value == 1 and gain.interval[0] < 0 < gain.interval[1]


def test_the_gains_interval_holds_the_truth_nineteen_times_in_twenty():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        cell = rng.multinomial(1000, (0.06, 0.10, 0.84))
        low, high = training.Gain(int(cell[0]), int(cell[1]), 1000).interval
        inside += low <= 0.04 <= high
    assert 0.92 <= inside / 400 <= 0.98


# Keeping trained models


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path)
    return tmp_path


def test_a_model_is_trained_once_for_its_settings(cache, capsys):
    trained = []

    def cached(name="small", **changed):
        decides = {"images": np.zeros((3, 2, 2, 1)), "labels": [0, 1, 1], "epochs": 2, "photos": cache} | changed
        train = lambda: trained.append(1) or {"loss": [1.0, 0.5]}  # noqa: E731
        return training.cached(name, compiled(), decides, train)

    first, _ = cached()
    again, history = cached()
    assert len(trained) == 1 and history == {"loss": [1.0, 0.5]}
    assert "small: trained earlier with these settings" in capsys.readouterr().out
    images = np.zeros((1, 2, 2, 1))
    assert np.array_equal(first.predict(images, verbose=0), again.predict(images, verbose=0))
    changes = [{"epochs": 3}, {"labels": [1, 0, 1]}, {"images": np.ones((3, 2, 2, 1))}, {"more": None}]
    changes += [{"images": np.zeros((3, 2, 2, 1), "float32")}, {"images": np.zeros((3, 4, 1))}, {"name": "other"}]
    for changed in changes:
        cached(**changed)
    assert len(trained) == 1 + len(changes)
    with pytest.raises(TypeError, match="a Mystery cannot tell one result from another"):
        cached(labels=type("Mystery", (), {})())


def compiled(layers=(), rate=0.01, loss="mse", **options) -> keras.Model:
    dense = keras.layers.Dense(**{"units": 3, "activation": "relu"} | options)
    model = keras.Sequential([keras.Input((2, 2, 1)), *layers, keras.layers.Flatten(), dense])
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def joined(kind) -> keras.Model:
    """Three layers, connected in one way or another: the same list of them, the same weights."""
    image = keras.Input((2, 2, 1))
    first, second = keras.layers.Conv2D(1, 1), keras.layers.Conv2D(1, 1)
    below = first(image / 255 if kind == "with an operation" else image)
    return keras.Model(image, keras.layers.Add()([below, second(image if kind == "side by side" else below)]))


def named(function, name="function"):
    function.__name__ = function.__qualname__ = name
    return function


@named
def a_tenth(values):
    return 0.1 * values


@named
def two_tenths(values):
    return 0.2 * values


def of_own(call) -> keras.Layer:
    return type("Own", (keras.layers.Layer,), {"call": call, "__module__": __name__})()


def test_a_key_tells_networks_apart_and_not_their_names():
    decay = keras.optimizers.schedules.CosineDecay
    nested = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Conv2D(3, 1, name="inner", padding="same")])
    makers = [
        compiled,
        lambda: compiled(activation="tanh"),
        lambda: compiled(activation=a_tenth),
        lambda: compiled(activation=two_tenths),
        lambda: compiled(units=4),
        lambda: compiled(kernel_initializer="he_normal"),
        lambda: compiled(dtype="mixed_bfloat16"),
        lambda: compiled(rate=0.1),
        lambda: compiled(rate=decay(0.01, 10)),
        lambda: compiled(rate=decay(0.01, 20)),
        lambda: compiled(loss="mae"),
        lambda: compiled([keras.layers.Rescaling(1 / 255)]),
        lambda: compiled([keras.layers.Rescaling(1 / 127.5, offset=-1)]),
        lambda: compiled([keras.layers.MaxPooling2D(2)]),
        lambda: compiled([keras.layers.AveragePooling2D(2)]),
        lambda: compiled([augmentation.RandomAffine(turn=10)]),
        lambda: compiled([augmentation.RandomAffine(turn=20)]),
        lambda: compiled([keras.layers.Dropout(0.3)]),
        lambda: compiled([keras.layers.Lambda(a_tenth)]),
        lambda: compiled([keras.layers.Lambda(two_tenths)]),
        lambda: compiled([nested]),
        lambda: compiled([*nested.layers]),
        lambda: compiled([of_own(lambda self, x: x + 1)]),
        lambda: compiled([of_own(lambda self, x: x * 1)]),
        lambda: compiled(activation=named(lambda x: keras.ops.relu(x))),
        lambda: compiled(activation=named(lambda x: keras.ops.tanh(x))),
        lambda: compiled(loss=named(lambda a, b: keras.ops.mean(a - b))),
        lambda: compiled(loss=named(lambda a, b: keras.ops.max(a - b))),
        lambda: compiled([keras.layers.Activation("relu")]),
        lambda: compiled([keras.layers.Activation("softmax")]),
        lambda: joined("with an operation"),
        lambda: joined("one after the other"),
        lambda: joined("side by side"),
    ]
    keys = [keeping.key(make()) for make in makers]
    assert len(set(keys)) == len(keys)
    assert keys == [keeping.key(make()) for make in makers], "a session counts names up"
    model = compiled()
    model.fit(np.ones((4, 2, 2, 1)), np.ones((4, 3)), verbose=0)
    assert keeping.key(model) == keys[0], "what is trained is what was to be trained"


@pytest.mark.parametrize("package", ["keras", "numpy"])
def test_another_version_trains_anew(cache, monkeypatch, package):
    assert not training.is_kept("small", compiled(), {})
    training.cached("small", compiled(), {}, lambda: {})
    assert training.is_kept("small", compiled(), {})
    monkeypatch.setitem(keeping.VERSIONS, package, "0")
    assert not training.is_kept("small", compiled(), {})


@pytest.mark.parametrize("damage", ["cut", "inside", "of another network"])
def test_a_damaged_file_is_trained_anew_and_replaced(cache, damage):
    trained = []
    make = lambda: trained.append(1) or {"loss": [1.0]}  # noqa: E731
    training.cached("small", compiled(), {}, make)
    (path,) = (cache / "models").iterdir()
    content = path.read_bytes()
    if damage == "of another network":
        np.savez(path, np.zeros((5, 5)), history="{}")
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] if damage == "cut" else content[:middle] + b"?" * 30 + content[middle + 30 :])
    training.cached("small", compiled(), {}, make)
    training.cached("small", compiled(), {}, make)
    assert len(trained) == 2 and not list(cache.rglob("half-*"))


def test_what_is_kept_are_weights_and_the_model_is_the_readers_own(cache):
    """Functions and layers of a reader could not be loaded, and layers may have got other names."""
    first = compiled([of_own(lambda self, x: x + 1)], activation=a_tenth)
    training.cached("own", first, {}, lambda: {"loss": [1.0]})
    second = compiled([of_own(lambda self, x: x + 1)], activation=a_tenth)
    second.layers[-1].name = "renamed"
    found, _ = training.cached("own", second, {}, lambda: pytest.fail("trained again"))
    assert found is second and found.layers[-1].name == "renamed"
    assert all(map(np.array_equal, found.get_weights(), first.get_weights()))


def test_another_seed_and_what_trained_before_are_other_results(cache):
    profile.seed_everything()
    model = compiled()
    training.cached("small", model, {"start": model.get_weights()}, lambda: {"loss": [np.float32(1)]})
    model.fit(np.ones((4, 2, 2, 1)), np.ones((4, 3)), verbose=0)
    assert not training.is_kept("small", model, {"start": model.get_weights()})
    training.keep("small", model, {}, {})
    profile.seed_everything(1)
    try:
        assert not training.is_kept("small", model, {})
    finally:
        profile.seed_everything()
    assert training.is_kept("small", model, {})


def test_what_is_compiled_again_in_training_is_found_again(cache):
    model = compiled()
    training.cached("small", model, {}, lambda: model.compile("adam", "mse") or {"loss": [1.0]})
    training.cached("small", compiled(), {}, lambda: pytest.fail("trained again"))


def test_where_nothing_can_be_written_training_goes_on(cache, capsys):
    (cache / "models").write_text("in the way")
    model, history = training.cached("small", compiled(), {}, lambda: {"loss": [1.0]})
    assert history == {"loss": [1.0]} and "small was not kept" in capsys.readouterr().out


def nested_model() -> tuple[keras.Model, keras.Model]:
    base = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="low"), keras.layers.BatchNormalization(name="norm")]
    )
    head = [keras.layers.Dropout(0.5), keras.layers.Dense(1, name="top")]
    return base, keras.Sequential([keras.Input((4,)), base, *head])


@pytest.mark.parametrize("frozen", [True, False])
def test_weight_hashes_tell_what_has_learnt(frozen):
    base, model = nested_model()
    base.trainable = not frozen
    model.compile("sgd", "mse")
    before = training.weight_hashes(model)
    model.fit(np.random.default_rng(0).normal(size=(20, 4)), np.ones((20, 1)), verbose=0)
    after = training.weight_hashes(model)
    changed = {layer.split("/")[-1] for layer in before if before[layer] != after[layer]}
    assert changed == ({"top"} if frozen else {"low", "norm", "top"})
    assert {layer.split("/")[-1] for layer in before} == {"low", "norm", "top"}  # dropout has no weights


def test_weight_hashes_see_moving_averages():
    base, _ = nested_model()
    before = training.weight_hashes(base)
    base(np.random.default_rng(0).normal(size=(20, 4)), training=True)  # no gradient, averages move all the same
    after = training.weight_hashes(base)
    assert [layer.split("/")[-1] for layer in before if before[layer] != after[layer]] == ["norm"]


TWO_DEVICES = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from helpers import augmentation, profile, training
import keras
rng = np.random.default_rng(0)
x, y = rng.uniform(size=(64, 28, 28, 1)).astype("float32"), np.arange(64) % 10

class Replicas(keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        found.append(self.model.distribute_strategy.num_replicas_in_sync)

for devices in (1, 2):
    if devices == 2:
        tf.config.list_logical_devices = lambda kind: [tf.config.LogicalDevice(f"CPU:{n}", "CPU") for n in (0, 1)]
        profile.start()
    profile.seed_everything()
    found = []
    base = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(4, 3, activation="relu"),
                             keras.layers.GlobalMaxPooling2D()], name="base")
    base.trainable = False
    still = augmentation.RandomAffine(mirror=False)
    model = keras.Sequential([keras.Input((28, 28, 1)), still, base, keras.layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    frozen = training.weight_hashes(base)
    losses = training.fit(model, x, y, epochs=2, batch_size=32, callbacks=[Replicas()])["loss"]
    losses += training.fit(model, tf.data.Dataset.from_tensor_slices((x, y)).batch(32), callbacks=[Replicas()])["loss"]
    assert training.weight_hashes(base) == frozen, "the frozen base has learnt"
    assert int(model.optimizer.iterations) == 6, "the optimizer goes on from where it stopped"
    base.trainable = True
    model.compile("sgd", "sparse_categorical_crossentropy")
    losses += training.fit(model, x, y, shuffle=False, callbacks=[Replicas()])["loss"]
    assert training.weight_hashes(base) != frozen, "the thawed base has not learnt"
    with tf.GradientTape() as tape:  # a loop of the reader's own
        loss = tf.reduce_sum(model(x[:2]))
    assert tape.gradient(loss, model.trainable_weights)[0] is not None
    losses.append(np.ravel(model.evaluate(x, y, verbose=0))[0])
    print(devices, *found, *losses)

found = []
model.compile("adam", "sparse_categorical_crossentropy")
training.fit(model, x, y, callbacks=[Replicas()])
base.trainable = False  # not compiled again: the optimizer still holds the base's moments
training.fit(model, x, y, callbacks=[Replicas()])
assert found == [2, 2], "moments of other variables"
def own(truth, output):
    return keras.losses.sparse_categorical_crossentropy(truth, output)

found = []
for loss in (own, lambda truth, output: own(truth, output)):
    model.compile("sgd", loss)
    training.fit(model, x=x, y=y, callbacks=[Replicas()])
assert found == [1, 1], "a loss that cannot be copied"

class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt

model.compile("sgd", "sparse_categorical_crossentropy")
before = training.weight_hashes(model)
try:
    training.fit(model, x, y, callbacks=[Stop()])
except KeyboardInterrupt:
    pass
assert training.weight_hashes(model) != before, "what an interrupted training has learnt is lost"

x[:32] += 1  # the halves differ
normal = keras.layers.BatchNormalization(momentum=0.0)
model = keras.Sequential([keras.Input((28, 28, 1)), normal, keras.layers.Flatten(), keras.layers.Dense(10)])
model.compile("sgd", "mse")
training.fit(model, x, np.zeros((64, 10)), batch_size=64, shuffle=False)
assert abs(normal.moving_mean.numpy() - x.mean()) < 1e-4, "the averages are of one half"
"""


def test_two_gpus_train_as_one_with_no_change_to_a_cell():
    """Two logical CPU devices stand for the GPUs; each replica gets half of each batch."""
    environment = os.environ | {"COURSE_PROFILE": "full", "COURSE_DATA": "drawn", "PYTHONPATH": str(profile.ROOT)}
    found = subprocess.run([sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    start, one, two = (
        next(line for line in found.stdout.splitlines() if line.startswith(s)) for s in ("Py", "1 ", "2 ")
    )
    assert "on 2 GPUs; profile full" in start
    assert one.split()[1:4] == ["1"] * 3 and two.split()[1:4] == ["2"] * 3
    first, second = ([float(loss) for loss in line.split()[4:]] for line in (one, two))
    assert first == pytest.approx(second, rel=1e-3) and first[0] > first[2] > 0
    assert found.stdout.count("One GPU trains, since this model cannot be copied") == 2
