from __future__ import annotations

import numpy as np
import tensorflow as tf

from helpers.checks import maps


def heat(found, weights):
    speaks_for = np.maximum((found * weights).sum(axis=-1), 0)
    return speaks_for / speaks_for.max() if speaks_for.any() else speaks_for


def heat_of(summed, scale=lambda x: x / x.max()):
    return lambda found, weights: scale(summed(found * weights))


def stretched(x):
    return (x - x.min()) / np.ptp(x)


def energy(heatmaps, masks):
    total = heatmaps.sum(axis=(1, 2))
    return (heatmaps * masks).sum(axis=(1, 2)) / np.where(total > 0, total, 1)


def inside(heatmaps, masks):
    return (heatmaps * masks).sum(axis=(1, 2))


def nan_energy(heatmaps, masks):
    with np.errstate(invalid="ignore"):
        return inside(heatmaps, masks) / heatmaps.sum(axis=(1, 2))


def places(heatmaps, masks):
    lit = heatmaps > 0
    return (lit & masks).sum(axis=(1, 2)) / np.maximum(lit.sum(axis=(1, 2)), 1)


def score(outputs, class_index):
    if len(outputs) > 1:
        return outputs[class_index]
    return outputs[0] if class_index else -outputs[0]


def chances(outputs, class_index):
    if len(outputs) > 1:
        return tf.nn.softmax(outputs)[class_index]
    return tf.sigmoid(outputs)[0] if class_index else 1 - tf.sigmoid(outputs)[0]


def either(single, several):
    return lambda outputs, index: several(outputs, index) if len(outputs) > 1 else single(outputs, index)


RIGHT = [
    (maps.channel_weights, lambda found, gradient: gradient.mean(axis=(0, 1))),
    (maps.heatmap, heat),
    (maps.energy, energy),
    (maps.class_score, score),
]
WRONG = [
    (maps.channel_weights, "over the channels", lambda m, g: g.mean(axis=-1)),
    (maps.channel_weights, "for all channels together", lambda m, g: g.mean()),
    (maps.channel_weights, "the mean of the maps", lambda m, g: m.mean(axis=(0, 1))),
    (maps.channel_weights, "the sum over the places", lambda m, g: g.sum(axis=(0, 1))),
    (maps.channel_weights, "the largest value", lambda m, g: g.max(axis=(0, 1))),
    (maps.channel_weights, "and so twice", lambda m, g: (m * g).mean(axis=(0, 1))),
    (maps.channel_weights, "above zero here", lambda m, g: np.abs(g).mean(axis=(0, 1))),
    (maps.channel_weights, "is dropped here", lambda m, g: np.maximum(g, 0).mean(axis=(0, 1))),
    (maps.channel_weights, "not the gradient's means", lambda m, g: 2 * g.mean(axis=(0, 1))),
    (maps.heatmap, "as bright as", heat_of(lambda x: np.abs(x.sum(axis=-1)))),
    (maps.heatmap, "as bright as", heat_of(lambda x: np.abs(x.sum(axis=-1)), stretched)),
    (maps.heatmap, "not scaled yet", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0), lambda x: x)),
    (maps.heatmap, "dropped before the sum", heat_of(lambda x: np.maximum(x, 0).sum(axis=-1))),
    (maps.heatmap, "was not dropped", heat_of(lambda x: x.sum(axis=-1), stretched)),
    (maps.heatmap, "below zero", heat_of(lambda x: x.sum(axis=-1))),
    (maps.heatmap, "drawn as none", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0), stretched)),
    (maps.heatmap, "the map is NaN", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0))),
    (maps.heatmap, "not zero everywhere", lambda m, w: heat(m, w) if (m * w).max() > 0 else np.ones(m.shape[:2])),
    (maps.heatmap, "for the sums", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0), lambda x: (x / x.max()) ** 2)),
    (maps.energy, "the mean inside the mask", lambda h, m: np.array([a[b].mean() for a, b in zip(h, m)])),
    (maps.energy, "and not a share", inside),
    (maps.energy, "the sum of all maps", lambda h, m: inside(h, m) / h.sum()),
    (maps.energy, "for all maps together", lambda h, m: (h * m).sum() / h.sum()),
    (maps.energy, "outside the mask", lambda h, m: energy(h, ~m)),
    (maps.energy, "counts places", places),
    (maps.energy, "gets NaN; nothing of it", nan_energy),
    (maps.energy, "no energy to get points", lambda h, m: np.where(h.sum(axis=(1, 2)) > 0, energy(h, m), 1)),
    (maps.energy, "gets 0.50", lambda h, m: np.full(3, 0.5)),
    (maps.class_score, "for a dog that the network is sure of", chances),
    (maps.class_score, "would count against it", either(lambda out, index: -score(out, index), score)),
    (maps.class_score, "for the cat the gradient is zero", lambda out, i: score(out, i) if i else chances(out, 0)),
    (maps.class_score, "have the same explanation", either(lambda out, index: out[0], score)),
    (maps.class_score, "how sure the network is", either(lambda out, i: score(out, i) * tf.abs(out[0]), score)),
    (maps.class_score, "with three classes, where", either(score, chances)),
    (maps.class_score, "others have a say", either(score, lambda out, index: 2 * out[index] - tf.reduce_sum(out))),
]
