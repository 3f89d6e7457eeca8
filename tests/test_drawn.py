from __future__ import annotations

import numpy as np
import pytest

from helpers import drawn


def test_garments_have_the_form_of_fashion_mnist():
    images, labels = drawn.garments(200, seed=0)
    assert images.shape == (200, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (200,) and labels.dtype == np.uint8
    assert (np.bincount(labels) == 20).all() and len(drawn.GARMENT_NAMES) == 10
    assert (images.max(axis=(1, 2)) > 50).all(), "an empty picture"
    assert np.median(images[:, 0, 0]) == 0, "the ground is black"


def test_a_seed_gives_the_same_garments_and_no_two_are_alike():
    images, again, other = (drawn.garments(500, seed)[0] for seed in (1, 1, 4))
    assert images.tobytes() == again.tobytes() != other.tobytes()
    assert len({image.tobytes() for image in images}) == 500


def test_garments_are_neither_trivial_nor_noise():
    """A linear model on raw pixels gets most garments and far from all (a convnet's scores: results/)."""
    from sklearn.linear_model import LogisticRegression

    images, labels = drawn.garments(2500, seed=2)
    pixels = images.reshape(len(images), -1) / 255
    model = LogisticRegression(max_iter=1000).fit(pixels[:1500], labels[:1500])
    assert 0.7 < model.score(pixels[1500:], labels[1500:]) < 0.9


@pytest.mark.parametrize("class_name", ["Shirt", "Coat"])
def test_some_garments_of_a_class_lack_its_mark(class_name):
    """Shirts and coats overlap with pullovers: a nearest-mean model must confuse them."""
    images, labels = drawn.garments(3000, seed=5)
    pixels = images.reshape(len(images), -1).astype(float)
    means = np.stack([pixels[:2000][labels[:2000] == label].mean(0) for label in range(10)])
    nearest = ((pixels[2000:, None] - means) ** 2).sum(-1).argmin(1)
    wanted = labels[2000:] == drawn.GARMENT_NAMES.index(class_name)
    assert (nearest[wanted] == drawn.GARMENT_NAMES.index(class_name)).mean() < 0.9
