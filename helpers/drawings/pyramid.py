"""The receptive field as a pyramid: what one unit sees, layer by layer, down to the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.drawings import ink

LIFT = 11.0  # between two layers, in pixels of the image
Span = tuple[float, float]


class Floor(NamedTuple):
    """One layer: its name, its map, the distance of its units and its edge in pixels, and what is seen of it."""

    name: str
    values: np.ndarray
    step: float
    start: float
    rows: tuple[int, int]
    columns: tuple[int, int]

    def span(self, ends: tuple[int, int]) -> Span:
        """From the first to the last unit, in pixels."""
        return self.start + self.step * ends[0], self.start + self.step * (ends[1] + 1)


def pyramid(
    maps: Sequence[np.ndarray], stack: Mapping[str, tuple[int, int]], unit: tuple[int, int], title: str = ""
) -> Figure:
    """The image and one feature map per layer above one another, and in each the part that one unit sees.

    ``maps``: the image, then a map of each layer, square. ``stack``: layer to (kernel, stride), all "valid".
    ``unit``: (row, column) in the last layer. Raises ValueError if there is not one map more than layers.
    """
    if len(maps) != len(stack) + 1:
        raise ValueError(f"{len(maps)} maps for an image and {len(stack)} layers: give one for each.")
    floors, side = _floors(maps, stack, unit), len(maps[0])
    figure, axis = plt.subplots(figsize=(7.4, 6.6), layout="constrained")
    for level, floor in enumerate(floors):
        _draw(axis, floor, level, side)
        _label(axis, floor, level, side, stack)
    for level, pair in enumerate(zip(floors, floors[1:])):
        _edges(axis, *pair, level, side)
    axis.set(aspect="equal", xlim=(-0.5, 2.25 * side))
    axis.axis("off")
    seen = ", ".join(f"{floor.name} {floor.rows[1] - floor.rows[0] + 1}" for floor in reversed(floors))
    return ink.titled(figure, title, f"Side of what the unit sees, from the top: {seen}.")


def _floors(
    maps: Sequence[np.ndarray], stack: Mapping[str, tuple[int, int]], unit: tuple[int, int]
) -> list[Floor]:
    spans = [((unit[0], unit[0]), (unit[1], unit[1]))]
    for kernel, stride in reversed(list(stack.values())):
        spans.append(tuple((first * stride, last * stride + kernel - 1) for first, last in spans[-1]))
    step, middle, floors = 1, 0.0, []
    for name, values, seen, (kernel, stride) in zip(
        ["picture", *stack], maps, reversed(spans), [(1, 1), *stack.values()], strict=True
    ):
        middle += (kernel - 1) / 2 * step  # a unit is drawn in the middle of what it sees
        step *= stride
        floors.append(Floor(name, values, step, middle + 0.5 - step / 2, *seen))
    return floors


def _place(x: np.ndarray, y: np.ndarray, level: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """From pixels and level to the page: planes that lie flat, seen from the front and above."""
    return np.asarray(x) + 0.42 * (side - np.asarray(y)), 0.40 * (side - np.asarray(y)) + LIFT * level


def _outline(axis: Axes, rows: Span, columns: Span, level: int, side: int, **options) -> None:
    (top, bottom), (left, right) = rows, columns
    axis.plot(*_place([left, right, right, left, left], [top, top, bottom, bottom, top], level, side), **options)


def _draw(axis: Axes, floor: Floor, level: int, side: int) -> None:
    edges = floor.start + floor.step * np.arange(len(floor.values) + 1)
    x, y = _place(*np.meshgrid(edges, edges), level, side)
    shown = {"cmap": "viridis" if level else "gray", "vmin": 0, "vmax": max(float(floor.values.max()), 1e-6)}
    axis.pcolormesh(x, y, floor.values, zorder=3 * level, **shown)
    whole = (edges[0], edges[-1])
    _outline(axis, whole, whole, level, side, color=ink.INK, lw=0.8, zorder=3 * level + 0.1)
    seen = floor.span(floor.rows), floor.span(floor.columns)
    _outline(axis, *seen, level, side, color=ink.ORANGE, lw=2.4, zorder=3 * level + 0.2)


def _label(axis: Axes, floor: Floor, level: int, side: int, stack: Mapping[str, tuple[int, int]]) -> None:
    count, whole = floor.rows[1] - floor.rows[0] + 1, f"{len(floor.values)} × {len(floor.values)}"
    text = f"{floor.name}: {count} × {count} of {whole}" if count > 1 else f"one unit of {floor.name}, of {whole}"
    height = _place(0, side / 2, level, side)[1]
    axis.text(1.42 * side + 2, height, text, va="center", fontsize=10.5, weight="bold")
    if level:
        kernel, stride = stack[floor.name]
        what = "pooling" if stride > 1 else "convolution"
        below = f"↑ {what} {kernel} × {kernel}"
        axis.text(1.42 * side + 2, height - LIFT / 2, below, va="center", fontsize=9.5, color="#5B6068")


def _edges(axis: Axes, low: Floor, high: Floor, level: int, side: int) -> None:
    """The four edges of the pyramid between two layers; those at the back go behind the upper layer."""
    for row in (0, 1):
        for column in (0, 1):
            ends = [
                _place(floor.span(floor.columns)[column], floor.span(floor.rows)[row], level + above, side)
                for above, floor in enumerate((low, high))
            ]
            order = 3 * level + (0.5 if row else 0.05)
            axis.plot(*np.transpose(ends), color=ink.ORANGE, lw=1, zorder=order, alpha=0.9)
