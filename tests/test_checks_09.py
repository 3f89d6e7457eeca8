from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers.checks import nb09


def heat(activations, weights):
    speaks_for = np.maximum((activations * weights).sum(axis=-1), 0)
    return speaks_for / speaks_for.max() if speaks_for.any() else speaks_for


def heat_of(summed, scale=lambda x: x / x.max()):
    return lambda activations, weights: scale(summed(activations * weights))


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


def loop_weights(activations, gradient):
    return [float(gradient[..., channel].mean()) for channel in range(gradient.shape[-1])]


def heat_by_tensorflow(activations, weights):
    speaks_for = tf.nn.relu(tf.tensordot(tf.constant(activations, "float32"), tf.constant(weights, "float32"), 1))
    return tf.math.divide_no_nan(speaks_for, tf.reduce_max(speaks_for))


def heat_by_list(activations, weights):
    summed = [[max(float(np.dot(place, weights)), 0) for place in row] for row in activations]
    return [[value / (max(map(max, summed)) or 1) for value in row] for row in summed]


def energy_by_loop(heatmaps, masks):
    return [float(one[mask].sum() / one.sum()) if one.any() else 0 for one, mask in zip(heatmaps, masks)]


def energy_by_tensorflow(heatmaps, masks):
    heatmaps = tf.constant(heatmaps, "float32")
    inner = tf.reduce_sum(heatmaps * tf.cast(masks, "float32"), axis=[1, 2])
    return tf.math.divide_no_nan(inner, tf.reduce_sum(heatmaps, axis=[1, 2]))


def energy_with_epsilon(heatmaps, masks):
    return np.sum(heatmaps, axis=(1, 2), where=masks) / (np.sum(heatmaps, axis=(1, 2)) + 1e-8)


def several(pick):
    """A score that treats a single unit right, and several classes by ``pick``."""
    return lambda outputs, index: pick(outputs, index) if len(outputs) > 1 else score(outputs, index)


def by_one_hot(outputs, class_index):
    if outputs.shape[0] == 1:
        return tf.reduce_sum((2.0 * class_index - 1) * outputs)
    return tf.reduce_sum(tf.one_hot(class_index, len(outputs)) * outputs)


def in_two_classes(outputs, class_index):
    both = tf.concat([-outputs, outputs], axis=0) if len(outputs) == 1 else outputs
    return tf.gather(both, [class_index])


def either(single, several):
    return lambda outputs, index: several(outputs, index) if len(outputs) > 1 else single(outputs, index)


RIGHT = [
    (nb09.channel_weights, lambda activations, gradient: gradient.mean(axis=(0, 1))),
    (nb09.channel_weights, lambda activations, gradient: gradient.astype("float32").mean(axis=0).mean(axis=0)),
    (nb09.channel_weights, lambda activations, gradient: tf.reduce_mean(tf.constant(gradient, "float32"), axis=(0, 1))),
    (nb09.channel_weights, loop_weights),
    *[(nb09.heatmap, function) for function in (heat, heat_by_tensorflow, heat_by_list)],
    (nb09.heatmap, lambda activations, weights: heat(activations.astype("float32"), weights.astype("float32"))),
    *[(nb09.energy, function) for function in (energy, energy_by_loop, energy_by_tensorflow, energy_with_epsilon)],
    (nb09.energy, lambda heatmaps, masks: energy(heatmaps.astype("float32"), masks)),
    *[(nb09.class_score, function) for function in (score, by_one_hot, in_two_classes)],
    (nb09.class_score, several(tf.gather)),
    (nb09.class_score, several(keras.ops.take)),
    (nb09.class_score, several(lambda outputs, index: outputs[index : index + 1])),
    (nb09.class_score, lambda outputs, index: score(tf.cast(outputs, "float64"), index)),
]
WRONG = [
    (nb09.channel_weights, "over the channels", lambda m, g: g.mean(axis=-1)),
    (nb09.channel_weights, "for all channels together", lambda m, g: g.mean()),
    (nb09.channel_weights, "the mean of the maps", lambda m, g: m.mean(axis=(0, 1))),
    (nb09.channel_weights, "the sum over the places", lambda m, g: g.sum(axis=(0, 1))),
    (nb09.channel_weights, "the largest value", lambda m, g: g.max(axis=(0, 1))),
    (nb09.channel_weights, "and so twice", lambda m, g: (m * g).mean(axis=(0, 1))),
    (nb09.channel_weights, "above zero here", lambda m, g: np.abs(g).mean(axis=(0, 1))),
    (nb09.channel_weights, "is dropped here", lambda m, g: np.maximum(g, 0).mean(axis=(0, 1))),
    (nb09.channel_weights, "not the gradient's means", lambda m, g: 2 * g.mean(axis=(0, 1))),
    (nb09.channel_weights, "not the gradient's means", lambda m, g: g.sum(axis=(0, 1)) / 16),
    (nb09.channel_weights, "not the gradient's means", lambda m, g: -g.mean(axis=(0, 1))),
    (nb09.channel_weights, "not the gradient's means", lambda m, g: np.median(g, axis=(0, 1))),
    (nb09.channel_weights, "should have shape (4,)", lambda m, g: g),
    (nb09.channel_weights, "of shape (2, 2, 5)", lambda m, g: g.sum(axis=(0, 1)) / 15),
    (nb09.heatmap, "as bright as", heat_of(lambda x: np.abs(x.sum(axis=-1)))),
    (nb09.heatmap, "as bright as", heat_of(lambda x: np.abs(x.sum(axis=-1)), stretched)),
    (nb09.heatmap, "not scaled yet", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0), lambda x: x)),
    (nb09.heatmap, "dropped before the sum", heat_of(lambda x: np.maximum(x, 0).sum(axis=-1))),
    (nb09.heatmap, "was not dropped", heat_of(lambda x: x.sum(axis=-1), stretched)),
    (nb09.heatmap, "below zero", heat_of(lambda x: x.sum(axis=-1))),
    (nb09.heatmap, "drawn as none", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0), stretched)),
    (nb09.heatmap, "the map is NaN", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0))),
    (nb09.heatmap, "not zero everywhere", lambda m, w: heat(m, w) if (m * w).max() > 0 else np.ones(m.shape[:2])),
    (nb09.heatmap, "for the sums", heat_of(lambda x: np.maximum(x.sum(axis=-1), 0), lambda x: (x / x.max()) ** 2)),
    (nb09.heatmap, "for maps of shape (4, 6, 5)", lambda m, w: heat(m[..., :2], w[:2])),
    (nb09.heatmap, "for maps of shape (4, 6, 5)", lambda m, w: np.minimum(heat(m, w) * (1 + (m.shape[-1] > 2)), 1)),
    (nb09.heatmap, "small ones", lambda m, w: heat(m, w) if m.max() > 1 else np.maximum((m * w).sum(axis=-1), 0)),
    (nb09.heatmap, "should have shape (2, 2)", lambda m, w: m * w),
    (nb09.heatmap, "go beyond 1", lambda m, w: (255 * heat(m, w)).astype("uint8")),
    (nb09.energy, "the mean inside the mask", lambda h, m: np.array([a[b].mean() for a, b in zip(h, m)])),
    (nb09.energy, "and not a share", inside),
    (nb09.energy, "the sum of all maps", lambda h, m: inside(h, m) / h.sum()),
    (nb09.energy, "for all maps together", lambda h, m: (h * m).sum() / h.sum()),
    (nb09.energy, "outside the mask", lambda h, m: energy(h, ~m)),
    (nb09.energy, "counts places", places),
    (nb09.energy, "gets NaN; nothing of it", nan_energy),
    (nb09.energy, "no energy to get points", lambda h, m: np.where(h.sum(axis=(1, 2)) > 0, energy(h, m), 1)),
    (nb09.energy, "gets 0.50", lambda h, m: np.full(3, 0.5)),
    (
        nb09.energy,
        "for the maps of shape (5, 3, 6)",
        lambda h, m: energy(h[:3], m[:3]) if len(h) == 3 else energy(h, m)[::-1],
    ),
    (nb09.energy, "gets 3.00", lambda h, m: inside(h, m) / np.maximum(inside(h, ~m), 1e-9)),
    (nb09.energy, "one number per map", lambda h, m: (h * m).sum(axis=0) / h.sum()),
    (nb09.class_score, "for a dog that the network is sure of", chances),
    (nb09.class_score, "would count against it", either(lambda out, index: -score(out, index), score)),
    (nb09.class_score, "for the cat the gradient is zero", lambda out, i: score(out, i) if i else chances(out, 0)),
    (nb09.class_score, "have the same explanation", either(lambda out, index: out[0], score)),
    (nb09.class_score, "how sure the network is", either(lambda out, i: score(out, i) * tf.abs(out[0]), score)),
    (nb09.class_score, "with 3 classes, where the network is sure", either(score, chances)),
    (nb09.class_score, "asked for class 0, it explains class 2", several(lambda outputs, index: outputs[-1])),
    (nb09.class_score, "asked for class 1, it explains class 0", several(lambda outputs, index: outputs[0])),
    (nb09.class_score, "explains class 1", several(lambda outputs, index: tf.reduce_max(outputs))),
    (nb09.class_score, "explains class", several(lambda outputs, index: outputs[index - 1])),
    (nb09.class_score, "others have a say", several(lambda outputs, index: tf.nn.log_softmax(outputs)[index])),
    (nb09.class_score, "others have a say", several(lambda outputs, index: -outputs[index])),
    (nb09.class_score, "others have a say", several(lambda outputs, index: tf.reduce_sum(outputs))),
    (
        nb09.class_score,
        "one number, a tensor",
        lambda outputs, index: outputs[:2] if len(outputs) > 1 else score(outputs, index),
    ),
    (nb09.class_score, "one number, a tensor", lambda outputs, index: float(score(outputs, index))),
    (nb09.class_score, "does not depend", lambda outputs, index: tf.constant(1.0)),
    (
        nb09.class_score,
        "how sure the network is",
        either(lambda out, i: tf.math.softplus(out[0]) if i else -tf.nn.elu(out[0]), score),
    ),
    (nb09.class_score, "others have a say", either(score, lambda out, index: 2 * out[index] - tf.reduce_sum(out))),
]
