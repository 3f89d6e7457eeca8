from __future__ import annotations

import numpy as np

from helpers.checks import clouds
from helpers.checks.clouds import _kept


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


RIGHT = [
    (clouds.neighbor_score, nearest),
    (clouds.standardized, standardized),
    (clouds.standardized, lambda train, test: list(standardized(train, test))),
    (clouds.perplexity, perplexity),
    (clouds.perplexity, lambda p: perplexity(p, np.log2, np.exp2)),
    (clouds.kept_neighbors, _kept),
]
WRONG = [
    (clouds.neighbor_score, "every point is right", lambda p, own: (own[apart(p).argmin(axis=1)] == own).mean()),
    (clouds.neighbor_score, "the furthest", lambda p, own: (own[apart(p).argmax(axis=1)] == own).mean()),
    (clouds.neighbor_score, "and not their share", lambda p, own: nearest(p, own) * len(own)),
    (clouds.neighbor_score, "that is wrong", lambda p, own: 1 - nearest(p, own)),
    (clouds.neighbor_score, "one of them is passed over", no_zeros),
    (clouds.neighbor_score, "it gives 0.10", lambda p, own: 0.1),
    (clouds.neighbor_score, "single number", lambda p, own: own[others(p).argmin(axis=1)] == own),
    (clouds.standardized, "the test has had a say", from_both),
    (clouds.standardized, "its shift is wiped out", lambda *halves: standardized(*halves, own=True)),
    (clouds.standardized, "has become NaN", lambda *halves: standardized(*halves, guard=False)),
    (clouds.standardized, "all features have one mean", lambda *halves: standardized(*halves, axis=None)),
    (clouds.standardized, "the test half is as it was", lambda train, test: (standardized(train, test)[0], test)),
    (clouds.standardized, "both halves are expected", lambda train, test: standardized(train, test)[0]),
    (clouds.standardized, "keep their shapes", lambda train, test: standardized(train, test)[::-1]),
    (clouds.standardized, "means are not 0", lambda *halves: [half + 1 for half in standardized(*halves)]),
    (clouds.standardized, "spread is not 1", lambda *halves: [half / 2 for half in standardized(*halves)]),
    (clouds.perplexity, "and not its exponential", lambda p: perplexity(p, power=lambda x: x)),
    (clouds.perplexity, "the power is of 2", lambda p: perplexity(p, power=np.exp2)),
    (clouds.perplexity, "the power is of e", lambda p: perplexity(p, log=np.log2)),
    (clouds.perplexity, "the sign", lambda p: perplexity(p, sign=1)),
    (clouds.perplexity, "a chance of 0 makes it NaN", unguarded),
    (clouds.perplexity, "should add nothing", lambda p: len(p)),
    (clouds.perplexity, "for chances 0.7 0.2 0.1", lambda p: (p > 0).sum()),
    (clouds.perplexity, "it gives 30", lambda p: 30),
    (clouds.kept_neighbors, "costs it dearly", correlated),
    (clouds.kept_neighbors, "is always kept", with_itself),
    (clouds.kept_neighbors, "is 1 at most", lambda f, p, k: k * _kept(f, p, k)),
    (clouds.kept_neighbors, "all its neighbors are the same", lambda f, p, k: 0.5),
    (clouds.kept_neighbors, "a shuffled picture scores 1.00", lambda f, p, k: 1.0),
    (clouds.kept_neighbors, "always for as many", lambda f, p, k: _kept(f, p, 5)),
]
