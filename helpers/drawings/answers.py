"""What kernels answer to images: maps of positive and negative numbers, in red and blue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.drawings import ink
from helpers.figures import with_alt


def answers(
    images: Sequence[np.ndarray], kernels: Mapping[str, np.ndarray], title: str = "", side: float = 2.9
) -> Figure:
    """Each image in a row with what every kernel answers to it, ``side`` inches wide.

    ``images``: each (height, width). ``kernels``: a name to (k, k). The colors of a row share one scale, which leaves
    out the strongest half percent. Raises ValueError if there are no images or no kernels.
    """
    if not len(images) or not kernels:
        raise ValueError("give one image or more, and one kernel or more.")
    height = side * sum(image.shape[0] / image.shape[1] for image in images) + 0.5
    size = (side * (1 + len(kernels)) + 0.9, height)
    ratios = [image.shape[0] / image.shape[1] for image in images]
    options = {"layout": "constrained", "squeeze": False, "height_ratios": ratios}
    figure, axes = plt.subplots(len(images), 1 + len(kernels), figsize=size, **options)
    for row, image in zip(axes, images):
        row[0].imshow(image, cmap="gray")
        maps = [ink.responses(image, kernel) for kernel in kernels.values()]
        limit = np.quantile(np.abs(maps), 0.995)
        for axis, values in zip(row[1:], maps):
            shown = axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(shown, ax=row, label="answer", shrink=0.9)
    for axis, name in zip(axes[0], ["image", *kernels]):
        axis.set_title(name, fontsize=10)
    for axis in axes.flat:
        axis.axis("off")
    told = f"{len(images)} images, each with the answers of: {', '.join(kernels)}."
    return with_alt(figure, title, f"{title}. {told}".lstrip(". "))


def signed_maps(maps: Mapping[str, np.ndarray], title: str = "", side: float = 2.5) -> Figure:
    """Maps side by side with one scale: red above zero, blue below, white at zero.

    ``maps``: a name to (height, width). Raises ValueError if there are none.
    """
    if not maps:
        raise ValueError("there is nothing to draw: give one map or more.")
    limit = max(float(np.abs(values).max()) for values in maps.values()) or 1.0
    size = (side * len(maps) + 0.9, side + 0.7)
    figure, axes = plt.subplots(1, len(maps), figsize=size, layout="constrained", squeeze=False)
    for axis, (name, values) in zip(axes[0], maps.items()):
        shown = axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axis.set_title(name, fontsize=10)
        axis.set(xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, label="answer", shrink=0.9)
    return with_alt(figure, title)
