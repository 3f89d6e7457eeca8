"""What kept features save, in one run: seconds an epoch of fine-tuning, and how fast features are computed.

    python course.py dev benchmark transfer

Fine-tuning: VGG16's block 5 and a dense head learn for one epoch from 100 photos of 150 pixels; once from kept
features of block 4, once end to end with blocks 1 to 4 frozen. Extraction: the same 100 photos, from JPEG files to
VGG16's features, against bare ``predict`` on prepared arrays already in memory. All ways take turns, so that a
busy moment of the machine hits each; the ratios are what to quote.
"""

from __future__ import annotations

import keras
import numpy as np

from benchmarks import ratio, take_turns, write
from helpers import bases, data, models

SIDE, COUNT, ROUNDS = 150, 100, 8  # the first round also traces the functions, and is left out


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
    times = take_turns(ways, ROUNDS)
    result = {
        "seconds": {name: [round(value, 2) for value in each] for name, each in times.items()},
        "ratio_epoch": ratio(times, "epoch end to end", "epoch on kept features"),
        "ratio_extraction": ratio(times, "bare predict", "features from files"),
        "photos": COUNT,
        "parameters_trained": trained,
        "data": pets.source.partition(" from ")[0],
    }
    write("transfer", result)


if __name__ == "__main__":
    main()
