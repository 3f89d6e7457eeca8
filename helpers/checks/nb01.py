"""Self-checks of notebook 01: sizes, parameters, a kernel, pooling, how far a unit sees."""

from __future__ import annotations

import math

import numpy as np

from helpers.checks import called, check, expect, given, numbers


@check
def sizes(answer) -> str:
    """Four sizes: 40 pixels after conv 5 × 5, pool 2, conv 3 × 3 with stride 2 and same padding, pool 2."""
    first, pooled, strided, last = numbers(answer, (4,), "sizes")
    expect(first != 40, "the first convolution is valid: nothing is added around the picture, so it must shrink")
    expect(first != 40 - 5, "a 5 × 5 window has one place more than 40 - 5: count its places in a row of 6 pixels")
    expect(first == 36, f"the first convolution does not leave {first:g} pixels: how many places has its window?")
    expect(pooled == 18, f"pooling halves the map: {pooled:g} is not half of {first:g}")
    expect(strided != 18 and strided != 16, "the second convolution has stride 2: its window skips every second place")
    expect(strided != 8, "same padding adds zeros at the border, so the window starts on the first pixel")
    expect(strided == 9, f"the second convolution does not leave {strided:g} pixels: divide by the stride, round up")
    expect(last != 4.5, "half a pixel does not exist: what does pooling do with an odd row?")
    expect(last != 5, "an odd row does not fill a block of two, and pooling drops it")
    expect(last == 4, f"the last pooling does not leave {last:g} pixels")
    return "40, 36, 18, 9, 4. Keras gives the same, and a row and a column were dropped on the way without a word"


@check
def parameters(answer) -> str:
    """A function (kernel, channels, filters) -> number of parameters of a Conv2D."""
    count = given(answer, 5, 3, 32)
    mistakes = {
        32 * (5 * 5 + 1): "every filter has a window of weights for each input channel, not one for all",
        32 * 5 * 5: "every filter has a window of weights for each input channel, and one bias",
        32 * 5 * 5 * 3: "the biases are missing: one number per filter",
        32 * 3 * (5 * 5 + 1): "a filter has one bias, not one for each of its input channels",
        32 * 5 * 5 * 3 + 1: "there is one bias for every filter, not one for the whole layer",
        32 * (5 * 3 + 1): "a window of side 5 has more than 5 weights",
        32 * 5 * 5 * 3 + 3: "not each channel, but each filter has a bias too",
        5 * 5 * 3 + 1: "that is one filter: how many has the layer?",
    }
    expect(count == 2432, mistakes.get(float(count), f"{count:g} for a 5 × 5 kernel, 3 channels, 32 filters is wrong"))
    for kernel, channels, filters in ((3, 64, 128), (1, 8, 6), (7, 1, 32), (2, 5, 11)):
        fits = given(answer, kernel, channels, filters) == filters * (kernel * kernel * channels + 1)
        expect(fits, "right for a 5 × 5 kernel over 3 channels, wrong for others: use the function's arguments")
    return "for 3 × 3 over 64 channels and 128 filters it gives 73,856, as Keras counts in the network of notebook 02"


def _strongest(kernel: np.ndarray, picture: np.ndarray) -> float:
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape)
    return float((windows * kernel).sum(axis=(2, 3)).max())


@check
def diagonal(answer) -> str:
    """A 3 × 3 kernel that answers to a bright line from the lower left to the upper right, and to no other."""
    kernel = numbers(answer, (3, 3), "kernel")
    expect(kernel.any(), "all weights are zero: such a kernel answers to nothing")
    rounding = 1e-5 * np.abs(kernel).max()  # so that no scale matters, nor what float32 rounds off
    total = kernel.sum()
    expect(abs(total) < rounding, f"on an even surface of ones it answers {total:.3g} and should be silent")
    horizontal = np.zeros((9, 9))
    horizontal[4] = 1
    lines = {"from the upper left to the lower right": np.eye(9)}
    lines |= {"that is horizontal": horizontal, "that is vertical": horizontal.T}
    wanted = _strongest(kernel, np.fliplr(np.eye(9)))
    others = {name: _strongest(kernel, picture) for name, picture in lines.items()}
    worst = max(others, key=others.get)
    expect(
        wanted > 2 * others[worst] - rounding and wanted > 0,
        f"it answers {wanted:.3g} to the line from the lower left to the upper right and {others[worst]:.3g} to a line "
        f"{worst}; the first should be at least twice the second",
    )
    return "it answers to its own line at least twice as strongly as to the three others, and an even surface is silent"


@check
def max_pool(answer) -> str:
    """A function that pools a map of any height and width, 2 × 2, by the maximum."""
    even = np.array([[1, 2, 5, 0], [3, 4, 1, 1], [9, 8, 0, 2], [7, 6, 3, 4]], "float32")

    def pool(picture: np.ndarray) -> np.ndarray:
        return np.asarray(called(answer, picture))

    pooled = pool(even)
    expect(pooled.shape == (2, 2), f"a 4 × 4 map should become 2 × 2, and becomes {pooled.shape}")
    blocks = even.reshape(2, 2, 2, 2)
    expect(not np.allclose(pooled, blocks.mean(axis=(1, 3))), "these are the averages of the blocks")
    expect(not np.allclose(pooled, even[::2, ::2]), "this is every second pixel: a block may hold a larger one")
    expect(not np.allclose(pooled, blocks.max(axis=(2, 3))), "axes 2 and 3 are not one block: print the reshaped map")
    expect(np.allclose(pooled, blocks.max(axis=(1, 3))), "right in shape, wrong in value on a 4 × 4 map")
    odd = np.arange(35, dtype="float32").reshape(5, 7)
    pooled = pool(odd)
    expect(pooled.shape != (3, 4), "a 5 × 7 map becomes 3 × 4 here: a half block at the border does not count in Keras")
    expect(pooled.shape == (2, 3), f"a 5 × 7 map should become 2 × 3, and becomes {pooled.shape}")
    expect(np.allclose(pooled, odd[1:4:2, 1:6:2]), "wrong values on a 5 × 7 map: which row is dropped?")
    expect(np.allclose(pool(-even), -blocks.min(axis=(1, 3))), "wrong for a map of negative values")
    rng = np.random.default_rng(0)
    for height, width in ((4, 8), (5, 6), (6, 5), (7, 4)):
        some = rng.normal(size=(height, width)).astype("float32")
        pooled, rows, columns = pool(some), height // 2, width // 2
        wanted = f"a {height} × {width} map should become {rows} × {columns}, and becomes {pooled.shape}"
        expect(pooled.shape == (rows, columns), wanted)
        right = some[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).max(axis=(1, 3))
        expect(np.allclose(pooled, right), f"wrong for a map of {height} × {width}")
    return "even and odd maps, positive and negative ones: all pooled as Keras does it"


@check
def far_sighted(answer) -> str:
    """A list of "conv" and "pool": from 28 pixels on, a last unit sees >= 20 of them and >= 3 × 3 units are left."""
    expect(isinstance(answer, (list, tuple, np.ndarray)), 'stack should be a list such as ["conv", "pool"]')
    expect(len(answer) > 0, "the stack is still empty")
    unknown = [layer for layer in answer if not (isinstance(layer, str) and layer in ("conv", "pool"))]
    expect(not unknown, f'layers are "conv" or "pool", and one of yours is {unknown[:1]}')
    size, field, jump = 28, 1, 1
    for number, layer in enumerate(answer, start=1):
        size = size - 2 if layer == "conv" else math.floor(size / 2)
        field += (2 if layer == "conv" else 1) * jump
        jump *= 1 if layer == "conv" else 2
        expect(size > 0, f"layer {number} has nothing left to look at: the map has shrunk to nothing")
    expect("pool" in answer, f"it sees {field} pixels, with convolutions alone: poolings make the field grow faster")
    expect(field >= 20, f"a unit of the last layer sees {field} × {field} pixels, and 20 × 20 are wanted")
    expect(size >= 3, f"it sees {field} pixels, but only {size} × {size} units are left of the map: pool later or less")
    return f"a unit of the last layer sees {field} × {field} pixels, and {size} × {size} units are left"
