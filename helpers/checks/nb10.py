"""Self-checks of notebook 10: nearest neighbors, standardizing without a leak, perplexity, neighbors kept."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from helpers.checks import called, check, expect, given, pair, unlike


def _nearest(points: np.ndarray, k: int) -> np.ndarray:
    """The k nearest other points of each point, the nearest first: indices (N, k)."""
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    return distances.argsort(axis=1)[:, :k]


def _score(points: np.ndarray, labels: np.ndarray) -> float:
    return (labels[_nearest(points, 1)[:, 0]] == labels).mean()


@check
def neighbor_score(function) -> str:
    """A function (points, labels) -> the share of points whose nearest other point has their label."""
    points = np.array([[18.0, 19], [15, 2], [7, 6], [0, 17], [9, 16], [11, 12], [10, 3]])
    labels = np.array([1, 0, 1, 0, 0, 1, 0])  # every mistake below gives another number
    right, score = _score(points, labels), given(function, points, labels, name="the score")
    expect(score != 1, "every point is right, as it would be with any labels: whose label has each been compared with?")
    mistakes = {
        "these are the furthest points": (labels[cdist(points, points).argmax(axis=1)] == labels).mean(),
        "this is how many are right, and not their share": right * 7,
        "this is the share that is wrong": 1 - right,
    }
    unlike(score, mistakes)
    expect(np.isclose(score, right), f"for the check's seven points it gives {score:.2f}")
    rng = np.random.default_rng(0)
    lots = given(function, rng.normal(size=(200, 3)), rng.integers(0, 2, 200), name="the score")
    expect(0.3 < lots < 0.7, f"labels drawn by lot score {lots:.2f}")
    for classes, values in ((2, 5), (4, 3)):
        kinds = rng.integers(0, classes, 60)
        points = rng.normal(size=(60, values)) + 2 * np.eye(values)[-1 - kinds % values]
        right, score = _score(points, kinds), given(function, points, kinds, name="the score")
        name = f"for the check's 60 points with {values} values and {classes} classes"
        expect(np.isclose(score, right), f"{name} it gives {score:.2f} instead of {right:.2f}")
    twins = np.repeat(rng.normal(size=(5, 2)), 2, axis=0)
    score = given(function, twins, np.tile([0, 1], 5), name="the score")
    expect(score == 0, "two equal points are each other's nearest, at distance 0; one of them is passed over here")
    return "each point is asked about the others, and labels drawn by lot fall to chance"


@check
def standardized(function) -> str:
    """A function (train, test) -> both standardized, (N, values) each."""
    rng = np.random.default_rng(0)
    train, test = rng.normal(2, 3, (40, 3)), rng.normal(5, 1, (10, 3))
    train[:, 2], test[:, 2] = 7, 7  # never changes
    halves = pair(called(function, train, test), "both halves are expected, and in this order")
    halves = [np.asarray(half, "float64") for half in halves]
    expect([half.shape for half in halves] == [(40, 3), (10, 3)], "the halves should keep their shapes")
    first, second = halves
    near = {"rtol": 0.02, "atol": 1e-4}  # whatever float32, a small epsilon or the n - 1 of a sample makes of it

    def by(part: np.ndarray, half: np.ndarray) -> np.ndarray:
        """The features of ``half`` that change, standardized by the statistics of ``part``."""
        return ((half - part.mean(axis=0)) / part.std(axis=0))[:, :2]

    mistakes = {
        "mean and spread come from both halves: the test has had a say": by(np.concatenate([train, test]), test),
        "the test half is standardized on its own: its shift is wiped out": by(test, test),
        "the test half is as it was; a probe would not know it again": test[:, :2],
    }
    unlike(second[:, :2], mistakes, **near)
    common = (train - train.mean()) / train.std()
    unlike(first, {"all features have one mean and spread here; each has its own": common}, **near)
    expect(np.allclose(first[:, :2].mean(axis=0), 0, atol=1e-4), "the training half's means are not 0")
    expect(np.allclose(first[:, :2], by(train, train), **near), "the training half's spread is not 1")
    expect(np.allclose(second[:, :2], by(train, test), **near), "the test half has another scale")
    expect(np.isfinite(np.concatenate(halves)).all(), "a feature that never changes has become NaN: its spread is 0")
    expect(np.allclose([*first[:, 2], *second[:, 2]], 0, atol=1e-4), "a feature that never changes is not at 0")
    return "what was learnt from the training half is applied to both"


@check
def perplexity(function) -> str:
    """A function: chances that add up to 1 -> exp of their entropy."""
    alike = given(function, np.full(29, 1 / 29), name="the perplexity")
    mistakes = {
        "this is the entropy, and not its exponential": np.log(29),
        "the entropy is in natural units and the power is of 2": 2 ** np.log(29),
        "the entropy is in bits and the power is of e": np.exp(np.log2(29)),
        "the sign of the entropy is missing": 1 / 29,
    }
    unlike(alike, mistakes)
    expect(np.isclose(alike, 29, rtol=1e-3), f"29 neighbors that count alike should be 29; it gives {alike:.3g}")
    with_zeros = np.asarray(called(function, np.array([0.5, 0.5, 0.0, 0.0])), "float64")
    expect(np.isfinite(with_zeros).all(), "a chance of 0 makes it NaN, for log(0) is infinite")
    two = np.isclose(with_zeros, 2, rtol=1e-3)
    expect(two, "a chance of 0 should add nothing: two neighbors count, and it gives another number")
    uneven = given(function, np.array([0.7, 0.2, 0.1]), name="the perplexity")
    expect(np.isclose(uneven, np.exp(0.8018185525433373), rtol=1e-3), f"for chances 0.7 0.2 0.1 it gives {uneven:.3f}")
    rng = np.random.default_rng(0)
    for count in (6, 40):
        p = rng.dirichlet(np.ones(count))
        value = given(function, p, name="the perplexity")
        right = np.exp(-(p * np.log(p)).sum())
        expect(np.isclose(value, right, rtol=1e-3), f"for other chances, {count} of them, it gives {value:.3g}")
    return "29 neighbors that count alike give 29: with 30 points no perplexity is larger than that"


def _kept(features: np.ndarray, picture: np.ndarray, k: int) -> float:
    neighbors = zip(_nearest(features, k), _nearest(picture, k))
    return float(np.mean([len(np.intersect1d(*both)) / k for both in neighbors]))


@check
def kept_neighbors(function) -> str:
    """A function (features, picture, k) -> the mean share of k nearest neighbors that both have in common."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    turned = 3 * points @ np.array([[0.6, -0.8], [0.8, 0.6]])
    score = given(function, points, turned, 5, name="the score")
    expect(score < 1.01, f"a turned and enlarged picture scores {score:.2f}: a share is 1 at most")
    expect(score > 0.99, f"a turned and enlarged picture scores {score:.2f}; all its neighbors are the same")
    shuffled = points[rng.permutation(60)]
    chance = given(function, points, shuffled, 5, name="the score")
    right = _kept(points, shuffled, 5)
    itself = (1 + 4 * right) / 5
    expect(chance < 0.3 or abs(chance - itself) < 0.1, f"a shuffled picture scores {chance:.2f}")
    torn = points + 20 * (points[:, :1] > 0)
    score = given(function, points, torn, 5, name="the score")
    far = np.corrcoef(*(cdist(each, each).ravel() for each in (points, torn)))[0, 1]
    expect(not np.isclose(score, far, atol=0.02), "moving two halves apart costs it dearly, and few neighbors change")
    expect(chance < right + 0.05, "every point is among its own nearest, in both: that neighbor is always kept")
    expect(np.isclose(score, _kept(points, torn, 5), atol=0.01), f"two halves moved apart score {score:.2f}")
    expect(np.isclose(chance, right, atol=0.01), f"a shuffled picture scores {chance:.2f} instead of {right:.2f}")
    more = np.isclose(given(function, points, torn, 20, name="the score"), _kept(points, torn, 20), atol=0.01)
    expect(more, "it does not ask for k neighbors, but always for as many")
    features = rng.normal(size=(50, 8))
    score = given(function, features, features[:, [2, 5]], 7, name="the score")
    right = _kept(features, features[:, [2, 5]], 7)
    name = "for features of 8 values, laid out in the plane,"
    expect(np.isclose(score, right, atol=0.01), f"{name} it gives {score:.2f} instead of {right:.2f}")
    return "turned pictures keep their neighbors, shuffled ones do not, and far distances have no say"
