"""Self-checks of notebook 07: two layers at once, silent and dead channels, all channels in one picture."""

from __future__ import annotations

import keras
import numpy as np

from helpers.checks import called, check, expect, given, keras_model, numbers, unlike


@check
def two_layers(model: keras.Model, network: keras.Model, images: np.ndarray) -> str:
    """A model that gives ``conv1`` and ``conv2`` of ``network``, tried on ``images``."""
    keras_model(model)
    right = [network.get_layer(name) for name in ("conv1", "conv2")]
    shapes = [tuple(layer.output.shape) for layer in right]
    given_shapes = [tuple(output.shape) for output in model.outputs]
    answers = [tuple(network.outputs[0].shape)]
    expect(given_shapes != answers, "this gives the ten answers, and no layer inside")
    expect(len(given_shapes) != 1, "this has one output, and two layers are asked for")
    expect(len(given_shapes) == 2, f"this has {len(given_shapes)} outputs instead of two")
    expect(given_shapes != shapes[::-1], "both layers are there, in the other order")
    pooled = {tuple(network.get_layer(name).output.shape) for name in ("pool1", "pool2")}
    expect(not pooled & set(given_shapes), "one of these is the pooling behind the convolution")
    expect(given_shapes == shapes, f"the outputs have shapes {given_shapes}; those of conv1 and conv2 are others")
    shared = {id(layer) for layer in model.layers}
    expect(all(id(layer) in shared for layer in right), "the shapes fit, but these are not the network's own layers")
    inner = right[0](images)
    wanted = inner, right[1](network.get_layer("pool1")(inner))
    outputs = keras.tree.flatten(model(images))
    fits = all(np.allclose(*both, atol=1e-5) for both in zip(outputs, wanted))
    expect(fits, "the layers are there, but they do not get what they get in the network")
    return f"for each image {given_shapes[0][1:]} and {given_shapes[1][1:]}, from the network's own layers"


@check
def silent_share(function) -> str:
    """A function: maps (N, height, width, channels) -> share of silent channels of each image, (N,)."""
    maps = np.zeros((3, 4, 5, 10))
    maps[0, 2, 3, :4] = 0.5  # four channels answer at one place each
    maps[1, :, :, 0] = 1
    maps[2] = 1
    right, shares = np.array([0.6, 0.9, 0.0]), called(function, maps)
    zero = maps == 0
    expect(np.shape(shares) != (), "this is one number for all images; each image has its own")
    expect(np.shape(shares) != (10,), "this is one number per channel; one per image is asked for")
    shares, any_zero = numbers(shares, (3,), "what your function gives"), zero.any(axis=(1, 2)).mean(axis=-1)
    mistakes = {
        "this is the share of channels that answer": 1 - right,
        "this is how many are silent, and not their share": 10 * right,
        "this is the share of zeros: a channel that answers at one place counts here": zero.mean(axis=(1, 2, 3)),
        "a channel counts here as soon as one of its places is zero; silent is zero at all of them": any_zero,
    }
    unlike(shares, mistakes)
    fits = np.allclose(shares, right)
    expect(fits, f"on an image with 4 of 10 channels above zero somewhere it gives {shares[0]:.2f}")
    faint = given(function, maps / 1e6, shape=(3,))
    expect(np.allclose(faint, right), "a channel that answers, however faint, is not silent")
    rng = np.random.default_rng(0)
    for shape in ((4, 3, 2, 6), (2, 1, 5, 3)):
        maps = np.maximum(rng.normal(-1.5, 1, shape), 0)
        shares = given(function, maps, shape=shape[:1])
        right = (maps == 0).all(axis=(1, 2)).mean(axis=-1)
        told = f"for maps of shape {shape} it gives {shares.round(2)} instead of {right.round(2)}"
        expect(np.allclose(shares, right), told)
    below = np.full((1, 2, 2, 4), -1.0)
    below[..., 0] = 0
    quarter = np.allclose(given(function, below, shape=(1,)), 0.25)
    expect(quarter, "values below zero are no silence: there it gives another share")
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
        dead = called(function, maps)
        dead = np.asarray(list(dead) if isinstance(dead, set) else dead)
        if dead.dtype == bool and dead.shape == maps.shape[3:]:
            expect(False, "this says True or False of each channel; the numbers of the dead ones are asked for")
        expect(dead.ndim == 1, f"a list of channel numbers is expected, and this has shape {dead.shape}")
        return sorted(numbers(dead, dead.shape, "the list of channels").astype(int).tolist())

    dead = listed(maps)
    expect(dead != [2, 3, 5, 6, 7], "channels 2 and 3 are in the list: silent on the first image, and not on every one")
    expect(dead != [2, 5, 6, 7], "channel 2 is in the list: it speaks on one image, faintly, and that is enough")
    expect(dead != [0, 1, 2, 3, 5, 6, 7], "channels that are silent on some image are in the list; some is not all")
    expect(dead != [0, 1, 2, 3, 4], "these are the channels that do answer")
    expect(set(dead) >= {5, 6, 7}, "a channel that is zero everywhere is missing from the list")
    expect(dead == [5, 6, 7], "the list holds a channel that answers somewhere")
    for images, channels, alive in ((3, 7, [1, 4, 5]), (6, 4, [0, 1, 2, 3]), (2, 5, []), (12, 9, [0, 8])):
        maps = np.zeros((images, 2, 4, channels))
        for channel in alive:
            maps[-1 - channel % 2, channel % 2, channel % 4, channel] = 1 + channel
        right = sorted({*range(maps.shape[-1])} - {*alive})
        dead = listed(maps)
        expect(dead == right, f"of other maps, shape {maps.shape}, it names {dead} instead of {right}")
    return "dead channels are silent on all images, and each of the others answers on one or more"


@check
def whole_sheet(function) -> str:
    """A function (maps, columns): maps (height, width, channels) -> all channels side by side, NaN where empty."""
    maps = np.random.default_rng(0).uniform(0.1, 5, (3, 4, 7))
    maps[..., 4] = 0
    maps[0, 0, :4] = 0
    sheet = np.asarray(called(function, maps, 3), "float64")
    expect(sheet.shape != (6, 12), "7 channels in rows of 3 need a third row: the last channel is lost")
    expect(sheet.shape == (9, 12), f"7 channels of 3 × 4 in rows of 3 should give (9, 12); this is {sheet.shape}")

    def part(channel: int) -> np.ndarray:
        row, column = divmod(channel, 3)
        return sheet[3 * row : 3 * row + 3, 4 * column : 4 * column + 4]

    expect(not np.isnan(part(6)).all(), "the last row is there, but the last channel is not in it")
    expect(not np.isinf(sheet).any(), "there are infinite values: is something divided by zero?")
    flows = np.allclose(part(3), maps[..., 1] / maps[..., 1].max())
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
    sheet = np.asarray(called(function, other, 2), "float64")
    fits = sheet.shape == (6, 6)
    expect(fits, f"5 channels in rows of 2 of 2 × 3 pixels should give (6, 6); this is {sheet.shape}")
    right = [other[..., n] / other[..., n].max() for n in range(5)] + [np.full((2, 3), np.nan)]
    fits = np.allclose(sheet, np.block([right[:2], right[2:4], right[4:]]), equal_nan=True)
    expect(fits, "right for 7 channels in rows of 3, and wrong for 5 in rows of 2: use the arguments")
    return "every channel has its place, and what is silent or empty can be seen to be"
