"""What layers make of an image: their activations, and all channels of a layer in one picture."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers import taps
from helpers.plumbing import inputs, tiles

AT_ONCE = 64  # images in one forward pass
GAP = 1  # pixels between two channels
SMALLEST = 12  # pixels of a channel's side in a figure


def layer_activations(
    model: keras.Model, images: np.ndarray, layers: Iterable[str | int] | None = None
) -> dict[str, np.ndarray]:
    """What layers give for images, outside training: {layer name: array (N, ...)}, as they run.

    Works on every Keras model with one input, nested and subclassed ones too. ``images`` is one
    image or a batch, prepared as the model was trained. ``layers`` are names or places in
    ``model.layers``; by default all, without those that only hold other layers. Of a layer that is
    called several times the last output counts, and of one that gives several tensors, such as an
    RNN's cell, the first.

    Raises ValueError for a layer that does not exist (with the nearest names) or does not run, for
    images of another shape, with values that are no numbers, or in a range that the model was
    certainly not trained on.
    """
    batch = taps.as_batch(model, images)
    inputs.image_range(model, images, batch)
    if layers is None:
        chosen = {  # an RNN as a whole, too: its cell gives the last step, which is not all
            name: layer
            for name, layer in taps.layers_by_name(model).items()
            if isinstance(layer, keras.layers.RNN) or not taps.layers_by_name(layer)
        }
    else:
        chosen = dict(taps.find(model, layer) for layer in layers)
    parts = [
        {name: keras.ops.convert_to_numpy(made) for name, made in noted.items()}
        for _, noted in taps.read(model, batch, chosen, AT_ONCE)
    ]
    if layers is not None:
        inputs.all_run(model, chosen, parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def activation_grid(activation: np.ndarray, columns: int = 16) -> tuple[np.ndarray, int]:
    """All channels of one layer's activation for one image, side by side.

    Takes (height, width, channels), or a batch of one. Returns a float array of rows of ``columns``
    channels, and how many channels are silent, that is zero everywhere on this image. Each channel
    is scaled on its own so that its largest value is 1 and zero, or its lowest value if that is
    negative, is 0; NaN stands for a silent channel, for the gaps, and for the places left over in
    the last row.

    Raises ValueError for an activation without channels, such as a dense layer's, or of several
    images.
    """
    maps = inputs.feature_maps(activation)
    lowest, highest = np.minimum(maps.min((0, 1)), 0), np.maximum(maps.max((0, 1)), 0)
    silent = highest == lowest
    scaled = (maps - lowest) / np.where(silent, 1, highest - lowest)
    scaled[..., silent] = np.nan
    grid = tiles.tiled(np.moveaxis(scaled, -1, 0), min(columns, len(silent)), GAP, empty=np.nan)
    return grid, int(silent.sum())


def draw(
    model: keras.Model,
    image: np.ndarray,
    layers: Iterable[str | int] | None = None,
    columns: int = 16,
) -> Figure:
    """One figure with every channel of the layers, by default of all that have feature maps.

    Each title gives the layer's name, the size of its maps, the number of channels and of silent
    ones. The figure is closed already, so that nothing stays open: make it the last line of a cell,
    or save it. Raises ValueError as ``layer_activations`` and ``activation_grid`` do.
    """
    maps = layer_activations(model, image, layers)
    if layers is None:
        maps = {name: made for name, made in maps.items() if made.ndim == 4}
    if not maps:
        raise ValueError(f"{model.name} has no layer that gives feature maps.")
    grids = {name: activation_grid(_enlarged(made), columns) for name, made in maps.items()}
    inches = [10 * grid.shape[0] / grid.shape[1] for grid, _ in grids.values()]
    size = (10, sum(inches) + 0.35 * len(grids) + 0.3)
    options = {"figsize": size, "height_ratios": inches, "layout": "constrained"}
    figure, axes = plt.subplots(len(grids), squeeze=False, **options)
    colors = plt.get_cmap("viridis").with_extremes(bad="0.9")
    for axis, (name, (grid, silent)) in zip(axes[:, 0], grids.items()):
        height, width, channels = maps[name].shape[1:]
        title = f"{name}: {channels} channels of {height} × {width}, {silent} silent"
        axis.imshow(grid, cmap=colors, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axis.set_title(title, fontsize=10, loc="left")
        axis.set(xticks=[], yticks=[], frame_on=False)
    scale = "Each channel from 0 (dark) to its own largest value (bright)"
    figure.suptitle(f"{scale}; gray: silent, or past the last channel", fontsize=9)
    plt.close(figure)
    return figure


def _enlarged(activation: np.ndarray) -> np.ndarray:
    """Small maps with each place repeated, so that the gaps between channels look narrow."""
    maps = inputs.feature_maps(activation)
    zoom = max(1, SMALLEST // min(maps.shape[:2]))
    return maps.repeat(zoom, axis=0).repeat(zoom, axis=1)
