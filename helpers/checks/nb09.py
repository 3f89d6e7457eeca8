"""Self-checks of notebook 09: Grad-CAM's weights, its map, the energy in the mask, and the number to explain."""

from __future__ import annotations

import numpy as np

from helpers import profile
from helpers.checks import called, check, expect, given, numbers, unlike

tf = profile.quiet_tensorflow()


@check
def channel_weights(function) -> str:
    """A function (maps, gradient), both (height, width, channels) -> one weight per channel."""
    rng = np.random.default_rng(0)
    maps, gradient = np.maximum(rng.normal(size=(3, 5, 4)), 0), rng.normal(size=(3, 5, 4))
    weights = called(function, maps, gradient)
    expect(np.shape(weights) != (3, 5), "this is one number per place: the mean was taken over the channels")
    expect(np.shape(weights) != (), "this is one number for all channels together")
    weights = numbers(weights, (4,), "the weights")
    right = gradient.mean((0, 1))
    sizes = np.abs(gradient).mean((0, 1)), np.abs(right)
    dropped = np.maximum(gradient, 0).mean((0, 1)), np.maximum(right, 0)
    mistakes = {
        "this is the mean of the maps; the gradient has no say in it": maps.mean((0, 1)),
        "this is the sum over the places, and not their mean": gradient.sum((0, 1)),
        "this is the largest value of each channel's gradient": gradient.max((0, 1)),
        "the maps are counted here already, and so twice": (maps * gradient).mean((0, 1)),
        "a channel that speaks against the class has a weight above zero here": sizes,
        "what speaks against the class is dropped here; that comes later, after the sum": dropped,
    }
    unlike(weights, mistakes)
    expect(np.allclose(weights, right, atol=1e-6), "these are not the gradient's means over the places")
    other = rng.normal(size=(2, 2, 5))
    weights = given(function, np.abs(other), other, shape=(5,), name="the weights")
    fits = np.allclose(weights, other.mean((0, 1)), atol=1e-6)
    expect(fits, "for a gradient of shape (2, 2, 5) these are not its means")
    return "above zero for channels that speak for the class, below for those against it"


@check
def heatmap(function) -> str:
    """A function: maps (height, width, channels), weights (channels,) -> the map, 0 to 1, zero if nothing is for it."""
    maps = np.array([[[4.0, 0.0], [1.0, 1.0]], [[0.0, 3.0], [2.0, 4.0]]])  # with the weights: 4, 0.5; -1.5, 0
    weights = np.array([1.0, -0.5])
    summed = (maps * weights).sum(axis=-1)
    right = np.maximum(summed, 0) / summed.max()
    heat = given(function, maps, weights, shape=(2, 2), name="the map")
    size, early = np.abs(summed), np.maximum(maps * weights, 0).sum(axis=-1)
    sizes = size / size.max(), (size - size.min()) / np.ptp(size)
    mistakes = {
        "a place that speaks against the class is as bright as one that speaks for it": sizes,
        "the largest value is not 1: this is not scaled yet": np.maximum(summed, 0),
        "what speaks against the class is dropped before the sum": early / early.max(),
        "what speaks against it was not dropped": (summed - summed.min()) / np.ptp(summed),
    }
    unlike(heat, mistakes)
    expect(heat.max() < 1.01, "the values go beyond 1: the map should run from 0 to 1")
    expect(heat.min() >= 0, "there are values below zero: what speaks against the class has no place here")
    told = f"for the sums {summed.ravel().tolist()} it gives {heat.round(2).ravel().tolist()}"
    expect(np.allclose(heat, right), told)
    maps = 1e-3 * np.maximum(np.random.default_rng(0).normal(size=(4, 6, 5)), 0)
    weights = np.array([0.3, -0.2, 0.1, -0.4, 0.6])
    summed = np.maximum((maps * weights).sum(axis=-1), 0)
    heat = given(function, maps, weights, shape=(4, 6), name="the map")
    expect(np.allclose(heat, summed / summed.max(), atol=1e-3), "for maps of shape (4, 6, 5), small ones, it is wrong")
    everywhere = np.array([[[2.0], [4.0]]])
    weakest = given(function, everywhere, np.array([1.0]), shape=(1, 2), name="the map")
    expect(np.allclose(weakest, [[0.5, 1.0]]), "the weakest place is drawn as none, although it speaks for the class")
    nothing = np.asarray(called(function, everywhere, np.array([-1.0])), "float64")
    expect(np.isfinite(nothing).all(), "where nothing speaks for the class the map is NaN")
    expect(not nothing.any(), "where nothing speaks for the class the map is not zero everywhere")
    return "what speaks for the class runs from 0 to 1, and where nothing does the map is empty"


@check
def energy(function) -> str:
    """A function: heatmaps (N, height, width), masks -> share of each map's sum inside its mask, (N,)."""
    heatmaps, masks = np.zeros((3, 4, 4)), np.zeros((3, 4, 4), bool)
    masks[:, :2] = True  # half of the area
    heatmaps[0, 0, 0], heatmaps[0, 3, 3] = 3, 1
    heatmaps[1] = 0.5
    masks[1, 1] = False  # a quarter
    right = np.array([0.75, 0.25, 0.0])
    shares = called(function, heatmaps, masks)
    expect(np.shape(shares) != (), "this is one number for all maps together; each has its own")
    shares = np.asarray(shares, "float64")
    expect(shares.shape == (3,), f"one number per map is expected, shape (3,), and this is {shares.shape}")
    expect(np.isfinite(shares[:2]).all(), "a map gets NaN")
    inside, lit = (heatmaps * masks).sum((1, 2)), heatmaps > 0
    means = [each[mask].mean() for each, mask in zip(heatmaps, masks)]
    unlike(shares, {"this is the mean inside the mask: a map that is 1 everywhere gets full marks": means})
    unlike(shares, {"this is the sum inside the mask, and not a share": inside})
    unlike(shares[:2], {"each map is divided by the sum of all maps": inside[:2] / heatmaps.sum()})
    unlike(shares[:2], {"this is the share outside the mask": 1 - right[:2]})
    covered = (lit & masks).sum((1, 2)) / np.maximum(lit.sum((1, 2)), 1)
    unlike(shares, {"this counts places; a strong place weighs more than a weak one": covered})
    expect(np.allclose(shares[:2], right[:2]), f"a map with 3 inside and 1 outside gets {shares[0]:.2f}")
    expect(np.isfinite(shares[2]), "a map that is zero everywhere gets NaN; nothing of it lies in the mask")
    expect(shares[2] == 0, "a map that is zero everywhere has no energy to get points for")
    rng = np.random.default_rng(0)
    heatmaps, masks = rng.random((5, 3, 6)), rng.random((5, 3, 6)) < 0.4
    shares = given(function, heatmaps, masks, shape=(5,))
    right = (heatmaps * masks).sum((1, 2)) / heatmaps.sum((1, 2))
    told = f"for the maps of shape (5, 3, 6) it gives {shares.round(2)}, not {right.round(2)}"
    expect(np.allclose(shares, right), told)
    return "a uniform map scores the animal's share of the area: the least that a map has to beat"


@check
def class_score(function) -> str:
    """A function: logits of one photo, (classes,) or (1,), and a class -> the number to take the gradient of."""

    def slopes(logits: list[float], class_index: int) -> np.ndarray:
        outputs = tf.constant(logits)
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            number = called(function, outputs, class_index)
            expect(tf.is_tensor(number) and np.size(number) == 1, "one number, a tensor, is expected")
        slope = tape.gradient(number, outputs)
        expect(slope is not None, "the number does not depend on the logits: no gradient")
        return np.asarray(tf.convert_to_tensor(slope))  # tf.gather's gradient holds the picked logits alone

    dog, cat = slopes([40.0], 1), slopes([40.0], 0)
    expect(np.abs(dog).max() > 1e-6, "for a dog that the network is sure of the gradient is zero: the map would be NaN")
    expect(dog[0] > 0, "what makes a dog likelier would count against it")
    expect(np.abs(cat).max() > 1e-6, "for the cat the gradient is zero where the network is sure of a dog: no map")
    expect(not np.allclose(dog, cat), "dog and cat have the same explanation; one speaks against the other")
    expect(np.allclose(dog, 1) and np.allclose(cat, -1), "the gradient depends on how sure the network is")
    for logit in (-40.0, -1.0, 0.5):
        for index, sign in enumerate((-1, 1)):
            fine = np.allclose(slopes([logit], index), sign)
            expect(fine, f"for a single logit of {logit:g} the gradient depends on how sure the network is")
    for logits in ([2.0, 40.0, -3.0], [0.5, -1.0], [1.0, 0.0, 3.0, -2.0, 2.0]):
        names = f"with {len(logits)} classes"
        for index in range(len(logits)):
            one, units = slopes(logits, index), np.eye(len(logits))
            expect(np.abs(one).max() > 1e-6, f"{names}, where the network is sure, the gradient is zero")
            others = [each for each in range(len(logits)) if each != index and np.allclose(one, units[each])]
            expect(not others, f"{names}, asked for class {index}, it explains class {others[:1] and others[0]}")
            alone = np.allclose(one, units[index])
            expect(alone, f"{names}, others have a say in what is explained, or with another sign")
    return "logits, however sure the network is, and for class 0 of a single unit what speaks against class 1"
