"""Self-checks of notebook 09: Grad-CAM's weights, its map, the energy in the mask, and the number to explain."""

from __future__ import annotations

import numpy as np

from helpers import profile
from helpers.checks import called, check, expect, numbers

tf = profile.quiet_tensorflow()


@check
def channel_weights(function) -> str:
    """A function (maps, gradient), both (height, width, channels) -> one weight a channel."""
    rng = np.random.default_rng(0)
    maps, gradient = np.maximum(rng.normal(size=(3, 5, 4)), 0), rng.normal(size=(3, 5, 4))
    found = called(function, maps, gradient)
    expect(np.shape(found) != (3, 5), "this is one number a place: the mean was taken over the channels")
    expect(np.shape(found) != (), "this is one number for all channels together")
    found = numbers(found, (4,), "the weights")
    expect(not np.allclose(found, maps.mean((0, 1))), "this is the mean of the maps; the gradient has no say in it")
    expect(not np.allclose(found, gradient.sum((0, 1))), "this is the sum over the places, and not their mean")
    expect(not np.allclose(found, gradient.max((0, 1))), "this is the largest value of each channel's gradient")
    expect(not np.allclose(found, (maps * gradient).mean((0, 1))), "the maps are counted here already, and so twice")
    expect(
        not np.allclose(found, np.abs(gradient).mean((0, 1))) and not np.allclose(found, np.abs(gradient.mean((0, 1)))),
        "a channel that speaks against the class has a weight above zero here",
    )
    expect(
        not np.allclose(found, np.maximum(gradient, 0).mean((0, 1)))
        and not np.allclose(found, np.maximum(gradient.mean((0, 1)), 0)),
        "what speaks against the class is dropped here; that comes later, after the sum",
    )
    expect(np.allclose(found, gradient.mean((0, 1)), atol=1e-6), "these are not the gradient's means over the places")
    other = rng.normal(size=(2, 2, 5))
    found = numbers(called(function, np.abs(other), other), (5,), "the weights")
    expect(
        np.allclose(found, other.mean((0, 1)), atol=1e-6), "for a gradient of shape (2, 2, 5) these are not its means"
    )
    return "above zero for channels that speak for the class, below for those against it"


@check
def heatmap(function) -> str:
    """A function: maps (height, width, channels), weights (channels,) -> the map, 0 to 1, zero if nothing is for it."""
    maps = np.array([[[4.0, 0.0], [1.0, 1.0]], [[0.0, 3.0], [2.0, 4.0]]])  # with the weights: 4, 0.5; -1.5, 0
    weights = np.array([1.0, -0.5])
    summed = (maps * weights).sum(axis=-1)
    right = np.maximum(summed, 0) / summed.max()
    found = numbers(called(function, maps, weights), (2, 2), "the map")
    size = np.abs(summed)
    expect(
        not np.allclose(found, size / size.max()) and not np.allclose(found, (size - size.min()) / np.ptp(size)),
        "a place that speaks against the class is as bright as one that speaks for it",
    )
    expect(not np.allclose(found, np.maximum(summed, 0)), "the largest value is not 1: this is not scaled yet")
    early = np.maximum(maps * weights, 0).sum(axis=-1)
    expect(not np.allclose(found, early / early.max()), "what speaks against the class is dropped before the sum")
    expect(not np.allclose(found, (summed - summed.min()) / np.ptp(summed)), "what speaks against it was not dropped")
    expect(found.max() < 1.01, "the values go beyond 1: the map should run from 0 to 1")
    expect(found.min() >= 0, "there are values below zero: what speaks against the class has no place here")
    expect(
        np.allclose(found, right), f"for the sums {summed.ravel().tolist()} it gives {found.round(2).ravel().tolist()}"
    )
    maps = 1e-3 * np.maximum(np.random.default_rng(0).normal(size=(4, 6, 5)), 0)
    weights = np.array([0.3, -0.2, 0.1, -0.4, 0.6])
    summed = np.maximum((maps * weights).sum(axis=-1), 0)
    found = numbers(called(function, maps, weights), (4, 6), "the map")
    expect(np.allclose(found, summed / summed.max(), atol=1e-3), "for maps of shape (4, 6, 5), small ones, it is wrong")
    everywhere = np.array([[[2.0], [4.0]]])
    weakest = numbers(called(function, everywhere, np.array([1.0])), (1, 2), "the map")
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
    found = called(function, heatmaps, masks)
    expect(np.shape(found) != (), "this is one number for all maps together; each has its own")
    found = np.asarray(found, "float64")
    expect(found.shape == (3,), f"one number a map is expected, shape (3,), and this is {found.shape}")
    expect(np.isfinite(found[:2]).all(), "a map gets NaN")
    inside = np.array([each[mask].mean() for each, mask in zip(heatmaps, masks)])
    expect(
        not np.allclose(found, inside), "this is the mean inside the mask: a map that is 1 everywhere gets full marks"
    )
    expect(not np.allclose(found, (heatmaps * masks).sum((1, 2))), "this is the sum inside the mask, and not a share")
    expect(
        not np.allclose(found[:2], (heatmaps * masks).sum((1, 2))[:2] / heatmaps.sum()),
        "each map is divided by the sum of all maps",
    )
    expect(not np.allclose(found[:2], 1 - right[:2]), "this is the share outside the mask")
    covered = np.array([((each > 0) & mask).sum() / max((each > 0).sum(), 1) for each, mask in zip(heatmaps, masks)])
    expect(not np.allclose(found, covered), "this counts places; a strong place weighs more than a weak one")
    expect(np.allclose(found[:2], right[:2]), f"a map with 3 inside and 1 outside gets {found[0]:.2f}")
    expect(np.isfinite(found[2]), "a map that is zero everywhere gets NaN; nothing of it lies in the mask")
    expect(found[2] == 0, "a map that is zero everywhere has no energy to get points for")
    rng = np.random.default_rng(0)
    heatmaps, masks = rng.random((5, 3, 6)), rng.random((5, 3, 6)) < 0.4
    found = numbers(called(function, heatmaps, masks), (5,), "what your function gives")
    right = (heatmaps * masks).sum((1, 2)) / heatmaps.sum((1, 2))
    expect(
        np.allclose(found, right), f"for the maps of shape (5, 3, 6) it gives {found.round(2)}, not {right.round(2)}"
    )
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
        found = tape.gradient(number, outputs)
        expect(found is not None, "the number does not depend on the logits: no gradient")
        return np.asarray(tf.convert_to_tensor(found))  # tf.gather's gradient holds the picked logits alone

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
            expect(
                np.allclose(one, units[index]), f"{names}, others have a say in what is explained, or with another sign"
            )
    return "logits, however sure the network is, and for class 0 of a single unit what speaks against class 1"
