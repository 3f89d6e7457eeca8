"""The kernels of a first layer before and after training, and what they answer to an image."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.drawings import ink
from helpers.figures import with_alt


def kernels_before_and_after(
    before: np.ndarray, after: np.ndarray, image: np.ndarray, count: int = 8, title: str = ""
) -> Figure:
    """The kernels that training has changed most: at the start, now, and what each answers now.

    ``before``, ``after``: (k, k, filters) or (k, k, 1, filters). ``image``: (height, width). ``count``: how many, the
    most changed first. Raises ValueError if the shapes differ.
    """
    before, after = np.squeeze(before), np.squeeze(after)
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(f"kernels of shapes {before.shape} and {after.shape}: give (k, k, filters) twice.")
    change = np.linalg.norm((after - before).reshape(-1, after.shape[2]), axis=0)
    chosen = np.argsort(-change)[:count]
    limit = max(np.abs(before[..., chosen]).max(), np.abs(after[..., chosen]).max())
    size = (9, 3 * 9 / (len(chosen) + 1.2) + 0.5)
    figure, axes = plt.subplots(3, len(chosen), figsize=size, layout="constrained", squeeze=False)
    for (start, now, answer), number in zip(axes.T, chosen):
        shown = start.imshow(before[..., number], cmap="RdBu_r", vmin=-limit, vmax=limit)
        now.imshow(after[..., number], cmap="RdBu_r", vmin=-limit, vmax=limit)
        response = ink.responses(image, after[..., number])
        reach = np.abs(response).max()
        answer.imshow(response, cmap="RdBu_r", vmin=-reach, vmax=reach)
        start.set_title(f"filter {number}", fontsize=9)
    for axis, name in zip(axes[:, 0], ("at the start", "learned", "its answer")):
        axis.set_ylabel(name, fontsize=9)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes[:2], label="weight", fraction=0.03)
    return with_alt(figure, title, f"{title}. Filters {', '.join(map(str, chosen))}, before and after.".lstrip(". "))
