"""Self-checks of notebook 07: two layers at once, silent and dead channels, all channels in one picture."""

from __future__ import annotations

import keras
import numpy as np

from helpers.checks import called, check, expect, numbers


@check
def two_layers(model: keras.Model, network: keras.Model, images: np.ndarray) -> str:
    """A model that gives ``conv1`` and ``conv2`` of ``network``, tried on ``images``."""
    expect(isinstance(model, keras.Model), f"a model is expected, and this is of type {type(model).__name__}")
    right = [network.get_layer(name) for name in ("conv1", "conv2")]
    shapes = [tuple(layer.output.shape) for layer in right]
    found = [tuple(output.shape) for output in model.outputs]
    if len(found) == 1:
        expect(found[0] != tuple(network.outputs[0].shape), "this gives the ten answers, and no layer inside")
        expect(False, "this has one output, and two layers are asked for")
    expect(len(found) == 2, f"this has {len(found)} outputs in place of two")
    expect(found != shapes[::-1], "both layers are there, in the other order")
    pooled = {tuple(network.get_layer(name).output.shape) for name in ("pool1", "pool2")}
    expect(not pooled & set(found), "one of these is the pooling behind the convolution")
    expect(found == shapes, f"the outputs have shapes {found}; those of conv1 and conv2 are others")
    shared = {id(layer) for layer in model.layers}
    expect(all(id(layer) in shared for layer in right), "the shapes fit, but these are not the network's own layers")
    given = [np.asarray(output) for output in keras.tree.flatten(model(images))]
    inner = np.asarray(right[0](images))
    fits = np.allclose(given[0], inner, atol=1e-5) and np.allclose(
        given[1], np.asarray(right[1](network.get_layer("pool1")(inner))), atol=1e-5
    )
    expect(fits, "the layers are there, but they do not get what they get in the network")
    return f"for each image {found[0][1:]} and {found[1][1:]}, from the network's own layers"


@check
def silent_share(function) -> str:
    """A function: maps (N, height, width, channels) -> share of silent channels of each image, (N,)."""
    maps = np.zeros((3, 4, 5, 10))
    maps[0, 2, 3, :4] = 0.5  # four channels answer at one place each
    maps[1, :, :, 0] = 1
    maps[2] = 1
    right, found = np.array([0.6, 0.9, 0.0]), called(function, maps)
    expect(np.shape(found) != (), "this is one number for all images; each image has its own")
    expect(np.shape(found) != (10,), "this is one number a channel; one an image is asked for")
    found = numbers(found, (3,), "what your function gives")
    expect(not np.allclose(found, 1 - right), "this is the share of channels that answer")
    expect(not np.allclose(found, 10 * right), "this is how many are silent, and not their share")
    zeros = (maps == 0).mean(axis=(1, 2, 3))
    expect(not np.allclose(found, zeros), "this is the share of zeros: a channel that answers at one place counts here")
    expect(
        not np.allclose(found, (maps == 0).any(axis=(1, 2)).mean(axis=-1)),
        "a channel counts here as soon as one of its places is zero; silent is zero at all of them",
    )
    expect(np.allclose(found, right), f"on an image with 4 of 10 channels above zero somewhere it gives {found[0]:.2f}")
    faint = numbers(called(function, maps / 1e6), (3,), "what your function gives")
    expect(np.allclose(faint, right), "a channel that answers, however faint, is not silent")
    rng = np.random.default_rng(0)
    for shape in ((4, 3, 2, 6), (2, 1, 5, 3)):
        maps = np.maximum(rng.normal(-1.5, 1, shape), 0)
        found = numbers(called(function, maps), shape[:1], "what your function gives")
        right = (maps == 0).all(axis=(1, 2)).mean(axis=-1)
        expect(
            np.allclose(found, right),
            f"for maps of shape {shape} it gives {found.round(2)} in place of {right.round(2)}",
        )
    below = np.full((1, 2, 2, 4), -1.0)
    below[..., 0] = 0
    found = numbers(called(function, below), (1,), "what your function gives")
    expect(np.allclose(found, 0.25), "values below zero are no silence: there it gives another share")
    return "silent is zero at every place, and the share is taken over the channels of one image"


@check
def dead_channels(function) -> str:
    """A function: maps (N, height, width, channels) -> numbers of the channels that are zero on all images."""
    maps = np.zeros((6, 3, 3, 8))
    maps[0, 1, 1, [0, 1]] = 1
    maps[5, 2, 0, [2]] = 1e-4  # speaks once, faintly, on the last image
    maps[2:4, :, :, 3] = 2
    maps[:, 0, 0, 4] = 3

    def listed(maps: np.ndarray) -> list[int]:
        found = called(function, maps)
        found = np.asarray(list(found) if isinstance(found, set) else found)
        if found.dtype == bool and found.shape == maps.shape[3:]:
            expect(False, "this says True or False of each channel; the numbers of the dead ones are asked for")
        expect(found.ndim == 1, f"a list of channel numbers is expected, and this has shape {found.shape}")
        return sorted(numbers(found, found.shape, "the list of channels").astype(int).tolist())

    found = listed(maps)
    right, first = [5, 6, 7], [2, 3, 5, 6, 7]
    expect(found != first, "channels 2 and 3 are in the list: silent on the first image, and not on every one")
    expect(found != [2, 5, 6, 7], "channel 2 is in the list: it speaks on one image, faintly, and that is enough")
    expect(found != [0, 1, 2, 3, 5, 6, 7], "channels that are silent on some image are in the list; some is not all")
    expect(found != [0, 1, 2, 3, 4], "these are the channels that do answer")
    expect(set(found) >= set(right), "a channel that is zero everywhere is missing from the list")
    expect(found == right, "the list holds a channel that answers somewhere")
    for images, channels, alive in ((3, 7, [1, 4, 5]), (6, 4, [0, 1, 2, 3]), (2, 5, []), (12, 9, [0, 8])):
        maps = np.zeros((images, 2, 4, channels))
        for channel in alive:
            maps[-1 - channel % 2, channel % 2, channel % 4, channel] = 1 + channel
        right = sorted({*range(maps.shape[-1])} - {*alive})
        found = listed(maps)
        expect(found == right, f"of other maps, shape {maps.shape}, it names {found} in place of {right}")
    return "dead is silent on all images; the others wait for theirs"


@check
def whole_sheet(function) -> str:
    """A function (maps, columns): maps (height, width, channels) -> all channels side by side, NaN where empty."""
    maps = np.random.default_rng(0).uniform(0.1, 5, (3, 4, 7))
    maps[..., 4] = 0
    maps[0, 0, :4] = 0
    found = np.asarray(called(function, maps, 3), "float64")
    expect(found.shape != (6, 12), "7 channels in rows of 3 need a third row: the last channel is lost")
    expect(found.shape == (9, 12), f"7 channels of 3 × 4 in rows of 3 should give (9, 12); this is {found.shape}")

    def part(channel: int) -> np.ndarray:
        row, column = divmod(channel, 3)
        return found[3 * row : 3 * row + 3, 4 * column : 4 * column + 4]

    expect(not np.isnan(part(6)).all(), "the last row is there, but the last channel is not in it")
    expect(not np.isinf(found).any(), "there are infinite values: is something divided by zero?")
    down = [part(3 * (number % 3) + number // 3) for number in (1, 3)]  # where these would be
    flows = all(np.allclose(*pair) for pair in zip(down, (maps[..., n] / maps[..., n].max() for n in (1, 3))))
    expect(not flows, "the channels go down the columns; the second belongs beside the first")
    expect(np.isnan(part(4)).all(), "channel 4 is silent and is drawn like a dark one")
    expect(np.isnan(part(7)).all() and np.isnan(part(8)).all(), "places without a channel look like dark channels")
    spoken = [channel for channel in range(7) if channel != 4]
    expect(not any(np.isnan(part(channel)).any() for channel in spoken), "a channel that answers has NaN in it")
    scaled = [np.allclose(part(channel), maps[..., channel] / maps[..., channel].max()) for channel in spoken]
    common = all(np.allclose(part(channel), maps[..., channel] / maps.max()) for channel in spoken)
    expect(not common, "all channels are divided by one value; each has its own")
    expect(all(scaled), "the places are right, and the values are not the channel's over its own largest")
    full = np.asarray(called(function, maps[..., :3], 3), "float64")
    expect(full.shape == (3, 12), f"3 channels in rows of 3 fill one row; this is {full.shape}")
    other = np.random.default_rng(1).uniform(1, 2, (2, 3, 5))
    found = np.asarray(called(function, other, 2), "float64")
    shape = f"5 channels in rows of 2 of 2 × 3 pixels should give (6, 6); this is {found.shape}"
    expect(found.shape == (6, 6), shape)
    right = [other[..., n] / other[..., n].max() for n in range(5)] + [np.full((2, 3), np.nan)]
    fits = np.allclose(found, np.block([right[:2], right[2:4], right[4:]]), equal_nan=True)
    expect(fits, "right for 7 channels in rows of 3, and wrong for 5 in rows of 2: use the arguments")
    return "every channel has its place, and what is silent or empty can be seen to be"
