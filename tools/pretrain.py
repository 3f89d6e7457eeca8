"""Pretrain the course's own small base: ``python course.py pretrain`` writes data/models/menagerie.weights.h5.

It learns to name the sixteen animals of ``helpers.drawn.OTHER_ANIMALS`` from drawings of 64 × 64 pixels: their names
alone, and neither a cat nor a dog among them. A JSON file beside the weights says how well it does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from helpers import profile

tf = profile.quiet_tensorflow()

import keras
import numpy as np

from helpers import bases, drawn, training
from helpers.augmentation import RandomAffine
from tools import measure

SIDE, CHUNK, TESTED = 64, 500, 3_200
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
    base = bases.menagerie_net(SIDE, normalized=True)
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
    measure.in_bfloat16(base)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, (epochs - 1) * len(batches), warmup_target=2e-3, warmup_steps=len(batches)
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = training.fit(model, batches, epochs=epochs)
    plain = folded(base)
    head = keras.Sequential([keras.Input((SIDE, SIDE, 3)), model.layers[1], plain, *model.layers[3:]])
    score = training.score(head, tested[0].astype("float32"), tested[1])
    metrics = {"test_accuracy": score.accuracy, "training_accuracy_last_epoch": history["accuracy"][-1]}
    return plain, metrics, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="course.py pretrain", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60_000, help="drawings to learn from")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=bases.MENAGERIE)
    arguments = parser.parse_args()
    if not arguments.output.name.endswith(".weights.h5") or arguments.epochs < 2 or arguments.count < len(KINDS):
        parser.error(f"OUTPUT must end in .weights.h5, with 2 epochs and {len(KINDS)} drawings or more")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)  # fails before the training, not after it
    profile.seed_everything()
    base, metrics, seconds = pretrain(arguments.count, arguments.epochs)
    base.save_weights(arguments.output)
    found = {
        "pretraining": "menagerie",
        "drawings": arguments.count,
        "epochs": arguments.epochs,
        "animals": KINDS,
        **metrics,
        "seconds": round(seconds),
        "sha256": hashlib.sha256(arguments.output.read_bytes()).hexdigest(),
        "device": measure.device(),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    arguments.output.with_suffix("").with_suffix(".json").write_text(
        json.dumps(found, indent=1) + "\n", encoding="utf-8"
    )
    print(f"{arguments.output}: {metrics['test_accuracy']:.1%} of {TESTED:,} new drawings named, {seconds:.0f} s")


if __name__ == "__main__":
    main()
