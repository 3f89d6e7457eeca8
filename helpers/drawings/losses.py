"""Loss curves side by side on one scale: which network learns its training images by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.drawings import ink
from helpers.figures import with_alt

History = Mapping[str, Sequence[float]]


def losses(histories: Mapping[str, History], title: str = "") -> Figure:
    """Training and validation loss per epoch, a panel per history, all with the same axes.

    ``histories``: a name to a history with ``loss`` and ``val_loss``, one value per epoch. The axis reaches above the
    first one's validation loss and the end of all others: figures that begin with the same history have the same axes,
    unless a run ends higher. Raises ValueError if there is no history, or one without both losses.
    """
    if not histories or not all(len(h.get("loss", ())) and len(h.get("val_loss", ())) for h in histories.values()):
        raise ValueError("give one history or more, each with loss and val_loss.")
    width = max(4.2 * len(histories), 6.0)
    figure, axes = plt.subplots(
        1, len(histories), figsize=(width, 3.5), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for axis, (name, history) in zip(axes[0], histories.items()):
        trained, watched = np.asarray(history["loss"], float), np.asarray(history["val_loss"], float)
        epochs, best = np.arange(1, len(trained) + 1), int(watched.argmin())
        axis.plot(epochs, trained, "--", color=ink.ORANGE, lw=1.6, label="training loss")
        axis.plot(epochs, watched, color=ink.BLUE, lw=2.4, label="validation loss")
        ring = {"color": ink.BLUE, "ms": 11, "mfc": "none", "label": "its lowest value"}
        axis.plot(epochs[best], watched[best], "o", **ring)
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    first, *others = (history["val_loss"] for history in histories.values())
    top = max([*first, *(watched[-1] for watched in others)])
    axes[0, 0].set(ylabel="loss", ylim=(0, 1.15 * top))
    axes[0, 0].legend(fontsize=9)
    told = f"Training and validation loss by epoch: {'; '.join(histories)}."
    return with_alt(figure, title, f"{title}. {told}".lstrip(". "))
