"""Self-checks of notebook 03: photos in both parts, broken files, statistics of the training part, the pipeline."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from helpers import profile
from helpers.checks import NotYet, called, check, expect, pair, unlike


@check
def in_both(answer) -> str:
    """A function (train, test), dicts of file name to bytes -> names in test whose photo is in train too."""
    rng = np.random.default_rng(0)
    # Files of one length that begin and end alike: only the whole contents tell them apart.
    one, two, three, four, five, six = (_jpeg(rng.integers(0, 256, (8, 8, 3))).ljust(900, b"\0") for _ in range(6))
    train = {"cat.1.jpg": one, "cat.2.jpg": two, "dog.1.jpg": three, "cat.5.jpg": six}
    test = {"cat.1.jpg": four, "dog.9.jpg": two, "dog.7.jpg": five, "dog.8.jpg": two, "cat.5.jpg": six}
    names = called(answer, train, test)
    expect(not isinstance(names, (str, bytes, dict, bool)), "a collection of file names is expected: a list or a set")
    names = set(names)
    expect(all(isinstance(name, str) for name in names), "these are no names of files: are they contents?")
    expect(names, "it finds none: the same photo may have another name in the other part")
    for name, sentence in {
        "cat.2.jpg": "that is the name in the training part: it is the test part that is to be cleaned",
        "dog.7.jpg": "two photos of one length that begin and end alike may still differ: compare all of their bytes",
        "cat.1.jpg": "it names a file whose name is in both parts, but with different contents",
    }.items():
        expect(name not in names, sentence)
    expect(names != {"cat.5.jpg"}, "the same photo may have another name in the other part")
    twice = {"dog.8.jpg", "dog.9.jpg"}
    expect(names >= twice, "one photo may be in the test part twice, under two names: name both")
    expect("cat.5.jpg" in names, "a photo that is in both parts and has kept its name is missing")
    expect(names == {*twice, "cat.5.jpg"}, "there are names in it that are no names of leaked test photos")
    return "it compares contents, not names; it cannot find two shots of one scene"


def _jpeg(picture: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", picture.astype("uint8"), options)[1].tobytes()


def _by_pillow(picture: np.ndarray, kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, kind)
    return file.getvalue()


@check
def usable(answer) -> str:
    """A function bytes -> bool: whether they are a JPEG of three channels that decodes to its end."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype("uint8")
    whole, inks = _jpeg(picture), _by_pillow(picture, "JPEG", "CMYK")
    spoiled = {
        "an empty file passes": b"",
        "a web page passes, which was saved as .jpg": b"<html>not found</html>",
        "a photo that was cut short passes: a file has to be decoded to its end": whole[:-200],
        "a photo that lacks its last two bytes passes: a file has to be decoded to its end": whole[:-2],
        "a photo passes of which there is nothing but its first bytes": whole[:3],
        "a gray photo passes: it decodes, to one channel": _jpeg(picture[..., 0]),
        **{
            f"a {kind} passes, which was saved as .jpg: what decodes need not be a JPEG": _by_pillow(picture, kind)
            for kind in ("PNG", "GIF", "WebP", "BMP")
        },
        "a photo of four channels passes, inks for print: how many has the file, before they are made three?": inks,
    }
    expect(bool(called(answer, whole)), "a whole color photo is refused")
    progressive = _jpeg(picture, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    expect(bool(called(answer, progressive)), "a whole color photo is refused, a progressive one")
    for sentence, content in spoiled.items():
        try:
            passes = bool(called(answer, content))
        except NotYet as mistake:
            raise NotYet(f"{mistake} (in a file of {len(content)} bytes: catch the error and give False)") from None
        expect(not passes, sentence)
    return "whole ones pass; cut, gray and inked ones, other formats and web pages do not, and none stops the run"


@check
def standardized(answer) -> str:
    """A function (train, test) of float (N, H, W, 3) -> both, standardized per channel by training statistics."""
    rng = np.random.default_rng(0)
    train = rng.normal([50, 120, 200], [10, 20, 40], (40, 6, 5, 3)).astype("float32")
    test = rng.normal([80, 90, 150], [30, 20, 10], (20, 6, 5, 3)).astype("float32")
    result = pair(called(answer, train, test), "give both arrays: return train, test")
    new_train, new_test = (np.asarray(part, "float64") for part in result)
    fine = new_train.shape == train.shape and new_test.shape == test.shape
    expect(fine, f"the shapes should stay as they are, and become {new_train.shape} and {new_test.shape}")

    def by(*parts, axes=(0, 1, 2)):
        rows = np.concatenate(parts, dtype="float64")
        return [(part - rows.mean(axes)) / rows.std(axes) for part in (train, test)]

    right_train, right_test = by(train)
    near = {"rtol": 2e-3, "atol": 2e-3}  # whatever float32, a small epsilon or the n - 1 of a sample makes of it
    photos = [(part - part.mean((1, 2), keepdims=True)) / part.std((1, 2), keepdims=True) for part in (train, test)]
    mistakes = {
        "one mean for all colors: each channel needs its own, over photos, rows and columns": by(train, axes=None),
        "one mean for each pixel: take it over rows and columns too": by(train, axes=0),
        "the statistics are those of both parts together: the test has leaked into them": by(train, test),
        "the test photos decide about themselves: one photo alone could not be prepared so": (right_train, by(test)[1]),
        "the training photos are prepared by the test's statistics": by(test),
        "each photo decides about itself: a bright one cannot be told from a dark one any more": photos,
        "the mean is off, but nothing is divided": [part - train.mean((0, 1, 2)) for part in (train, test)],
    }
    both = np.concatenate([new_train, new_test])
    unlike(both, {sentence: np.concatenate(wrong) for sentence, wrong in mistakes.items()}, **near)
    fits = np.allclose(new_train, right_train, **near)
    expect(fits, "each channel of the training photos should have mean 0 and deviation 1")
    expect(np.allclose(new_test, right_test, **near), "the test photos are not prepared as the training photos are")
    return "the test photos have neither mean 0 nor deviation 1, and should not: they were prepared like any new photo"


def _ends_in_prefetch(dataset) -> bool:
    """Whether a prefetch follows the batch; options and the like may follow it."""
    while "Batch" not in type(dataset).__name__ and "Prefetch" not in type(dataset).__name__ and dataset._inputs():
        dataset = dataset._inputs()[0]
    return "Prefetch" in type(dataset).__name__


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

    count, size = 43, 5
    asked = np.random.default_rng(0).permutation(1000)[:count]
    dataset = called(answer, asked, load, size)
    expect(isinstance(dataset, tf.data.Dataset), f"a tf.data dataset is expected, not a {type(dataset).__name__}")
    spec = pair(dataset.element_spec, "each element should be a pair of images and labels, as load gives it")
    expect(spec[0].shape.rank != 2, "the images come one by one: there is no batch")
    expect(spec[0].shape.rank == 3, "the images have an axis too many: is it batched twice?")
    passes = []
    for number in (1, 2):
        batches = list(dataset.take(count + 1).as_numpy_iterator())
        expect(len(batches) <= count, "a pass does not end: repeat() is not needed, fit goes through it each epoch")
        largest = max(len(labels) for _, labels in batches)
        expect(largest == size, f"the largest batch holds {largest} images instead of {size}")
        fits = all((images[:, 0, 0] == labels).all() for images, labels in batches)
        expect(fits, "images and labels have come apart: shuffle pairs, not one of them")
        order = np.concatenate([labels for _, labels in batches])
        expect(set(order) <= set(asked), "the numbers that are loaded are not those that were handed in")
        once = "an image comes twice" if len(order) > len(set(order)) else f"{count - len(order)} images are left out"
        expect(sorted(order) == sorted(asked), f"in pass {number} {once}; the last batch may be smaller")
        passes.append([labels for _, labels in batches])
    first, second = (np.concatenate(batches) for batches in passes)
    expect(not np.array_equal(first, asked), "the images come in the order of the files: shuffle them")
    fresh = not np.array_equal(first, second)
    expect(fresh, "both passes have the same order: what comes before cache is frozen in it")
    together = [{frozenset(labels.tolist()) for labels in batches} for batches in passes]
    expect(together[0] != together[1], "the same images share a batch in each pass: shuffle images, then make batches")
    expect(len(loaded) <= count, f"{count} images were loaded {len(loaded)} times in two passes: nothing keeps them")
    # With a buffer of b an image comes at most b - 1 places early, whatever chance does.
    places = {number: place for place, number in enumerate(asked)}
    early = max(places[number] - place for order in (first, second) for place, number in enumerate(order))
    expect(early > count // 2, f"no image comes more than {early} places early: the shuffle's buffer is too small")
    expect(_ends_in_prefetch(dataset), "the network waits for each batch: the last step is still missing")
    return "each image loaded once, in a new order in each pass, and the next batch made while the network works"
