"""How far a layer tells classes apart: its activations, laid out in the plane and scored."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import keras
import matplotlib.patheffects as effects
import numpy as np
import sklearn
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor
from matplotlib.axes import Axes
from scipy import linalg, stats
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from helpers import keeping, profile, taps
from helpers.training import Score

AT_ONCE = 200  # images in one forward pass
NEIGHBORS = 12
ROUNDS = 500  # of t-SNE; 1,000 take twice the time and change the scores of 5,000 points by 0.002 at most
PROBE_RIDGE = 0.1

# Ten colors by search: the smallest difference of two, for normal sight and for each of three kinds of color
# blindness, is twice that of the best published palette tried (tests/test_embeddings.py measures it). Digits that
# look alike, as 4 and 9, differ most.
COLORS = (
    *("#8b5d8b", "#46b9a2", "#8b0000", "#b974ff", "#5de8ff"),
    *("#5d2e74", "#e88b00", "#172ee8", "#ffd15d", "#d12e17"),
)


def flat_activations(model: keras.Model, images: np.ndarray, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """What layers make of N images in the form that the model takes: float32 of shape (N, values) by layer name.

    Images pass in chunks, straight into the arrays that are returned, so that little more memory is held than these
    take: 5,000 images with 6,272 values each are 120 MiB. Raises ValueError for an unknown layer, with the nearest
    names, for one that the model does not use, and for images that do not fit the model.
    """
    tapped = dict(taps.find(model, layer) for layer in layers)
    images = taps.as_batch(model, images)
    found: dict[str, np.ndarray] = {}
    for start in range(0, len(images), AT_ONCE):
        chunk = images[start : start + AT_ONCE]
        with taps.outputs(tapped) as noted:
            model(chunk, training=False)
        if idle := set(tapped) - set(noted):
            raise ValueError(f"{model.name} does not use {' and '.join(sorted(idle))} when it answers: nothing to see.")
        for name in tapped:
            values = np.reshape(noted[name], (len(chunk), -1))
            if start == 0:
                found[name] = np.empty((len(images), values.shape[1]), np.float32)
            found[name][start : start + len(chunk)] = values
    return found


def embed(
    features: np.ndarray, method: str = "tsne", pca: int = 50, perplexity: float = 40, seed: int = 0
) -> np.ndarray:
    """Lay N points out in the plane: float32 of shape (N, 2).

    ``features``: (N, values). "pca" gives the two directions of largest variance. "tsne" takes the ``pca`` directions
    of largest variance (all values, if there are no more) and lays out the points by t-SNE (van der Maaten, Hinton
    2008) from their first two. The same features and seed give the same embedding: it is kept in the course's cache
    under a name that holds all that it depends on, and a damaged file is computed anew. Raises ValueError for fewer
    than 3 points, NaN, points that are all the same or differ by more than float32 can square, another method, fewer
    than 2 directions, or a perplexity that is not below N.
    """
    return embed_each({"the features": features}, method, pca, perplexity, seed)["the features"]


def embed_each(
    layers: Mapping[str, np.ndarray], method: str = "tsne", pca: int = 50, perplexity: float = 40, seed: int = 0
) -> dict[str, np.ndarray]:
    """``embed`` for several layers, as many at once as there are processor cores: layer name to (N, 2)."""
    planes, paths, jobs = {}, {}, {}
    for name, features in layers.items():
        features = np.ascontiguousarray(_points(features, name, 3, 2), np.float32)
        _check(features, method, pca, perplexity)
        versions = [sklearn.__version__, keeping.VERSIONS]
        key = keeping.key(features, method, pca, perplexity, seed, ROUNDS, versions)
        paths[name] = profile.cache_dir() / "embeddings" / f"{method}-{key}.npz"
        planes[name] = keeping.kept(paths[name], (len(features), 2))
        if planes[name] is None:
            count = 2 if method == "pca" else pca
            if features.shape[1] > count:
                features = PCA(min(count, len(features)), random_state=seed).fit_transform(features)
            jobs[name] = features
    if jobs and method == "tsne":
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=ROUNDS)
        with threadpool_limits(1):  # threads that wait for a busy core slow t-SNE down many times; processes do not
            work = Parallel(min(cpu_count(), len(jobs)))
            jobs = dict(zip(jobs, work(delayed(tsne.fit_transform)(features) for features in jobs.values())))
        get_reusable_executor().shutdown()  # idle workers would hold 200 MiB each
    for name, plane in jobs.items():
        keeping.keep(paths[name], plane)
    return planes | jobs


def _points(features: np.ndarray, name: str = "the features", rows: int = 1, columns: int = 1) -> np.ndarray:
    """Features as numbers whose differences can be squared; without their mean, if that is what makes them large.

    Given points that are all the same, t-SNE does not fail but ends the process.
    """
    features = np.asarray(features)
    features = features if features.dtype == np.float32 else features.astype(np.float64)
    if features.ndim != 2 or len(features) < rows or features.shape[1] < columns:
        raise ValueError(
            f"features are one row a point, {rows} points and {columns} values at least; these are {features.shape}."
        )
    if not np.isfinite(features).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(features)):,} of {name} are NaN or infinite.")
    low, high = features.min(axis=0).astype(np.float64), features.max(axis=0).astype(np.float64)
    spread, size = high - low, np.maximum(-low, high)
    if (spread <= 4 * np.finfo(features.dtype).eps * size).all():  # 4: what rounding makes of equal rows
        raise ValueError(
            f"Every row of {name} is the same: there is nothing to compare or lay out. If a layer gives them, it is "
            "dead on these images; look at its weights and at how the images were prepared."
        )
    if not 1e-15 < spread.max() < 1e17:
        raise ValueError(
            f"Rows of {name} differ by up to {spread.max():.1g}, whose square float32 cannot hold: "
            "divide them, for example by their standard deviation."
        )
    return features - features.mean(axis=0, dtype=np.float64) if size.max() > 10 * spread.max() else features


def _check(features: np.ndarray, method: str, pca: int, perplexity: float) -> None:
    if method not in ("tsne", "pca"):
        raise ValueError(f'method is "tsne" or "pca", not {method!r}.')
    if method == "tsne" and pca < 2:
        raise ValueError(f"pca is {pca}; t-SNE starts from 2 directions at least.")
    if method == "tsne" and not 0 < perplexity < len(features):
        raise ValueError(
            f"perplexity {perplexity} does not lie between 0 and the number of points, {len(features):,}: it is about "
            "the number of neighbors that count for each. Lower it, or take more points."
        )


@dataclass(frozen=True)
class LayerScores:
    """How far features tell classes apart, and how far a picture of them can be trusted.

    ``knn``: points that have the class of most of their 12 nearest others. ``probe``: points that a linear classifier
    trained on four fifths of the others gets right. ``silhouette``: -1 to 1, how much nearer a point lies to its own
    class than to the next one (Rousseeuw 1987). ``trustworthiness``: 0 to 1, how few of a point's 12 neighbors in the
    picture are far away in the features (Venna, Kaski 2001); a random picture has about 0.5. None without a picture.
    """

    knn: Score
    probe: Score
    silhouette: float
    trustworthiness: float | None


def layer_scores(features: np.ndarray, labels: np.ndarray, embedding: np.ndarray | None = None) -> LayerScores:
    """Score features, (N, values), with classes (N,), and with a picture of them, (N, 2), if one is given.

    Raises ValueError if lengths differ, for points that are all the same, for a single class, or for fewer than 25
    points, which have no 12 neighbors to be compared.
    """
    _check_lengths(features=features, labels=labels, **({} if embedding is None else {"embedding": embedding}))
    features = _neighborly(features, 2 * NEIGHBORS)
    classes, labels = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError("labels are all of one class: there is nothing to tell apart.")
    products = _products(features)
    distances = _distances(products)
    trust = None if embedding is None else _trustworthiness(distances, embedding)
    silhouette = float(silhouette_score(distances, labels, metric="precomputed"))
    knn = _score(_nearest_class(distances, labels), labels)
    return LayerScores(knn, _linear_probe(products, labels), silhouette, trust)


def trustworthiness(features: np.ndarray, embedding: np.ndarray) -> float:
    """How far a picture, (N, 2), of features, (N, values), can be trusted: see ``LayerScores``."""
    _check_lengths(features=features, embedding=embedding)
    features = _neighborly(features, 2 * NEIGHBORS)
    return _trustworthiness(_distances(_products(features)), embedding)


def nearest_class(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of most of each point's 12 nearest others, the lower one in a tie: (N,), for points (N, values)."""
    _check_lengths(points=points, labels=labels)
    points = _neighborly(points, NEIGHBORS)
    classes, numbers = np.unique(labels, return_inverse=True)
    return classes[_nearest_class(_distances(_products(points)), numbers)]


def _neighborly(features: np.ndarray, more_than: int) -> np.ndarray:
    if len(features) <= more_than:
        raise ValueError(f"{NEIGHBORS} neighbors take more than {more_than} points; these are {len(features)}.")
    return _points(features)


def _trustworthiness(distances: np.ndarray, embedding: np.ndarray) -> float:
    """scikit-learn's needs several tables of (N, N) indices; this one holds one row of them at a time."""
    n, k = len(distances), NEIGHBORS
    near = NearestNeighbors(n_neighbors=k).fit(embedding).kneighbors(return_distance=False)
    away = 0
    for row, neighbors in zip(distances, near):
        ranks = (row < row[neighbors, np.newaxis]).sum(axis=1)  # a point itself is one of those that are nearer
        away += np.maximum(ranks - k, 0).sum()
    return float(1 - 2 * away / (n * k * (2 * n - 3 * k - 1)))


def _nearest_class(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    nearest = np.empty((len(distances), NEIGHBORS), int)
    for index, row in enumerate(distances):
        others = row.copy()
        others[index] = np.inf  # a point is not its own neighbor
        nearest[index] = np.argpartition(others, NEIGHBORS)[:NEIGHBORS]
    return stats.mode(labels[nearest], axis=1).mode


def _products(features: np.ndarray) -> np.ndarray:
    """Inner products of all points, (N, N), with their mean as origin.

    In float32 they are twice as fast as in float64 and good enough, unless neighbors lie so close together, for their
    distance from the mean, that rounding would change who is near: some of the rows tell.
    """
    centered = features - features.mean(axis=0, dtype=np.float64).astype(np.float32)
    products = centered @ centered.T
    some, squares = slice(None, None, 1 + len(products) // 200), np.diag(products)
    near = np.partition(squares[some, np.newaxis] + squares - 2 * products[some], NEIGHBORS)[:, NEIGHBORS]
    if products.dtype == np.float32 and (near < 100 * np.finfo(np.float32).eps * squares[some]).any():
        return _products(features.astype(np.float64))
    return products


def _distances(products: np.ndarray) -> np.ndarray:
    squares = np.diag(products)
    found = squares[:, np.newaxis] + squares - 2 * products
    np.fill_diagonal(found, 0)
    return np.sqrt(np.maximum(found, 0))


def _linear_probe(products: np.ndarray, labels: np.ndarray) -> Score:
    """Ridge regression on the classes, five times: fitted on four fifths of the points, tested on the other fifth.

    It needs the points' inner products only. They are scaled so that points lie at distance 1 from their mean on
    average: the regularization then weighs the same in every layer.
    """
    scaled = products / np.diag(products).mean() + 1  # the 1 is a constant feature, for the intercept
    classes, targets = np.unique(labels, return_inverse=True)
    targets = np.eye(len(classes), dtype=np.float32)[targets]
    outputs = np.empty_like(targets)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(scaled, labels):
        ridge = scaled[np.ix_(train, train)]
        ridge[np.diag_indices_from(ridge)] += PROBE_RIDGE
        weights = linalg.cho_solve(linalg.cho_factor(ridge, overwrite_a=True, check_finite=False), targets[train])
        outputs[test] = scaled[np.ix_(test, train)] @ weights
    return _score(classes[outputs.argmax(axis=1)], labels)


def _score(predicted: np.ndarray, labels: np.ndarray) -> Score:
    return Score(int((predicted == labels).sum()), len(labels))


def scatter(axis: Axes, points: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> list:
    """Draw points, (N, 2), in their classes' colors, each class's name at the median of its points.

    ``labels``: class numbers (N,), places in ``class_names``, of which there are ten at most, one for each color.
    Returns one handle a class, for ``figure.legend(handles=...)``: one legend serves many panels. Raises ValueError if
    the number of points and labels differ, or for other labels.
    """
    _check_lengths(points=points, labels=labels)
    points, labels = np.asarray(points), _class_numbers(labels, len(class_names))
    size = float(np.clip(6000 / len(points), 1.5, 12))
    handles = []
    for number, (name, color) in enumerate(zip(class_names, COLORS)):
        own = points[labels == number]
        handles.append(axis.scatter(*own.T, s=size, color=color, linewidths=0, label=name, rasterized=True))
    for number, name in enumerate(class_names):
        if (labels == number).any():
            place = np.median(points[labels == number], axis=0)
            text = axis.text(*place, name, size=13, weight="bold", ha="center", va="center", zorder=3)
            text.set_path_effects([effects.withStroke(linewidth=3, foreground="white")])
    axis.set(xticks=[], yticks=[])
    return handles


def hover(points: np.ndarray, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray | None = None) -> str:
    """A scatter in which the point under the mouse shows its image, with its class and what was predicted.

    ``points``: (N, 2); ``images``: uint8 (N, height, width); ``labels`` and ``predicted``: class numbers (N,). Returns
    an SVG drawing of about 600 bytes a point, for ``ipywidgets.HTML`` or a web page; there is no script in it. Raises
    ValueError if lengths differ, for class numbers that are not 0 to 9, or for other images.
    """
    predicted = labels if predicted is None else predicted
    _check_lengths(points=points, images=images, labels=labels, predicted=predicted)
    labels, predicted = _class_numbers(labels), _class_numbers(predicted)
    points, images = np.asarray(points), np.asarray(images)
    if images.dtype != np.uint8:
        raise ValueError(f"images should be uint8, 0 to 255; these are {images.dtype}.")
    low, high = points.min(axis=0), points.max(axis=0)
    places = 4 + 92 * (points - low) / np.maximum(high - low, 1e-9) * [1, -1] + [0, 92]
    drawn = []
    for (x, y), image, label, guess in zip(places, images, labels, predicted):
        png = base64.b64encode(cv2.imencode(".png", image)[1]).decode()
        text = f"{label}" if label == guess else f"{label}, taken for {guess}"
        drawn.append(
            f'<g><circle cx="{x:.1f}" cy="{y:.1f}" r="0.9" fill="{COLORS[label]}"/><text x="115" y="37">{text}</text>'
            f'<image x="102" y="4" width="28" height="28" href="data:image/png;base64,{png}"/></g>'
        )
    style = (
        ".dots image, .dots text {visibility: hidden; pointer-events: none; image-rendering: pixelated} "
        ".dots text {font: 4px sans-serif; text-anchor: middle} "
        ".dots g:hover image, .dots g:hover text {visibility: visible} "
        ".dots g:hover circle {stroke: black; stroke-width: 0.4; r: 1.4}"
    )
    return (
        f'<svg class="dots" viewBox="0 0 134 100" style="max-width: 900px; background: white"><style>{style}</style>'
        f'<rect x="1" y="1" width="98" height="98" fill="none" stroke="#ccc" stroke-width="0.3"/>{"".join(drawn)}</svg>'
    )


def _class_numbers(labels: np.ndarray, classes: int = len(COLORS)) -> np.ndarray:
    """Labels as whole numbers. Raises ValueError unless each is that of a class, and each class has a color."""
    labels = np.asarray(labels)
    if classes > len(COLORS) or labels.dtype.kind not in "biuf" or not np.isin(labels, range(classes)).all():
        raise ValueError(
            f"labels should be class numbers from 0 to {classes - 1}, and classes {len(COLORS)} at most, one for each "
            f"color; these labels go from {np.unique(labels)[0]} to {np.unique(labels)[-1]}."
        )
    return labels.astype(int)


def _check_lengths(**arrays: np.ndarray) -> None:
    """Raise ValueError unless all arrays have the same length: one row, label or image a point."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{length:,} {name}" for name, length in lengths.items())
        raise ValueError(f"there must be one of each a point, in the same order; these are {told}.")
    if flat := [name for name in ("labels", "predicted") if np.ndim(arrays.get(name, [])) != 1]:
        raise ValueError(f"{flat[0]} should be one class a point, (N,); their shape is {np.shape(arrays[flat[0]])}.")
