"""Pretrained convolutional bases: networks without their classifier, and how their images must be prepared.

A base takes float32 RGB images of shape (N, side, side, 3) that went through its own ``preprocess``, and gives
feature maps or, where it ends in global pooling, one vector an image. Which preprocessing belongs to which weights
is a fact of their training: here the two travel together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from helpers import data, fetching, profile
from helpers.profile import CourseError

MENAGERIE = profile.ROOT / "data" / "models" / "menagerie.weights.h5"
MENAGERIE_BLOCKS = ((24,), (48,), (96, 96), (128, 128), (192, 192))  # filters of each convolution
SMALLEST = 32  # pixels: five poolings halve it to 1


@dataclass(frozen=True)
class Base:
    """A pretrained network without its classifier.

    ``model`` maps preprocessed images to features; ``preprocess`` maps RGB values 0-255 to what the model was
    trained on. ``source`` says in words what it was trained on.
    """

    name: str
    model: keras.Model
    preprocess: Callable
    source: str

    @property
    def side(self) -> int:
        """The size of the images that it takes, in pixels."""
        return self.model.input_shape[1]

    def upto(self, layer: str) -> keras.Model:
        """The part from the images to the named layer's output. Raises CourseError for an unknown name."""
        try:
            return keras.Model(self.model.inputs, self.model.get_layer(layer).output)
        except ValueError as error:
            names = ", ".join(found.name for found in self.model.layers)
            raise CourseError(f"{self.name} has no layer {layer!r}. It has {names}.") from error


def vgg16(side: int = 150) -> Base:
    """VGG16 trained on ImageNet (Simonyan, Zisserman 2014): 14,714,688 parameters, stride 32.

    The weights come from ``<data dir>/models/``, from Keras's own cache, or from Keras's public address. Its images
    are BGR with ImageNet's mean color taken off: ``preprocess_input`` does that, and nothing divides by 255.
    Raises CourseError if none of the places has the weights, if the file is damaged or another network's, or if
    ``side`` is under 32.
    """
    _check_side(side)
    path = data.vgg16_weights()
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(side, side, 3))
    _load_weights(model, path)
    return Base("vgg16", model, _like_imagenet, f"1.3 million ImageNet photos, {path}")


def menagerie(side: int = 64) -> Base:
    """The course's own small base, in the shape of VGG16: five blocks, stride 32.

    It was trained to name sixteen drawn animals, none of them a cat or a dog (``python course.py pretrain``; see
    ``data/models/README.md``). Raises CourseError if its file is missing or damaged, or if ``side`` is under 32.
    """
    _check_side(side)
    model = menagerie_net(side)
    _load_weights(model, MENAGERIE)
    return Base("menagerie", model, lambda images: images / 127.5 - 1, f"drawings of sixteen animals, {MENAGERIE}")


def menagerie_net(side: int, normalized: bool = False) -> keras.Model:
    """The architecture of ``menagerie``, untrained: 947,344 parameters.

    With ``normalized``, as it is pretrained: batch normalization between each convolution and its ReLU. Training
    done, the normalization is a fixed scale and shift, and moves into the convolution's weights.
    """
    inputs = x = keras.Input((side, side, 3))
    for block, widths in enumerate(MENAGERIE_BLOCKS, start=1):
        for number, filters in enumerate(widths, start=1):
            name = f"block{block}_conv{number}"
            if normalized:
                x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
                x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
                x = keras.layers.ReLU(name=f"{name}_relu")(x)
            else:
                x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(inputs, x, name="menagerie")


def modern() -> Base:
    """A small network of today trained on ImageNet, global average pooling included: a vector of 1,280 an image.

    EfficientNet-Lite0 from ``<data dir>/models/efficientnet_lite0.keras``, else MobileNetV2 from Keras's public
    address; both take images of 224 pixels. Raises CourseError if neither can be had.
    """
    side, path = 224, profile.data_dir() / "models" / "efficientnet_lite0.keras"
    if path.is_file():
        whole = _load_model(path)
        pooled = next((found for found in whole.layers if isinstance(found, keras.layers.GlobalAveragePooling2D)), None)
        if pooled is None or whole.input_shape != (None, side, side, 3):
            raise CourseError(
                f"{path} holds {whole.name} with input {whole.input_shape}; expected was a network for images of "
                f"({side}, {side}, 3) with global average pooling. Put the right file in its place, or remove it."
            )
        model = keras.Model(whole.inputs, pooled.output, name="efficientnet_lite0")
        return Base(model.name, model, lambda images: images, f"ImageNet photos, {path}")
    try:
        if profile.data_choice() == "drawn":
            raise CourseError("COURSE_DATA=drawn does not touch the network")
        if reason := fetching.unreachable("https://storage.googleapis.com"):
            raise CourseError(reason)
        model = keras.applications.MobileNetV2(include_top=False, pooling="avg", input_shape=(side, side, 3))
    except Exception as error:  # whatever Keras's download raises
        raise CourseError(f"There is no {path}, and MobileNetV2 could not be fetched ({error}).") from error
    return Base("mobilenetv2", model, lambda images: images / 127.5 - 1, "ImageNet photos, Keras")


def _like_imagenet(images):
    """VGG16's preprocessing; on a copy, since Keras's own changes an array in place."""
    return keras.applications.vgg16.preprocess_input(images + 0.0)


def _check_side(side: int) -> None:
    if side < SMALLEST:
        raise CourseError(f"the images are {side} pixels wide; a base with five poolings needs {SMALLEST} or more.")


def _load_weights(model: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise CourseError(
            f"{path} is missing. It comes with the course: get it again, or make it with `python course.py pretrain`."
        )
    try:
        model.load_weights(path)
    except Exception as error:  # a damaged file fails in a dozen ways
        raise CourseError(
            f"{path} does not hold the weights of {model.name} ({_short(error)}): it is cut short or another "
            "network's. Put the right file in its place, or remove it."
        ) from error


def _load_model(path: Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged file fails in a dozen ways
        raise CourseError(
            f"{path} cannot be read as a Keras model ({_short(error)}). Put a whole copy in its place."
        ) from error


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
