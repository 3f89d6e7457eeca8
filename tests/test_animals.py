from __future__ import annotations

import hashlib
import platform

import cv2
import numpy as np
import pytest

from helpers import drawn
from helpers.drawn import menagerie
from helpers.profile import ROOT


def test_pets_come_with_masks_and_balanced_labels():
    images, masks, labels = menagerie.pets(24, seed=0)
    assert images.shape == (24, 150, 150, 3) and images.dtype == np.uint8
    assert masks.shape == (24, 150, 150) and masks.dtype == bool
    assert np.bincount(labels).tolist() == [12, 12]
    assert (masks.mean(axis=(1, 2)) > 0.03).all() and masks.mean() < 0.6


def test_an_animal_depends_on_seed_and_number_and_not_on_what_else_is_drawn():
    images, _, labels = menagerie.pets(8, seed=9, size=64)
    kind = menagerie.PETS[labels[5]]
    animal, *others = (menagerie.animal(kind, *which, size=64)[0] for which in ((9, 5), (10, 5), (9, 6)))
    assert np.array_equal(animal, images[5]) and not any(np.array_equal(animal, other) for other in others)


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="others may round otherwise")
def test_other_drawings_have_another_version():
    """Pets drawn earlier stay in the cache under their version."""
    images = [menagerie.animal(menagerie.PETS[n % 2], 0, n)[0] for n in range(8)]
    digest = hashlib.sha256(np.stack(images).tobytes()).hexdigest()[:12]
    assert {1: "6952e48c306f"}[drawn.VERSION] == digest, "pets have changed: count VERSION up, store the digest"


def test_what_is_drawn_differs_from_its_backdrop_where_the_mask_says():
    """The same picture without its animal: pixels change inside the mask, and hardly outside."""
    rng = np.random.default_rng(5)
    picture = menagerie._Picture(rng, photo=0)
    before = picture.rgb.astype(int)
    menagerie._draw_animal(picture, menagerie._individual("cat", rng), rng)
    changed = np.abs(picture.rgb - before).max(axis=2) > 8
    mask = picture.mask > 127
    assert changed[mask].mean() > 0.9 and changed[~mask].mean() < 0.06, "whiskers are drawn and not in the mask"


@pytest.mark.parametrize("kind", menagerie.OTHER_ANIMALS)
def test_every_other_animal_can_be_drawn(kind):
    images, masks, _ = menagerie.animals([kind], 3, seed=1)
    assert masks.any(axis=(1, 2)).all() and len({image.tobytes() for image in images}) == 3


def test_unknown_animal_names_the_known():
    with pytest.raises(ValueError, match="no animal unicorn; there are cat, dog, rabbit"):
        menagerie.animals(["cat", "unicorn"], 2, seed=0)


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray]:
    images, _, labels = menagerie.pets(1500, seed=77, size=32)
    return images, labels


@pytest.mark.parametrize("features", ["pixels", "color histogram", "brightness and edges"])
def test_no_pixel_statistic_separates_cats_from_dogs(many, features):
    """Linear models on what needs no shape stay near guessing; a convnet's scores are in results/."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images, labels = many
    if features == "pixels":
        values = np.stack([cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).ravel() for image in images])
    elif features == "color histogram":
        bins = [np.histogram(image[..., c], 16, (0, 256))[0] for image in images for c in range(3)]
        values = np.reshape(bins, (len(images), -1))
    else:
        gray = images.mean(axis=3)
        down, across = np.gradient(gray, axis=(1, 2))
        values = np.stack([s.std(axis=(1, 2)) for s in (gray, down, across)] + [gray.mean(axis=(1, 2))], axis=1)
    best = 0.0
    for strength in (0.001, 0.01, 0.1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        best = max(best, model.fit(values[:1000], labels[:1000]).score(values[1000:], labels[1000:]))
    assert best < 0.65, best


def test_the_contact_sheet_in_the_readme_shows_what_is_drawn_today():
    from tools.contact_sheet import contact_sheet

    stored = cv2.imread(str(ROOT / "docs" / "pets.jpg"))[..., ::-1].astype(int)
    drawn = contact_sheet()
    assert stored.shape == drawn.shape and np.abs(stored - drawn).mean() < 12, "run `python -m tools.contact_sheet`"
