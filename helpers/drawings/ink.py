"""What the drawings share: Okabe and Ito's colors, which color-blind readers tell apart, tables of numbers, arrows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from helpers.figures import with_alt

BLUE, GREEN, ORANGE, RED, GRAY, INK = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#8A8F98", "#222222"
LINE = "#B8BCC4"
Color = tuple[float, float, float, float]
Place = tuple[float, float]


def titled(figure: Figure, title: str, told: str) -> Figure:
    """The figure with its title, and with an alternative text: the title, then what is ``told``."""
    return with_alt(figure, title, f"{title}. {told}".lstrip(". "))


def signed(value: float, form: str = "g") -> str:
    """A number with a proper minus sign."""
    return f"{value:{form}}".replace("-", "−")


def red_blue(limit: float) -> Callable[[float], Color]:
    """Colors for values from -limit (blue) over 0 (white) to limit (red)."""
    return lambda value: colormaps["RdBu_r"](0.5 + np.asarray(value) / (limit or 1) / 2)


def gray(limit: float) -> Callable[[float], Color]:
    """Colors for values from 0 (black) to limit (white)."""
    return lambda value: colormaps["gray"](np.asarray(value) / (limit or 1))


def signed_map(axis: Axes, values: np.ndarray, limit: float) -> AxesImage:
    """A map (height, width) from -limit (blue) over 0 (white) to limit (red), without ticks."""
    axis.set(xticks=[], yticks=[])
    limit = limit or 1.0  # of a map of zeros
    return axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)


def say(axis: Axes, x: float, y: float, text: str, **options) -> None:
    """A text with its middle at a place. ``options``: of Matplotlib's ``text``."""
    axis.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 10, "color": INK, **options})


def cells(
    axis: Axes,
    corner: Place,
    values: np.ndarray,
    color: Callable[[float], Color],
    texts: Sequence[Sequence[str]] | None = None,
    size: Place = (1.0, 1.0),
    fontsize: float = 9,
    shown: int | None = None,
) -> None:
    """A table of numbers as colored cells, with its upper left corner at ``corner`` and y growing downwards.

    ``values``: (rows, columns). ``texts`` replaces the numbers. Of ``shown`` cells, in reading order, the numbers are
    written; the others stay empty.
    """
    for order, ((row, column), value) in enumerate(np.ndenumerate(values)):
        visible = shown is None or order < shown
        face = color(value) if visible else (1, 1, 1, 1)
        x, y = corner[0] + column * size[0], corner[1] + row * size[1]
        axis.add_patch(Rectangle((x, y), *size, fc=face, ec=LINE, lw=0.6))
        if visible:
            text = signed(value) if texts is None else texts[row][column]
            ink = INK if np.dot(face[:3], (0.3, 0.59, 0.11)) > 0.5 else "white"
            say(axis, x + size[0] / 2, y + size[1] / 2, text, fontsize=fontsize, color=ink)


def frame(axis: Axes, corner: Place, width: float, height: float) -> None:
    """An orange frame: where the window is."""
    axis.add_patch(Rectangle(corner, width, height, fill=False, ec=ORANGE, lw=2.6, zorder=5))


def arrow(axis: Axes, start: Place, end: Place, color: str = GRAY, lw: float = 1.4) -> None:
    """An arrow from start to end that touches both."""
    style = {"arrowstyle": "-|>", "color": color, "lw": lw, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=style)


def responses(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The sum of products at each place of a (k, k) kernel: from (height, width) to (height - k + 1, width - k + 1)."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("rcij,ij->rc", windows, kernel)
