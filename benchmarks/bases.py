"""Milliseconds that one photo takes through each base, on arrays in memory, in one run.

    python course.py benchmark bases

Each base gets photos of the size that suits it, in batches of 50; the bases take turns.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from helpers import profile

tf = profile.quiet_tensorflow()

import keras
import numpy as np

from helpers import bases, models
from tools.experiments import transfer
from tools.machine import device

COUNT, ROUNDS = 100, 4  # the first round also traces the functions, and is left out


def main() -> None:
    networks = {
        "pets_convnet": models.pets_convnet(150),
        "modern_pets_convnet": models.modern_pets_convnet(150),
        **{base.name: base.model for base in (bases.vgg16(150), transfer.lite0(), bases.menagerie(64))},
    }
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS):
        for name, model in networks.items():
            images = np.random.default_rng(0).uniform(0, 255, (COUNT, *model.input_shape[1:])).astype("float32")
            started = time.perf_counter()
            model.predict(images, batch_size=50, verbose=0)
            taken[name].append(1000 * (time.perf_counter() - started) / COUNT)
    found = {
        "benchmark": "bases",
        "milliseconds_a_photo": {name: round(statistics.median(times[1:]), 2) for name, times in taken.items()},
        "parameters": {name: model.count_params() for name, model in networks.items()},
        "pixels": {name: model.input_shape[1] for name, model in networks.items()},
        "device": device(),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    for name, milliseconds in found["milliseconds_a_photo"].items():
        print(f"{name:22} {milliseconds:7.2f} ms a photo")
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
