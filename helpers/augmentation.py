"""Mirroring, turning, shifting and zooming at random, as one Keras layer."""

from __future__ import annotations

import math
from numbers import Real

import keras

from helpers import profile

tf = profile.quiet_tensorflow()


@keras.saving.register_keras_serializable("seeing_convnets")
class RandomAffine(keras.layers.Layer):
    """Mirrors, turns, shifts and zooms each image at random, in training only.

    What ``RandomFlip``, ``RandomTranslation``, ``RandomZoom`` and ``RandomRotation`` do one after
    the other, composed to one map from output to input pixels: each image is resampled once, which
    blurs it once and takes a third of the time. The turn comes last, about the middle of the
    output, so that no zoom skews what was turned. Where the map leaves the image, its nearest pixel
    is repeated.

    Args:
        turn: largest angle, either way, in degrees.
        shift: how far from the photo's middle the view's middle is at most, as a share of the side.
        zoom: 0.2 shows 80 % to 120 % of each side, width and height on their own.
        mirror: whether left and right are swapped for half of the images.
        seed: of the layer's own random numbers; by default drawn from Keras's global seed.

    Takes and gives images of shape (N, height, width, channels), in any range. Raises ValueError
    unless turn, shift and zoom are at least 0, and zoom below 1, where nothing of a side would be
    left.
    """

    def __init__(
        self,
        turn: float = 0.0,
        shift: float = 0.0,
        zoom: float = 0.0,
        mirror: bool = True,
        seed: int | None = None,
        **layer,
    ) -> None:
        super().__init__(**layer)
        for name, value in {"turn": turn, "shift": shift, "zoom": zoom}.items():
            end, limit = (1, "below 1") if name == "zoom" else (math.inf, "finite")
            if not isinstance(value, Real) or not 0 <= value < end:
                wanted = f"it should be a number that is at least 0 and {limit}"
                raise ValueError(f"{name} is {value!r}; {wanted}.")
        self.turn, self.shift, self.zoom, self.mirror, self.seed = turn, shift, zoom, mirror, seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_jit = False  # like Keras's own: the resampling has no XLA kernel

    def call(self, images, training: bool = False):
        if not training:
            return images
        height, width = images.shape[1:3]
        shape = tf.shape(images)[0], 6
        chance = keras.random.uniform(shape, -1, 1, dtype="float32", seed=self.generator)
        angle, across, down, zoom_x, zoom_y, side = tf.unstack(chance, axis=1)
        angle *= math.radians(self.turn)
        cos, sin = tf.cos(angle), tf.sin(angle)
        zoom_x, zoom_y = 1 + self.zoom * zoom_x, 1 + self.zoom * zoom_y
        if self.mirror:
            zoom_x *= tf.where(side < 0, -1.0, 1.0)
        # From output to input, so in reverse: turn about the middle, zoom, shift.
        x_from_x, x_from_y = cos * zoom_x, -sin * zoom_x
        y_from_x, y_from_y = sin * zoom_y, cos * zoom_y
        x, y = (width - 1) / 2, (height - 1) / 2
        x_start = x - x_from_x * x - x_from_y * y + self.shift * width * across
        y_start = y - y_from_x * x - y_from_y * y + self.shift * height * down
        none = tf.zeros_like(angle)
        rows = [x_from_x, x_from_y, x_start, y_from_x, y_from_y, y_start, none, none]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack(rows, axis=1),
            output_shape=(height, width),
            interpolation="BILINEAR",
            fill_mode="NEAREST",
            fill_value=0.0,
        )

    def get_config(self) -> dict:
        own = {name: getattr(self, name) for name in ("turn", "shift", "zoom", "mirror", "seed")}
        return {**super().get_config(), **own}
