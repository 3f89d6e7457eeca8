"""Grad-CAM: which places of an image speak for a class; baselines to set beside it, and scores.

A map is made from a layer's feature maps and the gradient of the class's score with respect to them
(Selvaraju and others 2017, arXiv:1610.02391). The score is the logit, what the network gives before
its last softmax or sigmoid: these two flatten out where the network is sure, and take the gradient
with them.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import keras
import numpy as np
from keras import layers

from helpers import profile, taps
from helpers.plumbing import inputs, operations
from helpers.store import Arrays
from helpers.taps import Layers

tf = profile.quiet_tensorflow()

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
AT_ONCE = 32  # images in one step


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | None = None,
    layer: str | int | None = None,
    upsample: bool = True,
) -> np.ndarray:
    """Which places speak for a class: float32 maps of shape (N, height, width), 0 to 1.

    ``images``: one or a batch, prepared as the model expects. ``class_index``: one whole number,
    default each image's own answer; a model with one output unit has class 1 and, by the negated
    logit, class 0. ``layer``: a name in ``taps.layers_by_name`` or a place in ``model.layers``;
    default the convolution that is called last and gives more than one place. Maps have the images'
    height and width or, without ``upsample``, the layer's: then the strongest place of each is 1.
    Enlarging mixes neighboring places, so that the largest value of an enlarged map can be lower.

    A map is zero everywhere if no place speaks for the class. That is an answer and no error, but
    one to know of: a line is printed, which a notebook shows below its cell every time.
    Raises ValueError if there is no such class or layer, if the layer's output has no places or no
    influence on the score, if the model is not a classifier or its logits cannot be found, or if
    images or gradients are not finite.
    """
    named = taps.layers_by_name(model) if layer is None else dict([taps.find(model, layer)])
    if layer is None:
        named = {name: one for name, one in named.items() if isinstance(one, CONVOLUTIONS)}
    batch = taps.as_batch(model, images)
    maps = _in_steps(lambda some: _maps(model, some, class_index, named), batch)
    if not np.isfinite(maps).all():
        raise ValueError(f"{model.name} gives values or gradients that are not finite.")
    maps = _to_one(maps)
    if zero := np.count_nonzero(maps.max(axis=(1, 2)) == 0):
        what = f"{zero} of {len(maps)} maps are zero everywhere"
        print(f"grad_cam: {what}: no place speaks for the class")
    return _resized(maps, batch.shape[1:3]) if upsample else maps


def _maps(model: keras.Model, batch: np.ndarray, index: int | None, named: Layers) -> np.ndarray:
    """Grad-CAM at the layer's own size, for a few images."""
    shapes, last = {}, []
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def note(name: str, output: tf.Tensor) -> None:
            shapes[name] = shape = output.shape
            if len(shape) == 4 and shape[1] * shape[2] > 1:
                tape.reset()  # nothing below this layer needs a gradient
                tape.watch(output)
                last[:] = [output]

        with taps.tapped(named, note):
            scores = _scores(model, batch, index)
    gradients = tape.gradient(scores, last)
    inputs.influence(model, shapes, gradients)
    maps, gradient = (tf.cast(each, tf.float32) for each in (*last, *gradients))
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)).numpy()


def _scores(model: keras.Model, batch: np.ndarray, class_index: int | None) -> tf.Tensor:
    """The logit of each image's class, shape (N,)."""
    logits, _ = operations.answers(model, batch)
    return tf.gather(logits, _classes(logits, class_index), batch_dims=1)


def _classes(logits: tf.Tensor, class_index: int | None) -> np.ndarray:
    """The class of each image, shape (N,): the one asked for, or the image's own answer."""
    if class_index is None:
        return np.argmax(logits, axis=1)
    return np.full(len(logits), inputs.class_index(class_index, logits.shape[1]))


def overlay(image: np.ndarray, heatmap: np.ndarray, alpha: float = 0.4) -> np.ndarray:
    """A map as colors over its photo: uint8 RGB of the photo's size.

    ``image``: RGB of shape (height, width, 3), values 0-255, floats too. ``heatmap``: shape (h, w),
    values 0 to 1, resized to the photo. ``alpha``: the share of color, 0 to 1. Raises ValueError
    for other shapes or values.
    """
    image, heatmap = inputs.photo_and_map(image, heatmap, alpha)
    large = cv2.resize(heatmap, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap(np.uint8(255 * large), cv2.COLORMAP_INFERNO)
    colors = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)  # OpenCV's colors are BGR
    return cv2.addWeighted(colors, alpha, image.astype(np.uint8), 1 - alpha, 0)


def baselines(model: keras.Model, images: np.ndarray, class_index: int | None = None) -> Arrays:
    """Maps that an explanation should beat: name to float32 of shape (N, height, width), 0 to 1.

    "uniform": the same everywhere. "random": noise as coarse as a small network's last feature
    maps, 4 by 4 places. "center": a bell in the middle, where photographers put things. "edges":
    Sobel's gradient, which does not know the model. "input gradient": how strongly the class's
    logit depends on each pixel (Simonyan and others 2013). Arguments and errors as in ``grad_cam``.
    """
    batch = taps.as_batch(model, images)
    count, *size = batch.shape[:3]
    noise = np.random.default_rng(0).random((count, 4, 4), np.float32)
    bells = [np.exp(-(np.linspace(-2, 2, side, dtype=np.float32) ** 2)) for side in size]
    maps = {
        "uniform": np.ones((count, *size), np.float32),
        "random": _resized(noise, size),
        "center": np.tile(np.outer(*bells), (count, 1, 1)),
        "edges": np.stack([_edges(image.mean(axis=-1)) for image in batch]),
        "input gradient": _in_steps(lambda some: _input_gradient(model, some, class_index), batch),
    }
    return {name: _to_one(each) for name, each in maps.items()}


def _edges(gray: np.ndarray) -> np.ndarray:
    return cv2.magnitude(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))


def _input_gradient(model: keras.Model, batch: np.ndarray, class_index: int | None) -> np.ndarray:
    pixels = tf.constant(batch)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pixels)
        scores = _scores(model, pixels, class_index)
    return tf.reduce_max(tf.abs(tape.gradient(scores, pixels)), axis=-1).numpy()


def energy_in_mask(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The share of each map that lies inside its mask, 0 to 1, shape (N,); of an all-zero map, 0.

    ``heatmaps``: shape (N, height, width), finite and not negative. ``masks``: the same shape, bool
    or each pixel's share, 0 to 1. A uniform map scores the mask's share of the area. Raises
    ValueError if the shapes differ, or for other values.
    """
    heatmaps, masks = inputs.maps_and_masks(heatmaps, masks)
    total = heatmaps.sum(axis=(1, 2))
    return (heatmaps * masks).sum(axis=(1, 2)) / np.where(total > 0, total, 1)


def pointing_game(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Whether each map's strongest place lies inside its mask, 1 or 0, shape (N,).

    Where several places tie, their share; of a map that is zero everywhere, 0. Arguments and errors
    as in ``energy_in_mask``, except that maps may be negative. (Zhang and others 2016.)
    """
    heatmaps, masks = inputs.maps_and_masks(heatmaps, masks, negative=True)
    strongest = heatmaps.max(axis=(1, 2), keepdims=True)
    return energy_in_mask((heatmaps == strongest) & (strongest > 0), masks)


def deletion_insertion(
    model: keras.Model,
    images: np.ndarray,
    heatmaps: np.ndarray,
    class_index: int | None = None,
    steps: int = 10,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What becomes of the class's probability as pixels are blurred, or shown, strongest first.

    Returns the shares of pixels (steps + 1,), from 0 to 1, and the probabilities (N, steps + 1) as
    that share of the photo is deleted, which is to say taken from a blurred copy, and as that share
    is inserted into the blurred copy. If the map is right, deletion falls and insertion rises
    early. (Petsiuk and others 2018.)
    ``images``, ``class_index`` and errors as in ``grad_cam``; ``heatmaps``: (N, height, width).
    """
    batch = taps.as_batch(model, images)
    count, height, width, _ = batch.shape
    heatmaps, _ = inputs.maps_and_masks(heatmaps, np.ones(batch.shape[:3], bool), negative=True)
    logits = _in_steps(lambda some: operations.answers(model, some)[0], batch)
    classes = _classes(logits, class_index)
    blurred = [cv2.GaussianBlur(image, (0, 0), height / 8) for image in batch]
    blurred = np.reshape(blurred, batch.shape)  # OpenCV drops the axis of a single color
    order = np.argsort(-heatmaps.reshape(count, -1), axis=1, kind="stable")
    rank = np.argsort(order, axis=1).reshape(count, height, width, 1) / (height * width)
    shares = np.linspace(0, 1, steps + 1)

    def curve(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Probabilities as ``above`` replaces ``below`` from the strongest pixel on."""
        probabilities = []
        for share in shares:
            mixture = np.where(rank < share, above, below)
            every = _in_steps(lambda some: operations.answers(model, some)[1].numpy(), mixture)
            probabilities.append(every[np.arange(count), classes])
        return np.stack(probabilities, axis=1)

    return shares, curve(batch, blurred), curve(blurred, batch)


def _in_steps(function: Callable[[np.ndarray], np.ndarray], batch: np.ndarray) -> np.ndarray:
    steps = range(0, len(batch), AT_ONCE)
    return np.concatenate([function(batch[first : first + AT_ONCE]) for first in steps])


def _to_one(maps: np.ndarray) -> np.ndarray:
    """Each map divided by its largest value, unless that is zero."""
    largest = maps.max(axis=(1, 2), keepdims=True)
    return maps / np.where(largest > 0, largest, 1)


def _resized(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return tf.image.resize(maps[..., np.newaxis], size)[..., 0].numpy()
