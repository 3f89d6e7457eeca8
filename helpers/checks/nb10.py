"""Self-checks of notebook 10: nearest neighbors, standardizing without a leak, perplexity, neighbors kept."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from helpers.checks import called, check, expect, numbers


@check
def neighbor_score(function) -> str:
    """A function (points, labels) -> the share of points whose nearest other point has their label."""
    points = np.array([[18.0, 19], [15, 2], [7, 6], [0, 17], [9, 16], [11, 12], [10, 3]])
    labels = np.array([1, 0, 1, 0, 0, 1, 0])  # every mistake below gives another number
    distances = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)
    to_others = distances + np.diag(np.full(7, np.inf))
    right = (labels[to_others.argmin(axis=1)] == labels).mean()
    found = numbers(called(function, points, labels), (), "the score")
    expect(found != 1, "every point is right, as it would be with any labels: whose label has each been compared with?")
    expect(not np.isclose(found, (labels[distances.argmax(axis=1)] == labels).mean()), "these are the furthest points")
    expect(not np.isclose(found, right * 7), "this is how many are right, and not their share")
    expect(not np.isclose(found, 1 - right), "this is the share that is wrong")
    expect(np.isclose(found, right), f"for the check's seven points it gives {found:.2f}")
    rng = np.random.default_rng(0)
    lots = numbers(called(function, rng.normal(size=(200, 3)), rng.integers(0, 2, 200)), (), "the score")
    expect(0.3 < lots < 0.7, f"labels drawn by lot score {lots:.2f}")
    for classes, values in ((2, 5), (4, 3)):
        kinds = rng.integers(0, classes, 60)
        points = rng.normal(size=(60, values)) + 2 * np.eye(values)[-1 - kinds % values]
        found = numbers(called(function, points, kinds), (), "the score")
        to_others = cdist(points, points) + np.diag(np.full(60, np.inf))
        right = (kinds[to_others.argmin(axis=1)] == kinds).mean()
        name = f"for the check's 60 points with {values} values and {classes} classes"
        expect(np.isclose(found, right), f"{name} it gives {found:.2f} in place of {right:.2f}")
    twins = np.repeat(rng.normal(size=(5, 2)), 2, axis=0)
    found = numbers(called(function, twins, np.tile([0, 1], 5)), (), "the score")
    expect(found == 0, "two equal points are each other's nearest, at distance 0; one of them is passed over here")
    return "each point is asked about the others, and labels drawn by lot fall to chance"


@check
def standardized(function) -> str:
    """A function (train, test) -> both standardized, (N, values) each."""
    rng = np.random.default_rng(0)
    train, test = rng.normal(2, 3, (40, 3)), rng.normal(5, 1, (10, 3))
    train[:, 2], test[:, 2] = 7, 7  # never changes
    found = called(function, train, test)
    expect(isinstance(found, tuple | list) and len(found) == 2, "both halves are expected, and in this order")
    halves = [np.asarray(half, "float64") for half in found]
    expect([half.shape for half in halves] == [(40, 3), (10, 3)], "the halves should keep their shapes")
    first, second = halves
    both = np.concatenate([train, test])
    mean, spread = train[:, :2].mean(axis=0), train[:, :2].std(axis=0)

    def near(found, wanted):  # whatever float32, a small epsilon or the n - 1 of a sample makes of it
        return np.allclose(found, wanted, rtol=0.02, atol=1e-4)

    leak = (test[:, :2] - both[:, :2].mean(axis=0)) / both[:, :2].std(axis=0)
    expect(not near(second[:, :2], leak), "mean and spread come from both halves: the test has had a say")
    alone = (test[:, :2] - test[:, :2].mean(axis=0)) / test[:, :2].std(axis=0)
    expect(not near(second[:, :2], alone), "the test half is standardized on its own: its shift is wiped out")
    expect(not near(second[:, :2], test[:, :2]), "the test half is as it was; a probe would not know it again")
    whole = (train - train.mean()) / train.std()
    expect(not near(first, whole), "all features have one mean and spread here; each has its own")
    expect(np.allclose(first[:, :2].mean(axis=0), 0, atol=1e-4), "the training half's means are not 0")
    expect(near(first[:, :2], (train[:, :2] - mean) / spread), "the training half's spread is not 1")
    expect(near(second[:, :2], (test[:, :2] - mean) / spread), "the test half has another scale")
    expect(np.isfinite(np.concatenate(halves)).all(), "a feature that never changes has become NaN: its spread is 0")
    expect(np.allclose([*first[:, 2], *second[:, 2]], 0, atol=1e-4), "a feature that never changes is not at 0")
    return "what was learnt from the training half is applied to both"


@check
def perplexity(function) -> str:
    """A function: chances that add up to 1 -> exp of their entropy."""
    alike = numbers(called(function, np.full(29, 1 / 29)), (), "the perplexity")
    expect(not np.isclose(alike, np.log(29)), "this is the entropy, and not its exponential")
    expect(not np.isclose(alike, 2 ** np.log(29)), "the entropy is in natural units and the power is of 2")
    expect(not np.isclose(alike, np.exp(np.log2(29))), "the entropy is in bits and the power is of e")
    expect(not np.isclose(alike, 1 / 29), "the sign of the entropy is missing")
    expect(np.isclose(alike, 29, rtol=1e-3), f"29 neighbors that count alike should be 29; it gives {alike:.3g}")
    with_zeros = np.asarray(called(function, np.array([0.5, 0.5, 0.0, 0.0])), "float64")
    expect(np.isfinite(with_zeros).all(), "a chance of 0 makes it NaN, for log(0) is infinite")
    expect(
        np.isclose(with_zeros, 2, rtol=1e-3),
        "a chance of 0 should add nothing: two neighbors count, and it gives another number",
    )
    uneven = numbers(called(function, np.array([0.7, 0.2, 0.1])), (), "the perplexity")
    expect(np.isclose(uneven, np.exp(0.8018185525433373), rtol=1e-3), f"for chances 0.7 0.2 0.1 it gives {uneven:.3f}")
    rng = np.random.default_rng(0)
    for count in (6, 40):
        p = rng.dirichlet(np.ones(count))
        found = numbers(called(function, p), (), "the perplexity")
        right = np.exp(-(p * np.log(p)).sum())
        expect(np.isclose(found, right, rtol=1e-3), f"for other chances, {count} of them, it gives {found:.3g}")
    return "29 others count at most 29: of 30 points no perplexity of 30 can be had"


def _kept(features: np.ndarray, picture: np.ndarray, k: int) -> float:
    nearest = []
    for points in (features, picture):
        distances = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)
        np.fill_diagonal(distances, np.inf)
        nearest.append(distances.argsort(axis=1)[:, :k])
    return float(np.mean([len(np.intersect1d(*pair)) / k for pair in zip(*nearest)]))


@check
def kept_neighbors(function) -> str:
    """A function (features, picture, k) -> the mean share of k nearest neighbors that both have in common."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    turned = 3 * points @ np.array([[0.6, -0.8], [0.8, 0.6]])
    found = numbers(called(function, points, turned, 5), (), "the score")
    expect(found < 1.01, f"a turned and enlarged picture scores {found:.2f}: a share is 1 at most")
    expect(found > 0.99, f"a turned and enlarged picture scores {found:.2f}; all its neighbors are the same")
    shuffled = points[rng.permutation(60)]
    chance = numbers(called(function, points, shuffled, 5), (), "the score")
    right = _kept(points, shuffled, 5)
    itself = (1 + 4 * right) / 5
    expect(chance < 0.3 or abs(chance - itself) < 0.1, f"a shuffled picture scores {chance:.2f}")
    torn = points + 20 * (points[:, :1] > 0)
    found = numbers(called(function, points, torn, 5), (), "the score")
    far = np.corrcoef(*(np.linalg.norm(x[:, np.newaxis] - x, axis=-1).ravel() for x in (points, torn)))[0, 1]
    expect(not np.isclose(found, far, atol=0.02), "moving two halves apart costs it dearly, and few neighbors change")
    expect(chance < right + 0.05, "every point is among its own nearest, in both: that neighbor is always kept")
    expect(np.isclose(found, _kept(points, torn, 5), atol=0.01), f"two halves moved apart score {found:.2f}")
    expect(np.isclose(chance, right, atol=0.01), f"a shuffled picture scores {chance:.2f} in place of {right:.2f}")
    more = numbers(called(function, points, torn, 20), (), "the score")
    expect(
        np.isclose(more, _kept(points, torn, 20), atol=0.01), "it does not ask for k neighbors, but always for as many"
    )
    features = rng.normal(size=(50, 8))
    found = numbers(called(function, features, features[:, [2, 5]], 7), (), "the score")
    right = _kept(features, features[:, [2, 5]], 7)
    name = "for features of 8 values, laid out in the plane,"
    expect(np.isclose(found, right, atol=0.01), f"{name} it gives {found:.2f} in place of {right:.2f}")
    return "turned pictures keep their neighbors, shuffled ones do not, and far distances have no say"
