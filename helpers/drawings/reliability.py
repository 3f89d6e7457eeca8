"""How far a network's probabilities can be trusted: of the answers that it gives with 90 %, how many are right?"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.drawings import ink
from helpers.figures import with_alt

Answers = tuple[np.ndarray, np.ndarray]  # confidence and right, one each per answer


def reliability(answers: Mapping[str, Answers], title: str = "", bins: int = 10) -> Figure:
    """How many answers are right, by how sure the network was of them; a panel for each.

    ``answers``: a name to (confidence, right), floats from 0 to 1 and bools, both (N,). Each dot stands for the answers
    whose confidence is in one of ``bins`` equal steps; its area grows with their number, and groups of fewer than five
    are left out. A line joins each dot to the diagonal. Raises ValueError if there are no answers, or not one
    confidence each.
    """
    if not answers or any(not len(sure) or np.shape(sure) != np.shape(right) for sure, right in answers.values()):
        raise ValueError("give one confidence and one right or wrong for each answer.")
    size = (4.3 * len(answers), 4.2)
    figure, axes = plt.subplots(1, len(answers), figsize=size, sharey=True, layout="constrained", squeeze=False)
    for axis, (name, (sure, right)) in zip(axes[0], answers.items()):
        _panel(axis, np.asarray(sure, float), np.asarray(right, bool), bins)
        axis.set_title(name, fontsize=11)
    axes[0, 0].set_ylabel("of 100 such answers, so many are right")
    axes[0, 0].legend(fontsize=9, loc="upper left")
    told = f"Share of right answers by confidence, beside the diagonal: {'; '.join(answers)}."
    return with_alt(figure, title, f"{title}. {told}".lstrip(". "))


def _panel(axis: plt.Axes, sure: np.ndarray, right: np.ndarray, bins: int) -> None:
    axis.plot([0, 100], [0, 100], "--", color=ink.GRAY, lw=1.4, label="as sure as right")
    group = np.minimum((sure * bins).astype(int), bins - 1)
    for number in range(bins):
        inside = group == number
        if inside.sum() >= 5:
            x, y = 100 * sure[inside].mean(), 100 * right[inside].mean()
            axis.plot([x, x], [x, y], color=ink.RED, lw=2.2, zorder=4)
            axis.scatter(x, y, s=30 + 900 * inside.mean(), color=ink.BLUE, alpha=0.85, zorder=3)
    axis.set(xlim=(0, 104), ylim=(0, 104), xlabel="confidence of the answer, in percent", aspect="equal")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)
