"""One look for the course's figures: images, maps, curves, bars with intervals, networks.

Each function returns a Matplotlib ``Figure`` with a title that states the finding and an
alternative text for readers who cannot see it (``figure.alt``, by default made of the titles).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.plumbing.boxes import draw_network
from helpers.scores import Score

__all__ = ["bars_with_interval", "curves", "draw_network", "show_images", "show_maps", "with_alt"]

BLUE, INK = "#0072B2", "#222222"
CELL = 1.4  # inches per image in a grid
History = Mapping[str, Sequence[float]]


def with_alt(figure: Figure, title: str = "", alt: str = "") -> Figure:
    """Give a figure its title and its alternative text, by default the titles of its panels."""
    if title:
        figure.suptitle(title)
    panels = [axis.get_title() for axis in figure.axes if axis.get_title()]
    figure.alt = alt or ". ".join([title] * bool(title) + panels[:12]) or "Figure without a title"
    return figure


def show_images(
    images: Sequence[np.ndarray],
    titles: Sequence[str] = (),
    columns: int = 8,
    title: str = "",
    alt: str = "",
    side: float = CELL,
) -> Figure:
    """Images in rows of ``columns``, each with its title, ``side`` inches wide.

    ``images``: each (height, width), (height, width, 1) or (height, width, 3); RGB of whole numbers
    or of values 0 to 255, or 0 to 1. Raises ValueError if there are none, or not one title each.
    """
    figure, axes = _grid(columns, side, images=images, titles=titles)
    for axis, image, text in itertools.zip_longest(axes, images, titles, fillvalue=""):
        image = np.squeeze(np.asarray(image))
        if image.ndim == 3 and image.dtype.kind == "f":
            image = (image / 255 if image.max() > 1 else image).clip(0, 1)
        axis.imshow(image, cmap="gray")
        axis.set_title(text, fontsize=9)
    return with_alt(figure, title, alt)


def show_maps(
    maps: Sequence[np.ndarray],
    titles: Sequence[str] = (),
    images: Sequence[np.ndarray] = (),
    columns: int = 6,
    title: str = "",
    alt: str = "",
    limits: tuple[float, float] = (0, 1),
    side: float = 1.9,
) -> Figure:
    """Maps with one color bar; over gray copies of their ``images``, if given.

    ``maps``: each (height, width), values within ``limits``, NaN left blank. ``images``: one per
    map, (height, width) or (height, width, 3). Raises ValueError as ``show_images`` does.
    """
    figure, axes = _grid(columns, side, maps=maps, titles=titles, images=images)
    shown = {"cmap": "inferno", "vmin": limits[0], "vmax": limits[1]}
    for axis, values, text, image in itertools.zip_longest(axes, maps, titles, images):
        if image is not None:
            gray = np.asarray(image, float)
            gray = gray.mean(axis=-1) if gray.ndim == 3 else gray
            below = axis.imshow(gray, cmap="gray")
            share = (np.asarray(values, float) - limits[0]) / (limits[1] - limits[0])
            share = np.nan_to_num(share).clip(0, 1)
            shown |= {
                "alpha": 0.15 + 0.65 * share,
                "extent": below.get_extent(),
            }  # weak: see-through
        drawn = axis.imshow(values, **shown)
        axis.set_title(text or "", fontsize=9)
    bar = figure.colorbar(drawn, ax=list(axes), shrink=0.8, fraction=0.03)
    bar.solids.set_alpha(1)
    return with_alt(figure, title, alt)


def curves(histories: History | Mapping[str, History], title: str = "", alt: str = "") -> Figure:
    """Loss and accuracy against epochs, side by side.

    Takes one history, or several as ``{label: history}`` to compare. Training is a thin dashed
    line. Validation, where there is any, is a thick one, and a ring marks the epoch with the lowest
    validation loss. Raises ValueError for a history without a loss, such as one of no epochs.
    """
    histories = {"": histories} if "loss" in histories else histories
    if not histories or not all(len(history.get("loss", ())) for history in histories.values()):
        raise ValueError("there is nothing to draw: every history needs a loss per epoch.")
    known = set().union(*histories.values())
    metrics = [metric for metric in ("loss", "accuracy") if metric in known]
    size = (5 * len(metrics), 3.6)
    figure, axes = plt.subplots(1, len(metrics), figsize=size, layout="constrained", squeeze=False)
    colors = itertools.cycle(plt.rcParams["axes.prop_cycle"].by_key()["color"])
    for (label, history), color in zip(histories.items(), colors):
        for axis, metric in zip(axes[0], metrics):
            _curve(axis, metric, history, f"{label}: " if label != "" else "", color)
    ringed = any(line.get_marker() == "o" for line in axes[0, 0].lines)
    for axis, metric in zip(axes[0], metrics):
        text = f"{metric} (ring: lowest validation loss)" if ringed else metric
        axis.set(xlabel="epoch", ylabel=metric, title=text)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    return with_alt(figure, title, alt)


def _curve(axis: Axes, metric: str, history: History, before: str, color: str) -> None:
    """One metric of one history: training, validation, and the ring."""

    def epochs(values: Sequence[float]) -> np.ndarray:
        """Of validation every few epochs (``validation_freq``) there are fewer values."""
        return len(history["loss"]) // len(values) * np.arange(1, len(values) + 1)

    if metric in history:
        label = before + "training"
        axis.plot(epochs(history[metric]), history[metric], "--", color=color, lw=1, label=label)
    watched = history.get(f"val_{metric}")
    if watched is not None:
        axis.plot(epochs(watched), watched, color=color, lw=2.2, label=before + "validation")
        losses = np.asarray(history.get("val_loss", ()), float)
        if np.isfinite(losses).any():
            best = int(np.nanargmin(losses))
            axis.plot(epochs(watched)[best], watched[best], "o", color=color, ms=10, mfc="none")


def bars_with_interval(scores: Mapping[str, Score], title: str = "", alt: str = "") -> Figure:
    """Horizontal bars of wrong answers per 100 images, one per score, with the 95 % interval.

    The interval comes from the number of images, and not from repeated training.
    """
    if not scores:
        raise ValueError("there is nothing to draw: give one score or more.")
    figure, axis = plt.subplots(figsize=(8, 0.55 * len(scores) + 1.1), layout="constrained")
    for place, score in enumerate(scores.values()):
        wrong = 100 * (1 - score.accuracy)
        least, most = (100 * (1 - end) for end in reversed(score.interval))
        axis.barh(place, wrong, color=BLUE, height=0.62)
        error = [[max(wrong - least, 0)], [max(most - wrong, 0)]]
        axis.errorbar(wrong, place, xerr=error, color=INK, capsize=4, lw=1.4)
        axis.text(most, place, f"  {100 - wrong:.1f} % right", va="center", weight="bold")
    label = "wrong answers per 100 images (line: 95 % interval, from the number of images)"
    axis.set(yticks=range(len(scores)), yticklabels=scores, xlabel=label)
    axis.set_xlim(0, 1.25 * axis.get_xlim()[1])
    axis.invert_yaxis()
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    told = "; ".join(f"{name}: {score}" for name, score in scores.items())
    return with_alt(figure, title, alt or f"{title}. Bars: {told}".lstrip(". "))


def _grid(columns: int, side: float, **parts: Sequence) -> tuple[Figure, list[Axes]]:
    """A figure of empty panels without ticks, one for each of the first part.

    Raises ValueError if there are none, or if another part has neither none nor as many.
    """
    counts = {name: len(part) for name, part in parts.items()}
    count, *others = counts.values()
    if count == 0 or not set(others) <= {0, count}:
        told = ", ".join(f"{number} {name}" for name, number in counts.items())
        raise ValueError(f"{told}: give one for each.")
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (columns * side, rows * (side + 0.3 * bool(counts["titles"])))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    return figure, list(axes.flat[:count])
