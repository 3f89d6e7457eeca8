"""What the filters of a convolution look for: pictures that drive them high, by gradient ascent.

A picture starts as gray noise. The gradient of a filter's mean activation with respect to the
picture says how to change the picture so that the filter responds more strongly; a few dozen steps
along it show what the filter answers to. After Erhan et al. 2009 and section 5.4 of *Deep Learning
with Python*, except that many pictures climb at once, in RGB, and that the default objective moves
filters which the source's leaves at their start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np

from helpers import profile, taps
from helpers.plumbing import inputs
from helpers.plumbing.tiles import tiled
from helpers.plumbing.waves import measures as measures

tf = profile.quiet_tensorflow()

AT_ONCE = 16  # pictures that climb together: more is no faster on a CPU and takes more memory
BORDER = 2  # places on each side of a map that depend on the padding more than on the picture
SLOPE = 0.1  # of the leaky ReLU below zero


def filter_patterns(
    model: keras.Model,
    layer: str | int,
    filters: Iterable[int] | None = None,
    size: int = 64,
    **options,
) -> np.ndarray:
    """What filters of a layer answer to, to be shown: float32 RGB (F, size, size, 3) in [0, 1].

    They are the pictures of ``ascend``, each put through ``deprocess``: see there for the
    arguments, ``options``, and errors.
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
    """Climb from gray noise to pictures that drive filters high: float32 RGB (F, size, size, 3).

    ``filters``: their numbers, default the first 64, or all if there are fewer. Values are on the
    scale 0-255 and not clipped. ``preprocess`` maps RGB values 0-255 to what the model takes (see
    ``bases.Base``); none is needed if the model does it inside. Each step adds ``step`` gray
    levels, root mean square, along a picture's own gradient. A picture depends on the filter and
    the seed, not on the others of the call, and the model is left as it was.

    ``objective``: "leaky" is the mean, over the map without its border, of a leaky ReLU of what the
    layer computes before its activation function: its gradient does not vanish where the filter is
    silent. "plain" is the mean of the whole map as the layer gives it, as in the source: with ReLU,
    a filter that is silent on the noise never moves.

    Raises ValueError if the layer does not exist, gives no maps or is inside a nested model, if it
    has no such filter, if the model takes no RGB images or cannot be cut or copied, if ``size`` is
    too small, or for another objective.
    """
    inputs.one_of("objective", objective, "leaky", "plain")
    leaky = objective == "leaky"
    part = _up_to(model, layer, size, linear=leaky)
    filters = inputs.filter_numbers(part, filters)
    inputs.room_inside(part, size, BORDER if leaky else 0)
    signature = tf.TensorSpec((None, size, size, 3), tf.float32), tf.TensorSpec((None,), tf.int32)

    @tf.function(input_signature=signature, autograph=False)
    def climb(pictures, chosen):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(pictures)
            maps = part(preprocess(pictures) if preprocess else pictures, training=False)
            maps = tf.gather(maps, chosen, axis=-1, batch_dims=1)  # to each picture its filter's
            if leaky:
                maps = tf.nn.leaky_relu(maps[:, BORDER:-BORDER, BORDER:-BORDER], SLOPE)
            responses = tf.reduce_mean(maps, (1, 2))
        gradients = tape.gradient(responses, pictures)
        length = tf.sqrt(tf.reduce_mean(tf.square(gradients), (1, 2, 3), keepdims=True))
        return pictures + step * tf.math.divide_no_nan(gradients, length)

    pictures = start(filters, size, seed)
    for first in range(0, len(pictures), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        for _ in range(steps):
            pictures[some] = climb(pictures[some], filters[some])
    return pictures


def start(filters: Iterable[int], size: int = 64, seed: int = profile.SEED) -> np.ndarray:
    """Where each filter's picture starts: gray, 128 with noise of up to 10 levels.

    Float32 (F, size, size, 3).
    """
    shape = (size, size, 3)
    noise = [np.random.default_rng((seed, number)).uniform(-10, 10, shape) for number in filters]
    return np.array(noise, np.float32).reshape(-1, *shape) + 128


def deprocess(pictures: np.ndarray, contrast: float = 0.15) -> np.ndarray:
    """Pictures of any range, of shape (..., height, width, 3), as images in [0, 1].

    Each is brought to mean 0.5 and standard deviation ``contrast``, over its pixels and colors
    together, and clipped.
    """
    pictures = np.asarray(pictures, np.float32)
    axes = (-3, -2, -1)
    spread = pictures.std(axes, keepdims=True)
    even = (pictures - pictures.mean(axes, keepdims=True)) / np.where(spread > 0, spread, 1)
    return np.clip(0.5 + contrast * even, 0, 1)


def tile(pictures: np.ndarray, columns: int = 8, margin: int = 2) -> np.ndarray:
    """Pictures (N, height, width, 3) in [0, 1] as one, row by row with white lines between.

    The last row is filled up. Float32 of shape
    (rows * (height + margin) - margin, columns * (width + margin) - margin, 3).
    """
    return tiled(pictures, columns, margin, empty=1)


def _up_to(model: keras.Model, layer: str | int, size: int, linear: bool) -> keras.Model:
    """A copy of the model from pictures of ``size`` to the layer; ``linear``: to its activation."""
    name, target = taps.find(model, layer)
    inputs.can_be_cut(model, name, target)
    part = keras.Model(model.inputs[0], target.output)

    def copy(one: keras.Layer) -> keras.Layer:
        if isinstance(one, keras.layers.Lambda):  # no config tells a function that is in memory
            return keras.layers.Lambda(one.function, arguments=one.arguments, name=one.name)
        config = one.get_config()
        if linear and one is target and "activation" in config:
            config["activation"] = "linear"
        return type(one).from_config(config)

    with inputs.copying(model, name, size):
        copied = keras.models.clone_model(part, keras.Input((size, size, 3)), clone_function=copy)
        copied.set_weights(part.get_weights())
    return copied
