"""Pretrain the course's own small base: ``python course.py dev pretrain`` writes data/models/menagerie.weights.h5.

It learns to name the sixteen animals of ``helpers.drawn.OTHER_ANIMALS`` from drawings of 64 × 64 pixels: their names
alone, and neither a cat nor a dog among them. A JSON file beside the weights says how well it does.
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from helpers import profile

tf = profile.quiet_tensorflow()

import keras
import numpy as np

from helpers import bases, drawn, scores, training
from helpers.augmentation import RandomAffine
from tools.experiments.pets import in_bfloat16
from tools.machine import device, versions, write_json

SIDE, CHUNK = 64, 500
COUNT, EPOCHS, TESTED = 60_000, 5, 3_200  # drawings to learn from, and to be tested with
KINDS = tuple(drawn.OTHER_ANIMALS)
SEEDS = {"train": 1_000_000, "test": 2_000_000}  # far from profile.SEED, which the course's pets are drawn from


def seeds(part: str, count: int) -> range:
    """The seeds that ``count`` drawings are drawn from."""
    return range(SEEDS[part], SEEDS[part] + -(-count // CHUNK))


def draw(part: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` drawings, in chunks of 500 a seed, on all cores: uint8 (count, 64, 64, 3) and labels (count,)."""
    with ProcessPoolExecutor() as pool:
        chunks = list(pool.map(partial(_chunk, CHUNK), seeds(part, count)))
    images, labels = (np.concatenate(parts)[:count] for parts in zip(*chunks))
    return images, labels.astype(np.int32)


def _chunk(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    images, _, labels = drawn.animals(KINDS, count, seed, SIDE)
    return images, labels


def normalized_net() -> keras.Model:
    """The base as it is pretrained: batch normalization between each convolution and its ReLU."""
    inputs = x = keras.Input((SIDE, SIDE, 3))
    for layer in bases.menagerie_net(SIDE).layers[1:]:
        if isinstance(layer, keras.layers.Conv2D):
            x = keras.layers.Conv2D(layer.filters, 3, padding="same", use_bias=False, name=layer.name)(x)
            x = keras.layers.BatchNormalization(name=f"{layer.name}_norm")(x)
            x = keras.layers.ReLU(name=f"{layer.name}_relu")(x)
        else:
            x = keras.layers.MaxPooling2D(2, name=layer.name)(x)
    return keras.Model(inputs, x, name="menagerie")


def folded(trained: keras.Model) -> keras.Model:
    """The base with each normalization moved into the weights of its convolution: the same outputs."""
    plain = bases.menagerie_net(SIDE)
    for layer in plain.layers:
        if isinstance(layer, keras.layers.Conv2D):
            gamma, beta, mean, variance = trained.get_layer(f"{layer.name}_norm").get_weights()
            scale = gamma / np.sqrt(variance + trained.get_layer(f"{layer.name}_norm").epsilon)
            layer.set_weights([trained.get_layer(layer.name).get_weights()[0] * scale, beta - mean * scale])
    return plain


def pretrain(count: int, epochs: int) -> tuple[keras.Model, dict[str, float], float]:
    """Train the base with a classifier on top, fold it, and score it on new drawings: the base, scores, seconds."""
    started = time.perf_counter()
    (images, labels), tested = draw("train", count), draw("test", TESTED)
    base = normalized_net()
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            RandomAffine(turn=15, shift=0.1, zoom=0.25),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            base,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(len(KINDS), activation="softmax"),
        ]
    )
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(count, seed=profile.SEED).batch(64)
    batches = batches.map(lambda x, y: (tf.cast(x, tf.float32), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    in_bfloat16(base)
    later, first = (epochs - 1) * len(batches), len(batches)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, later, warmup_target=2e-3, warmup_steps=first)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.02)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = training.fit(model, batches, epochs=epochs)
    plain = folded(base)
    head = keras.Sequential([keras.Input((SIDE, SIDE, 3)), model.layers[1], plain, *model.layers[3:]])
    score = scores.score(head, tested[0].astype("float32"), tested[1])
    metrics = {"test_accuracy": score.accuracy, "training_accuracy_last_epoch": history["accuracy"][-1]}
    return plain, metrics, time.perf_counter() - started


def main() -> None:
    profile.seed_everything()
    base, metrics, seconds = pretrain(COUNT, EPOCHS)
    base.save_weights(bases.MENAGERIE)
    told = {
        "pretraining": "menagerie",
        "drawings": COUNT,
        "epochs": EPOCHS,
        "animals": KINDS,
        **metrics,
        "seconds": round(seconds),
        "sha256": hashlib.sha256(bases.MENAGERIE.read_bytes()).hexdigest(),
        "device": device(),
        "versions": versions(),
    }
    write_json(bases.MENAGERIE.with_suffix("").with_suffix(".json"), told)
    print(f"{bases.MENAGERIE}: {metrics['test_accuracy']:.1%} of {TESTED:,} new drawings named, {seconds:.0f} s")


if __name__ == "__main__":
    main()
