"""A network drawn as boxes: height by the size of its feature maps, width by their number."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Polygon, Rectangle
from matplotlib.transforms import Affine2D

COLORS = {"Conv": "#8FC1E3", "Pool": "#F2C14E", "Dense": "#7FC8A9", "Flatten": "#E3E5E9", "Input": "#E3E5E9"}
INK = "#222222"
DEPTH = 0.32  # how far a box of height 1 reaches back


class Box(NamedTuple):
    """One layer. Neighbors that are equal in all of it are labeled together."""

    kind: str
    label: str
    shape: tuple[int, ...]
    frozen: bool
    owner: str  # the inner model that it belongs to


def draw_network(
    model: keras.Model,
    frozen: Collection[str] | None = None,
    image: np.ndarray | None = None,
    title: str = "",
    alt: str = "",
) -> Figure:
    """A stack of layers as boxes: height grows with the side of the feature maps, width with their number.

    Both grow with the square root, so that 4 and 512 fit on one page. ``frozen``: names of layers or inner models
    that do not learn, by default those whose ``trainable`` is off; they are hatched and carry a lock. ``image``, of
    shape (height, width) or (height, width, 3), is shown on the input. Layers that keep the shape and have no kernel
    (dropout, activations, normalization, augmentation) are left out. Raises ValueError for a model with branches.
    """
    containers = (keras.Model, keras.layers.InputLayer)
    layers = [layer for layer in model._flatten_layers() if not isinstance(layer, containers)]
    if any(len(keras.tree.flatten(layer.input)) > 1 for layer in layers):
        raise ValueError(f"{model.name} has branches, which a row of boxes cannot show: draw a part of it.")
    boxes, counts = zip(*[(Box("Input", "input", tuple(model.input_shape[1:]), False, ""), 0), *_boxes(model, frozen)])
    heights, widths = _sizes(boxes)
    figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
    x, placed, back = 0.0, [], 0.0
    for order, (box, count, high, wide) in enumerate(zip(boxes, counts, heights, widths)):
        if order:
            x += _gap(boxes[order - 1], box, back)
        back = DEPTH * high if len(box.shape) == 3 else 0.4
        _draw(axis, x, wide, high, back, box, order)
        if order == 0 and image is not None:
            face = Affine2D([[back, 0, x + wide], [back, high, -high / 2 - back / 2], [0, 0, 1]])
            axis.imshow(image, extent=(0, 1, 0, 1), transform=face + axis.transData, cmap="gray", zorder=0.5)
        placed.append((box, count, x, x + wide + back, (high + back) / 2))
        x += wide
    _write_labels(figure, axis, placed, x + back)
    learning = sum(count for box, count in zip(boxes, counts) if not box.frozen)
    some = f", of which {learning:,} learn (hatched: frozen)" if any(box.frozen for box in boxes) else ""
    told = f"{model.count_params():,} parameters{some}"
    axis.set_title(f"{title}: {told}" if title else told, fontsize=10.5)
    shapes = "; ".join(f"{box.label} {'×'.join(map(str, box.shape))}" for box in boxes)
    figure.alt = alt or f"{axis.get_title()}. Layers from left to right: {shapes}."
    return figure


def _boxes(
    model: keras.Model, names: Collection[str] | None, owner: str = "", held: bool = False
) -> list[tuple[Box, int]]:
    """The layers that change the shape or have a kernel, in order, with their parameters, inner models included."""
    boxes = []
    for layer in model.layers:
        frozen = held or (layer.name in names if names is not None else not layer.trainable)
        kind = next((kind for kind in COLORS if kind != "Input" and kind in type(layer).__name__), None)
        if isinstance(layer, keras.Model):
            boxes += _boxes(layer, names, layer.name, frozen)
        elif kind:
            sides = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None) or ()
            label = f"{kind.lower()} {'×'.join(map(str, sides))}".strip()
            boxes.append((Box(kind, label, tuple(layer.output.shape[1:]), frozen, owner), layer.count_params()))
    return boxes


def _sizes(boxes: Collection[Box]) -> tuple[list[float], np.ndarray]:
    """Heights and widths of boxes. A short network should not fill the page."""
    maps, flat = ([box.shape for box in boxes if len(box.shape) == axes] for axes in (3, 1))
    tallest = {3: max(shape[0] for shape in maps), 1: max([shape[0] for shape in flat], default=1)}
    page = np.clip(2.7 + 0.33 * len(boxes), 5.5, 10)
    heights = [page * (box.shape[0] / tallest[len(box.shape)]) ** 0.5 for box in boxes]
    widths = np.array([box.shape[2] ** 0.5 if len(box.shape) == 3 else 2.5 for box in boxes])
    return heights, widths * np.clip(16 / widths.sum(), 0.16, 0.35)


def _gap(before: Box, box: Box, back: float) -> float:
    if box == before:
        return 0.25
    if before.kind == "Input":
        return back + 0.3
    return 0.6 * back + (0.9 if len(before.shape) == 3 else 2.6)


def _draw(axis: Axes, x: float, wide: float, high: float, back: float, box: Box, order: int) -> None:
    """A box seen from the front, the right and above, its middle at height 0."""
    front = np.array([(x, -high), (x + wide, -high), (x + wide, high), (x, high)]) / (1, 2) - (0, back / 2)
    side = [front[1], front[1] + back, front[2] + back, front[2]]
    top = [front[3], front[2], front[2] + back, front[3] + back]
    color = np.array(to_rgb(COLORS[box.kind])) * (0.45 if box.frozen else 1) + (0.5 if box.frozen else 0)
    for light, face in ((1, front), (0.84, side), (1.08, top)):
        hatch = "/////" if box.frozen and light == 1 else None
        axis.add_patch(Polygon(face, fc=np.clip(color * light, 0, 1), ec="#4A4F57", lw=0.7, zorder=order, hatch=hatch))


def _write_labels(figure: Figure, axis: Axes, placed: list, right: float) -> None:
    """Under each run of equal boxes its layers, shape and parameters, on as many lines as keep the texts apart."""
    unit = 72 * (figure.get_figwidth() - 0.2) / (right + 1.2)  # points
    floor, line = -max(top for *_, top in placed) - 0.5, 40 / unit
    ends: list[float] = []
    for box, run in itertools.groupby(placed, key=lambda entry: entry[0]):
        run = list(run)
        middle, count = (run[0][2] + run[-1][3]) / 2, sum(entry[1] for entry in run)
        text = [f"{len(run)} × {box.label}" if len(run) > 1 else box.label, "×".join(f"{n:,}" for n in box.shape)]
        text += [f"{count:,}"] * bool(count)
        half = max(map(len, text)) * 2.65 / unit + 0.2
        level = next((number for number, end in enumerate(ends) if end < middle - half), len(ends))
        ends[level : level + 1] = [middle + half]
        if level:
            axis.plot((middle, middle), (floor + 0.2, floor - level * line + 0.1), color="#C6CAD1", lw=0.8, zorder=0)
        axis.text(middle, floor - level * line, "\n".join(text), ha="center", va="top", fontsize=8.5, linespacing=1.2)
        if box.frozen and count:
            _lock(axis, middle, max(top for *_, top in run) + 10 / unit, 11 / unit)
    low, high = floor - len(ends) * line, -floor + (22 if any(box.frozen for box, *_ in placed) else 0) / unit
    axis.set(xlim=(-0.6, right + 0.6), ylim=(low, high), aspect="equal")
    axis.axis("off")
    figure.set_figheight((figure.get_figwidth() - 0.2) * (high - low) / (right + 1.2) + 0.35)


def _lock(axis: Axes, x: float, y: float, size: float) -> None:
    """A padlock: what is below it does not learn."""
    axis.add_patch(Arc((x, y + 0.45 * size), 0.6 * size, 0.8 * size, theta2=180, color=INK, lw=1.5, zorder=90))
    axis.add_patch(Rectangle((x - 0.5 * size, y - 0.4 * size), size, 0.85 * size, color=INK, zorder=91))
