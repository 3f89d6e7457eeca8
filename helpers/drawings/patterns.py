"""The parts of images that excite a channel most, early, in the middle and late in a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.drawings import ink

CROPS = 5  # shown of each channel


def strongest_crops(
    model: keras.Model,
    images: np.ndarray,
    inputs: np.ndarray,
    channels: Mapping[str, Sequence[int]],
    title: str = "",
) -> Figure:
    """For channels of some layers, the parts of the images that excite them most.

    ``model``: convolutions and poolings in a row. ``images``: uint8 of shape (N, side, side, 3); ``inputs``: the same
    as the model takes them. ``channels``: layer to equally many channels. A part is what the unit sees, at most the
    whole image, and no image gives two. Raises ValueError for an unknown layer or unequal numbers of channels.
    """
    groups = {len(each) for each in channels.values()}
    if len(groups) != 1:
        raise ValueError("give each layer as many channels as the others.")
    sees = {layer: _field(model, layer) for layer in channels}
    probe = keras.Model(model.inputs, [model.get_layer(layer).output for layer in channels])
    outputs = keras.tree.flatten(probe.predict(inputs, verbose=0, batch_size=100))
    (columns,) = groups
    figure = plt.figure(figsize=(9, 1.25 * len(channels)), layout="constrained")
    rows = figure.subfigures(len(channels), columns + 1, width_ratios=[1.5, *[0.72 * CROPS] * columns], squeeze=False)
    for (layer, some), maps, line in zip(channels.items(), outputs, rows):
        side = sees[layer][0]
        part = f"sees {side} × {side} pixels" if side < images.shape[1] else "sees the whole picture"
        line[0].text(0.02, 0.45, f"{layer.replace('_', ', ')}\n{part}", va="center", fontsize=9)
        for panel, channel in zip(line[1:], some):
            panel.suptitle(f"channel {channel}", fontsize=9, x=0.01, ha="left")
            crops = _crops(maps[..., channel], images, sees[layer])
            for axis, crop in zip(panel.subplots(1, CROPS, squeeze=False)[0], crops):
                axis.imshow(crop, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_color(ink.LINE)
    told = "; ".join(f"{layer}: channels {', '.join(map(str, some))}" for layer, some in channels.items())
    return ink.titled(figure, title, f"Parts of images that excite {told}.")


def _field(model: keras.Model, layer: str) -> tuple[int, int, float]:
    """What a unit of a layer sees, in pixels: the side, the distance of neighbors, the middle of the first unit's."""
    side, jump, middle = 1, 1, 0.0
    for one in model.layers:
        if isinstance(one, keras.layers.Conv2D | keras.layers.MaxPooling2D):
            kernel = (one.kernel_size if isinstance(one, keras.layers.Conv2D) else one.pool_size)[0]
            before = (kernel - 1) // 2 if one.padding == "same" else 0
            side += (kernel - 1) * jump
            middle += ((kernel - 1) / 2 - before) * jump
            jump *= one.strides[0]
        if one.name == layer:
            return side, jump, middle
    raise ValueError(f"{model.name} has no layer {layer}.")


def _crops(maps: np.ndarray, images: np.ndarray, field: tuple[int, int, float]) -> list[np.ndarray]:
    """The parts of the few images with the strongest responses. ``maps``: (N, rows, columns)."""
    side, jump, middle = field
    flat, crops = maps.reshape(len(maps), -1), []
    for image in np.argsort(-flat.max(axis=1))[:CROPS]:
        if side >= images.shape[1]:
            crops.append(images[image])
            continue
        place = np.array(np.divmod(flat[image].argmax(), maps.shape[2]))
        row, column = np.round(middle + jump * place - (side - 1) / 2).astype(int) + side
        padded = np.pad(images[image], ((side, side), (side, side), (0, 0)), constant_values=235)
        crops.append(padded[row : row + side, column : column + side])
    return crops
