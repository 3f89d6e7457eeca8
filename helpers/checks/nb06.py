"""Self-checks of notebook 06: what is free, what has learnt, kept averages, two rates in one model."""

from __future__ import annotations

import keras
import numpy as np

from helpers import profile
from helpers.checks import called, check, expect, keras_model

tf = profile.quiet_tensorflow()


def _owners(weights) -> set[str]:
    """The names of the layers that weights belong to."""
    return {weight.path.split("/")[-2] for weight in weights}


@check
def only_block5(model: keras.Model) -> str:
    """The course's base; its block 5 should learn, and nothing else."""
    keras_model(model)
    free, every = _owners(model.trainable_weights), _owners(model.weights)
    block5 = {name for name in every if name.startswith("block5")}
    expect(block5, "the model has no layer named block5_...: is it still the base?")
    flags = "the flags inside block 5 are True, and still no weight would be trained: something around them is frozen"
    expect(free or not any(layer.trainable for layer in model.layers if layer.name in block5), flags)
    expect(free, "no weight would be trained")
    expect(free != every, "every layer would learn")
    expect(not free - block5, f"these would learn too: {', '.join(sorted(free - block5))}")
    expect(free == block5, f"of block 5 only {', '.join(sorted(free))} would learn")
    held = [weight.path for weight in model.non_trainable_weights if weight.path.split("/")[-2] in block5]
    expect(not held, f"all layers of block 5 learn, but not all of their weights: {', '.join(held)} would not")
    count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return f"block 5 learns, {count:,} of {model.count_params():,} parameters"


@check
def names_changed(changed) -> str:
    """A function (before, after) -> names of layers; both are {layer name: list of arrays}."""

    def told(after: dict) -> list[str]:
        names = called(changed, {name: [array.copy() for array in arrays] for name, arrays in before.items()}, after)
        expect(not isinstance(names, str), "a list of names is expected, and this is a text")
        expect(np.iterable(names), f"a list of names is expected, and this is of type {type(names).__name__}")
        return sorted(map(str, names))

    def edited(name: str, number: int, values) -> dict:
        after = {each: [array.copy() for array in arrays] for each, arrays in before.items()}
        after[name][number] = np.asarray(values, "float32")
        return after

    rng = np.random.default_rng(0)
    before = {
        "conv": [rng.normal(size=(3, 3)).astype("float32"), np.zeros(3, "float32")],
        "pool": [],
        "dense": [np.array([0.25, 0.5, -0.75], "float32"), np.zeros(1, "float32")],
    }
    expect(told(edited("conv", 1, [0, 0, 0])) == [], "two equal copies of the same weights are said to be different")
    names = told(edited("dense", 0, [9, 9, 9]))
    expect(not {"conv", "pool"} & set(names), "one layer has got other weights, and others are named")
    expect(names == ["dense"], "all weights of an array have changed, unnoticed")
    expect(told(edited("dense", 0, [0.5, 0.25, -0.75])) == ["dense"], "two weights have changed places, unnoticed")
    expect(told(edited("dense", 0, [0.25, 0.5, 0.75])) == ["dense"], "a weight has changed its sign, unnoticed")
    expect(told(edited("conv", 1, [0, 1e-3, 0])) == ["conv"], "a bias has changed, unnoticed")
    exact = told(edited("conv", 1, [0, 1e-9, 0])) == ["conv"]
    expect(exact, "a change of 1e-9 goes unnoticed: frozen means not at all")
    for name, arrays in before.items():
        for number, array in enumerate(arrays):
            for place in np.ndindex(array.shape):
                moved = array.copy()
                moved[place] = np.nextafter(moved[place], np.float32(9)) if moved[place] else 1e-30  # hardly a change
                one = f"one of {array.size} weights of an array has changed, unnoticed"
                expect(told(edited(name, number, moved)) == [name], one)
    both = edited("conv", 1, [1, 1, 1]) | {"dense": edited("dense", 1, [2])["dense"]}
    expect(told(both) == ["conv", "dense"], "two layers have changed, and not both are named")
    return "a swap, a sign, a bias, a billionth: each is found, and equal copies are equal"


@check
def averages_kept(model: keras.Model, fresh: keras.Model) -> str:
    """A fine-tuned model that has layers "conv" and "norm", and the same before fine-tuning."""
    norm, old = model.get_layer("norm"), fresh.get_layer("norm")
    averages = (norm.moving_mean, old.moving_mean), (norm.moving_variance, old.moving_variance)
    moved = any(not np.array_equal(now, before) for now, before in averages)
    kernel = model.get_layer("conv").kernel.numpy()
    expect(np.isfinite(kernel).all(), "the kernels have become NaN: the training has failed")
    expect(not moved, "the averages have moved towards these few pictures, as in any training of this layer")
    learned = not np.array_equal(kernel, fresh.get_layer("conv").kernel.numpy())
    expect(learned, "the averages have stayed, but so have the kernels: nothing has been fine-tuned")
    return "the kernels have learnt, and the averages are those of the many pictures from before"


@check
def slower_body(five_steps) -> str:
    """A function (body, head, x, y) that trains two models, one on top of the other, by five steps."""
    x, y = np.random.default_rng(1).normal(size=(2, 32, 4)).astype("float32")
    moved_body, moved_head = _moved(five_steps, x, y)
    expect(np.isfinite(moved_body + moved_head), "the weights have become NaN")
    expect(moved_head > 0.02, "the head hardly moves; Adam at 0.01 takes it further in five steps")
    expect(moved_body > 0, "the body does not move at all")
    share = moved_body / moved_head
    apart = share < 0.6
    expect(apart, "body and head move equally far: Adam divides each gradient by its own size, and a factor with it")
    expect(0.04 < share < 0.25, f"the body moves {share:.2f} times as far as the head, and not about a tenth")
    # Adam's first steps are as long for large errors as for small ones; those of SGD are a hundred times as long.
    large_body, large_head = _moved(five_steps, x, 100 * y)
    factor = max(large_head / moved_head, large_body / moved_body)
    expect(factor < 2, f"with answers 100 times as large a part moves {factor:.0f} times as far: that is not Adam")
    wanted = 0.0495  # Adam at 0.01 moves a weight by 0.01 in each of five steps, less where the gradient's sign changes
    told = f"the head moves by {moved_head:.3f}, and should move as far as by five steps of Adam at 0.01: {wanted:.3f}"
    expect(abs(moved_head - wanted) < 0.1 * wanted, told)
    return "the body moves about a tenth as far as the head, with Adam for both"


def _moved(five_steps, x: np.ndarray, y: np.ndarray) -> list[float]:
    """How far the weights of a body and a head are moved on average."""
    body = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu")])
    head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    rng = np.random.default_rng(2)
    for part in (body, head):  # weights of the check's own: no seed of the notebook's is touched
        part.set_weights([rng.normal(0, 0.5, weight.shape) for weight in part.get_weights()])
    starts = [part.get_weights() for part in (body, head)]
    try:
        five_steps(body, head, x, y)
    except Exception:
        called(five_steps, body, head, x, y)  # stops again, and says with what
    return [
        np.mean([np.abs(now - then).mean() for now, then in zip(part.get_weights(), start)])
        for part, start in zip((body, head), starts)
    ]
