from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers import training
from helpers.checks import nb04

TRUTH = {key: right for key, (right, _) in nb04.VIEWS.items()}
KEYS = list(TRUTH)


def views(validation_on=False, training=True, cache=False, by=None):
    def make(train, validation, layer):
        def change(images, labels):
            return (by or layer)(images, training=training), labels

        train = train.map(change)
        return train.cache() if cache else train, validation.map(change) if validation_on else validation

    return make


def rebatched(train, validation, layer):
    def change(images, labels):
        return layer(images, training=True), labels

    train = train.cache().unbatch().shuffle(8).batch(3).map(change, num_parallel_calls=2)
    return [train.prefetch(tf.data.AUTOTUNE), validation.cache().prefetch(1)]


def in_a_model(train, validation, layer):
    model = keras.Sequential([layer])
    return train.map(lambda images, labels: (model(images, training=True), labels)), validation


def added(train, validation, layer):
    return train.concatenate(views()(train, validation, layer)[0]), validation


def both(image, mask, rng, mirror=0.5, far=8, low=None, down=1, across=1):
    """The right answer, by default: shifts from ``low``, or from -far, to far."""
    moves = rng.integers(-far if low is None else low, far + 1, 2) * (down, across)
    if rng.random() < mirror:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.roll(image, moves, axis=(0, 1)), np.roll(mask, moves, axis=(0, 1))


def varied(**options):
    return lambda image, mask, rng: both(image, mask, rng, **options)


def then(change):
    """The right answer, and then ``change`` to photo and mask."""
    return lambda image, mask, rng: change(*both(image, mask, rng))


def one_number(image, mask, rng):
    image, mask = both(image, mask, rng, far=0)
    move = rng.integers(-8, 9)
    return np.roll(image, move, axis=(0, 1)), np.roll(mask, move, axis=(0, 1))


def each_mirrored_on_its_own(image, mask, rng):
    image, mask = (part[:, ::-1] if rng.random() < 0.5 else part for part in (image, mask))
    return image, mask


def each_shifted_on_its_own(image, mask, rng):
    return tuple(np.roll(part, rng.integers(-6, 7), axis=0) for part in (image, mask))


def bootstrap(right_a, right_b, paired=True, rounds=2000):
    rng, count = np.random.default_rng(0), len(right_a)
    rows = rng.integers(0, count, (rounds, count))
    others = rows if paired else rng.integers(0, count, (rounds, count))
    gains = right_b[rows].mean(axis=1) - right_a[others].mean(axis=1)
    return np.percentile(gains, [2.5, 97.5])


def by_formula(right_a, right_b, reach=1.96):
    difference = right_b.astype(int) - right_a.astype(int)
    half = reach * difference.std() / np.sqrt(len(difference))
    return [difference.mean() - half, difference.mean() + half]


RIGHT = [
    (nb04.allowed, TRUTH),
    *[(nb04.allowed, {key: kind(right) for key, right in TRUTH.items()}) for kind in (int, np.bool_, tf.constant)],
    *[(nb04.with_views, make) for make in (rebatched, in_a_model)],
    (nb04.together, varied(far=7)),
    (nb04.together, then(lambda image, mask: [tf.cast(image, "float32"), tf.constant(mask)])),
    (nb04.paired_interval, lambda a, b: tuple(bootstrap(a, b, rounds=400))),
    (nb04.paired_interval, by_formula),
    (nb04.paired_interval, lambda a, b: training.Gain.between(a, b).interval),
]
WRONG = [
    (nb04.allowed, "8 of 8 are still None", dict.fromkeys(KEYS)),
    (nb04.allowed, "1 of 8 are still None: digits / mirror", TRUTH | {("digits", "mirror"): None}),
    (nb04.allowed, "should stay a dictionary", [True] * 8),
    (nb04.allowed, "should be True or False", TRUTH | {KEYS[0]: "yes"}),
    *[(nb04.allowed, nb04.VIEWS[key][1], TRUTH | {key: not TRUTH[key]}) for key in KEYS],
    (nb04.with_views, "the validation photos are changed", views(validation_on=True)),
    (nb04.with_views, "told training=True", views(training=False)),
    (nb04.with_views, "they were kept", views(cache=True)),
    (nb04.with_views, "give both datasets", lambda train, validation, layer: train),
    (nb04.with_views, "labels got lost", lambda t, v, layer: (t.map(lambda x, y: layer(x, training=True)), v)),
    (nb04.with_views, "of the training photos", lambda t, v, layer: (t.map(lambda x, y: (x, y + 1)), v)),
    (nb04.with_views, "of the training photos", lambda t, v, layer: (t.map(lambda x, y: (x, y[::-1])), v)),
    (nb04.with_views, "8 validation photos, and 4", lambda t, v, layer: (t, v.take(1).concatenate(v.take(0)))),
    (nb04.with_views, "8 training photos, and 16", added),
    (nb04.with_views, "not made by the layer", views(by=keras.layers.RandomFlip())),
    (nb04.with_views, "not made by the layer", lambda *given: views()(*views()(*given), given[2])),
    (nb04.together, "nothing changes", lambda image, mask, rng: (image, mask)),
    (nb04.together, "the image was mirrored", each_mirrored_on_its_own),
    (nb04.together, "draw each number once", each_shifted_on_its_own),
    (nb04.together, "no longer covers", lambda image, mask, rng: (image, mask & False)),
    (nb04.together, "should stay True or False", lambda image, mask, rng: (image, mask * 1.0)),
    (nb04.together, "keep their shapes", lambda image, mask, rng: (image[2:], mask[2:])),
    (nb04.together, "give both: return", lambda image, mask, rng: image),
    (nb04.together, "hardly shifted", varied(far=0)),
    (nb04.together, "hardly shifted", varied(far=3)),
    (nb04.together, "either none or every one", varied(mirror=1)),
    (nb04.together, "half of the views", varied(mirror=0.9)),
    (nb04.together, "never shifted to the sides", varied(across=0)),
    (nb04.together, "never shifted up or down", varied(down=0)),
    *[(nb04.together, "8 is the most", varied(far=far)) for far in (9, 17, 30)],
    (nb04.together, "one way only", varied(low=0)),
    (nb04.together, "by the same number", one_number),
    (nb04.together, "nothing but mirrored", then(lambda image, mask: (image[::-1], mask[::-1]))),
    (nb04.together, "nothing but mirrored", then(lambda image, mask: (image // 2, mask))),
    (nb04.paired_interval, "two sets of photos", lambda a, b: bootstrap(a, b, paired=False)),
    (nb04.paired_interval, "holds about 90 %", lambda a, b: by_formula(a, b, 1.645)),
    (nb04.paired_interval, "holds about 98 %", lambda a, b: by_formula(a, b, 2.326)),
    (nb04.paired_interval, "use shares of 1", lambda a, b: 100 * bootstrap(a, b)),
    (nb04.paired_interval, "that of a minus b", lambda a, b: bootstrap(b, a)),
    (nb04.paired_interval, "changed places", lambda a, b: bootstrap(a, b)[::-1]),
    (nb04.paired_interval, "has no width", lambda a, b: [b.mean() - a.mean()] * 2),
    (nb04.paired_interval, "should be near 0.03", lambda a, b: bootstrap(a, b) + 0.01),
    (nb04.paired_interval, "whatever the answers are", lambda a, b: (0.0165, 0.0437)),
]
