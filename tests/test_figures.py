"""Figures show what they were given, with a title and an alternative text."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import profile

profile.quiet_tensorflow()
import keras  # noqa: E402

from helpers import figures, models  # noqa: E402
from helpers.scores import Score  # noqa: E402


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def history(val_loss: list[float]) -> dict[str, list[float]]:
    n = len(val_loss)
    return {
        "loss": [1.0] * n,
        "accuracy": [0.5] * n,
        "val_loss": val_loss,
        "val_accuracy": [0.1 * i for i in range(n)],
    }


def test_curves_ring_the_lowest_validation_loss():
    figure = figures.curves(history([3.0, 1.0, 2.0]), title="a run")
    rings = [line for axis in figure.axes for line in axis.lines if line.get_marker() == "o"]
    assert [float(ring.get_xdata()[0]) for ring in rings] == [2, 2]
    assert [float(ring.get_ydata()[0]) for ring in rings] == [1.0, 0.1]
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "accuracy"]


def test_curves_draw_what_a_history_has():
    alone = {"loss": [2.0, 1.0], "accuracy": [0.5, 0.6]}
    broken = history([float("nan")] * 2)
    for given, panels, lines, rings in (
        (alone, 2, 1, 0),
        ({"loss": [2.0], "val_loss": [2.0]}, 1, 2, 1),
        (broken, 2, 2, 0),
        ({"a": alone, "b": history([2.0, 1.0])}, 2, 3, 1),
        ({str(number): alone for number in range(12)}, 2, 12, 0),
    ):
        figure = figures.curves(given)
        drawn = figure.axes[0].lines
        assert len(figure.axes) == panels
        assert len([line for line in drawn if line.get_marker() != "o"]) == lines
        assert len([line for line in drawn if line.get_marker() == "o"]) == rings
        assert ("ring" in figure.axes[0].get_title()) == bool(rings)
        figure = figures.curves({"loss": [3.0, 2.0, 1.0, 0.5], "val_loss": [1.0, 2.0]})  # validation_freq=2
    ring = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert [list(line.get_xdata()) for line in figure.axes[0].lines][1] == [2, 4] and ring.get_xdata()[0] == 2
    for nothing in ({}, {"loss": []}, {"a": {"accuracy": [0.5]}}):
        with pytest.raises(ValueError, match="nothing to draw"):
            figures.curves(nothing)


def test_curves_compare_runs_of_different_length():
    figure = figures.curves({"early": history([1.0]), "late": history([3.0, 2.0])})
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["early: training", "early: validation", "late: training", "late: validation"]


def test_images_are_shown_in_rows_with_their_titles_and_are_told_in_words():
    images = [np.full((4, 4, 3), value) for value in (0, 128, 255)]
    figure = figures.show_images(images, ["dark", "gray", "bright"], columns=2, title="Three")
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert [int(np.max(image)) for image in shown] == [0, 128, 255] and len(figure.axes) == 4
    assert figure.alt == "Three. dark. gray. bright" and figure.get_suptitle() == "Three"
    floats = figures.show_images([images[1] / 1.0, images[1] / 255, images[1][..., :1]], alt="told otherwise")
    levels = [float(axis.images[0].get_array().max()) for axis in floats.axes]
    assert levels == pytest.approx([128 / 255, 128 / 255, 128]) and floats.alt == "told otherwise"
    for wrong in (([],), (images, ["one"])):
        with pytest.raises(ValueError, match="give one for each"):
            figures.show_images(*wrong)


def test_maps_share_one_scale_and_lie_over_gray_copies():
    maps, images = np.random.default_rng(0).random((3, 4, 4)), np.full((3, 8, 8, 3), (255, 0, 0))
    figure = figures.show_maps(maps, ["a", "b", "c"], images, title="Maps")
    for axis, values in zip(figure.axes, maps):
        below, above = axis.images
        assert below.get_array().ndim == 2 and above.get_clim() == (0, 1) and above.get_extent() == below.get_extent()
        assert np.array_equal(above.get_array(), values)
        assert np.argsort(above.get_alpha().ravel()).tolist() == np.argsort(values.ravel()).tolist(), (
            "weak: see-through"
        )
    assert len(figure.axes) == 4, "three maps and one color bar"
    assert len(figures.show_maps(maps).axes[0].images) == 1
    (above,) = figures.show_maps([[[0, 1], [np.nan, 2]]], images=images[:1]).axes[0].images[1:]
    assert above.get_alpha() == pytest.approx(np.array([[0.15, 0.8], [0.15, 0.8]])), "a list, blank and too large"
    for wrong in (([],), (maps, ["a"]), (maps, (), images[:2])):
        with pytest.raises(ValueError, match="give one for each"):
            figures.show_maps(*wrong)


def test_bars_are_wrong_answers_with_the_scores_interval():
    scores = {"first": Score(80, 100), "second": Score(100, 100)}
    figure = figures.bars_with_interval(scores, "The second makes no mistake")
    (axis,) = figure.axes
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([20, 0])
    ends = [
        container.lines[2][0].get_segments()[0][:, 0] for container in axis.containers if hasattr(container, "lines")
    ]
    for (low, high), score in zip(ends, scores.values()):
        assert [100 - high, 100 - low] == pytest.approx([100 * end for end in score.interval], abs=1e-6)
    assert "first: 80.00 % (95 % interval" in figure.alt
    with pytest.raises(ValueError, match="nothing to draw"):
        figures.bars_with_interval({})


def test_a_network_is_drawn_with_its_shapes_and_its_frozen_part():
    base = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Conv2D(4, 3), keras.layers.MaxPooling2D(2)], name="base"
    )
    head = [keras.layers.Dropout(0.5), keras.layers.Flatten(), keras.layers.Dense(10)]
    whole = keras.Sequential([keras.Input((28, 28, 1)), base, *head])
    base.trainable = False
    frozen, named = figures.draw_network(whole), figures.draw_network(whole, frozen=[head[2].name], title="Named")
    assert frozen.alt.startswith("6,810 parameters, of which 6,770 learn (hatched: frozen)")
    assert "of which 40 learn" in named.axes[0].get_title() and named.alt.startswith("Named: ")
    assert "input 28×28×1; conv 3×3 26×26×4; pool 2×2 13×13×4; flatten 676; dense 10" in frozen.alt
    text = [each.get_text() for each in frozen.axes[0].texts]
    assert "conv 3×3\n26×26×4\n40" in text and len(text) == 5
    for model in (models.book_convnet(), models.functional_convnet(), models.pets_convnet(64, 4)):
        assert f"{model.count_params():,} parameters" in figures.draw_network(model, image=np.zeros((8, 8))).alt
    image = keras.Input((8, 8, 1))
    branched = keras.Model(image, keras.layers.Add()([image, keras.layers.Conv2D(1, 1)(image)]))
    with pytest.raises(ValueError, match="has branches"):
        figures.draw_network(branched)
