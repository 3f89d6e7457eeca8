"""Self-checks of notebook 04: allowed changes, validation data left alone, a photo with its mask, a paired interval."""

from __future__ import annotations

import math

import numpy as np

from helpers import profile
from helpers.augmentation import RandomAffine
from helpers.checks import called, check, expect, given, pair

VIEWS = {  # what is true of each change, and what a reader who got it wrong may not have thought of
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
    missing = [" / ".join(key) for key in VIEWS if answer.get(key) is None]
    expect(not missing, f"{len(missing)} of {len(VIEWS)} are still None: {'; '.join(missing[:2])}")
    for key, (right, sentence) in VIEWS.items():
        expect(answer[key] in (True, False), f"{' / '.join(key)} should be True or False")
        expect(bool(answer[key]) == right, f"{' / '.join(key)}: {sentence}")
    return "a view has to keep its label, and to look like a photo that could come"


@check
def with_views(answer) -> str:
    """A function (train, validation, layer) -> both tf.data, the first with new views in each pass."""
    tf = profile.quiet_tensorflow()
    rng = np.random.default_rng(0)
    labels = np.arange(8)
    images = (20 * labels + rng.uniform(0, 20, (6, 6, 3, 8))).transpose(3, 0, 1, 2).astype("float32")

    class Marked(RandomAffine):
        """Its views are 1,000 brighter, so that one knows them from those that another layer makes."""

        def call(self, images, training: bool = False):
            return super().call(images, training=training) + (1000 if training else 0)

    data = [tf.data.Dataset.from_tensor_slices((images, labels)).batch(4) for _ in range(2)]
    train, validation = pair(
        called(answer, *data, Marked(shift=0.3, seed=0)), "give both datasets: return train, validation"
    )

    def read(part, name):
        """Images and labels by label: shuffling is allowed."""
        pairs = list(part.as_numpy_iterator())
        expect(pairs and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs), "the labels got lost")
        pictures, numbers = (np.concatenate(parts) for parts in zip(*pairs))
        expect(len(pictures) == len(images), f"there were 8 {name} photos, and {len(pictures)} came out")
        order = np.argsort(numbers)
        apart = np.abs(pictures[order] % 1000 - 10 - 20 * labels[:, None, None, None]).max()
        fits = np.array_equal(numbers[order], labels) and apart < 11
        expect(fits or pictures.max() > 1180, f"the labels of the {name} photos have changed")
        return pictures[order]

    first, again = read(train, "training"), read(train, "training")
    kept = np.array_equal(read(validation, "validation"), images)
    expect(kept, "the validation photos are changed, so every score would be of other photos")
    changed = not np.array_equal(first, images)
    expect(changed, "the training photos come as they are: outside of fit, a layer has to be told training=True")
    once = 1000 <= first.min() and first.max() < 1180
    expect(once, "the views of the training photos are not made by the layer that is handed in, once")
    expect(not np.array_equal(first, again), "the second pass brings the same views as the first: they were kept")
    return "new views in each pass of the training photos, and the validation photos as they are"


@check
def together(answer) -> str:
    """A function (image, mask, rng) -> both, mirrored and shifted alike, by 8 pixels at most."""
    rng = np.random.default_rng(0)
    image = np.zeros((96, 96, 3), "uint8")
    image[36:60, 30:62] = 200  # the animal, not quite in the middle
    image[36:42, 30:36] = 90  # its left ear
    whole = image[..., 0] > 0
    seen = []
    for _ in range(200):
        view = pair(called(answer, image, whole, rng), "give both: return image, mask")
        new_image, new_mask = map(np.asarray, view)
        kept = new_image.shape == image.shape and new_mask.shape == whole.shape
        expect(kept, "image and mask should keep their shapes")
        expect(new_mask.dtype == bool, f"the mask has become {new_mask.dtype}: it should stay True or False")
        expect(np.array_equal(new_image[..., 0] > 0, new_mask), _apart(new_image[..., 0] > 0, new_mask))
        seen.append(_moves(image, new_image))
    expect(None not in seen, "nothing but mirrored and shifted is wanted: is it turned, recolored, or upside down?")
    expect(len(set(seen)) > 1, "nothing changes: the view is always the same")
    mirrored, down, across = np.array(seen).T
    share = mirrored.mean()
    expect(0 < share < 1, "in 200 views, either none or every one was mirrored")
    expect(0.3 < share < 0.7, f"{100 * share:.0f} % of the views are mirrored, and it should be half of the views")
    for shifts, name in ((down, "up or down"), (across, "to the sides")):
        farthest = np.abs(shifts).max()
        expect(farthest > 0 or (down == across).all(), f"the views are never shifted {name}")
        expect(farthest <= 8, f"a view is shifted {name} by {farthest} pixels, and 8 is the most")
        expect(farthest > 4, "the views are mirrored, but hardly shifted")
        expect(shifts.min() < 0 < shifts.max(), f"the views are shifted {name} one way only")
    expect((down != across).any(), "each view is shifted down and to the side by the same number: draw two")
    return "in 200 views the mask lies on the animal, mirrored and shifted with it"


def _moves(image: np.ndarray, view: np.ndarray) -> tuple[bool, int, int] | None:
    """Whether a view is mirrored, and how far it is shifted down and to the right; None if it is anything else."""
    for mirrored, start in ((False, image), (True, image[:, ::-1])):
        first, now = (np.argwhere(picture[..., 0] > 0).min(axis=0) for picture in (start, view))
        moves = now - first
        if np.array_equal(np.roll(start, moves, axis=(0, 1)), view):
            return mirrored, *map(int, moves)
    return None


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
    # The interval; its standard deviation; and that, if the photos were not the same.
    intervals, by_chance, as_two_sets = [], [], []
    for lost, won in ((10, 40), (25, 25), (60, 90), (30, 5), (15, 70)):
        right_b = right_a.copy()
        right_b[:lost], right_b[-won:] = False, True  # b loses some photos and wins others
        intervals.append(given(answer, right_a, right_b, shape=(2,)))
        difference = right_b.astype(int) - right_a
        by_chance.append(difference.std() / 1000**0.5)
        as_two_sets.append(((right_a.var() + right_b.var()) / 1000) ** 0.5)
    low, high = intervals[0]
    expect(low <= high, "the two ends have changed places: the lower one first")
    middle, half = (low + high) / 2, (high - low) / 2
    expect(half > 0, "the interval has no width: the photos have to be drawn anew, with repeats")
    expect(abs(middle) < 1, f"the gain is about 3 points, 0.03, and yours lies about {middle:.3g}: use shares of 1")
    expect(abs(middle + 0.03) > 0.006, "the sign is that of a minus b: the gain of b is wanted")
    expect(abs(middle - 0.03) < 0.003, f"the middle should be near 0.03, the gain itself, and is {middle:.3f}")
    halves = np.diff(intervals)[:, 0] / 2
    expect(np.ptp(intervals, axis=0).all(), "the interval is the same whatever the answers are: use the arguments")
    two_sets = np.allclose(halves, 1.96 * np.array(as_two_sets), rtol=0.12)
    expect(not two_sets, f"± {half:.3f} is as wide as for two sets of photos: draw the photos once for both networks")
    reach = (halves / by_chance).mean()  # in standard deviations: 1.96 for 95 %, 1.64 for 90 %, 2.33 for 98 %
    share = math.erf(reach / 2**0.5)
    expect(1.8 < reach < 2.14, f"± {half:.3f} holds about {100 * share:.0f} % of the draws, and not the middle 95 %")
    return "0.016 to 0.044 or close to it: on the same photos a gain of 3 points in 1,000 is clearly above zero"
