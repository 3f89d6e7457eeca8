"""What kept features save, in one run: seconds an epoch of fine-tuning, and how fast features are computed.

    python course.py benchmark transfer

Fine-tuning: VGG16's block 5 and a dense head learn for one epoch from 100 photos of 150 pixels; once from kept
features of block 4, once end to end with blocks 1 to 4 frozen. Extraction: the same 100 photos, from JPEG files to
VGG16's features, against bare ``predict`` on prepared arrays already in memory. All ways take turns, so that a
busy moment of the machine hits each; the ratios are what to quote.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from helpers import profile

tf = profile.quiet_tensorflow()

import keras
import numpy as np

from helpers import bases, data, models
from tools.machine import device

SIDE, COUNT, ROUNDS = 150, 100, 8  # the first round also traces the functions, and is left out


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    pets = data.cats_and_dogs(SIDE, 20)
    split = data.first(pets.files, train=COUNT)
    paths, labels = split.paths["train"], np.array(split.labels["train"])
    base = bases.vgg16(SIDE)
    base.model.trainable = False

    def prepared():
        images = data.pipeline(paths, split.labels["train"], SIDE, bases.AT_ONCE, shuffle=False)
        return images.map(lambda images, _: base.preprocess(images))

    arrays = np.concatenate(list(prepared().as_numpy_iterator()))
    _, on_features = models.block5_and_head(base.model)
    block5, head = models.block5_and_head(base.model)[1].layers
    whole = keras.Sequential([keras.Input((SIDE, SIDE, 3)), base.upto("block4_pool"), block5, head])
    for model in (on_features, whole):
        model.compile(keras.optimizers.RMSprop(1e-5), "binary_crossentropy")
    kept = base.upto("block4_pool").predict(arrays, batch_size=bases.AT_ONCE, verbose=0)
    trained = sum(weight.shape.num_elements() for weight in on_features.trainable_weights)
    assert trained == on_features.count_params() == sum(w.shape.num_elements() for w in whole.trainable_weights)

    ways = {
        "epoch on kept features": lambda: on_features.fit(kept, labels, batch_size=20, verbose=0),
        "epoch end to end": lambda: whole.fit(arrays, labels, batch_size=20, verbose=0),
        "features from files": lambda: bases.run(base.model, prepared()),
        "bare predict": lambda: base.model.predict(arrays, batch_size=bases.AT_ONCE, verbose=0),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name, way in ways.items():
            taken[name].append(seconds(way))
        print(f"round {turn + 1}: " + ", ".join(f"{name} {times[-1]:.1f} s" for name, times in taken.items()))

    def ratio(first: str, second: str) -> float:
        return round(statistics.median(a / b for a, b in list(zip(taken[first], taken[second]))[1:]), 2)

    found = {
        "benchmark": "transfer",
        "seconds": {name: [round(value, 2) for value in times] for name, times in taken.items()},
        "ratio_epoch": ratio("epoch end to end", "epoch on kept features"),
        "ratio_extraction": ratio("bare predict", "features from files"),
        "photos": COUNT,
        "parameters_trained": trained,
        "data": pets.source.partition(" from ")[0],
        "device": device(),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    print(
        f"an epoch on kept features is {found['ratio_epoch']} times as fast; extraction runs at "
        f"{found['ratio_extraction']} of the speed of bare predict"
    )
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
