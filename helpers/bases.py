"""Pretrained convolutional bases: networks without their classifier, and their features of photos.

A base takes float32 RGB images of shape (N, side, side, 3) that went through its own
``preprocess``, and gives feature maps. Which preprocessing belongs to which weights is a fact of
their training: here the two travel together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np
from tqdm.auto import tqdm

from helpers import data, profile, store
from helpers.plumbing.weights import load_weights
from helpers.profile import CourseError
from helpers.sources import finding
from helpers.training import weight_hashes

MENAGERIE = profile.ROOT / "data" / "models" / "menagerie.weights.h5"
MENAGERIE_BLOCKS = ((24,), (48,), (96, 96), (128, 128), (192, 192))  # filters per convolution
SMALLEST = 32  # pixels: five poolings halve it to 1
AT_ONCE = 50  # photos in one step


@dataclass(frozen=True)
class Base:
    """A pretrained network without its classifier.

    ``model`` maps preprocessed images to features; ``preprocess`` maps RGB values 0-255 to what the
    model was trained on. ``source`` says in words what it was trained on.
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
        """The part from the images to the named layer. Raises CourseError for an unknown name."""
        try:
            return keras.Model(self.model.inputs, self.model.get_layer(layer).output)
        except ValueError as error:
            names = ", ".join(known.name for known in self.model.layers)
            raise CourseError(f"{self.name} has no layer {layer!r}. It has {names}.") from error


def vgg16(side: int = 150) -> Base:
    """VGG16 trained on ImageNet (Simonyan, Zisserman 2014): 14,714,688 parameters, stride 32.

    The weights come from ``<data dir>/models/``, from Keras's own cache, or from Keras's public
    address. Its images are BGR with ImageNet's mean color subtracted: ``preprocess_input`` does
    that, and nothing divides by 255. Raises CourseError if none of the places has the weights, if
    the file is damaged or another network's, or if ``side`` is under 32.
    """
    _check_side(side)
    path = finding.vgg16_weights()
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(side, side, 3))
    load_weights(model, path)
    return Base("vgg16", model, _like_imagenet, f"1.3 million ImageNet photos, {path}")


def menagerie(side: int = 64) -> Base:
    """The course's own small base, in the shape of VGG16: five blocks, stride 32.

    It was trained to name sixteen drawn animals, none of them a cat or a dog (tools/pretrain.py;
    see data/models/README.md). Raises CourseError if its file is missing or damaged, or if ``side``
    is under 32.
    """
    _check_side(side)
    model = menagerie_net(side)
    load_weights(model, MENAGERIE)
    source = f"drawings of sixteen animals, {MENAGERIE}"
    return Base("menagerie", model, lambda images: images / 127.5 - 1, source)


def menagerie_net(side: int) -> keras.Model:
    """The architecture of ``menagerie``, untrained: 947,344 parameters."""
    inputs = x = keras.Input((side, side, 3))
    for block, widths in enumerate(MENAGERIE_BLOCKS, start=1):
        for number, filters in enumerate(widths, start=1):
            conv = {"padding": "same", "activation": "relu", "name": f"block{block}_conv{number}"}
            x = keras.layers.Conv2D(filters, 3, **conv)(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(inputs, x, name="menagerie")


def extract(
    base: Base,
    split: data.Split,
    part: str,
    layer: str | None = None,
    preprocess: Callable | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The base's features of the photos of one part ("train", "validation" or "test").

    ``layer`` takes the output of that layer instead of the last one's; ``preprocess`` replaces the
    base's own. Returns features, float32 of shape (N, height, width, channels) or, from a base that
    ends in global pooling, (N, channels), and labels, int32 (N,), in the order of the files.

    Features are computed once, and kept under a name that holds everything they depend on: the
    weights, the photos, their size, the preprocessing and the layer.
    """
    model = base.upto(layer) if layer else base.model
    preprocess = preprocess or base.preprocess
    paths, labels = split.paths[part], split.labels[part]
    noise = np.random.default_rng(0).uniform(0, 255, (1, base.side, base.side, 3))
    noise = np.concatenate([noise, noise / 8, 255 - noise / 8]).astype(
        "float32"
    )  # dark, bright too
    prepared = preprocess(keras.ops.convert_to_tensor(noise))  # tells what a preprocessing does
    weights = list(weight_hashes(model).values())
    decides = [model, weights, prepared, base.side, split.digest, list(map(str, paths))]

    def compute() -> dict[str, np.ndarray]:
        batches = data.pipeline(paths, labels, base.side, AT_ONCE, shuffle=False)
        batches = batches.map(lambda images, _: preprocess(images))
        return {"features": run(model, batches, f"{base.name}, {part}")}

    name = f"features/{base.name}-{part}-{base.side}"
    return store.load_or_compute(name, decides, compute)["features"], np.array(labels, np.int32)


def run(model: keras.Model, batches: Iterable, title: str = "") -> np.ndarray:
    """The model's outputs for batches of prepared images, one after the other: float32 (N, ...)."""
    steps = tqdm(batches, title, leave=False)
    return np.concatenate([np.asarray(model.predict_on_batch(x), np.float32) for x in steps])


def _like_imagenet(images):
    """VGG16's preprocessing; on a copy, since Keras's own changes an array in place."""
    return keras.applications.vgg16.preprocess_input(images + 0.0)


def _check_side(side: int) -> None:
    if side < SMALLEST:
        needed = f"a base with five poolings needs {SMALLEST} or more"
        raise CourseError(f"the images are {side} pixels wide; {needed}.")
