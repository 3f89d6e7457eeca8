"""Milliseconds that one photo takes through each base, on arrays in memory, in one run.

    python course.py dev benchmark bases

Each base gets photos of the size that suits it, in batches of 50; the bases take turns.
"""

from __future__ import annotations

import statistics
from functools import partial

import numpy as np

from benchmarks import take_turns, write
from helpers import bases, models
from tools.experiments import transfer

COUNT, ROUNDS = 100, 4  # the first round also traces the functions, and is left out


def main() -> None:
    networks = {"pets_convnet": models.pets_convnet(150), "modern_pets_convnet": models.modern_pets_convnet(150)}
    networks |= {base.name: base.model for base in (bases.vgg16(150), transfer.lite0(), bases.menagerie(64))}
    ways = {}
    for name, model in networks.items():
        images = np.random.default_rng(0).uniform(0, 255, (COUNT, *model.input_shape[1:])).astype("float32")
        ways[name] = partial(model.predict, images, batch_size=50, verbose=0)
    times = take_turns(ways, ROUNDS)
    milliseconds = {name: round(1000 * statistics.median(each[1:]) / COUNT, 2) for name, each in times.items()}
    result = {
        "milliseconds_a_photo": milliseconds,
        "parameters": {name: model.count_params() for name, model in networks.items()},
        "pixels": {name: model.input_shape[1] for name, model in networks.items()},
    }
    write("bases", result)


if __name__ == "__main__":
    main()
