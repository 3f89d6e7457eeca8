"""A convolution over several channels, channel by channel, with its parameters counted."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from helpers.drawings import ink

LIGHT = {"red": (1, 0.3, 0.25), "green": (0.25, 0.85, 0.35), "blue": (0.4, 0.6, 1)}  # easier to see than pure ones
LOWER = 50.5  # where the lower half begins, in the drawing's own units: a hundred across


def channels(layer: keras.layers.Conv2D, image: np.ndarray, names: Sequence[str] = (), title: str = "") -> Figure:
    """How a Conv2D layer makes its first feature map of an RGB image, channel by channel, and then all of its maps.

    ``layer``: built for (None, side, side, 3), with "valid" padding, stride 1 and at most five filters. ``image``:
    float32 of shape (side, side, 3), values 0 to 1. ``names``: one per filter. Raises ValueError for another layer.
    """
    kernels, biases = layer.get_weights()
    k, _, depth, count = kernels.shape
    if depth != 3 or count > 5 or layer.padding != "valid" or layer.strides != (1, 1):
        raise ValueError("give a Conv2D over 3 channels with five filters at most, valid padding and stride 1.")
    maps = np.moveaxis(np.asarray(layer(image[np.newaxis]))[0], -1, 0)
    parts = np.stack([ink.responses(image[..., c], kernels[..., c, 0]) for c in range(3)])
    figure, axis = plt.subplots(figsize=(9, 6.6), layout="constrained")
    _one_filter(axis, image, kernels[..., 0], biases[0], parts, maps[0])
    axis.axhline(46.5, color="#D8DADF", lw=1)
    _all_filters(axis, image, kernels, maps, names)
    weights = f"{k} × {k} × {depth}"
    each = k * k * depth + 1
    ink.say(axis, 50, 43, f"one filter: {weights} weights + 1 bias = {each} parameters", fontsize=11, weight="bold")
    total = f"{count} filters: {count} × {each} = {layer.count_params():,} parameters"
    ink.say(axis, 50, 75.5, total, fontsize=11, weight="bold")
    axis.set(xlim=(0, 101), ylim=(77, -4), aspect="equal")
    axis.axis("off")
    return ink.titled(figure, title, total)


def _one_filter(
    axis: Axes, image: np.ndarray, kernel: np.ndarray, bias: float, parts: np.ndarray, result: np.ndarray
) -> None:
    """The upper half: three channels, three kernels, three results, their sum and the bias."""
    k, side, out = len(kernel), len(image), len(result)
    window = (side // 2 - 1, side // 2 - 1)
    for c, (name, light) in enumerate(LIGHT.items()):
        y = 13.2 * c
        _card(axis, 4, y, 12, image[..., c, np.newaxis] * light, window, k)
        _card(axis, 29, y + 2.5, 7, ink.red_blue(np.abs(kernel).max())(kernel[..., c]))
        _card(axis, 48, y, 12, ink.red_blue(np.abs(parts).max())(parts[c]), window, 1)
        ink.say(axis, 2.5, y + 6, name, rotation=90)
        ink.say(axis, 22.5, y + 6, "∗", fontsize=18)
        ink.say(axis, 42, y + 6, "=", fontsize=16)
        ink.arrow(axis, (61, y + 6), (70.2, 19.2 + 1.5 * (c - 1)))
    axis.add_patch(Circle((72.5, 19.2), 2.2, fc="white", ec=ink.INK))
    ink.say(axis, 72.5, 19.2, "+", fontsize=16)
    ink.say(axis, 72.5, 28, f"bias {ink.signed(bias, '.2f')}", fontsize=9)
    ink.arrow(axis, (72.5, 26.5), (72.5, 21.8))
    ink.arrow(axis, (75.4, 19.2), (82, 19.2))
    _card(axis, 83, 13.2, 12, ink.red_blue(np.abs(result).max())(result), window, 1)
    ink.say(axis, 10, -2, f"input {side} × {side} × 3")
    ink.say(axis, 32.5, -2, f"one filter {k} × {k} × 3")
    ink.say(axis, 54, -2, "each channel's result")
    ink.say(axis, 89, 11, f"one map {out} × {out}")


def _all_filters(
    axis: Axes, image: np.ndarray, kernels: np.ndarray, maps: np.ndarray, names: Sequence[str]
) -> None:
    """The lower half: the input as a stack, every filter with its map, and the maps as a stack."""
    side, out, count = len(image), len(maps[0]), len(maps)
    for c, light in enumerate(LIGHT.values()):
        _card(axis, 3 + 2.2 * c, LOWER + 2 + 2.2 * c, 10, image[..., c, np.newaxis] * light, z=c + 1)
    pitch = 54 / count
    for n in range(count):
        x = 24 + pitch * (n + 0.5)
        color, kernel_color = ink.red_blue(np.abs(maps[n]).max()), ink.red_blue(np.abs(kernels[..., n]).max())
        for c in range(3):
            _card(axis, x - 3.2 + 1.1 * c, LOWER + 1.1 * c, 4.2, kernel_color(kernels[..., c, n]), z=c + 1)
        ink.arrow(axis, (x, LOWER + 7), (x, LOWER + 9.5))
        _card(axis, x - 4.5, LOWER + 10, 9, color(maps[n]))
        _card(axis, 85 + 1.8 * n, LOWER + 2.8 + 1.8 * n, 9, color(maps[n]), z=n + 1)
        ink.say(axis, x, LOWER + 21, names[n] if names else f"filter {n}", fontsize=9)
    ink.say(axis, 20.5, LOWER + 9.5, "∗", fontsize=18)
    ink.say(axis, 80.5, LOWER + 10, "=", fontsize=16)
    ink.say(axis, 10, LOWER - 1.8, f"input {side} × {side} × 3")
    ink.say(axis, 51, LOWER - 1.8, f"{count} filters, each with its own map")
    ink.say(axis, 92, LOWER - 1.8, f"output {out} × {out} × {count}")


def _card(
    axis: Axes,
    x: float,
    y: float,
    side: float,
    picture: np.ndarray,
    window: tuple[int, int] | None = None,
    extent: int = 1,
    z: int = 1,
) -> None:
    """One channel as a square picture, (n, n, 3 or 4), with a window of ``extent`` pixels at (row, column)."""
    axis.imshow(picture[..., :3], extent=(x, x + side, y + side, y), zorder=z, interpolation="nearest")
    for edge, width, above in (("white", 3, 0.1), (ink.INK, 0.8, 0.2)):
        axis.add_patch(Rectangle((x, y), side, side, fill=False, ec=edge, lw=width, zorder=z + above))
    if window is not None:
        pixel = side / len(picture)
        corner = (x + window[1] * pixel, y + window[0] * pixel)
        where = Rectangle(corner, extent * pixel, extent * pixel, fill=False, ec=ink.ORANGE, lw=2.2, zorder=z + 0.3)
        axis.add_patch(where)

