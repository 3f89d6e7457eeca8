"""What the filters of a convolution look for: pictures that drive them high, found by gradient ascent.

A picture starts as gray noise. The gradient of a filter's mean activation with respect to the picture says how to
change the picture so that the filter responds more strongly; a few dozen steps along it show what the filter answers
to. After Erhan et al. 2009 and section 5.4 of *Deep Learning with Python*, except that many pictures climb at once, in
RGB, and that the default objective moves filters which the source's leaves at their start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral

import keras
import numpy as np

from helpers import profile, taps

tf = profile.quiet_tensorflow()

AT_ONCE = 16  # pictures that climb together: more is no faster on a CPU and takes more memory
BORDER = 2  # places of a map on each side whose value depends on the padding more than on the picture
SLOPE = 0.1  # of the leaky ReLU below zero


def filter_patterns(
    model: keras.Model,
    layer: str | int,
    filters: Iterable[int] | None = None,
    size: int = 64,
    **options,
) -> np.ndarray:
    """The pictures that filters of a layer answer to, to be shown: float32 RGB (F, size, size, 3) in [0, 1].

    They are those of ``ascend``, each put through ``deprocess``: see there for the arguments, ``options``, and errors.
    """
    return deprocess(ascend(model, layer, filters, size, **options))


def ascend(
    model: keras.Model,
    layer: str | int,
    filters: Iterable[int] | None = None,
    size: int = 64,
    steps: int = 40,
    step: float = 1.0,
    objective: str = "leaky",
    preprocess: Callable | None = None,
    seed: int = profile.SEED,
) -> np.ndarray:
    """Climb from gray noise to pictures that drive filters of a layer high: float32 RGB (F, size, size, 3).

    ``filters``: their numbers, default the first 64, or all if there are fewer. Values are on the scale 0-255 and not
    clipped. ``preprocess`` maps RGB values 0-255 to what the model takes (see
    ``bases.Base``); none is needed if the model does it inside. Each step adds ``step`` gray levels, root mean square,
    along a picture's own gradient. A picture depends on the filter and the seed, not on the others of the call, and the
    model is left as it was.

    ``objective``: "leaky" is the mean, over the map without its border, of a leaky ReLU of what the layer computes
    before its activation function: its gradient does not vanish where the filter is silent. "plain" is the mean of the
    whole map as the layer gives it, as in the source: with ReLU, a filter that is silent on the noise never moves.

    Raises ValueError if the layer does not exist, gives no maps or lies inside a nested model, if it has no such
    filter, if the model takes no RGB images or cannot be cut or copied, if ``size`` is too small, or for another
    objective.
    """
    if objective not in ("leaky", "plain"):
        raise ValueError(f'The objective is {objective!r}; it can be "leaky" or "plain".')
    border = BORDER if objective == "leaky" else 0
    part = _upto(model, layer, size, linear=objective == "leaky")
    filters = _numbers(part, filters)
    _check(part, size, border)
    picture = tf.TensorSpec((None, size, size, 3), tf.float32)

    @tf.function(input_signature=[picture, tf.TensorSpec((None,), tf.int32)], autograph=False)
    def climb(pictures, chosen):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(pictures)
            maps = part(preprocess(pictures) if preprocess else pictures, training=False)
            maps = tf.gather(maps, chosen, axis=-1, batch_dims=1)  # of each picture its own filter's map
            if objective == "leaky":
                maps = tf.nn.leaky_relu(maps[:, border:-border, border:-border], SLOPE)
            responses = tf.reduce_mean(maps, (1, 2))
        gradients = tape.gradient(responses, pictures)
        length = tf.sqrt(tf.reduce_mean(tf.square(gradients), (1, 2, 3), keepdims=True))
        return pictures + step * tf.math.divide_no_nan(gradients, length)

    pictures = start(filters, size, seed)
    for first in range(0, len(pictures), AT_ONCE):
        now, chosen = slice(first, first + AT_ONCE), filters[first : first + AT_ONCE]
        climbing = tf.constant(pictures[now])
        for _ in range(steps):
            climbing = climb(climbing, tf.constant(chosen, tf.int32))
        pictures[now] = climbing
    return pictures


def start(filters: Iterable[int], size: int = 64, seed: int = profile.SEED) -> np.ndarray:
    """Where each filter's picture starts: gray, 128 with noise of up to 10 levels, float32 (F, size, size, 3)."""
    noise = [np.random.default_rng((seed, number)).uniform(-10, 10, (size, size, 3)) for number in filters]
    return np.array(noise, np.float32).reshape(-1, size, size, 3) + 128


def deprocess(pictures: np.ndarray, contrast: float = 0.15) -> np.ndarray:
    """Pictures of any range, of shape (..., height, width, 3), as images in [0, 1].

    Each is brought to mean 0.5 and standard deviation ``contrast``, over its pixels and colors together, and clipped.
    """
    pictures = np.asarray(pictures, np.float32)
    axes = (-3, -2, -1)
    spread = pictures.std(axes, keepdims=True)
    even = (pictures - pictures.mean(axes, keepdims=True)) / np.where(spread > 0, spread, 1)
    return np.clip(0.5 + contrast * even, 0, 1)


def tile(pictures: np.ndarray, columns: int = 8, margin: int = 2) -> np.ndarray:
    """Pictures (N, height, width, 3) in [0, 1] as one, row by row with white lines between; the last row is filled up.

    Shape (rows * (height + margin) - margin, columns * (width + margin) - margin, 3).
    """
    count, height, width, colors = pictures.shape
    rows = -(-count // columns)
    sheet = np.ones((rows * columns, height + margin, width + margin, colors), np.float32)
    sheet[:count, :height, :width] = pictures
    sheet = sheet.reshape(rows, columns, *sheet.shape[1:]).swapaxes(1, 2)
    return sheet.reshape(rows * (height + margin), -1, colors)[: rows * (height + margin) - margin, : -margin or None]


def _upto(model: keras.Model, layer: str | int, size: int, linear: bool) -> keras.Model:
    """A copy of the model from pictures of ``size`` to the layer, if wanted without the layer's activation function."""
    name, target = taps.find(model, layer)
    if not getattr(model, "inputs", None):
        raise ValueError(f"{model.name} is a subclassed model and cannot be cut at {name}. Pass a functional one.")
    if not any(target is own for own in model.layers):
        outer = next(own for own in model.layers if any(target is x for x in taps.layers_by_name(own).values()))
        raise ValueError(
            f"{name} lies inside {outer.name}, a model within {model.name}. Pass that one: "
            f"{model.name}.get_layer({outer.name!r})."
        )
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4 or model.inputs[0].shape[-1] != 3:
        shapes = " and ".join(str(tuple(tensor.shape[1:])) for tensor in model.inputs)
        raise ValueError(f"{model.name} takes {shapes}; expected was a model of RGB images, (height, width, 3).")
    if len(target.output.shape) != 4:
        maps = ", ".join(own.name for own in model.layers[1:] if len(own.output.shape) == 4)
        raise ValueError(f"{name} gives {tuple(target.output.shape[1:])} and no maps with channels. These do: {maps}.")
    part = keras.Model(model.inputs[0], target.output)

    def copy(one: keras.Layer) -> keras.Layer:
        if isinstance(one, keras.layers.Lambda):  # a function in memory has no config that could be trusted
            return keras.layers.Lambda(one.function, arguments=one.arguments, name=one.name)
        config = one.get_config()
        if linear and one is target and "activation" in config:
            config["activation"] = "linear"
        return type(one).from_config(config)

    try:
        copied = keras.models.clone_model(part, keras.Input((size, size, 3)), clone_function=copy)
        copied.set_weights(part.get_weights())
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            f"{model.name} cannot be copied up to {name}. A layer of your own needs get_config, as it does for saving: "
            f"{str(error).splitlines()[-1]}"
        ) from error
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{model.name} does not run on {size} x {size} pixels up to {name}: {reason}") from error
    return copied


def _numbers(part: keras.Model, filters: Iterable[int] | None) -> list[int]:
    """The filters asked for, in their order. Raises ValueError unless the layer has them."""
    name, count = part.layers[-1].name, part.output_shape[-1]
    if filters is None:
        return list(range(min(64, count)))
    if not isinstance(filters, Iterable) or isinstance(filters, str):
        raise ValueError(f"filters should be numbers, such as [0, 5] or range({min(64, count)}), not {filters!r}.")
    filters = list(filters)
    for number in filters:
        if not isinstance(number, Integral) or isinstance(number, bool) or not 0 <= number < count:
            raise ValueError(f"{name} has filters 0 to {count - 1}, and no filter {number!r}.")
    return filters


def _check(part: keras.Model, size: int, border: int) -> None:
    name, (_, height, width, _) = part.layers[-1].name, part.output_shape
    if min(height, width) <= 2 * border:
        raise ValueError(
            f"Pictures of {size} pixels leave {name} maps of {height} x {width}, and {border} places on each side do "
            f"not count. Take size={-(-size * (2 * border + 1) // min(height, width))} or more."
        )


def measures(changes: np.ndarray) -> dict[str, np.ndarray]:
    """How coarse, how varied and how colored pictures are: three arrays of shape (N,).

    ``changes`` of shape (N, side, side, 3) is what the ascent has added to the start. It is seen through a Hann window
    and split into waves by a Fourier transform; the power of the three colors is added up. "wavelength": one over the
    power's mean frequency, in pixels. "waves": how many waves share the power, the exponential of its entropy.
    "colored": the share of the power that does not lie along gray, from 0 to 2/3 for pure red to 1.
    """
    side = changes.shape[1]
    window = np.hanning(side)[:, np.newaxis] * np.hanning(side)
    seen = changes * window[..., np.newaxis]
    power = (np.abs(np.fft.fft2(seen, axes=(1, 2))) ** 2).sum(-1)
    power /= power.sum((1, 2), keepdims=True)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    entropy = -(power * np.log(np.maximum(power, 1e-30))).sum((1, 2))
    off_gray = seen - seen.mean(-1, keepdims=True)
    return {
        "wavelength": 1 / (power * frequency).sum((1, 2)),
        "waves": np.exp(entropy),
        "colored": (off_gray**2).sum((1, 2, 3)) / (seen**2).sum((1, 2, 3)),
    }
