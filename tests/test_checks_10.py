from __future__ import annotations

import keras
import numpy as np
import scipy.stats
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from helpers.checks import nb10


def apart(points):
    return np.linalg.norm(points[:, np.newaxis] - points, axis=-1)


def others(points):
    return apart(points) + np.diag(np.full(len(points), np.inf))


def nearest(points, labels):
    return (labels[others(points).argmin(axis=1)] == labels).mean()


def no_zeros(points, labels):
    distances = apart(points)
    distances[distances == 0] = np.inf
    return (labels[distances.argmin(axis=1)] == labels).mean()


def standardized(train, test, by=None, own=False, guard=True, axis=0):
    by = train if by is None else by

    def scaled(half, by):
        spread = by.std(axis=axis)
        with np.errstate(invalid="ignore"):
            return (half - by.mean(axis=axis)) / (np.where(spread > 0, spread, 1) if guard else spread)

    return scaled(train, by), scaled(test, test if own else by)


def from_both(train, test):
    return standardized(train, test, by=np.concatenate([train, test]))


def perplexity(p, log=np.log, power=np.exp, sign=-1):
    p = p[p > 0]
    return power(sign * (p * log(p)).sum())


def unguarded(p):
    with np.errstate(all="ignore"):
        return np.exp(-(p * np.log(p)).sum())


def with_itself(features, picture, k):
    first, second = (apart(points).argsort(axis=1)[:, :k] for points in (features, picture))
    return np.mean([len(np.intersect1d(*pair)) / k for pair in zip(first, second)])


def correlated(features, picture, k):
    return np.corrcoef(apart(features).ravel(), apart(picture).ravel())[0, 1]


def of_three(points, labels):
    votes = labels[others(points).argsort(axis=1)[:, :3]]
    return np.mean([np.bincount(vote).argmax() == label for vote, label in zip(votes, labels)])


def by_keras(train, test):
    layer = keras.layers.Normalization()
    layer.adapt(train)
    return layer(train), layer(test)


def of_a_sample(train, test):
    mean, spread = train.mean(axis=0), train.std(axis=0, ddof=1) + 1e-8
    return (train - mean) / spread, (test - mean) / spread


def kept(features, picture, k):
    def near(points):
        return [set(row) for row in NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)]

    return sum(len(a & b) for a, b in zip(near(features), near(picture))) / k / len(features)


def jaccard(features, picture, k):
    first, second = (others(points).argsort(axis=1)[:, :k] for points in (features, picture))
    return np.mean([len(np.intersect1d(a, b)) / len(np.union1d(a, b)) for a, b in zip(first, second)])


RIGHT = [
    (nb10.neighbor_score, lambda points, labels: nearest(points.astype("float32"), labels)),
    (nb10.standardized, standardized),
    (nb10.standardized, by_keras),
    (nb10.standardized, lambda *halves: of_a_sample(*(half.astype("float32") for half in halves))),
    (nb10.perplexity, lambda p: perplexity(p, np.log2, np.exp2)),
    (nb10.perplexity, lambda p: np.exp(scipy.stats.entropy(p))),
    (nb10.perplexity, lambda p: np.exp(-np.sum(p * np.log(p + 1e-12)))),
    (nb10.perplexity, lambda p: tf.exp(-tf.reduce_sum(tf.math.xlogy(tf.cast(p, "float32"), tf.cast(p, "float32"))))),
    (nb10.kept_neighbors, kept),
]
WRONG = [
    (nb10.neighbor_score, "every point is right", lambda p, own: (own[apart(p).argmin(axis=1)] == own).mean()),
    (nb10.neighbor_score, "the furthest", lambda p, own: (own[apart(p).argmax(axis=1)] == own).mean()),
    (nb10.neighbor_score, "and not their share", lambda p, own: nearest(p, own) * len(own)),
    (nb10.neighbor_score, "that is wrong", lambda p, own: 1 - nearest(p, own)),
    (nb10.neighbor_score, "one of them is passed over", no_zeros),
    (nb10.neighbor_score, "it gives 0.10", lambda p, own: 0.1),
    (nb10.neighbor_score, "single number", lambda p, own: own[others(p).argmin(axis=1)] == own),
    (nb10.neighbor_score, "for the check's", of_three),
    (nb10.neighbor_score, "points with 5 values", lambda p, own: nearest(p[:, :2], own)),
    (nb10.neighbor_score, "60 points with 3 values and 4 classes", lambda p, own: nearest(p, own > 0)),
    (nb10.standardized, "spread is not 1", lambda train, test: [half - train.mean(axis=0) for half in (train, test)]),
    (nb10.standardized, "is not at 0", lambda *both: [np.where(half == 0, 1, half) for half in standardized(*both)]),
    (nb10.standardized, "the test has had a say", from_both),
    (nb10.standardized, "its shift is wiped out", lambda *halves: standardized(*halves, own=True)),
    (nb10.standardized, "has become NaN", lambda *halves: standardized(*halves, guard=False)),
    (nb10.standardized, "all features have one mean", lambda *halves: standardized(*halves, axis=None)),
    (nb10.standardized, "the test half is as it was", lambda train, test: (standardized(train, test)[0], test)),
    (nb10.standardized, "both halves are expected", lambda train, test: standardized(train, test)[0]),
    (nb10.standardized, "keep their shapes", lambda train, test: standardized(train, test)[::-1]),
    (nb10.standardized, "means are not 0", lambda *halves: [half + 1 for half in standardized(*halves)]),
    (nb10.perplexity, "and not its exponential", lambda p: perplexity(p, power=lambda x: x)),
    (nb10.perplexity, "the power is of 2", lambda p: perplexity(p, power=np.exp2)),
    (nb10.perplexity, "the power is of e", lambda p: perplexity(p, log=np.log2)),
    (nb10.perplexity, "the sign", lambda p: perplexity(p, sign=1)),
    (nb10.perplexity, "a chance of 0 makes it NaN", unguarded),
    (nb10.perplexity, "should add nothing", lambda p: len(p)),
    (nb10.perplexity, "for chances 0.7 0.2 0.1", lambda p: 1 / (p**2).sum()),
    (nb10.perplexity, "for other chances", lambda p: perplexity(p[:4]) if len(p) < 29 else 29),
    (nb10.perplexity, "it gives 30", lambda p: 30),
    (nb10.kept_neighbors, "costs it dearly", correlated),
    (nb10.kept_neighbors, "is always kept", with_itself),
    (nb10.kept_neighbors, "is 1 at most", lambda f, p, k: k * kept(f, p, k)),
    (nb10.kept_neighbors, "all its neighbors are the same", lambda f, p, k: 0.5),
    (nb10.kept_neighbors, "a shuffled picture scores 1.00", lambda f, p, k: 1.0),
    (nb10.kept_neighbors, "always for as many", lambda f, p, k: kept(f, p, 5)),
    (nb10.kept_neighbors, "two halves moved apart score", jaccard),
    (nb10.kept_neighbors, "features of 8 values", lambda f, p, k: kept(f[:, :2], p, k)),
]
