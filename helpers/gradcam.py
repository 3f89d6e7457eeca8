"""Grad-CAM: which places of an image speak for a class; baselines to set beside it, and scores.

A map is made from a layer's feature maps and the gradient of the class's score with respect to them (Selvaraju and
others 2017, arXiv:1610.02391). The score is the logit, what the network gives before its last softmax or sigmoid:
these two flatten out where the network is sure, and take the gradient with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

import cv2
import keras
import numpy as np

from helpers import profile, taps

tf = profile.quiet_tensorflow()

SAME_VALUES = {"Identity", "Cast", "Reshape", "Squeeze", "ExpandDims"}  # what these do to logits changes none of them
ANY_RANGE = {  # operations that do not press what they are given into an interval
    *("AddN", "AddV2", "BiasAdd", "Mul", "Neg", "RealDiv", "Rsqrt", "Sqrt", "Square", "SquaredDifference", "Sub"),
    *("AvgPool", "ConcatV2", "FusedBatchNormV3", "GatherV2", "Max", "MaxPool", "Mean", "Pack", "ReadVariableOp"),
    *("LeakyRelu", "Relu", "StridedSlice", "Sum", "Transpose"),
}
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
AT_ONCE = 32  # images in one step


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | None = None,
    layer: str | int | None = None,
    upsample: bool = True,
) -> np.ndarray:
    """Which places speak for a class: float32 maps of shape (N, height, width), 0 to 1.

    ``images``: one or a batch, prepared as the model expects. ``class_index``: one whole number, default each image's
    own answer; a model with one output unit has class 1 and, by the negated logit, class 0. ``layer``: a name in
    ``taps.layers_by_name`` or a place in ``model.layers``; default the convolution that is called last and gives more
    than one place. Maps have the images' height and width or, without ``upsample``, the layer's: then the strongest
    place of each is 1. Enlarging mixes neighboring places, so that the largest value of an enlarged map can be lower.

    A map is zero everywhere if no place speaks for the class. That is an answer and no error, but one to know of: a
    line is printed, which a notebook shows below its cell every time.
    Raises ValueError if there is no such class or layer, if the layer's output has no places or no influence on the
    score, if the model is not a classifier or its logits cannot be found, or if images or gradients are not finite.
    """
    if layer is None:
        named = {name: found for name, found in taps.layers_by_name(model).items() if isinstance(found, CONVOLUTIONS)}
    else:
        named = dict([taps.find(model, layer)])
    batch = taps.as_batch(model, images)
    maps = _in_steps(lambda some: _maps(model, some, class_index, named), batch)
    if not np.isfinite(maps).all():
        raise ValueError(f"{model.name} gives values or gradients that are not finite.")
    maps = _to_one(maps)
    zero = int((maps.max(axis=(1, 2)) == 0).sum())
    if zero:
        print(f"grad_cam: {zero} of {len(maps)} maps are zero everywhere: no place speaks for the class")
    return _resized(maps, batch.shape[1:3]) if upsample else maps


def _maps(model: keras.Model, batch: np.ndarray, class_index: int | None, named: dict[str, keras.Layer]) -> np.ndarray:
    """Grad-CAM at the layer's own size, for a few images."""
    shapes, last = {}, []
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def note(name: str, output: tf.Tensor) -> None:
            shapes[name] = getattr(output, "shape", ())
            if len(shapes[name]) == 4 and shapes[name][1] * shapes[name][2] > 1:
                tape.reset()  # nothing below this layer needs a gradient
                tape.watch(output)
                last[:] = [output]

        with taps.tapped(named, note):
            scores = _scores(model, batch, class_index)
    if not last:
        given = [f"{name} gives {tuple(shape)}" for name, shape in shapes.items()] or ["no convolution is called"]
        raise ValueError(
            f"{model.name} has no feature maps here: {', '.join(given)}. Name a layer before the global pooling or "
            "flattening, whose output is (N, height, width, channels) with more than one place."
        )
    gradients = tape.gradient(scores, last[0])
    if gradients is None:
        raise ValueError(f"The answer of {model.name} does not depend on {', '.join(shapes)}: name another layer.")
    weights = tf.reduce_mean(tf.cast(gradients, tf.float32), axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * tf.cast(last[0], tf.float32), axis=-1)).numpy()


def _answers(model: keras.Model, batch: np.ndarray | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits and probabilities, both float32 of shape (N, classes), for one output unit with classes 0 and 1."""
    with taps.operations(_mark):
        outputs = model(batch, training=False)
    if not tf.is_tensor(outputs) or outputs.shape.rank != 2:
        raise ValueError(f"{model.name} is not a classifier with one output of shape (N, classes).")
    logits, binary = getattr(outputs, "_logits", outputs), outputs.shape[1] == 1
    confined = bool(tf.reduce_all((outputs >= 0) & (outputs <= 1)))
    shares = not binary and np.allclose(tf.reduce_sum(outputs, axis=1), 1, atol=1e-3)
    if confined and (logits is None or logits is outputs and shares):
        raise ValueError(
            f"{model.name} gives what look like probabilities, and its logits cannot be found. Let a layer with "
            'activation="sigmoid" or "softmax" be the last, or build the model without the one it has.'
        )
    found = logits is not None and logits is not outputs
    logits = tf.cast(tf.reshape(logits if found else outputs, outputs.shape), tf.float32)
    if found and confined:
        probabilities = tf.cast(outputs, tf.float32)
    else:
        probabilities = (tf.sigmoid if binary else tf.nn.softmax)(logits)
    if binary:
        return tf.concat([-logits, logits], axis=1), tf.concat([1 - probabilities, probabilities], axis=1)
    return logits, probabilities


def _mark(kind: str, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]) -> None:
    """Note with a tensor its logits: what a softmax or sigmoid was given; None for what some other function confines.

    Tensors without a mark are sums over weights, which may have any value.
    """
    if kind in ("Sigmoid", "Softmax", "LogSoftmax"):
        logits = inputs[0]
    elif kind in SAME_VALUES and hasattr(inputs[0], "_logits"):
        logits = inputs[0]._logits
    elif kind in taps.KERNELS | SAME_VALUES or kind in ANY_RANGE and not any(hasattr(x, "_logits") for x in inputs):
        return
    else:
        logits = None
    for output in outputs:
        output._logits = logits


def _classes(logits: tf.Tensor, class_index: int | None) -> np.ndarray:
    """The class of each image, shape (N,): the one asked for, or the image's own answer."""
    if class_index is None:
        return np.argmax(logits, axis=1)
    whole = isinstance(class_index, Integral) and not isinstance(class_index, bool)
    if not whole or class_index not in range(logits.shape[1]):
        raise ValueError(
            f"class_index is {class_index!r}; the model has classes 0 to {logits.shape[1] - 1}: give one of these "
            "numbers for all images, or None for each image's own answer."
        )
    return np.full(len(logits), int(class_index))


def _scores(model: keras.Model, batch: np.ndarray | tf.Tensor, class_index: int | None) -> tf.Tensor:
    """The logit of each image's class, shape (N,)."""
    logits, _ = _answers(model, batch)
    return tf.gather(logits, _classes(logits, class_index), batch_dims=1)


def overlay(image: np.ndarray, heatmap: np.ndarray, alpha: float = 0.4) -> np.ndarray:
    """A map as colors over its photo: uint8 RGB of the photo's size.

    ``image``: RGB of shape (height, width, 3), values 0-255, floats too. ``heatmap``: shape (h, w), values 0 to 1,
    resized to the photo. ``alpha``: the share of color, 0 to 1. Raises ValueError for other shapes or values.
    """
    image, heatmap = np.asarray(image), np.asarray(heatmap, np.float32)
    if image.ndim != 3 or image.shape[2] != 3 or not (image.min() >= 0 and image.max() <= 255):
        raise ValueError(f"image should be (height, width, 3) with values 0-255; its shape is {image.shape}.")
    if image.dtype.kind == "f" and 0 < image.max() <= 1:
        raise ValueError("image should have values 0-255; these are 0 to 1 and would be black. Give image * 255.")
    if heatmap.ndim != 2 or not (heatmap.min() >= 0 and heatmap.max() <= 1):
        raise ValueError(f"heatmap should be (h, w) with values 0 to 1; its shape is {heatmap.shape}.")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}; it should be 0 to 1.")
    large = cv2.resize(heatmap, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap(np.uint8(255 * large), cv2.COLORMAP_INFERNO)
    colors = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)  # OpenCV's colors are BGR
    return cv2.addWeighted(colors, alpha, image.astype(np.uint8), 1 - alpha, 0)


def baselines(model: keras.Model, images: np.ndarray, class_index: int | None = None) -> dict[str, np.ndarray]:
    """Maps that any explanation has to beat: name to float32 of shape (N, height, width), 0 to 1.

    "uniform": the same everywhere. "random": noise as coarse as a small network's last feature maps, 4 by 4 places.
    "center": a bell in the middle, where photographers put things. "edges": Sobel's gradient, which does not know the
    model. "input gradient": how strongly the class's logit depends on each pixel (Simonyan and others 2013). Arguments
    and errors as in ``grad_cam``.
    """
    batch = taps.as_batch(model, images)
    count, height, width = batch.shape[:3]
    noise = np.random.default_rng(0).random((count, 4, 4), np.float32)
    bells = [np.exp(-(np.linspace(-2, 2, length, dtype=np.float32) ** 2)) for length in (height, width)]
    found = {
        "uniform": np.ones((count, height, width), np.float32),
        "random": _resized(noise, (height, width)),
        "center": np.tile(np.outer(*bells), (count, 1, 1)),
        "edges": np.stack([_edges(image.mean(axis=-1)) for image in batch]),
        "input gradient": _in_steps(lambda some: _input_gradient(model, some, class_index), batch),
    }
    return {name: _to_one(maps) for name, maps in found.items()}


def _edges(gray: np.ndarray) -> np.ndarray:
    return cv2.magnitude(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))


def _input_gradient(model: keras.Model, batch: np.ndarray, class_index: int | None) -> np.ndarray:
    pixels = tf.constant(batch)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pixels)
        scores = _scores(model, pixels, class_index)
    return tf.reduce_max(tf.abs(tape.gradient(scores, pixels)), axis=-1).numpy()


def energy_in_mask(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The share of each map that lies inside its mask, 0 to 1, shape (N,); of a map that is zero everywhere, 0.

    ``heatmaps``: shape (N, height, width), finite and not negative. ``masks``: the same shape, bool or each pixel's
    share, 0 to 1. A uniform map scores the mask's share of the area. Raises ValueError if the shapes differ, or for
    other values.
    """
    heatmaps, masks = _paired(heatmaps, masks)
    if (heatmaps < 0).any():
        raise ValueError(f"maps should not be negative; the lowest value of these is {heatmaps.min():.3g}.")
    total = heatmaps.sum(axis=(1, 2))
    return (heatmaps * masks).sum(axis=(1, 2)) / np.where(total > 0, total, 1)


def pointing_game(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Whether each map's strongest place lies inside its mask, 1 or 0, shape (N,); where several tie, their share.

    Arguments and errors as in ``energy_in_mask``; of a map that is zero everywhere, 0. (Zhang and others 2016.)
    """
    heatmaps, masks = _paired(heatmaps, masks)
    strongest = heatmaps.max(axis=(1, 2), keepdims=True)
    return energy_in_mask((heatmaps == strongest) & (strongest > 0), masks)


def deletion_insertion(
    model: keras.Model, images: np.ndarray, heatmaps: np.ndarray, class_index: int | None = None, steps: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What becomes of the class's probability as pixels are blurred, or shown, from the map's strongest on.

    Returns the shares of pixels (steps + 1,), from 0 to 1, and the probabilities (N, steps + 1) as that share of the
    photo is deleted, which is to say taken from a blurred copy, and as that share is inserted into the blurred copy. If
    the map is right, deletion falls and insertion rises early. (Petsiuk and others 2018.)
    ``images``, ``class_index`` and errors as in ``grad_cam``; ``heatmaps``: shape (N, height, width).
    """
    batch = taps.as_batch(model, images)
    heatmaps, _ = _paired(heatmaps, np.ones(batch.shape[:3], bool))
    classes = _in_steps(lambda some: _classes(_answers(model, some)[0], class_index), batch)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), batch.shape[1] / 8).reshape(image.shape) for image in batch])
    order = np.argsort(-heatmaps.reshape(len(batch), -1), axis=1, kind="stable")
    rank = np.argsort(order, axis=1).reshape(*heatmaps.shape, 1) / heatmaps[0].size
    shares = np.linspace(0, 1, steps + 1)

    def curve(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Probabilities as ``above`` replaces ``below`` from the strongest pixel on."""
        mixed = (np.where(rank < share, above, below) for share in shares)
        found = [_in_steps(lambda some: _answers(model, some)[1].numpy(), mixture) for mixture in mixed]
        return np.stack([probabilities[np.arange(len(batch)), classes] for probabilities in found], axis=1)

    return shares, curve(batch, blurred), curve(blurred, batch)


def _paired(heatmaps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    heatmaps, masks = np.asarray(heatmaps), np.asarray(masks)
    if heatmaps.ndim != 3 or heatmaps.shape != masks.shape:
        raise ValueError(f"maps and masks should be (N, height, width); they are {heatmaps.shape} and {masks.shape}.")
    if not np.isfinite(heatmaps).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(heatmaps)):,} values of the maps are NaN or infinite.")
    if not ((masks >= 0) & (masks <= 1)).all():
        raise ValueError(
            f"masks should be bool, or shares from 0 to 1; these go from {masks.min()} to {masks.max()}. For masks of "
            "0 and 255 give masks > 0."
        )
    small = heatmaps.dtype != bool and heatmaps.dtype.itemsize < 4  # their sum would overflow
    return heatmaps.astype(np.float32) if small else heatmaps, masks


def _steps(batch: np.ndarray) -> list[np.ndarray]:
    return [batch[start : start + AT_ONCE] for start in range(0, len(batch), AT_ONCE)]


def _in_steps(function: Callable[[np.ndarray], np.ndarray], batch: np.ndarray) -> np.ndarray:
    return np.concatenate([function(some) for some in _steps(batch)])


def _to_one(maps: np.ndarray) -> np.ndarray:
    """Each map divided by its largest value, unless that is zero."""
    largest = maps.max(axis=(1, 2), keepdims=True)
    return maps / np.where(largest > 0, largest, 1)


def _resized(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return tf.image.resize(maps[..., np.newaxis], size)[..., 0].numpy()
