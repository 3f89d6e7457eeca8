from __future__ import annotations

import numpy as np

from helpers.checks import augmentation
from helpers.checks.augmentation import _SENTENCES

TRUTH = {key: right for key, (right, _) in _SENTENCES.items()}
KEYS = list(TRUTH)


def views(train_on=True, validation_on=False, training=True, cache=False):
    def make(train, validation, layer):
        def change(images, labels):
            return layer(images, training=training), labels

        train = train.map(change) if train_on else train
        return train.cache() if cache else train, validation.map(change) if validation_on else validation

    return make


def both(image, mask, rng, mirror=True, across=True, down=True):
    moves = (int(rng.integers(-6, 7)) * down, int(rng.integers(-3, 4)) * across)
    if mirror and rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.roll(image, moves, axis=(0, 1)), np.roll(mask, moves, axis=(0, 1))


def only(**options):
    return lambda image, mask, rng: both(
        image, mask, rng, **{"mirror": False, "across": False, "down": False, **options}
    )


def each_mirrored_on_its_own(image, mask, rng):
    image, mask = (part[:, ::-1] if rng.random() < 0.5 else part for part in (image, mask))
    return image, mask


def each_shifted_on_its_own(image, mask, rng):
    return tuple(np.roll(part, rng.integers(-6, 7), axis=0) for part in (image, mask))


def bootstrap(right_a, right_b, paired=True, level=95.0, scale=1.0, rounds=2000):
    rng, count = np.random.default_rng(0), len(right_a)
    rows = rng.integers(0, count, (rounds, count))
    others = rows if paired else rng.integers(0, count, (rounds, count))
    gains = right_b[rows].mean(axis=1) - right_a[others].mean(axis=1)
    return scale * np.percentile(gains, [50 - level / 2, 50 + level / 2])


RIGHT = [
    (augmentation.allowed, TRUTH),
    (augmentation.with_views, views()),
    (augmentation.together, both),
    (augmentation.paired_interval, bootstrap),
    (augmentation.paired_interval, lambda a, b: tuple(bootstrap(a, b, rounds=400))),
]
WRONG = [
    (augmentation.allowed, "8 of 8 are still None", dict.fromkeys(KEYS)),
    (augmentation.allowed, "1 of 8 are still None: digits / mirror", TRUTH | {("digits", "mirror"): None}),
    (augmentation.allowed, "should stay a dictionary", [True] * 8),
    (augmentation.allowed, "should be True or False", TRUTH | {KEYS[0]: "yes"}),
    *[(augmentation.allowed, _SENTENCES[key][1], TRUTH | {key: not TRUTH[key]}) for key in KEYS],
    (augmentation.with_views, "the validation photos are changed", views(validation_on=True)),
    (augmentation.with_views, "told training=True", views(training=False)),
    (augmentation.with_views, "told training=True", views(train_on=False)),
    (augmentation.with_views, "they were kept", views(cache=True)),
    (augmentation.with_views, "give both datasets", lambda train, validation, layer: train),
    (augmentation.with_views, "labels got lost", lambda t, v, layer: (t.map(lambda x, y: layer(x, training=True)), v)),
    (augmentation.with_views, "of the training photos", lambda t, v, layer: (t.map(lambda x, y: (x, y + 1)), v)),
    (augmentation.with_views, "8 validation photos, and 4", lambda t, v, layer: (t, v.take(1).concatenate(v.take(0)))),
    (augmentation.together, "nothing changes", lambda image, mask, rng: (image, mask)),
    (augmentation.together, "the image was mirrored", each_mirrored_on_its_own),
    (augmentation.together, "draw each number once", each_shifted_on_its_own),
    (augmentation.together, "no longer covers", lambda image, mask, rng: (image, mask & False)),
    (augmentation.together, "should stay True or False", lambda image, mask, rng: (image, mask * 1.0)),
    (augmentation.together, "keep their shapes", lambda image, mask, rng: (image[2:], mask[2:])),
    (augmentation.together, "give both: return", lambda image, mask, rng: image),
    (augmentation.together, "hardly shifted", only(mirror=True)),
    (augmentation.together, "either none or every one", only(down=True, across=True)),
    (augmentation.together, "not up and down", only(mirror=True, across=True)),
    (augmentation.paired_interval, "two sets of photos", lambda a, b: bootstrap(a, b, paired=False)),
    (augmentation.paired_interval, "68 %, not 95 %", lambda a, b: bootstrap(a, b, level=68)),
    (augmentation.paired_interval, "all of the draws", lambda a, b: bootstrap(a, b, level=99.8)),
    (augmentation.paired_interval, "use shares of 1", lambda a, b: bootstrap(a, b, scale=100)),
    (augmentation.paired_interval, "that of a minus b", lambda a, b: bootstrap(b, a)),
    (augmentation.paired_interval, "changed places", lambda a, b: bootstrap(a, b)[::-1]),
    (augmentation.paired_interval, "has no width", lambda a, b: [b.mean() - a.mean()] * 2),
    (augmentation.paired_interval, "should be near 0.03", lambda a, b: np.percentile(b - 0.0, [0, 100]) * 0.1),
    (augmentation.paired_interval, "exactly 0 to 0", lambda a, b: (0.017, 0.043)),
]


def test_the_paired_interval_is_that_of_the_course():
    from helpers.training import Gain

    right_a = np.arange(1000) < 880
    right_b = right_a.copy()
    right_b[:10], right_b[-40:] = False, True
    assert np.allclose(bootstrap(right_a, right_b), Gain.between(right_a, right_b).interval, atol=0.0015)
