from __future__ import annotations

import numpy as np
import pytest

from helpers.drawn import menagerie


def test_pets_come_with_masks_and_balanced_labels():
    images, masks, labels = menagerie.pets(24, seed=0)
    assert images.shape == (24, 150, 150, 3) and images.dtype == np.uint8
    assert masks.shape == (24, 150, 150) and masks.dtype == bool
    assert np.bincount(labels).tolist() == [12, 12]
    assert (masks.mean(axis=(1, 2)) > 0.03).all() and masks.mean() < 0.6


def test_same_seed_same_bytes_at_any_size():
    first, second, other = (menagerie.pets(6, seed, size=64) for seed in (3, 3, 4))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))
    assert first[0].tobytes() != other[0].tobytes() and first[0].shape == (6, 64, 64, 3)


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
