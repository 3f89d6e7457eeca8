"""What kernels respond to: maps of positive and negative numbers, in red and blue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.drawings import ink

MOST_CHANGED = 8  # kernels that are shown before and after training


def responses(
    images: Sequence[np.ndarray], kernels: Mapping[str, np.ndarray], title: str = "", side: float = 2.9
) -> Figure:
    """Each image in a row with its response to every kernel, ``side`` inches wide.

    ``images``: each (height, width). ``kernels``: a name to (k, k). The colors of a row share one scale, which leaves
    out the strongest half percent. Raises ValueError if there are no images or no kernels.
    """
    if not len(images) or not kernels:
        raise ValueError("give one image or more, and one kernel or more.")
    ratios = [image.shape[0] / image.shape[1] for image in images]
    size = (side * (1 + len(kernels)) + 0.9, side * sum(ratios) + 0.8)
    options = {"layout": "constrained", "squeeze": False, "height_ratios": ratios}
    figure, axes = plt.subplots(len(images), 1 + len(kernels), figsize=size, **options)
    for row, image in zip(axes, images):
        row[0].imshow(image, cmap="gray")
        maps = [ink.responses(image, kernel) for kernel in kernels.values()]
        limit = np.quantile(np.abs(maps), 0.995)
        for axis, values in zip(row[1:], maps):
            shown = ink.signed_map(axis, values, limit)
        figure.colorbar(shown, ax=row, label="response", shrink=0.9)
    for axis, name in zip(axes[0], ["image", *kernels]):
        axis.set_title(name, fontsize=10)
    for axis in axes.flat:
        axis.axis("off")
    return ink.titled(figure, title, f"{len(images)} images, each with its response to: {', '.join(kernels)}.")


def signed_maps(maps: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Maps side by side with one scale: red above zero, blue below, white at zero.

    ``maps``: a name to (height, width). Raises ValueError if there are none.
    """
    if not maps:
        raise ValueError("there is nothing to draw: give one map or more.")
    limit = max(float(np.abs(values).max()) for values in maps.values())
    figure, axes = plt.subplots(1, len(maps), figsize=(2.5 * len(maps) + 0.9, 3.3), layout="constrained", squeeze=False)
    for axis, (name, values) in zip(axes[0], maps.items()):
        shown = ink.signed_map(axis, values, limit)
        axis.set_title(name, fontsize=10)
    figure.colorbar(shown, ax=axes, label="response", shrink=0.9)
    return ink.titled(figure, title, f"Maps in red and blue: {', '.join(maps)}.")


def kernels_before_and_after(before: np.ndarray, after: np.ndarray, image: np.ndarray, title: str = "") -> Figure:
    """The kernels that training has changed most: at the start, now, and the response of an image to each.

    ``before``, ``after``: (k, k, 1, filters). ``image``: (height, width). The most changed comes first. Raises
    ValueError if the shapes differ, or for more than one input channel.
    """
    if before.shape != after.shape or before.ndim != 4 or before.shape[2] != 1:
        raise ValueError(f"kernels of shapes {before.shape} and {after.shape}: give (k, k, 1, filters) twice.")
    change = np.linalg.norm(after - before, axis=(0, 1))[0]
    chosen = np.argsort(-change)[:MOST_CHANGED]
    limit = max(np.abs(kernels[..., chosen]).max() for kernels in (before, after))
    size = (9, 27 / (len(chosen) + 1.2) + 0.7)
    figure, axes = plt.subplots(3, len(chosen), figsize=size, layout="constrained", squeeze=False)
    for (start, now, below), number in zip(axes.T, chosen):
        shown = ink.signed_map(start, before[..., 0, number], limit)
        ink.signed_map(now, after[..., 0, number], limit)
        response = ink.responses(image, after[..., 0, number])
        ink.signed_map(below, response, np.abs(response).max())
        start.set_title(f"filter {number}", fontsize=9)
    for axis, name in zip(axes[:, 0], ("at the start", "learned", "its response")):
        axis.set_ylabel(name, fontsize=9)
    figure.colorbar(shown, ax=axes[:2], label="weight", fraction=0.03)
    return ink.titled(figure, title, f"Filters {', '.join(map(str, chosen))}, before and after training.")
