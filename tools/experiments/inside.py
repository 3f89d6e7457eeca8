"""Inside trained networks: what notebooks 07 and 08 look at, in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier

from helpers import activations, bases, data, filters, models, recipes
from tools.experiments import Metrics, experiment
from tools.experiments.digits import scaled


@experiment
def inside_digits(seed: int) -> Metrics:
    """The 24-48-64 network trained on 42,000 MNIST digits (20 epochs, adam, batches of 256), looked into with 1,000
    test images: share of zeros and of silent channels in each convolution; what a linear decoder, fitted on 2,000 other
    digits, finds in each layer: share of the pixels' variance explained, share of classes right. The same decoder on
    the untrained network."""
    digits = data.mnist()
    recipe = recipes.recipe("functional_convnet")
    model, untrained = recipe.model(), models.functional_convnet()
    recipe.fit(model, scaled(digits.x_train[: recipe.images]), digits.y_train[: recipe.images])
    known, new = scaled(digits.x_train[-2000:]), scaled(digits.x_test[:1000])
    pixels, truth = known.reshape(2000, -1), new.reshape(1000, -1)
    targets = np.hstack([pixels, np.eye(10)[digits.y_train[-2000:]]])
    spread = ((truth - pixels.mean(axis=0)) ** 2).sum()
    places, found = [*range(1, 7), "hidden"], silence(model, new, [f"conv{number}" for number in (1, 2, 3)])
    for kind, network in (("", model), ("untrained_", untrained)):
        seen, unseen = (activations.layer_activations(network, images, places) for images in (known, new))
        for name, x in {"pixels": known, **seen}.items():
            x, y = x.reshape(2000, -1), unseen.get(name, new).reshape(1000, -1)
            decoded = Ridge(alpha=0.02 * x.var(axis=0).sum()).fit(x, targets).predict(y)
            found[f"{kind}read_back_{name}"] = 1 - ((decoded[:, :784] - truth) ** 2).sum() / spread
            found[f"{kind}class_{name}"] = (decoded[:, 784:].argmax(axis=1) == digits.y_test[:1000]).mean()
    return found


@experiment
def inside_vgg16(seed: int) -> Metrics:
    """VGG16 on 200 test photos of 150 pixels, prepared as it expects: share of zeros and of silent channels in each
    convolution, mean over photos."""
    base, split = bases.vgg16(150), data.cats_and_dogs(150).files
    paths, labels = (list(part["test"][::5]) for part in (split.paths, split.labels))
    batches = data.pipeline(paths, labels, 150, 50, shuffle=False)
    images = np.concatenate([base.preprocess(images) for images, _ in batches])
    return silence(base.model, images, [layer.name for layer in base.model.layers if "conv" in layer.name])


PENALTIES = 10.0 ** np.arange(-4, 3)
WAYS: dict[str, Callable] = {  # a classifier by the strength of its penalty
    "ridge": lambda penalty, x: RidgeClassifier(alpha=penalty * x.var(axis=0).sum()),
    "logistic": lambda penalty, x: LogisticRegression(C=1 / (penalty * x.var(axis=0).sum()), max_iter=300),
}


@experiment
def pixels_linear(seed: int) -> Metrics:
    """The class decoder of inside_digits on the pixels and on the first convolution, of a network that is trained in
    the same way and of an untrained one, with a penalty for each, in place of one for all: fitted on the same 2,000
    digits, the penalty with the most right answers on 2,000 others (of seven, each ten times the last) tested on the
    same 1,000 test digits. Beside ridge regression, which that decoder is, logistic regression. A penalty is given as
    a share of the layer's total variance."""
    digits, recipe = data.mnist(), recipes.recipe("functional_convnet")
    model, untrained = recipe.model(), models.functional_convnet()
    recipe.fit(model, scaled(digits.x_train[: recipe.images]), digits.y_train[: recipe.images])
    images = [scaled(digits.x_train[-2000:]), scaled(digits.x_train[-4000:-2000]), scaled(digits.x_test[:1000])]
    labels = [digits.y_train[-2000:], digits.y_train[-4000:-2000], digits.y_test[:1000]]
    conv1 = [[activations.layer_activations(one, x, ["conv1"])["conv1"] for x in images] for one in (model, untrained)]
    found: Metrics = {}
    for place, layer in {"pixels": images, "conv1": conv1[0], "untrained_conv1": conv1[1]}.items():
        known, chosen_on, new = in_span(*(x.reshape(len(x), -1).astype(np.float64) for x in layer))
        for way, classifier in WAYS.items():
            fits = {p: classifier(p, known).fit(known, labels[0]) for p in PENALTIES}
            best = max(fits, key=lambda p: fits[p].score(chosen_on, labels[1]))
            found[f"{way}_{place}_test_accuracy"] = fits[best].score(new, labels[2])
            found[f"{way}_{place}_penalty"] = best
    return found


def in_span(known: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Rows as coordinates along orthogonal directions that the first ones span: fewer, and a linear classifier with an
    L2 penalty that is fitted on these is the same, since its weights lie in that span."""
    squares, along = np.linalg.eigh(known @ known.T)
    kept = squares > 1e-10 * squares[-1]
    directions = known.T @ (along[:, kept] / np.sqrt(squares[kept]))
    return [rows @ directions for rows in (known, *others)]


def silence(model: keras.Model, images: np.ndarray, layers: list[str]) -> Metrics:
    """Mean share of zeros and of channels that are zero everywhere on an image, by layer."""
    found: dict[str, list] = {}
    for start in range(0, len(images), 20):
        for name, maps in activations.layer_activations(model, images[start : start + 20], layers).items():
            found.setdefault(f"zeros_{name}", []).append((maps == 0).mean())
            found.setdefault(f"silent_{name}", []).append((maps.max((1, 2)) == 0).mean())
    return {metric: np.mean(parts) for metric, parts in found.items()}


# How many filters of each layer are measured.
FILTER_LAYERS = {"block1_conv1": 32, "block2_conv1": 32, "block3_conv1": 16, "block4_conv1": 16}


def pattern_medians(base: bases.Base, seed: int) -> Metrics:
    """The medians of ``filters.measures`` over the patterns of the first filters of each layer."""
    found: Metrics = {}
    for layer, count in FILTER_LAYERS.items():
        pictures = filters.ascend(base.model, layer, range(count), preprocess=base.preprocess, seed=seed)
        for name, values in filters.measures(pictures - filters.start(range(count), seed=seed)).items():
            found[f"{name}_{layer}"] = np.median(values)
    return found


def unmoved(base: bases.Base, layer: str, objective: str, seed: int, count: int = 64) -> int:
    """How many pictures one step leaves at their start; there the gradient is zero, and stays so."""
    stepped = filters.ascend(
        base.model, layer, range(count), steps=1, objective=objective, preprocess=base.preprocess, seed=seed
    )
    return int((stepped == filters.start(range(count), seed=seed)).all((1, 2, 3)).sum())


@experiment
def vgg16_filter_patterns(seed: int) -> Metrics:
    """Patterns of the first filters of four layers of VGG16 (32 of blocks 1 and 2, 16 of blocks 3 and 4), 40 steps of 1
    at 64 pixels, default objective: medians over the filters of wavelength in pixels, number of waves and colored
    share. The seed is that of the start noise."""
    return pattern_medians(bases.vgg16(64), seed)


@experiment
def vgg16_untrained_filter_patterns(seed: int) -> Metrics:
    """As vgg16_filter_patterns, of a VGG16 with random weights, others for each seed: the control."""
    base = bases.vgg16(64)
    untrained = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    return pattern_medians(replace(base, model=untrained), seed)


@experiment
def vgg16_unmoved_filters(seed: int) -> Metrics:
    """How many of the first 64 filters of four layers of VGG16 stay at their start, by objective: the source's plain
    one and the default. The seed is that of the start noise."""
    base = bases.vgg16(64)
    return {
        f"{objective}_{layer}": unmoved(base, layer, objective, seed)
        for objective in ("plain", "leaky")
        for layer in FILTER_LAYERS
    }
