"""What the layers of a network make of an image: their activations, and all channels of a layer in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers import taps

AT_ONCE = 64  # images in one forward pass
GAP = 1  # pixels between two channels
SMALLEST = 12  # pixels of a channel's side in a figure


def layer_activations(
    model: keras.Model, images: np.ndarray, layers: Iterable[str | int] | None = None
) -> dict[str, np.ndarray]:
    """What layers give for images, outside training: {layer name: array (N, ...)} in the order in which they run.

    Works on every Keras model with one input, nested and subclassed ones too. ``images`` is one image or a batch,
    prepared as the model was trained. ``layers`` are names or places in ``model.layers``; by default all, without those
    that only hold other layers. Of a layer that is called several times the last output counts, and of one that gives
    several tensors, such as an RNN's cell, the first.

    Raises ValueError for a layer that does not exist (with the nearest names) or does not run, for images of another
    shape, with values that are no numbers, or in a range that the model was certainly not trained on.
    """
    batch = taps.as_batch(model, images)
    _check_range(model, np.asarray(images), batch)
    if layers is None:
        named = taps.layers_by_name(model)
        whole = keras.layers.RNN  # what its cell gives at the last step is not all that it gives
        chosen = {
            name: layer for name, layer in named.items() if isinstance(layer, whole) or not taps.layers_by_name(layer)
        }
    else:
        chosen = dict(taps.find(model, layer) for layer in layers)
    parts: dict[str, list[np.ndarray]] = {}
    with taps.outputs(chosen) as noted:
        for start in range(0, len(batch), AT_ONCE):
            model(batch[start : start + AT_ONCE], training=False)
            for name, output in noted.items():
                parts.setdefault(name, []).append(keras.ops.convert_to_numpy(output))
    if idle := set(chosen) - set(parts):
        if layers is not None:
            raise ValueError(f"{model.name} does not use {' and '.join(sorted(idle))} when it answers: nothing to see.")
    return {name: np.concatenate(part) for name, part in parts.items()}


def activation_grid(activation: np.ndarray, columns: int = 16) -> tuple[np.ndarray, int]:
    """All channels of one layer's activation for one image, side by side.

    Takes (height, width, channels), or a batch of one. Returns a float array of rows of ``columns`` channels, and how
    many channels are silent, that is zero everywhere on this image. Each channel is scaled on its own so that its
    largest value is 1 and zero, or its lowest value if that is negative, is 0; NaN stands for a silent channel, for
    the gaps, and for the places left over in the last row.

    Raises ValueError for an activation without channels, such as a dense layer's, or of several images.
    """
    maps = np.asarray(activation, np.float32)
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3:
        why = "of several images" if maps.ndim == 4 else "with no height, width and channels, as of a dense layer"
        raise ValueError(
            f"An activation of shape {np.shape(activation)}, {why}, cannot be drawn as a grid: "
            "take that of one image, (height, width, channels)."
        )
    height, width, channels = maps.shape
    lowest, highest = np.minimum(maps.min((0, 1)), 0), np.maximum(maps.max((0, 1)), 0)
    silent = highest == lowest
    scaled = (maps - lowest) / np.where(silent, 1, highest - lowest)
    scaled[..., silent] = np.nan
    columns = min(columns, channels)
    rows = -(-channels // columns)
    grid = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), np.nan, np.float32)
    for channel in range(channels):
        top, left = channel // columns * (height + GAP), channel % columns * (width + GAP)
        grid[top : top + height, left : left + width] = scaled[..., channel]
    return grid, int(silent.sum())


def draw(model: keras.Model, image: np.ndarray, layers: Iterable[str | int] | None = None, columns: int = 16) -> Figure:
    """One figure with every channel of the layers, by default of all that have feature maps, for one image.

    Each title gives the layer's name, the size of its maps, the number of channels and of silent ones. The figure is
    closed already, so that nothing stays open: make it the last line of a cell, or save it. Raises ValueError as
    ``layer_activations`` and ``activation_grid`` do.
    """
    found = layer_activations(model, image, layers)
    if layers is None:
        found = {name: activation for name, activation in found.items() if activation.ndim == 4}
    if not found:
        raise ValueError(f"{model.name} has no layer that gives feature maps.")
    grids = {name: activation_grid(_enlarged(activation), columns) for name, activation in found.items()}
    inches = [10 * grid.shape[0] / grid.shape[1] for grid, _ in grids.values()]
    figure, axes = plt.subplots(
        len(grids),
        1,
        figsize=(10, sum(inches) + 0.35 * len(grids) + 0.3),
        squeeze=False,
        layout="constrained",
        height_ratios=inches,
    )
    colors = plt.get_cmap("viridis").with_extremes(bad="0.9")
    for axis, (name, (grid, silent)) in zip(axes[:, 0], grids.items()):
        height, width, channels = found[name].shape[1:]
        axis.imshow(grid, cmap=colors, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axis.set_title(f"{name}: {channels} channels of {height} × {width}, {silent} silent", fontsize=10, loc="left")
        axis.set(xticks=[], yticks=[], frame_on=False)
    figure.suptitle(
        "Each channel from 0 (dark) to its own largest value (bright); gray: silent, or past the last channel",
        fontsize=9,
    )
    plt.close(figure)
    return figure


def _enlarged(activation: np.ndarray) -> np.ndarray:
    """Small maps with each place repeated, so that the gaps between channels look narrow beside them."""
    if activation.ndim != 4:
        return activation  # activation_grid says what is wrong with it
    zoom = max(1, SMALLEST // min(activation.shape[1:3]))
    return activation.repeat(zoom, axis=1).repeat(zoom, axis=2)


def _check_range(model: keras.Model, images: np.ndarray, batch: np.ndarray) -> None:
    """Two mistakes that can be told for certain from the values; the notebooks meet others."""
    rescales = any(
        isinstance(layer, keras.layers.Rescaling) and np.max(layer.scale) < 0.1
        for layer in taps.layers_by_name(model).values()
    )
    if rescales and images.dtype.kind == "f" and 0 < images.max() <= 1:
        raise ValueError(
            f"{model.name} rescales images with values from 0 to 255 by itself; these have values up to "
            f"{images.max():.3g}, as if they had been divided already. Give them as they were read."
        )
    if images.dtype.kind in "iu" and images.max() > 1 and _arrives(model, batch):
        raise ValueError(
            f"These images are whole numbers up to {images.max()}, and {model.name} has no layer that rescales them. "
            "Prepare them as for its training, for example `images.astype('float32') / 255`."
        )


def _arrives(model: keras.Model, batch: np.ndarray) -> bool:
    """Whether the first convolution or dense layer is given the images' largest value as it is."""
    given: list[float] = []

    def note(kind: str, inputs: Sequence, outputs: Sequence) -> None:
        if kind in taps.KERNELS and not given:
            given.append(inputs[0].numpy().max())

    brightest = batch.reshape(len(batch), -1).max(axis=1).argmax()
    with taps.operations(note):
        model(batch[brightest : brightest + 1], training=False)
    return batch.max() in given
