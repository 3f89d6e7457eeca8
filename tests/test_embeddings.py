"""Activations laid out in the plane and scored: the same every time, kept on disk, and never from mixed-up inputs."""

from __future__ import annotations

import re
import tracemalloc

import keras
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
from matplotlib.colors import to_rgb
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness

from helpers import embeddings, features, ledger, models, profile, taps
from helpers.training import Score


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "embeddings"


@pytest.fixture(scope="module")
def model():
    profile.seed_everything()
    return models.tsne_convnet()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((7, 28, 28, 1), np.float32)


def clouds(count: int = 90, classes: int = 3, apart: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Points around as many centers as there are classes, in 60 dimensions."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    centers = apart / 8 * rng.normal(size=(classes, 60))
    return (centers[labels] + rng.normal(size=(count, 60))).astype(np.float32), labels


# Activations


def test_activations_are_those_of_a_cut_open_model_in_any_chunks(model, images, monkeypatch):
    layers = ["pool1", "conv2", "pool3", "fc1", "logits"]
    monkeypatch.setattr(embeddings, "AT_ONCE", 3)
    found = embeddings.flat_activations(model, images, layers)
    assert {name: values.shape for name, values in found.items()} == {
        name: (7, size) for name, size in zip(layers, (6272, 9408, 3136, 1024, 10))
    }
    cut = keras.Model(model.inputs, [model.get_layer(name).output for name in layers])
    for values, expected in zip(found.values(), cut.predict(images, verbose=0)):
        assert values.dtype == np.float32 and np.allclose(values, np.reshape(expected, (7, -1)), atol=1e-5)


def test_dropout_rests_and_the_model_is_left_as_it_was(model, images):
    first, again = (embeddings.flat_activations(model, images, ["dropout"])["dropout"] for _ in range(2))
    assert np.array_equal(first, again) and first.std() > 0
    assert not any("call" in vars(layer) for layer in taps.layers_by_name(model).values())


def test_memory_is_the_result_and_a_chunk(model):
    images = np.random.default_rng(0).random((600, 28, 28, 1), np.float32)
    tracemalloc.start()
    found = embeddings.flat_activations(model, images, ["pool1"])["pool1"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.nbytes <= peak < 1.6 * found.nbytes


def test_a_missing_layer_is_named_with_its_neighbors(model, images):
    with pytest.raises(ValueError, match="tsne_convnet has no layer 'convv2'. Did you mean conv2"):
        embeddings.flat_activations(model, images, ["pool1", "convv2"])


# Embeddings


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_same_seed_same_embedding_without_the_cache(method, cache):
    points, _ = clouds()
    first = embeddings.embed(points, method, perplexity=10, seed=3)
    for path in cache.glob("*"):
        path.unlink()
    again = embeddings.embed(points.copy(), method, perplexity=10, seed=3)
    assert first.shape == (90, 2) and first.dtype == np.float32 and np.array_equal(first, again)


def test_pca_is_the_projection_on_the_two_directions_of_largest_variance():
    points, _ = clouds()
    u, s, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    found = embeddings.embed(points, "pca")
    assert np.allclose(np.abs(found), np.abs(u * s)[:, :2], atol=1e-3)


def test_few_values_go_to_tsne_as_they_are(monkeypatch):
    points, _ = clouds()
    monkeypatch.setattr(embeddings, "PCA", lambda *_, **__: pytest.fail("PCA of fewer values than it should keep"))
    embeddings.embed(points[:, :10], perplexity=10)


def test_tsne_sees_as_many_components_as_asked_for(monkeypatch):
    seen = []
    points, _ = clouds()
    tsne = embeddings.TSNE

    class Watched(tsne):
        def fit_transform(self, X, y=None):
            seen.append(X.shape)
            return super().fit_transform(X, y)

    monkeypatch.setattr(embeddings, "TSNE", Watched)
    embeddings.embed(points, pca=20, perplexity=10)
    assert seen == [(90, 20)]


def test_the_second_time_it_is_read_and_other_inputs_are_computed_anew(cache, monkeypatch):
    points, _ = clouds()
    first = embeddings.embed(points, perplexity=10)
    changed = points.copy()
    changed[0, 0] += 1e-3
    embeddings.embed(changed, perplexity=10)
    embeddings.embed(points, perplexity=11)
    embeddings.embed(points, perplexity=10, seed=1)
    embeddings.embed(points, perplexity=10, pca=20)
    embeddings.embed(points, "pca", perplexity=10)
    embeddings.embed(points[::-1], perplexity=10)
    assert len(list(cache.glob("*"))) == 7
    monkeypatch.setattr(embeddings, "TSNE", lambda **_: pytest.fail("computed again"))
    assert np.array_equal(embeddings.embed(points, perplexity=10), first)


def test_a_damaged_file_is_reported_and_made_again(cache, capsys):
    points, _ = clouds()
    good = embeddings.embed(points, "pca")
    (path,) = cache.glob("*")
    path.write_bytes(path.read_bytes()[:-40])
    assert np.array_equal(embeddings.embed(points, "pca"), good)
    assert "is damaged" in capsys.readouterr().out
    embeddings.embed(points, "pca")
    assert capsys.readouterr().out == ""


def test_several_layers_at_once_are_laid_out_as_one_by_one(cache):
    first, second = clouds()[0], clouds(80)[0]
    one_by_one = [embeddings.embed(points, perplexity=10) for points in (first, second)]
    for path in cache.glob("*"):
        path.unlink()
    embeddings.embed(second, perplexity=10)  # one that is kept, one that is not
    found = embeddings.embed_each({"a": first, "b": second, "c": first[:70]}, perplexity=10)
    assert list(found) == ["a", "b", "c"] and found["c"].shape == (70, 2)
    assert all(np.array_equal(plane, expected) for plane, expected in zip(found.values(), one_by_one))
    left = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [command for command in left if "popen_loky" in command], "idle workers hold their memory"


def test_where_nothing_can_be_written_it_goes_on(cache, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features.np, "savez", full)
    assert embeddings.embed(clouds()[0], "pca").shape == (90, 2)
    assert "was not kept" in capsys.readouterr().out and not list(cache.glob("*"))


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
    dead, alive = DEAD[case], clouds()[0]
    for method in ("tsne", "pca"):
        with pytest.raises(ValueError, match="Every row of the features is the same.*dead on these images"):
            embeddings.embed(dead, method, perplexity=5)
    with pytest.raises(ValueError, match="Every row of fc1 is the same"):
        embeddings.embed_each({"pool1": alive, "fc1": dead}, perplexity=5)
    labels, picture = np.arange(len(dead)) % 3, np.random.default_rng(0).normal(size=(len(dead), 2))
    for score in (embeddings.layer_scores, embeddings.nearest_class):
        with pytest.raises(ValueError, match="Every row of the features is the same"):
            score(dead, labels)
    with pytest.raises(ValueError, match="Every row of the features is the same"):
        embeddings.trustworthiness(dead, picture)


def test_a_layer_with_a_bias_that_silences_it_is_refused(model, images):
    layer = model.get_layer("fc1")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - 50])
    try:
        found = embeddings.flat_activations(model, images, ["pool3", "fc1"])
    finally:
        layer.set_weights([kernel, bias])
    with pytest.raises(ValueError, match="Every row of fc1 is the same"):
        embeddings.embed_each(found, perplexity=3)


FEW_DIFFER = {
    "two places": np.repeat([[0.0], [1.0]], 15, axis=0) * np.ones((1, 60)),
    "one apart": np.eye(30)[:, :1] * np.ones((1, 5)),
    "one value": np.linspace(0, 1, 30)[:, np.newaxis] * np.eye(1, 5),
    "truth values": np.random.default_rng(0).random((30, 5)) > 0.5,
    "a large mean": 1e8 + np.random.default_rng(0).normal(size=(30, 5)),
    "a large mean, float32": 300_000 + np.random.default_rng(0).normal(size=(30, 60)).astype(np.float32),
    "one large value that never changes": np.c_[np.full(30, 1e9), np.random.default_rng(0).normal(size=(30, 4))],
    "lists": np.random.default_rng(0).normal(size=(30, 5)).tolist(),
}


@pytest.mark.parametrize("case", FEW_DIFFER)
def test_points_of_which_few_differ_are_laid_out(case):
    for method in ("tsne", "pca"):
        found = embeddings.embed(FEW_DIFFER[case], method, perplexity=5)
        assert found.shape == (30, 2) and np.isfinite(found).all() and np.ptp(found) > 0.5


def test_a_large_mean_changes_no_picture():
    points, _ = clouds()
    far = (points.astype(float) + 1e9) - 1e9  # what a float64 that large still knows
    assert np.allclose(embeddings.embed(far + 1e9, "pca"), embeddings.embed(far, "pca"), atol=1e-3)


@pytest.mark.parametrize("factor", [1e-30, 1e-20, 1e20, 1e36])
def test_values_whose_squares_leave_float32_are_refused(factor):
    points, labels = clouds()
    for function in (embeddings.embed, lambda points: embeddings.layer_scores(points, labels)):
        with pytest.raises(ValueError, match="Rows of the features differ by up to .* divide them"):
            function((points * factor).astype(np.float32))


@pytest.mark.parametrize("perplexity", [90, 200, 0])
def test_too_large_a_perplexity_is_refused_before_anything_is_computed(perplexity):
    message = f"perplexity {perplexity} does not lie between 0 and the number of points, 90"
    with pytest.raises(ValueError, match=message):
        embeddings.embed(clouds()[0], perplexity=perplexity)
    assert embeddings.embed(clouds()[0], "pca", perplexity=perplexity).shape == (90, 2), "which PCA has not"


def test_bad_features_and_methods_are_refused():
    points, _ = clouds()
    with pytest.raises(ValueError, match='method is "tsne" or "pca", not \'umap\''):
        embeddings.embed(points, "umap")
    with pytest.raises(ValueError, match=r"one row a point, 3 points and 2 values at least; these are \(90, 6, 10\)"):
        embeddings.embed(points.reshape(90, 6, 10))
    with pytest.raises(ValueError, match="pca is 1; t-SNE starts from 2 directions at least"):
        embeddings.embed(points, pca=1, perplexity=10)
    points[3, 5:7] = np.nan
    with pytest.raises(ValueError, match="2 of the features are NaN or infinite"):
        embeddings.embed(points)


# Scores


def test_distances_are_right_where_values_are_large():
    points, _ = clouds()
    far = points + 300
    assert np.allclose(
        embeddings._distances(embeddings._products(far)), cdist(far.astype(float), far.astype(float)), atol=2e-3
    )


def test_far_groups_do_not_drown_their_own_neighbors():
    """From a mean 50,000 away, squared distances in float32 are wrong by hundreds: neighbors would be an accident."""
    points, labels = clouds(300)
    far = points + 1e5 * (np.arange(300) // 3 % 2)[:, np.newaxis].astype(np.float32)
    exact = far.astype(np.float64)
    assert (embeddings.nearest_class(far, labels) == labels).all()
    assert embeddings.layer_scores(far, labels, points[:, :2]) == embeddings.layer_scores(exact, labels, points[:, :2])
    assert embeddings._products(points).dtype == np.float32, "where that is good enough: it is twice as fast"


def test_classes_may_be_words_or_any_numbers():
    points, labels = clouds(300, apart=1)
    expected = embeddings.layer_scores(points, labels)
    assert 0.3 < expected.knn.accuracy < 1
    for other in (np.array(["ant", "bee", "cat"])[labels], labels - 5, labels / 2, labels.tolist()):
        assert embeddings.layer_scores(points, other) == expected
        assert set(embeddings.nearest_class(points, other)) <= set(other)


def test_scores_of_clouds_apart_and_of_shuffled_labels():
    points, labels = clouds(300)
    apart = embeddings.layer_scores(points, labels)
    assert apart.knn.accuracy == apart.probe.accuracy == 1 and apart.silhouette > 0.2
    assert apart.knn.total == apart.probe.total == 300 and apart.trustworthiness is None
    mixed = embeddings.layer_scores(points, np.random.default_rng(0).permutation(labels))
    assert 0.2 < mixed.knn.accuracy < 0.5 and mixed.probe.accuracy < 0.6 and mixed.silhouette < 0.05


def test_no_point_is_its_own_neighbor():
    """Two clouds of 13 points, with 6 and with 7 of class 0: with its own vote a point would win where votes tie."""
    labels = np.array([0] * 6 + [1] * 7 + [0] * 7 + [1] * 6)
    points = (
        np.random.default_rng(0).normal(size=(26, 2)).astype(np.float32) + 100 * (np.arange(26) >= 13)[:, np.newaxis]
    )
    assert embeddings.layer_scores(points, labels).knn == Score(7, 26), "a tie goes to the lower class"


def test_trustworthiness_is_that_of_scikit_learn_and_a_random_picture_has_a_half():
    points, labels = clouds(300)
    picture = embeddings.embed(points, "pca")
    found = embeddings.layer_scores(points, labels, picture).trustworthiness
    assert found == pytest.approx(trustworthiness(points, picture, n_neighbors=12), abs=1e-4)
    noise = np.random.default_rng(0).normal(size=(300, 2))
    assert 0.4 < embeddings.layer_scores(points, labels, noise).trustworthiness < 0.6 < found


def test_the_probe_is_the_same_whatever_the_unit_of_the_features():
    points, labels = clouds(300, apart=2)
    first, again = (embeddings.layer_scores(factor * points, labels).probe for factor in (1, 1e-4))
    assert first == again and 0.4 < first.accuracy < 1


def test_arrays_of_different_length_are_refused():
    points, labels = clouds()
    with pytest.raises(ValueError, match="one of each a point, in the same order; these are 90 features, 89 labels"):
        embeddings.layer_scores(points, labels[:-1])
    with pytest.raises(ValueError, match="90 features, 90 labels, 80 embedding"):
        embeddings.layer_scores(points, labels, points[:80, :2])
    with pytest.raises(ValueError, match="90 points, 80 labels"):
        embeddings.scatter(plt.figure().gca(), points[:, :2], labels[:80], "012")
    with pytest.raises(ValueError, match="90 points, 5 images, 90 labels"):
        embeddings.hover(points[:, :2], np.zeros((5, 28, 28), np.uint8), labels)
    with pytest.raises(ValueError, match="12 neighbors take more than 24 points; these are 24"):
        embeddings.layer_scores(points[:24], labels[:24])
    with pytest.raises(ValueError, match="12 neighbors take more than 12 points; these are 12"):
        embeddings.nearest_class(points[:12], labels[:12])
    with pytest.raises(ValueError, match=r"labels should be one class a point, \(N,\); their shape is \(90, 3\)"):
        embeddings.layer_scores(points, np.eye(3)[labels])
    with pytest.raises(ValueError, match="labels are all of one class"):
        embeddings.layer_scores(points, 0 * labels)


# Pictures

SIGHT = {  # Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB
    "normal": np.eye(3),
    "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "without blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
OKABE_ITO = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


def oklab(colors, sight: str = "normal") -> np.ndarray:
    """Lightness 0 to 100 and two hue axes (Ottosson 2020) as someone with this sight sees them."""
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SIGHT[sight]), 0, 1)
    cones = [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
    axes = [[0.2104543, 0.7936178, -0.0040720], [1.9779985, -2.4285922, 0.4505937], [0.0259040, 0.7827718, -0.8086758]]
    return 100 * np.cbrt(seen @ np.transpose(cones)) @ np.transpose(axes)


def least_difference(colors) -> float:
    """The smallest difference of two colors under any of the four kinds of sight."""
    return min(
        np.linalg.norm(seen[:, np.newaxis] - seen, axis=-1)[np.triu_indices(len(colors), 1)].min()
        for seen in (oklab(colors, sight) for sight in SIGHT)
    )


def test_ten_colors_can_be_told_apart_by_everyone():
    assert len(set(embeddings.COLORS)) == 10
    assert (
        least_difference(embeddings.COLORS)
        > 14
        > 4 * least_difference(plt.rcParams["axes.prop_cycle"].by_key()["color"])
    )
    assert least_difference(embeddings.COLORS) > 1.5 * least_difference(OKABE_ITO)
    lightness = oklab(embeddings.COLORS)[:, 0]
    assert 30 < lightness.min() and lightness.max() < 90 and np.ptp(lightness) > 45, "seen on white, and spread"


def test_labels_stand_at_the_medians_with_an_outline_and_one_legend_serves_all_panels():
    points, labels = clouds()
    figure, axes = plt.subplots(1, 2)
    names = ("ant", "bee", "cat")
    for axis in axes:
        handles = embeddings.scatter(axis, points[:, :2], labels, names)
    figure.legend(handles=handles)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(names)
    assert all(axis.get_legend() is None for axis in axes) and len(figure.legends) == 1
    for number, text in enumerate(axes[0].texts):
        assert text.get_text() == names[number] and text.get_path_effects()
        assert np.allclose(text.get_position(), np.median(points[labels == number, :2], axis=0))
    drawn = {collection.get_label(): len(collection.get_offsets()) for collection in axes[0].collections}
    assert drawn == dict.fromkeys(names, 30)
    plt.close(figure)


@pytest.mark.parametrize(
    "labels", [np.arange(90) % 11, np.arange(90) % 3 - 1, np.arange(90) % 3 + 0.5, np.array(["a", "b", "c"] * 30)]
)
def test_labels_without_a_color_are_refused(labels):
    """They were left out of the picture without a word, or got another class's color."""
    points, images = clouds()[0][:, :2], np.zeros((90, 8, 8), np.uint8)
    for draw in (
        lambda: embeddings.scatter(plt.figure().gca(), points, labels, "abcdefghijk"[: len(set(labels))]),
        lambda: embeddings.hover(points, images, labels),
        lambda: embeddings.hover(points, images, np.zeros(90, int), labels),
    ):
        with pytest.raises(ValueError, match="labels should be class numbers from 0 to .* 10 at most"):
            draw()
    plt.close("all")
    with pytest.raises(ValueError, match="images should be uint8"):
        embeddings.hover(points, images / 255, np.zeros(90, int))


def test_a_class_without_points_has_no_label_in_the_picture():
    points, labels = clouds()
    axis = plt.figure().gca()
    assert len(embeddings.scatter(axis, points[:, :2], labels, "0123")) == 4 and len(axis.texts) == 3
    plt.close()


def test_hovering_shows_each_points_own_image_and_prediction():
    points, labels = clouds(10)
    images = np.random.default_rng(0).integers(0, 255, (10, 28, 28)).astype(np.uint8)
    predicted = labels.copy()
    predicted[4] = 2
    page = embeddings.hover(points[:, :2], images, labels, predicted)
    groups = re.findall(r"<g>.*?</g>", page)
    assert len(groups) == 10 and len(set(re.findall(r"base64,([^\"]+)", page))) == 10
    assert ">1, taken for 2<" in groups[4] and sum("taken for" in group for group in groups) == 1
    assert all(f'fill="{embeddings.COLORS[label]}"' in group for group, label in zip(groups, labels))
    assert "script" not in page


# What was measured


def test_on_file_layers_separate_with_depth_and_tsne_can_be_trusted_more_than_pca():
    entry = ledger.load("tsne_convnet")
    assert (entry["data"], entry["profile"]) == ("real", "full") and len(entry["seeds"]) >= 3
    for seed in entry["seeds"]:
        found = {metric: values["values"][seed] for metric, values in entry["metrics"].items()}
        for kind in ("knn", "probe"):
            rising = [found[f"{layer}_{kind}"] for layer in ("pool1", "conv2", "pool3", "fc1")]
            assert rising == sorted(rising) and rising[-1] > rising[0] + 0.01
            assert rising[-1] > found[f"untrained_fc1_{kind}"] + 0.02
        for layer in ("pool1", "conv2", "pool3", "fc1", "logits"):
            assert found[f"{layer}_tsne_trust"] >= 0.97 and found[f"{layer}_pca_trust"] < 0.92
            assert found[f"{layer}_pca_knn"] < found[f"{layer}_knn"] - 0.2
        assert found["strangers_wrong"] > 10 * found["others_wrong"] and found["test_accuracy"] > 0.97
