"""Fitting, and keeping what was trained: once for its settings, and never under another's name."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import augmentation, profile, store, training

profile.quiet_tensorflow()
import keras  # noqa: E402


def test_fit_returns_one_value_per_epoch_keeps_callbacks_and_gives_no_advice_on_shuffling(recwarn):
    tf, seen = profile.quiet_tensorflow(), []
    model = compiled(units=2, activation=None, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    log = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    x, y = np.ones((8, 2, 2, 1)), np.zeros(8)
    history = training.fit(model, x, y, validation_data=(x, y), epochs=3, batch_size=4, callbacks=[log])
    assert {name: len(values) for name, values in history.items()} == {"loss": 3, "val_loss": 3}
    assert history["loss"][2] < history["loss"][0] and seen == [0, 1, 2]
    training.fit(model, tf.data.Dataset.from_tensor_slices((x, y)).batch(4), epochs=1)
    assert not [warning for warning in recwarn if "shuffle" in str(warning.message)]


def test_a_model_is_trained_once_for_its_settings(cache, capsys):
    trained = []

    def cached(name="small", **changed):
        decides = {"images": np.zeros((3, 2, 2, 1)), "labels": [0, 1, 1], "epochs": 2, "photos": cache} | changed
        train = lambda: trained.append(1) or {"loss": [1.0, 0.5]}  # noqa: E731
        return training.load_or_train(name, compiled(), decides, train)

    first, _ = cached()
    again, history = cached()
    assert len(trained) == 1 and history == {"loss": [1.0, 0.5]}
    assert "small: trained earlier with these settings" in capsys.readouterr().out
    images = np.zeros((1, 2, 2, 1))
    assert np.array_equal(first.predict(images, verbose=0), again.predict(images, verbose=0))
    changes = [{"epochs": 3}, {"labels": [1, 0, 1]}, {"images": np.ones((3, 2, 2, 1))}, {"name": "other"}]
    changes += [{"images": np.zeros((3, 2, 2, 1), "float32")}, {"images": np.zeros((3, 4, 1))}]
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


def named(function):
    """As if a reader had written the function's cell anew: another one of the same name."""
    function.__name__ = function.__qualname__ = "function"
    return function


def of_own(call) -> keras.Layer:
    return type("Own", (keras.layers.Layer,), {"call": call, "__module__": __name__})()


def test_a_key_tells_networks_apart_and_not_their_names():
    decay = keras.optimizers.schedules.CosineDecay
    nested = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Conv2D(3, 1, name="inner", padding="same")])
    makers = [
        compiled,
        lambda: compiled(activation="tanh"),
        lambda: compiled(activation=lambda x: 0.1 * x),
        lambda: compiled(activation=lambda x: 0.2 * x),
        lambda: compiled(dtype="mixed_bfloat16"),
        lambda: compiled(rate=0.1),
        lambda: compiled(rate=decay(0.01, 10)),
        lambda: compiled(rate=decay(0.01, 20)),
        lambda: compiled(loss="mae"),
        lambda: compiled([augmentation.RandomAffine(turn=10)]),
        lambda: compiled([augmentation.RandomAffine(turn=20)]),
        lambda: compiled([keras.layers.Lambda(lambda x: 0.1 * x)]),
        lambda: compiled([keras.layers.Lambda(lambda x: 0.2 * x)]),
        lambda: compiled([nested]),
        lambda: compiled([*nested.layers]),
        lambda: compiled([of_own(lambda self, x: x + 1)]),
        lambda: compiled([of_own(lambda self, x: x * 1)]),
        lambda: compiled(loss=named(lambda truth, output: keras.ops.mean(truth - output))),
        lambda: compiled(loss=named(lambda truth, output: keras.ops.max(truth - output))),
        lambda: compiled([keras.layers.Activation("relu")]),
        lambda: joined("with an operation"),
        lambda: joined("one after the other"),
        lambda: joined("side by side"),
    ]
    keys = [store.key(make()) for make in makers]
    assert len(set(keys)) == len(keys)
    assert keys == [store.key(make()) for make in makers], "a session counts names up"
    model = compiled()
    model.fit(np.ones((4, 2, 2, 1)), np.ones((4, 3)), verbose=0)
    assert store.key(model) == keys[0], "what is trained is what was to be trained"


@pytest.mark.parametrize("package", ["keras", "numpy"])
def test_another_version_trains_anew(cache, monkeypatch, package):
    training.load_or_train("small", compiled(), {}, lambda: {})
    assert training.path_of("small", compiled(), {}).is_file()
    monkeypatch.setitem(store.VERSIONS, package, "0")
    assert not training.path_of("small", compiled(), {}).is_file()


@pytest.mark.parametrize("damage", ["cut", "of another network"])
def test_a_damaged_file_is_trained_anew_and_replaced(cache, damage):
    trained = []
    make = lambda: trained.append(1) or {"loss": [1.0]}  # noqa: E731
    training.load_or_train("small", compiled(), {}, make)
    (path,) = (cache / "kept" / "models").iterdir()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        np.savez(path, arr_0=np.zeros((5, 5)), history="{}")
    training.load_or_train("small", compiled(), {}, make)
    training.load_or_train("small", compiled(), {}, make)
    assert len(trained) == 2 and not list(cache.rglob("half-*"))


def test_what_is_kept_are_weights_and_the_model_is_the_readers_own(cache):
    """Functions and layers of a reader could not be loaded, and layers may have got other names."""
    first, second = (compiled([of_own(lambda self, x: x + 1)], activation=lambda x: 0.1 * x) for _ in range(2))
    training.load_or_train("own", first, {}, lambda: {"loss": [1.0]})
    second.layers[-1].name = "renamed"
    again, _ = training.load_or_train("own", second, {}, lambda: pytest.fail("trained again"))
    assert again is second and again.layers[-1].name == "renamed"
    assert all(map(np.array_equal, again.get_weights(), first.get_weights()))


def test_another_seed_and_what_trained_before_are_other_results(cache):
    profile.seed_everything()
    model = compiled()
    training.load_or_train("small", model, {"start": model.get_weights()}, lambda: {"loss": [np.float32(1)]})
    model.fit(np.ones((4, 2, 2, 1)), np.ones((4, 3)), verbose=0)
    assert not training.path_of("small", model, {"start": model.get_weights()}).is_file()
    training.save("small", model, {}, {})
    profile.seed_everything(1)
    try:
        assert not training.path_of("small", model, {}).is_file()
    finally:
        profile.seed_everything()
    assert training.path_of("small", model, {}).is_file()


def test_what_is_compiled_again_in_training_is_found_again(cache):
    model = compiled()
    training.load_or_train("small", model, {}, lambda: model.compile("adam", "mse") or {"loss": [1.0]})
    training.load_or_train("small", compiled(), {}, lambda: pytest.fail("trained again"))


def test_where_nothing_can_be_written_training_goes_on(cache, capsys):
    cache.write_text("in the way")
    model, history = training.load_or_train("small", compiled(), {}, lambda: {"loss": [1.0]})
    assert history == {"loss": [1.0]} and "was not kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("frozen", "learned", "moved"), [(True, {"top"}, set()), (False, {"low", "norm", "top"}, {"norm"})]
)
def test_weight_hashes_tell_what_has_learned_and_see_moving_averages(frozen, learned, moved):
    dense, norm = keras.layers.Dense(3, name="low"), keras.layers.BatchNormalization(name="norm")
    base = keras.Sequential([keras.Input((4,)), dense, norm])
    head = [keras.layers.Dropout(0.5), keras.layers.Dense(1, name="top")]
    model, rows = keras.Sequential([keras.Input((4,)), base, *head]), np.random.default_rng(0).normal(size=(20, 4))
    base.trainable = not frozen
    model.compile("sgd", "mse")
    assert [layer.split("/")[-1] for layer in training.weight_hashes(model)] == ["low", "norm", "top"]

    def changed_by(step) -> set[str]:
        before = training.weight_hashes(model)
        step()
        after = training.weight_hashes(model)
        return {layer.split("/")[-1] for layer in before if before[layer] != after[layer]}

    assert changed_by(lambda: model.fit(rows, np.ones((20, 1)), verbose=0)) == learned
    assert changed_by(lambda: base(rows, training=True)) == moved, "averages, which no gradient moves"
