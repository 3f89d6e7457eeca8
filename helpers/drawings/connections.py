"""Which inputs a unit sees, and with which weights: a dense layer beside a convolution."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from helpers.drawings import ink

SHARED = (ink.BLUE, ink.ORANGE, ink.GREEN, ink.RED, ink.GRAY)  # one color per weight of a kernel


def connections(inputs: int = 8, kernel: int = 3, title: str = "") -> Figure:
    """A row of inputs and the units above it: all connected (dense), then in windows that share weights (convolution).

    Equal colors are equal weights. ``kernel``: at most five, and at most ``inputs``; raises ValueError otherwise.
    """
    if not 1 <= kernel <= min(len(SHARED), inputs):
        raise ValueError(f"a kernel has from 1 to {min(len(SHARED), inputs)} weights here, not {kernel}.")
    units = inputs - kernel + 1
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.1), layout="constrained")
    shades = colormaps["turbo"]
    for unit in range(units):
        for pixel in range(inputs):
            _line(left, pixel, unit, inputs, units, shades((unit * inputs + pixel) / (units * inputs)), 0.9)
        for offset in range(kernel):
            _line(right, unit + offset, unit, inputs, units, SHARED[offset], 2.2)
    for axis in (left, right):
        _dots(axis, inputs, units)
    left.set_title(f"dense: {units} units × {inputs} pixels = {units * inputs} weights", fontsize=10)
    right.set_title(f"convolution: {kernel} weights, used at {units} places", fontsize=10)
    told = f"Left, every unit is joined to every pixel. Right, each unit to {kernel} neighbors, by the same weights."
    return ink.titled(figure, title, told)


def _line(axis: Axes, pixel: int, unit: int, inputs: int, units: int, color: object, width: float) -> None:
    axis.plot((pixel, unit + (inputs - units) / 2), (0.12, 1.88), color=color, lw=width)


def _dots(axis: Axes, inputs: int, units: int) -> None:
    for pixel in range(inputs):
        axis.add_patch(Circle((pixel, 0), 0.22, fc="#E3E5E9", ec=ink.INK, lw=0.8, zorder=3))
    for unit in range(units):
        axis.add_patch(Circle((unit + (inputs - units) / 2, 2), 0.22, fc="white", ec=ink.INK, lw=0.8, zorder=3))
    for y, name in ((0, "pixels"), (2, "units")):
        ink.say(axis, -0.7, y, name, ha="right", fontsize=9)
    axis.set(xlim=(-2.1, inputs - 0.5), ylim=(-0.4, 2.4), aspect="equal")
    axis.axis("off")
