"""Self-checks of notebook 03: photos in both parts, broken files, statistics of the training part, the pipeline."""

from __future__ import annotations

import cv2
import numpy as np

from helpers import profile
from helpers.checks import NotYet, called, check, expect


@check
def in_both(answer) -> str:
    """A function (train, test), dicts of file name to bytes -> names in test whose photo is in train too."""
    one, two, three, long = b"one", b"two", b"three", b"x" * 500
    train = {"cat.1.jpg": one, "cat.2.jpg": two, "dog.1.jpg": long + b"1"}
    test = {"cat.1.jpg": three, "dog.9.jpg": two, "dog.7.jpg": long + b"2", "dog.8.jpg": two}
    found = called(answer, train, test)
    expect(not isinstance(found, (str, bytes, dict, bool)), "a collection of file names is expected: a list or a set")
    found = set(found)
    expect(found, "it finds none: the same photo may have another name in the other part")
    expect("cat.1.jpg" not in found, "it names a file whose name is in both parts, but with different contents")
    expect(found != {"cat.2.jpg"}, "that is the name in the training part: it is the test part that is to be cleaned")
    expect("dog.7.jpg" not in found, "two photos that begin with the same bytes may still differ: compare all of them")
    expect(found >= {"dog.8.jpg", "dog.9.jpg"}, "one photo may be in the test part twice, under two names: name both")
    expect(found == {"dog.8.jpg", "dog.9.jpg"}, "there are names in it that are no names of leaked test photos")
    return "it compares contents and no names; two shots of one scene it cannot find"


@check
def usable(answer) -> str:
    """A function bytes -> bool: whether they are a JPEG that decodes, in color."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype("uint8")
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    spoiled = {
        "an empty file passes": b"",
        "a web page passes, which was saved as .jpg": b"<html>not found</html>",
        "a photo that was cut short passes: a file has to be decoded to its end": whole[:-200],
        "a gray photo passes: it decodes, to one channel": cv2.imencode(".jpg", picture[..., 0])[1].tobytes(),
    }
    expect(bool(called(answer, whole)), "a whole color photo is refused")
    for sentence, content in spoiled.items():
        try:
            passes = bool(called(answer, content))
        except NotYet as mistake:
            raise NotYet(f"{mistake} (in a file of {len(content)} bytes: catch the error and give False)") from None
        expect(not passes, sentence)
    return "whole ones pass; empty, cut, gray ones and web pages do not, and none of them stops the run"


@check
def standardized(answer) -> str:
    """A function (train, test) of float (N, H, W, 3) -> both, standardized per channel by training statistics."""
    rng = np.random.default_rng(0)
    train = rng.normal([50, 120, 200], [10, 20, 40], (40, 6, 5, 3))
    test = rng.normal([80, 90, 150], [30, 20, 10], (20, 6, 5, 3))
    result = called(answer, train, test)
    expect(isinstance(result, (tuple, list)) and len(result) == 2, "give both arrays: return train, test")
    new_train, new_test = (np.asarray(part, "float64") for part in result)
    fine = new_train.shape == train.shape and new_test.shape == test.shape
    expect(fine, f"the shapes should stay as they are, and become {new_train.shape} and {new_test.shape}")

    def by(*parts, axes=(0, 1, 2)):
        rows = np.concatenate(parts)
        return [(part - rows.mean(axes)) / rows.std(axes) for part in (train, test)]

    right_train, right_test = by(train)
    mistakes = {
        "one mean for all colors: each channel needs its own, over photos, rows and columns": by(train, axes=None),
        "one mean for each pixel: take it over rows and columns too": by(train, axes=0),
        "the statistics are those of both parts together: the test has leaked into them": by(train, test),
        "the test photos decide about themselves: one photo alone could not be prepared so": (right_train, by(test)[1]),
        "the training photos are prepared by the test's statistics": by(test),
        "the mean is off, but nothing is divided": [part - train.mean((0, 1, 2)) for part in (train, test)],
    }
    for sentence, wrong in mistakes.items():
        expect(not (np.allclose(new_train, wrong[0]) and np.allclose(new_test, wrong[1])), sentence)
    expect(
        np.allclose(new_train, right_train), "each channel of the training photos should have mean 0 and deviation 1"
    )
    expect(np.allclose(new_test, right_test), "the test photos are not prepared as the training photos are")
    return "the test photos have neither mean 0 nor deviation 1, and should not: they were prepared like any new photo"


@check
def pipeline(answer) -> str:
    """A function (numbers, load, batch_size) -> tf.data: loaded once, kept, shuffled anew each epoch, batched."""
    tf = profile.quiet_tensorflow()
    loaded = []

    def fetch(number):
        loaded.append(int(number))
        return np.full((2, 2), number, "float32")

    def load(number):
        image = tf.numpy_function(fetch, [number], tf.float32)
        return tf.ensure_shape(image, (2, 2)), number

    count, size = 23, 5
    dataset = called(answer, np.arange(count), load, size)
    expect(isinstance(dataset, tf.data.Dataset), f"a tf.data dataset is expected, not a {type(dataset).__name__}")
    spec = dataset.element_spec
    fine = isinstance(spec, tuple) and len(spec) == 2
    expect(fine, "each element should be a pair of images and labels, as load gives it")
    expect(spec[0].shape.rank != 2, "the images come one by one: there is no batch")
    expect(spec[0].shape.rank == 3, "the images have an axis too many: is it batched twice?")
    passes = []
    for number in (1, 2):
        batches = list(dataset.take(count + 1).as_numpy_iterator())
        expect(len(batches) <= count, "a pass does not end: repeat() is not needed, fit goes through it each epoch")
        largest = max(len(labels) for _, labels in batches)
        expect(largest == size, f"the largest batch holds {largest} images in place of {size}")
        for images, labels in batches:
            expect(
                (images[:, 0, 0] == labels).all(), "images and labels have come apart: shuffle pairs, not one of them"
            )
        order = np.concatenate([labels for _, labels in batches])
        once = "an image comes twice" if len(order) > len(set(order)) else f"{count - len(order)} images are left out"
        expect(sorted(order) == list(range(count)), f"in pass {number} {once}; the last batch may be smaller")
        passes.append([labels for _, labels in batches])
    first, second = (np.concatenate(batches) for batches in passes)
    expect(not np.array_equal(first, np.arange(count)), "the images come in the order of the files: shuffle them")
    expect(
        not np.array_equal(first, second), "both passes have the same order: what stands before cache is frozen in it"
    )
    together = [{frozenset(labels.tolist()) for labels in batches} for batches in passes]
    expect(together[0] != together[1], "the same images share a batch in each pass: shuffle images, then make batches")
    expect(len(loaded) <= count, f"{count} images were loaded {len(loaded)} times in two passes: nothing keeps them")
    # With a buffer of b an image comes at most b - 1 places early, whatever chance does.
    early = max(number - place for place, number in enumerate(first))
    expect(early > size + 2, f"no image comes more than {early} places early: the shuffle's buffer is too small")
    expect("Prefetch" in type(dataset).__name__, "the network waits for each batch: the last step is still missing")
    return "each image loaded once, in a new order in each pass, and the next batch made while the network works"
