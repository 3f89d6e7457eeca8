"""Where a window may stand: padding and stride on a small grid."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers.drawings import ink


def window_places(size: int, kernel: int, settings: Mapping[str, tuple[int, str]], title: str = "") -> Figure:
    """Every place of a window on a size × size image, one column per setting.

    ``settings``: a name to (stride, "valid" or "same"). Above, a small image for each place; below, how many windows
    cover each pixel. Raises ValueError if a window of ``kernel`` pixels has no place.
    """
    places = {name: _starts(size, kernel, *setting) for name, setting in settings.items()}
    if not all(places.values()):
        raise ValueError(f"a window of {kernel} pixels has no place in {size}.")
    sides = [len(starts) * _pitch(size, padding) for starts, (_, padding) in zip(places.values(), settings.values())]
    inch = 8.6 / sum(sides)  # one pixel, the same in every column
    figure, axes = plt.subplots(
        2,
        len(settings),
        figsize=(9, max(sides) * inch + 2.4),
        layout="constrained",
        width_ratios=sides,
        height_ratios=[max(sides) * inch, 1.5],
        squeeze=False,
    )
    told = []
    for (above, below), (name, starts) in zip(axes.T, places.items()):
        _places(above, size, kernel, starts, settings[name][1], max(sides))
        above.set_title(f"{name}\n{len(starts)} × {len(starts)} places", fontsize=10)
        _covered(below, size, kernel, starts)
        told.append(f"{name}: {len(starts)} × {len(starts)} places")
    axes[1, 0].set_ylabel("windows that\ncover each pixel", fontsize=9)
    return ink.titled(figure, title, "; ".join(told))


def _starts(size: int, kernel: int, stride: int, padding: str) -> list[int]:
    """First pixel of every window along one axis; negative on the padding, which goes evenly to both sides."""
    if padding == "valid":
        return list(range(0, size - kernel + 1, stride))
    count = -(-size // stride)
    added = max((count - 1) * stride + kernel - size, 0)
    return [number * stride - added // 2 for number in range(count)]


def _pitch(size: int, padding: str) -> float:
    """From one small image to the next, in pixels."""
    return size + 2 * (padding == "same") + 1.3


def _places(axis: Axes, size: int, kernel: int, starts: list[int], padding: str, high: float) -> None:
    around, pitch = int(padding == "same"), _pitch(size, padding)
    for row, top in enumerate(starts):
        for column, left in enumerate(starts):
            x, y = column * pitch, row * pitch
            if around:
                side = size + 2 * around
                corner = (x - around, y - around)
                axis.add_patch(Rectangle(corner, side, side, fc="#F1F2F4", ec=ink.GRAY, lw=0.8, ls=":"))
            axis.add_patch(Rectangle((x, y), size, size, fc="white", ec="none"))
            axis.add_patch(Rectangle((x + left, y + top), kernel, kernel, fc=ink.ORANGE, ec="none", alpha=0.75))
            for line in range(size + 1):
                axis.plot((x, x + size), (y + line, y + line), color=ink.GRAY, lw=0.5)
                axis.plot((x + line, x + line), (y, y + size), color=ink.GRAY, lw=0.5)
    low = -around - 0.65
    axis.set(xlim=(low, low + len(starts) * pitch), ylim=(low + high, low), aspect="equal", anchor="N")
    axis.axis("off")


def _covered(axis: Axes, size: int, kernel: int, starts: list[int]) -> None:
    along = np.array([sum(start <= pixel < start + kernel for start in starts) for pixel in range(size)])
    counts = np.outer(along, along)
    axis.imshow(counts, cmap="Blues", vmin=0, vmax=1.4 * kernel**2)
    for (row, column), count in np.ndenumerate(counts):
        ink.say(axis, column, row, str(count), fontsize=9)
    axis.set(xticks=[], yticks=[])
