"""The loss as a curve over one weight: its slope, and the steps of gradient descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.drawings import ink

Curve = tuple[Sequence[float], Sequence[float]]  # weights, their losses


def slope_at(curve: Curve, point: tuple[float, float], slope: float, title: str = "") -> Figure:
    """The loss of one weight, and its tangent at one point.

    ``curve``: weights and losses, of equal length. ``point``: (weight, loss). ``slope``: there. Raises ValueError for
    lengths that differ.
    """
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    _curve(axis, curve)
    reach = 0.1 * np.ptp(np.asarray(curve[0]))
    near = np.array([-reach, reach])
    label = f"slope {ink.signed(slope, '.3f')}"
    axis.plot(point[0] + near, point[1] + slope * near, color=ink.ORANGE, lw=2.4, label=label)
    axis.plot(*point, "o", ms=9, color=ink.INK, label="the weight now", zorder=5)
    axis.legend(fontsize=9)
    axis.set_ylabel("loss")
    return ink.titled(figure, title, f"The loss over one weight, and its tangent at {point[0]:g}.")


def descent(curve: Curve, walks: Mapping[str, Sequence[tuple[float, float]]], title: str = "") -> Figure:
    """Steps of gradient descent on the loss of one weight, one panel per walk.

    ``curve`` as in ``slope_at``. ``walks``: a name to the points (weight, loss) that were visited, the first being the
    start. Raises ValueError if there is no walk, or one of fewer than two points.
    """
    if not walks or min(map(len, walks.values())) < 2:
        raise ValueError("give one walk or more, each of two points or more.")
    figure, axes = plt.subplots(1, len(walks), figsize=(9, 3.5), sharey=True, layout="constrained", squeeze=False)
    told = []
    for axis, (name, walk) in zip(axes[0], walks.items()):
        points = np.asarray(walk, float)
        _curve(axis, curve)
        for here, there in zip(points, points[1:]):
            ink.arrow(axis, here, there, ink.BLUE)
        axis.plot(*points.T, "o", ms=5, color=ink.BLUE, zorder=5)
        axis.plot(*points[0], "o", ms=9, color=ink.INK, zorder=6, label="start")
        axis.plot(*points[-1], "o", ms=9, color=ink.RED, zorder=6, label=f"after {len(points) - 1} steps")
        loss = f"loss {points[0, 1]:.3f} → {points[-1, 1]:.3f}"
        told.append(f"{name}: {loss}")
        axis.set_title(f"{name}\n{loss}", fontsize=10)
    axes[0, 0].set_ylabel("loss")
    axes[0, 0].legend(fontsize=8.5)
    return ink.titled(figure, title, "; ".join(told))


def _curve(axis: Axes, curve: Curve) -> None:
    weights, losses = curve
    if len(weights) != len(losses):
        raise ValueError(f"{len(weights)} weights and {len(losses)} losses: give one loss per weight.")
    axis.plot(weights, losses, color=ink.GRAY, lw=2)
    axis.set_xlabel("one weight (all others fixed)")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)
