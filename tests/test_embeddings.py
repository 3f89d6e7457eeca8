"""Activations laid out in the plane and scored: the same every time, kept on disk, and never from mixed-up inputs."""

from __future__ import annotations

import json
import re
import tracemalloc

import keras
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
from sklearn.manifold import trustworthiness

from helpers import embeddings, models, profile, store, taps
from helpers.training import Score


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path)
    return tmp_path / store.FOLDER / "embeddings"


@pytest.fixture(scope="module")
def model():
    profile.seed_everything()
    return models.tsne_convnet()


IMAGES = np.random.default_rng(0).random((7, 28, 28, 1), np.float32)


def clouds(count: int = 90, classes: int = 3, apart: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Points around as many centers as there are classes, in 60 dimensions."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    centers = apart / 8 * rng.normal(size=(classes, 60))
    return (centers[labels] + rng.normal(size=(count, 60))).astype(np.float32), labels


POINTS, LABELS = clouds()
MANY, CLASSES = clouds(300)

# Activations


def test_activations_are_those_of_a_cut_open_model_in_any_chunks_without_dropout(model, monkeypatch):
    sizes = {"pool1": 6272, "conv2": 9408, "pool3": 3136, "fc1": 1024, "dropout": 1024, "logits": 10}
    monkeypatch.setattr(embeddings, "AT_ONCE", 3)
    flat = embeddings.flat_activations(model, IMAGES, [*sizes])
    assert {name: values.shape for name, values in flat.items()} == {name: (7, size) for name, size in sizes.items()}
    cut = keras.Model(model.inputs, [model.get_layer(name).output for name in sizes])
    for values, expected in zip(flat.values(), cut.predict(IMAGES, verbose=0)):
        assert values.dtype == np.float32 and np.allclose(values, np.reshape(expected, (7, -1)), atol=1e-5)
    assert not any("call" in vars(layer) for layer in taps.layers_by_name(model).values())
    with pytest.raises(ValueError, match="tsne_convnet has no layer 'convv2'. Did you mean conv2"):
        embeddings.flat_activations(model, IMAGES, ["pool1", "convv2"])


def test_memory_is_the_result_and_a_chunk(model):
    images = np.random.default_rng(0).random((600, 28, 28, 1), np.float32)
    tracemalloc.start()
    flat = embeddings.flat_activations(model, images, ["pool1"])["pool1"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert flat.nbytes <= peak < 1.6 * flat.nbytes


# Embeddings


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_same_seed_same_embedding_without_the_cache(method, cache):
    first = embeddings.embed(POINTS, method, perplexity=10, seed=3)
    for path in cache.glob("*"):
        path.unlink()
    again = embeddings.embed(POINTS.copy(), method, perplexity=10, seed=3)
    assert first.shape == (90, 2) and first.dtype == np.float32 and np.array_equal(first, again)


def test_pca_is_the_projection_on_the_two_directions_of_largest_variance():
    u, s, _ = np.linalg.svd(POINTS - POINTS.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(embeddings.embed(POINTS, "pca")), np.abs(u * s)[:, :2], atol=1e-3)
    far = (POINTS.astype(float) + 1e9) - 1e9  # what a float64 that large still knows
    assert np.allclose(embeddings.embed(far + 1e9, "pca"), embeddings.embed(far, "pca"), atol=1e-3), "a large mean"


def test_tsne_sees_as_many_components_as_asked_for_and_few_values_as_they_are(monkeypatch):
    seen = []

    class Watched(embeddings.TSNE):
        def fit_transform(self, X, y=None):
            seen.append(X)
            return super().fit_transform(X, y)

    monkeypatch.setattr(embeddings, "TSNE", Watched)
    embeddings.embed(POINTS, pca=20, perplexity=10)
    embeddings.embed(POINTS[:, :10], perplexity=10)
    assert seen[0].shape == (90, 20) and np.array_equal(seen[1], POINTS[:, :10])


def test_the_second_time_it_is_read_and_other_inputs_are_computed_anew(cache, monkeypatch):
    first = embeddings.embed(POINTS, perplexity=10)
    changed = POINTS.copy()
    changed[0, 0] += 1e-3
    for points, *options in ((changed, 50, 10), (POINTS, 50, 11), (POINTS, 50, 10, 1), (POINTS, 20, 10)):
        embeddings.embed(points, "tsne", *options)
    embeddings.embed(POINTS, "pca", perplexity=10)
    embeddings.embed(POINTS[::-1], perplexity=10)
    assert len(list(cache.glob("*"))) == 7
    monkeypatch.setattr(embeddings, "TSNE", lambda **_: pytest.fail("computed again"))
    assert np.array_equal(embeddings.embed(POINTS, perplexity=10), first)


def test_a_damaged_file_is_reported_and_made_again_and_a_full_disk_too(cache, monkeypatch, capsys):
    good = embeddings.embed(POINTS, "pca")
    (path,) = cache.glob("*")
    path.write_bytes(path.read_bytes()[:-40])
    assert np.array_equal(embeddings.embed(POINTS, "pca"), good) and "is damaged" in capsys.readouterr().out
    assert np.array_equal(embeddings.embed(POINTS, "pca"), good) and capsys.readouterr().out == ""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.np, "savez", full)
    assert embeddings.embed(POINTS[:80], "pca").shape == (80, 2)
    assert "was not kept" in capsys.readouterr().out and list(cache.glob("*")) == [path]


def test_several_layers_at_once_are_laid_out_as_one_by_one(cache):
    second = clouds(80)[0]
    one_by_one = [embeddings.embed(points, perplexity=10) for points in (POINTS, second)]
    for path in cache.glob("*"):
        path.unlink()
    embeddings.embed(second, perplexity=10)  # one that is kept, one that is not
    planes = embeddings.embed_each({"a": POINTS, "b": second, "c": POINTS[:70]}, perplexity=10)
    assert list(planes) == ["a", "b", "c"] and planes["c"].shape == (70, 2)
    assert all(np.array_equal(plane, expected) for plane, expected in zip(planes.values(), one_by_one))
    left = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [command for command in left if "popen_loky" in command], "idle workers hold their memory"


DEAD = {
    "ones": np.ones((30, 5)),
    "more values than directions": np.full((400, 60), 0.1, np.float32),
    "zeros": np.zeros((30, 60), np.float16),
    "but for rounding": np.where(np.eye(30, 60) > 0, np.nextafter(np.float32(40), np.float32(50)), np.float32(40)),
}


@pytest.mark.parametrize("case", DEAD)
def test_a_dead_layer_is_refused_by_name_and_never_reaches_tsne(case, monkeypatch):
    """t-SNE of points that are all the same ends in a segmentation fault, and takes the kernel with it."""
    monkeypatch.setattr(embeddings, "TSNE", lambda **_: pytest.fail("this would have ended the process"))
    dead = DEAD[case]
    labels, picture = np.arange(len(dead)) % 3, np.random.default_rng(0).normal(size=(len(dead), 2))
    for name, function, *arguments in (
        ("the features", embeddings.embed, dead, "tsne", 50, 5),
        ("the features", embeddings.embed, dead, "pca"),
        ("fc1", embeddings.embed_each, {"pool1": POINTS, "fc1": dead}, "tsne", 50, 5),
        ("the features", embeddings.layer_scores, dead, labels),
        ("the features", embeddings.nearest_class, dead, labels),
        ("the features", embeddings.trustworthiness, dead, picture),
    ):
        with pytest.raises(ValueError, match=f"Every row of {name} is the same.*dead on these images"):
            function(*arguments)


FEW_DIFFER = {
    "two places": np.repeat([[0.0], [1.0]], 15, axis=0) * np.ones((1, 60)),
    "one apart": np.eye(30)[:, :1] * np.ones((1, 5)),
    "one value": np.linspace(0, 1, 30)[:, np.newaxis] * np.eye(1, 5),
    "truth values": np.random.default_rng(0).random((30, 5)) > 0.5,
    "a large mean": 300_000 + np.random.default_rng(0).normal(size=(30, 60)).astype(np.float32),
    "one large value that never changes": np.c_[np.full(30, 1e9), np.random.default_rng(0).normal(size=(30, 4))],
    "lists": np.random.default_rng(0).normal(size=(30, 5)).tolist(),
}


@pytest.mark.parametrize("case", FEW_DIFFER)
def test_points_of_which_few_differ_are_laid_out(case):
    for method in ("tsne", "pca"):
        plane = embeddings.embed(FEW_DIFFER[case], method, perplexity=5)
        assert plane.shape == (30, 2) and np.isfinite(plane).all() and np.ptp(plane) > 0.5


@pytest.mark.parametrize("factor", [1e-30, 1e36])
def test_values_whose_squares_leave_float32_are_refused(factor):
    for function in (embeddings.embed, lambda points: embeddings.layer_scores(points, LABELS)):
        with pytest.raises(ValueError, match="Rows of the features differ by up to .* divide them"):
            function((POINTS * factor).astype(np.float32))


HOLES = np.where(np.arange(60) > 57, np.nan, POINTS[:1])
FAULTS = [
    ('method is \'umap\'; it can be "tsne" or "pca"', POINTS, {"method": "umap"}),
    (r"one row per point, for 3 points or more .* their shape is \(90, 6, 10\)", POINTS.reshape(90, 6, 10), {}),
    (r"their shape is \(2, 60\)", POINTS[:2], {}),
    ("pca is 1; t-SNE starts from 2 directions at least", POINTS, {"pca": 1, "perplexity": 10}),
    ("2 of the features are NaN or infinite", np.r_[POINTS, HOLES], {}),
    *(
        (f"perplexity {wrong} is not between 0 and the number of points, 90", POINTS, {"perplexity": wrong})
        for wrong in (90, 200, 0)
    ),
]


@pytest.mark.parametrize(("message", "points", "options"), FAULTS)
def test_bad_features_and_options_are_refused(message, points, options):
    with pytest.raises(ValueError, match=message):
        embeddings.embed(points, **options)
    if "perplexity" in message:
        assert embeddings.embed(points, "pca", **options).shape == (90, 2), "which PCA has not"


# Scores


def test_far_groups_do_not_drown_their_own_neighbors():
    """From a mean 50,000 away, squared distances in float32 are wrong by hundreds: neighbors would be an accident."""
    far = MANY + 1e5 * (np.arange(300) // 3 % 2)[:, np.newaxis].astype(np.float32)
    exact, picture = far.astype(np.float64), MANY[:, :2]
    assert (embeddings.nearest_class(far, CLASSES) == CLASSES).all()
    assert embeddings.layer_scores(far, CLASSES, picture) == embeddings.layer_scores(exact, CLASSES, picture)


def test_classes_may_be_words_or_any_numbers():
    points, labels = clouds(300, apart=1)
    expected = embeddings.layer_scores(points, labels)
    assert 0.3 < expected.knn.accuracy < 1
    for other in (np.array(["ant", "bee", "cat"])[labels], labels - 5, labels / 2, labels.tolist()):
        assert embeddings.layer_scores(points, other) == expected
        assert set(embeddings.nearest_class(points, other)) <= set(other)


def test_scores_of_clouds_apart_and_of_shuffled_labels():
    apart = embeddings.layer_scores(MANY, CLASSES)
    assert apart.knn.accuracy == apart.probe.accuracy == 1 and apart.silhouette > 0.2
    assert apart.knn.total == apart.probe.total == 300 and apart.trustworthiness is None
    mixed = embeddings.layer_scores(MANY, np.random.default_rng(0).permutation(CLASSES))
    assert 0.2 < mixed.knn.accuracy < 0.5 and mixed.probe.accuracy < 0.6 and mixed.silhouette < 0.05
    near = [embeddings.layer_scores(factor * clouds(300, apart=2)[0], CLASSES).probe for factor in (1, 1e-4)]
    assert near[0] == near[1] and 0.4 < near[0].accuracy < 1, "whatever the unit of the features"


def test_no_point_is_its_own_neighbor():
    """Two clouds of 13 points, with 6 and with 7 of class 0: with its own vote a point would win where votes tie."""
    labels = np.array([0] * 6 + [1] * 7 + [0] * 7 + [1] * 6)
    points = np.random.default_rng(0).normal(size=(26, 2)) + 100 * (np.arange(26) >= 13)[:, np.newaxis]
    assert embeddings.layer_scores(points.astype(np.float32), labels).knn == Score(7, 26), "a tie: the lower class"


@pytest.mark.parametrize("offset", [0, 300])
def test_trustworthiness_is_that_of_scikit_learn_and_a_random_picture_has_a_half(offset):
    far = MANY + np.float32(offset)
    picture, noise = embeddings.embed(MANY, "pca"), np.random.default_rng(0).normal(size=(300, 2))
    trust = embeddings.layer_scores(far, CLASSES, picture).trustworthiness
    assert trust == pytest.approx(trustworthiness(far.astype(float), picture, n_neighbors=12), abs=1e-4)
    assert 0.4 < embeddings.trustworthiness(far, noise) < 0.6 < trust


PLANE, PICTURES = POINTS[:, :2], np.zeros((90, 8, 8), np.uint8)
MIXED_UP = [
    ("one of each per point, in the same order; these are 90 features, 89 labels", "layer_scores", POINTS, LABELS[1:]),
    ("90 features, 90 labels, 80 embedding", "layer_scores", POINTS, LABELS, PLANE[:80]),
    ("90 points, 80 labels", "scatter", None, PLANE, LABELS[:80], "012"),
    ("90 points, 5 images, 90 labels", "hover", PLANE, PICTURES[:5], LABELS),
    ("12 neighbors take more than 24 points; these are 24", "layer_scores", POINTS[:24], LABELS[:24]),
    ("12 neighbors take more than 12 points; these are 12", "nearest_class", POINTS[:12], LABELS[:12]),
    (
        r"labels should be one class per point, \(N,\); their shape is \(90, 3\)",
        "layer_scores",
        POINTS,
        np.eye(3)[LABELS],
    ),
    ("labels are all of one class", "layer_scores", POINTS, 0 * LABELS),
    ("images should be uint8", "hover", PLANE, PICTURES / 255, LABELS),
]


@pytest.mark.parametrize("case", MIXED_UP, ids=lambda case: case[0])
def test_mixed_up_inputs_are_refused(case):
    message, name, *arguments = case
    with pytest.raises(ValueError, match=message):
        getattr(embeddings, name)(*arguments)


# Pictures


def test_names_are_at_the_medians_with_an_outline_and_one_legend_serves_all_panels():
    figure, axes = plt.subplots(1, 2)
    names = ("ant", "bee", "cat", "none of these")
    for axis in axes:
        handles = embeddings.scatter(axis, PLANE, LABELS, names)
    figure.legend(handles=handles)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(names)
    assert all(axis.get_legend() is None for axis in axes) and len(figure.legends) == 1
    assert [text.get_text() for text in axes[0].texts] == list(names[:3]), "a class without points has no name"
    for number, text in enumerate(axes[0].texts):
        assert text.get_path_effects()
        assert np.allclose(text.get_position(), np.median(PLANE[LABELS == number], axis=0))
    drawn = {collection.get_label(): len(collection.get_offsets()) for collection in axes[0].collections}
    assert drawn == {name: 30 * (name in names[:3]) for name in names}
    colors = {tuple(collection.get_facecolor()[0]) for collection in axes[0].collections}
    assert len(colors) == 4 and len(set(embeddings.COLORS)) == 10
    plt.close(figure)


@pytest.mark.parametrize("labels", [np.arange(90) % 11, LABELS - 1, LABELS + 0.5, np.array(["a", "b", "c"])[LABELS]])
def test_labels_without_a_color_are_refused(labels):
    """They were left out of the picture without a word, or got another class's color."""
    for draw, *arguments in (
        (embeddings.scatter, None, PLANE, labels, "abcdefghijk"[: len(set(labels))]),
        (embeddings.hover, PLANE, PICTURES, labels),
        (embeddings.hover, PLANE, PICTURES, LABELS, labels),
    ):
        with pytest.raises(ValueError, match="labels should be class numbers from 0 to .* 10 at most"):
            draw(*arguments)


def test_hovering_shows_each_points_own_image_and_prediction():
    images = np.random.default_rng(0).integers(0, 255, (10, 28, 28)).astype(np.uint8)
    predicted = LABELS[:10].copy()
    predicted[4] = 2
    page = embeddings.hover(PLANE[:10], images, LABELS[:10], predicted)
    groups = re.findall(r"<g>.*?</g>", page)
    assert len(groups) == 10 and len(set(re.findall(r"base64,([^\"]+)", page))) == 10
    assert ">1, taken for 2<" in groups[4] and sum("taken for" in group for group in groups) == 1
    assert all(f'fill="{embeddings.COLORS[label]}"' in group for group, label in zip(groups, LABELS))
    assert "script" not in page


# What was measured


def test_on_file_layers_separate_with_depth_and_tsne_can_be_trusted_more_than_pca():
    entry = json.loads((profile.ROOT / "results" / "tsne_convnet.json").read_text(encoding="utf-8"))
    assert (entry["data"], entry["profile"]) == ("real", "full") and len(entry["seeds"]) >= 3
    for seed in entry["seeds"]:
        scored = {metric: values["values"][seed] for metric, values in entry["metrics"].items()}
        for kind in ("knn", "probe"):
            rising = [scored[f"{layer}_{kind}"] for layer in ("pool1", "conv2", "pool3", "fc1")]
            assert rising == sorted(rising) and rising[-1] > rising[0] + 0.01
            assert rising[-1] > scored[f"untrained_fc1_{kind}"] + 0.02
        for layer in ("pool1", "conv2", "pool3", "fc1", "logits"):
            assert scored[f"{layer}_tsne_trust"] >= 0.97 and scored[f"{layer}_pca_trust"] < 0.92
            assert scored[f"{layer}_pca_knn"] < scored[f"{layer}_knn"] - 0.2
        assert scored["strangers_wrong"] > 10 * scored["others_wrong"] and scored["test_accuracy"] > 0.97
