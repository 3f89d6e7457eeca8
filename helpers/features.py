"""Features of photos, computed once with a pretrained base and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
from tqdm.auto import tqdm

from helpers import keeping, photos, profile
from helpers.bases import Base
from helpers.training import weight_hashes

AT_ONCE = 50  # photos in one step


def extract(
    base: Base,
    split: photos.Split,
    part: str,
    *,
    preprocess: Callable | None = None,
    layer: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What the base makes of the photos of one part ("train", "validation" or "test"), in the order of the files.

    ``preprocess`` replaces the base's own; ``layer`` takes the output of that layer in place of the last one's.
    Returns features, float32 of shape (N, height, width, channels) or, from a base that ends in global pooling,
    (N, channels), and labels, int32 of shape (N,).

    Features are kept in the course's cache under a name that holds everything they depend on: the weights, the
    photos, their size, the preprocessing and the layer. What was kept for other settings, or was cut short, is
    never used.
    """
    model = base.upto(layer) if layer else base.model
    preprocess = preprocess or base.preprocess
    labels = np.array(split.labels[part], np.int32)
    path = _path(base, model, split, part, preprocess)
    features = keeping.kept(path, (len(labels), *model.output_shape[1:]))
    if features is None:
        batches = photos.pipeline(split.paths[part], split.labels[part], base.side, AT_ONCE, shuffle=False)
        features = compute(model, batches.map(lambda images, _: preprocess(images)), f"{base.name}, {part}")
        keeping.keep(path, features)
    return features, labels


def compute(model: keras.Model, batches: Iterable, title: str = "") -> np.ndarray:
    """What the model makes of batches of prepared images, one after the other: float32 of shape (N, ...)."""
    steps = tqdm(batches, title, leave=False)
    return np.concatenate([np.asarray(model.predict_on_batch(images), np.float32) for images in steps])


def _path(base: Base, model: keras.Model, split: photos.Split, part: str, preprocess: Callable) -> Path:
    """Where these features are kept; what a preprocessing does is told by what it makes of a random image."""
    noise = np.random.default_rng(0).uniform(0, 255, (1, base.side, base.side, 3)).astype("float32")
    noise = keras.ops.convert_to_tensor(np.concatenate([noise, noise / 8, 255 - noise / 8]))  # dark and bright ones
    weights, paths = list(weight_hashes(model).values()), list(map(str, split.paths[part]))
    made = keeping.key(model, weights, preprocess(noise), base.side, split.digest, paths, keeping.VERSIONS)
    return profile.cache_dir() / "features" / f"{base.name}-{part}-{base.side}-{made}.npz"
