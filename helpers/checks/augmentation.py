"""Self-checks of notebook 04: allowed changes, validation data left alone, a photo with its mask, a paired interval."""

from __future__ import annotations

import numpy as np

from helpers import profile
from helpers.augmentation import RandomAffine
from helpers.checks import NotYet, called, check, expect, numbers

_SENTENCES = {  # what is true of each change, and what a reader who got it wrong may not have thought of
    ("digits", "turn by 10 degrees"): (True, "people write at a slant, and a 4 turned by 10 degrees is still a 4"),
    ("digits", "turn by 180 degrees"): (False, "turn a 6 by 180 degrees and read it"),
    ("digits", "mirror"): (False, "nobody writes a mirrored 2, and a mirrored 2 looks like no other digit either"),
    ("cats and dogs", "mirror"): (True, "a cat that looks to the left is as likely as one that looks to the right"),
    ("cats and dogs", "upside down"): (False, "the label stays true, but would such a photo be taken?"),
    ("satellite photos of fields", "turn by 180 degrees"): (True, "a field seen from above has no up and down"),
    ("ripe and unripe tomatoes", "other hue"): (False, "the hue is what tells a ripe tomato from an unripe one"),
    ("left and right hands", "mirror"): (False, "mirror a left hand: what is it now?"),
}


@check
def allowed(answer) -> str:
    """A dict (photos, change) -> whether the change makes a view that one may train on."""
    expect(isinstance(answer, dict), "allowed should stay a dictionary")
    missing = [" / ".join(key) for key in _SENTENCES if answer.get(key) is None]
    expect(not missing, f"{len(missing)} of {len(_SENTENCES)} are still None: {'; '.join(missing[:2])}")
    for key, (right, sentence) in _SENTENCES.items():
        expect(answer[key] in (True, False), f"{' / '.join(key)} should be True or False")
        expect(bool(answer[key]) == right, f"{' / '.join(key)}: {sentence}")
    return "a view has to keep its label, and to look like a photo that could come"


@check
def with_views(answer) -> str:
    """A function (train, validation, layer) -> both tf.data, the first with new views in each pass."""
    tf = profile.quiet_tensorflow()
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (8, 6, 6, 3)).astype("float32")
    labels = np.arange(8)

    layer = RandomAffine(shift=0.3, seed=0)
    data = [tf.data.Dataset.from_tensor_slices((images, labels)).batch(4) for _ in range(2)]
    result = called(answer, *data, layer)
    fine = isinstance(result, (tuple, list)) and len(result) == 2
    expect(fine, "give both datasets: return train, validation")

    def read(part):
        pairs = list(part.as_numpy_iterator())
        expect(pairs and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs), "the labels got lost")
        return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])

    (first, train_labels), (again, _) = read(result[0]), read(result[0])
    held, held_labels = read(result[1])
    expect(held.shape == images.shape, f"there were 8 validation photos, and {len(held)} came out")
    for name, found in (("training", train_labels), ("validation", held_labels)):
        expect(np.array_equal(found, labels), f"the labels of the {name} photos have changed")
    expect(np.array_equal(held, images), "the validation photos are changed, so every score would be of other photos")
    expect(
        not np.array_equal(first, images),
        "the training photos come as they are: outside of fit, a layer has to be told training=True",
    )
    expect(not np.array_equal(first, again), "the second pass brings the same views as the first: they were kept")
    return "new views in each pass of the training photos, and the validation photos as they are"


@check
def together(answer) -> str:
    """A function (image, mask, rng) -> both, mirrored and shifted alike."""
    rng = np.random.default_rng(0)
    image = np.zeros((48, 48, 3), "uint8")
    image[18:30, 14:30] = 200  # the animal, not quite in the middle
    image[18:21, 14:17] = 90  # its left ear
    seen = []
    for _ in range(40):
        mask = image[..., 0] > 0
        result = called(answer, image, mask, rng)
        fine = isinstance(result, (tuple, list)) and len(result) == 2
        expect(fine, "give both: return image, mask")
        new_image, new_mask = map(np.asarray, result)
        expect(
            new_image.shape == image.shape and new_mask.shape == mask.shape, "image and mask should keep their shapes"
        )
        kind = f"the mask has become {new_mask.dtype}: it should stay True or False"
        expect(new_mask.dtype == bool, kind)
        expect(np.array_equal(new_image[..., 0] > 0, new_mask), _apart(new_image[..., 0] > 0, new_mask))
        ear, animal = (np.argwhere(part).mean(axis=0) for part in (new_image[..., 0] == 90, new_mask))
        seen.append((bool(ear[1] > animal[1]), *map(float, animal)))
    expect(len(set(seen)) > 1, "nothing changes: the view is always the same")
    expect(len({row[0] for row in seen}) == 2, "in 40 views, either none or every one was mirrored")
    expect(len({row[1:] for row in seen}) > 8, "the views are mirrored, but hardly shifted")
    expect(len({row[1] for row in seen}) > 1, "the views are shifted to the sides, but not up and down")
    return "in 40 views the mask lies on the animal, mirrored and shifted with it"


def _apart(seen: np.ndarray, mask: np.ndarray) -> str:
    if np.array_equal(seen, mask[:, ::-1]):
        return "the image was mirrored and the mask was not, or the other way round"
    if seen.sum() == mask.sum():
        return "image and mask were not shifted by the same number of pixels: draw each number once, use it twice"
    return "the mask no longer covers what it covered in the image"


@check
def paired_interval(answer) -> str:
    """A function (right_a, right_b), bool (N,) -> low, high: the 95 % interval of accuracy b minus accuracy a."""
    right_a = np.arange(1000) < 880
    right_b = right_a.copy()
    right_b[:10], right_b[-40:] = False, True  # b loses 10 photos and wins 40
    low, high = numbers(called(answer, right_a, right_b), (2,), "what your function gives")
    expect(low <= high, "the two ends have changed places: the lower one first")
    middle, half = (low + high) / 2, (high - low) / 2
    expect(half > 0, "the interval has no width: the photos have to be drawn anew, with repeats")
    expect(abs(middle) < 1, f"the gain is about 3 points, 0.03, and yours lies about {middle:.3g}: use shares of 1")
    expect(middle > 0, "the sign is that of a minus b: the gain of b is wanted")
    expect(abs(middle - 0.03) < 0.006, f"the middle should be near 0.03, the gain itself, and is {middle:.3f}")
    expect(half < 0.021, f"± {half:.3f} is as wide as for two sets of photos: draw the photos once for both networks")
    expect(half > 0.0095, f"± {half:.3f} is one standard deviation or less, and holds 68 %, not 95 %")
    expect(half < 0.0165, f"± {half:.3f} is too wide: is it all of the draws, or 95 % of them?")
    same = np.asarray(called(answer, right_a, right_a.copy()), "float64")
    if not np.allclose(same, 0, atol=1e-9):
        raise NotYet("for two networks with the same answers the interval should be exactly 0 to 0")
    return "0.016 to 0.044 or close to it: on the same photos a gain of 3 points in 1,000 is clearly above zero"
