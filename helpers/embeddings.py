"""How far a layer tells classes apart: its activations, laid out in the plane and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import matplotlib.patheffects as effects
import numpy as np
import sklearn
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor
from matplotlib.axes import Axes
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from helpers import store, taps
from helpers.explorer.scatter import COLORS, hover  # noqa: F401 for notebooks
from helpers.plumbing import inputs, neighbors
from helpers.plumbing.neighbors import NEIGHBORS
from helpers.scores import Score

AT_ONCE = 200  # images in one forward pass
ROUNDS = 500  # of t-SNE; 1,000 take twice the time and change scores of 5,000 points by 0.002
OUTLINE = effects.withStroke(linewidth=3, foreground="white")
NAME = dict(size=13, weight="bold", ha="center", va="center", zorder=3, path_effects=[OUTLINE])


def flat_activations(model: keras.Model, images: np.ndarray, layers: Sequence[str]) -> store.Arrays:
    """What layers make of N images, as the model takes them: float32 (N, values) by layer name.

    Images pass in chunks, straight into the arrays that are returned, so that little more memory is
    held than these take: 5,000 images with 6,272 values each are 120 MiB. Raises ValueError for an
    unknown layer, with the nearest names, for one that the model does not use, and for images that
    do not fit the model.
    """
    chosen = dict(taps.find(model, layer) for layer in layers)
    images = taps.as_batch(model, images)
    flat: dict[str, np.ndarray] = {}
    for some, noted in taps.read(model, images, chosen, AT_ONCE):
        inputs.all_run(model, chosen, noted)
        for name in chosen:
            values = np.reshape(noted[name], (len(images[some]), -1))
            if name not in flat:
                flat[name] = np.empty((len(images), values.shape[1]), np.float32)
            flat[name][some] = values
    return flat


def embed(
    features: np.ndarray, method: str = "tsne", pca: int = 50, perplexity: float = 40, seed: int = 0
) -> np.ndarray:
    """Lay N points out in the plane: float32 of shape (N, 2).

    ``features``: (N, values). "pca" gives the two directions of largest variance. "tsne" takes the
    ``pca`` directions of largest variance (all values, if there are no more) and lays out the
    points by t-SNE (van der Maaten, Hinton 2008) from their first two. The same features and seed
    give the same embedding: it is kept in the course's cache under a name that holds all that it
    depends on, and a damaged file is computed anew. Raises ValueError for fewer than 3 points, NaN,
    points that are all the same or differ by more than float32 can square, another method, fewer
    than 2 directions, or a perplexity that is not below N.
    """
    return embed_each({"the features": features}, method, pca, perplexity, seed)["the features"]


def embed_each(
    layers: store.Arrays, method: str = "tsne", pca: int = 50, perplexity: float = 40, seed: int = 0
) -> dict[str, np.ndarray]:
    """``embed`` for several layers, as many at once as there are cores: layer name to (N, 2)."""
    paths, planes, new = {}, {}, {}
    for name, features in layers.items():
        features = np.ascontiguousarray(inputs.points(features, name, 3, 2), np.float32)
        inputs.layout(len(features), method, pca, perplexity)
        decides = [features, method, pca, perplexity, seed, ROUNDS, sklearn.__version__]
        paths[name] = store.path_of(f"embeddings/{method}", decides)
        planes[name] = (store.load(paths[name]) or {}).get("plane")
        if planes[name] is None:
            count = 2 if method == "pca" else pca
            if features.shape[1] > count:
                features = PCA(min(count, len(features)), random_state=seed).fit_transform(features)
            new[name] = features
    if new and method == "tsne":
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=ROUNDS)
        with threadpool_limits(1):  # threads that wait for a busy core slow it down many times
            work = Parallel(min(cpu_count(), len(new)))
            new = dict(zip(new, work(delayed(tsne.fit_transform)(each) for each in new.values())))
        get_reusable_executor().shutdown()  # idle workers would hold 200 MiB each
    for name, plane in new.items():
        store.save(paths[name], {"plane": plane})
    return planes | new


@dataclass(frozen=True)
class LayerScores:
    """How far features tell classes apart, and how far a picture of them can be trusted.

    ``knn``: points that have the class of most of their 12 nearest others. ``probe``: points that a
    linear classifier trained on four fifths of the others gets right. ``silhouette``: -1 to 1, how
    much nearer a point lies to its own class than to the next one (Rousseeuw 1987).
    ``trustworthiness``: 0 to 1, how few of a point's 12 neighbors in the picture are far away in
    the features (Venna, Kaski 2001); a random picture has about 0.5. None without a picture.
    """

    knn: Score
    probe: Score
    silhouette: float
    trustworthiness: float | None


def layer_scores(
    features: np.ndarray,
    labels: np.ndarray,
    embedding: np.ndarray | None = None,
) -> LayerScores:
    """Score features, (N, values), with classes (N,), and with a picture of them, (N, 2), if given.

    Raises ValueError if lengths differ, for points that are all the same, for a single class, or
    for fewer than 25 points, which have no 12 neighbors to be compared.
    """
    inputs.same_length(features=features, labels=labels, embedding=embedding)
    features = inputs.with_neighbors(features, NEIGHBORS, 2 * NEIGHBORS)
    classes, labels = np.unique(labels, return_inverse=True)
    inputs.several(classes)
    products = neighbors.products(features)
    distances = neighbors.distances(products)
    return LayerScores(
        knn=Score.of(neighbors.nearest_class(distances, labels) == labels),
        probe=Score.of(neighbors.linear_probe(products, labels)),
        silhouette=float(silhouette_score(distances, labels, metric="precomputed")),
        trustworthiness=neighbors.trustworthiness(distances, embedding)
        if embedding is not None
        else None,
    )


def trustworthiness(features: np.ndarray, embedding: np.ndarray) -> float:
    """How far a picture, (N, 2), of features, (N, values), can be trusted: see ``LayerScores``."""
    inputs.same_length(features=features, embedding=embedding)
    features = inputs.with_neighbors(features, NEIGHBORS, 2 * NEIGHBORS)
    return neighbors.trustworthiness(neighbors.distances(neighbors.products(features)), embedding)


def nearest_class(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of most of each point's 12 nearest others, (N,), for points (N, values).

    In a tie, the lower one.
    """
    inputs.same_length(points=points, labels=labels)
    points = inputs.with_neighbors(points, NEIGHBORS, NEIGHBORS)
    classes, numbers = np.unique(labels, return_inverse=True)
    return classes[
        neighbors.nearest_class(neighbors.distances(neighbors.products(points)), numbers)
    ]


def scatter(axis: Axes, points: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> list:
    """Draw points, (N, 2), in their classes' colors, each class's name at the median of its points.

    ``labels``: class numbers (N,), places in ``class_names``, of which there are ten at most, one
    for each color. Returns one handle per class, for ``figure.legend(handles=...)``: one legend
    serves many panels. Raises ValueError if the number of points and labels differ, or for other
    labels.
    """
    inputs.same_length(points=points, labels=labels)
    points = np.asarray(points)
    labels = inputs.class_numbers(labels, len(class_names), len(COLORS))
    size = float(np.clip(6000 / len(points), 1.5, 12))
    handles = []
    for number, (name, color) in enumerate(zip(class_names, COLORS)):
        own = points[labels == number]
        dots = {"s": size, "color": color, "linewidths": 0, "rasterized": True}
        handles.append(axis.scatter(*own.T, label=name, **dots))
        if len(own):
            axis.text(*np.median(own, axis=0), name, **NAME)
    axis.set(xticks=[], yticks=[])
    return handles
