"""Checks of what a reader passes to the toolbox: what was wrong, what was expected, what to do.

Each raises ValueError, and returns what it has checked where the caller goes on with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any

import keras
import numpy as np

from helpers.plumbing import operations


def whole(number: Any) -> bool:
    """Whether this is a whole number, Python's or NumPy's; a bool is none."""
    return isinstance(number, Integral) and not isinstance(number, bool)


def finite(values: np.ndarray, what: str) -> None:
    if bad := np.count_nonzero(~np.isfinite(values)):
        raise ValueError(f"{bad:,} {what} are NaN or infinite.")


def one_of(what: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        choices = " or ".join(f'"{one}"' for one in allowed)
        raise ValueError(f"{what} is {value!r}; it can be {choices}.")


def same_length(**arrays: np.ndarray | None) -> None:
    """All arrays that are given have the same length, and labels are one class per point."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{length:,} {name}" for name, length in lengths.items())
        raise ValueError(f"there must be one of each per point, in the same order; these are {told}.")
    for name in ("labels", "predicted"):
        if name in arrays and np.ndim(arrays[name]) != 1:
            raise ValueError(f"{name} should be one class per point, (N,); their shape is {np.shape(arrays[name])}.")


# Models, their images and layers


def as_batch(model: keras.Model, images: np.ndarray | Sequence) -> np.ndarray:
    """Images as the model takes them: float32 of shape (N, height, width, channels); one image becomes a batch.

    Raises ValueError if the shape does not fit the model, if a value is not a finite number, or if the model takes more
    than the images.
    """
    if len(getattr(model, "inputs", None) or ()) > 1:
        raise ValueError(
            f"{model.name} takes {len(model.inputs)} inputs; only models that take images alone can be looked into. "
            "Pass the part of it that does."
        )
    images = np.asarray(images)
    shape = getattr(model, "input_shape", None)  # None, or an error, where a model was never built
    shape = shape[1:] if isinstance(shape, tuple) else (None,) * 3
    batch = images[np.newaxis] if images.ndim == len(shape) else images
    fits = batch.ndim == len(shape) + 1 and all(size in (None, own) for size, own in zip(shape, batch.shape[1:]))
    if not fits or not len(batch):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(
            f"{model.name} takes images of shape ({wanted}), one or a batch of them; these have shape {images.shape}."
        )
    batch = batch.astype(np.float32)
    finite(batch, "values of the images")
    return batch


def image_range(model: keras.Model, images: np.ndarray, batch: np.ndarray) -> None:
    """Two mistakes that can be told for certain from the values; the notebooks meet others."""
    images = np.asarray(images)
    rescales = any(
        isinstance(layer, keras.layers.Rescaling) and np.max(layer.scale) < 0.1 for layer in model._flatten_layers()
    )
    if rescales and images.dtype.kind == "f" and 0 < images.max() <= 1:
        raise ValueError(
            f"{model.name} rescales images with values from 0 to 255 by itself; these have values up to "
            f"{images.max():.3g}, as if they had been divided already. Give them as they were read."
        )
    if images.dtype.kind in "iu" and images.max() > 1 and operations.largest_arrives(model, batch):
        raise ValueError(
            f"These images are whole numbers up to {images.max()}, and {model.name} has no layer that rescales them. "
            "Prepare them as for its training, for example `images.astype('float32') / 255`."
        )


def all_run(model: keras.Model, asked: Iterable[str], ran: Iterable[str]) -> None:
    if idle := set(asked) - set(ran):
        raise ValueError(f"{model.name} does not use {' and '.join(sorted(idle))} when it answers: nothing to see.")


def feature_maps(activation: np.ndarray) -> np.ndarray:
    """The feature maps of one image, float32 (height, width, channels), from these or a batch of one."""
    maps = np.asarray(activation, np.float32)
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3:
        why = "of several images" if maps.ndim == 4 else "with no height, width and channels, as of a dense layer"
        raise ValueError(
            f"An activation of shape {maps.shape}, {why}, cannot be drawn as a grid: "
            "take that of one image, (height, width, channels)."
        )
    return maps


def influence(model: keras.Model, shapes: Mapping[str, tuple], gradients: Sequence) -> None:
    """A layer that has places was called, and the score depends on it.

    ``shapes``: of the outputs of the layers that were called, by name. ``gradients``: with respect to the last of them
    that has places; empty if none has any, [None] if the score does not depend on it.
    """
    if not gradients:
        given = [f"{name} gives {tuple(shape)}" for name, shape in shapes.items()] or ["no convolution is called"]
        raise ValueError(
            f"{model.name} has no feature maps here: {', '.join(given)}. Name a layer before the global pooling or "
            "flattening, whose output is (N, height, width, channels) with more than one place."
        )
    if gradients[0] is None:
        raise ValueError(f"The answer of {model.name} does not depend on {', '.join(shapes)}: name another layer.")


# Filters


def can_be_cut(model: keras.Model, name: str, layer: keras.Layer) -> None:
    """The model takes RGB images and can be cut at this layer of its own, which gives maps."""
    if not getattr(model, "inputs", None):
        raise ValueError(f"{model.name} is a subclassed model and cannot be cut at {name}. Pass a functional one.")
    if not any(layer is own for own in model.layers):
        outer = next(own for own in model.layers if any(layer is inner for inner in own._flatten_layers()))
        raise ValueError(
            f"{name} is inside {outer.name}, a model within {model.name}. Pass that one: "
            f"{model.name}.get_layer({outer.name!r})."
        )
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4 or model.inputs[0].shape[-1] != 3:
        shapes = " and ".join(str(tuple(tensor.shape[1:])) for tensor in model.inputs)
        raise ValueError(f"{model.name} takes {shapes}; expected was a model of RGB images, (height, width, 3).")
    if len(layer.output.shape) != 4:
        inner = [own for own in model.layers if not isinstance(own, keras.layers.InputLayer)]
        maps = ", ".join(own.name for own in inner if len(own.output.shape) == 4)
        raise ValueError(f"{name} gives {tuple(layer.output.shape[1:])} and no maps with channels. These do: {maps}.")


@contextlib.contextmanager
def copying(model: keras.Model, name: str, size: int) -> Iterator[None]:
    """Errors of Keras while the model is copied up to a layer, for pictures of this size, in the course's words."""
    try:
        yield
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            f"{model.name} cannot be copied up to {name}. A layer of your own needs get_config, as it does for saving: "
            f"{str(error).splitlines()[-1]}"
        ) from error
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{model.name} does not run on {size} x {size} pixels up to {name}: {reason}") from error


def filter_numbers(part: keras.Model, filters: Iterable[int] | None) -> np.ndarray:
    """The numbers asked for, int32 in their order, of filters of a model's last layer; by default the first 64."""
    name, count = part.layers[-1].name, part.output_shape[-1]
    if filters is None:
        return np.arange(min(64, count), dtype=np.int32)
    if not isinstance(filters, Iterable) or isinstance(filters, str):
        raise ValueError(f"filters should be numbers, such as [0, 5] or range({min(64, count)}), not {filters!r}.")
    filters = list(filters)
    for number in filters:
        if not whole(number) or not 0 <= number < count:
            raise ValueError(f"{name} has filters 0 to {count - 1}, and no filter {number!r}.")
    return np.array(filters, np.int32)


def room_inside(part: keras.Model, size: int, border: int) -> None:
    """The model's last maps have places inside their border."""
    _, height, width, _ = part.output_shape
    if min(height, width) <= 2 * border:
        raise ValueError(
            f"Pictures of {size} pixels leave {part.layers[-1].name} maps of {height} x {width}, and {border} places "
            f"on each side do not count. Take size={-(-size * (2 * border + 1) // min(height, width))} or more."
        )


# Classes, photos, maps and masks


def class_index(number: Any, classes: int) -> int:
    if not whole(number) or not 0 <= number < classes:
        raise ValueError(
            f"class_index is {number!r}; the model has classes 0 to {classes - 1}: give one of these "
            "numbers for all images, or None for each image's own answer."
        )
    return int(number)


def class_numbers(labels: np.ndarray, classes: int, colors: int) -> np.ndarray:
    """Labels as whole numbers, each that of a class, and each class with a color."""
    labels = np.asarray(labels)
    if classes > colors or labels.dtype.kind not in "biuf" or not np.isin(labels, range(classes)).all():
        raise ValueError(
            f"labels should be class numbers from 0 to {classes - 1}, and classes {colors} at most, one for each "
            f"color; these labels go from {np.unique(labels)[0]} to {np.unique(labels)[-1]}."
        )
    return labels.astype(int)


def photo_and_map(image: np.ndarray, heatmap: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """An RGB photo, (height, width, 3), 0-255, and a map to lay over it, float32 (h, w), 0 to 1."""
    image, heatmap = np.asarray(image), np.asarray(heatmap, np.float32)
    if image.ndim != 3 or image.shape[2] != 3 or not (image.min() >= 0 and image.max() <= 255):
        raise ValueError(f"image should be (height, width, 3) with values 0-255; its shape is {image.shape}.")
    if image.dtype.kind == "f" and 0 < image.max() <= 1:
        raise ValueError("image should have values 0-255; these are 0 to 1 and would be black. Give image * 255.")
    if heatmap.ndim != 2 or not (heatmap.min() >= 0 and heatmap.max() <= 1):
        raise ValueError(f"heatmap should be (h, w) with values 0 to 1; its shape is {heatmap.shape}.")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}; it should be 0 to 1.")
    return image, heatmap


def maps_and_masks(heatmaps: np.ndarray, masks: np.ndarray, negative: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Maps (N, height, width), as numbers that can be summed, and masks of that shape, bool or shares from 0 to 1."""
    heatmaps, masks = np.asarray(heatmaps), np.asarray(masks)
    if heatmaps.ndim != 3 or heatmaps.shape != masks.shape:
        raise ValueError(f"maps and masks should be (N, height, width); they are {heatmaps.shape} and {masks.shape}.")
    finite(heatmaps, "values of the maps")
    if not ((masks >= 0) & (masks <= 1)).all():
        raise ValueError(
            f"masks should be bool, or shares from 0 to 1; these go from {masks.min()} to {masks.max()}. For masks of "
            "0 and 255 give masks > 0."
        )
    if not negative and (heatmaps < 0).any():
        raise ValueError(f"maps should not be negative; the lowest value of these is {heatmaps.min():.3g}.")
    small = heatmaps.dtype != bool and heatmaps.dtype.itemsize < 4  # their sum would overflow
    return heatmaps.astype(np.float32) if small else heatmaps, masks


# Points


def points(features: np.ndarray, name: str = "the features", rows: int = 1, columns: int = 1) -> np.ndarray:
    """Features as numbers whose differences can be squared; without their mean, if that is what makes them large.

    Given points that are all the same, t-SNE does not fail but ends the process.
    """
    features = np.asarray(features)
    features = features if features.dtype == np.float32 else features.astype(np.float64)
    if features.ndim != 2 or len(features) < rows or features.shape[1] < columns:
        raise ValueError(
            f"features should be one row per point, for {rows} points or more with {columns} values or more each; "
            f"their shape is {features.shape}."
        )
    finite(features, f"of {name}")
    low, high = features.min(axis=0).astype(np.float64), features.max(axis=0).astype(np.float64)
    spread, size = high - low, np.maximum(-low, high)
    if (spread <= 4 * np.finfo(features.dtype).eps * size).all():  # 4: what rounding makes of equal rows
        raise ValueError(
            f"Every row of {name} is the same: there is nothing to compare or lay out. If a layer gives them, it is "
            "dead on these images; look at its weights and at how the images were prepared."
        )
    if not 1e-15 < spread.max() < 1e17:
        raise ValueError(
            f"Rows of {name} differ by up to {spread.max():.1g}, whose square float32 cannot hold: "
            "divide them, for example by their standard deviation."
        )
    return features - features.mean(axis=0, dtype=np.float64) if size.max() > 10 * spread.max() else features


def several(classes: np.ndarray) -> None:
    if len(classes) < 2:
        raise ValueError("labels are all of one class: there is nothing to tell apart.")


def with_neighbors(features: np.ndarray, neighbors: int, more_than: int) -> np.ndarray:
    """``points``, and enough of them for each to have so many neighbors."""
    if len(features) <= more_than:
        raise ValueError(f"{neighbors} neighbors take more than {more_than} points; these are {len(features)}.")
    return points(features)


def layout(count: int, method: str, pca: int, perplexity: float) -> None:
    """How so many points are to be laid out in the plane."""
    one_of("method", method, "tsne", "pca")
    if method == "tsne" and pca < 2:
        raise ValueError(f"pca is {pca}; t-SNE starts from 2 directions at least.")
    if method == "tsne" and not 0 < perplexity < count:
        raise ValueError(
            f"perplexity {perplexity} is not between 0 and the number of points, {count:,}: it is about "
            "the number of neighbors that count for each. Lower it, or take more points."
        )
