"""Drawings show what they are given, tell it in words that are true, and refuse what they cannot draw."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from helpers import profile

profile.quiet_tensorflow()
import keras  # noqa: E402

from helpers import drawings  # noqa: E402
from helpers.drawings import ink  # noqa: E402

KERNEL = np.array([[0, 1], [2, -1]], "float32")
IMAGE = np.arange(16, dtype="float32").reshape(4, 4)
STEEP = ([0.0, 1.0, 2.0], [1.0, 0.0, 1.0])
STACK = {"a": (3, 1), "b": (2, 2)}
HISTORY = {"loss": [2.0, 1.0, 0.5], "val_loss": [1.5, 0.8, 1.2]}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def layer(filters: int = 2, channels: int = 3, **options) -> keras.layers.Conv2D:
    built = keras.layers.Conv2D(filters, 3, **options)
    built.build((None, 6, 6, channels))
    return built


def small() -> keras.Model:
    stack = [keras.layers.Conv2D(4, 3, padding="same", name="one"), keras.layers.MaxPooling2D(2)]
    return keras.Sequential([keras.Input((8, 8, 3)), *stack, keras.layers.Conv2D(4, 3, name="two")])


def crops(channels):
    images = np.random.default_rng(0).integers(0, 255, (7, 8, 8, 3)).astype(np.uint8)
    return drawings.strongest_crops(small(), images, images / 255, channels, "t")


def before_and_after(before=(2, 2, 1, 3), after=(2, 2, 1, 3)):
    after = np.zeros(after) + np.arange(after[-1])  # the last filter has changed most
    return drawings.kernels_before_and_after(np.zeros(before), after, IMAGE, "t")


RIGHT = {  # what is drawn, and what its alternative text has to say
    "gray_values": (lambda: drawings.gray_values(IMAGE, (1, 3), (0, 4), "t"), "2 × 4 of its pixels"),
    "sliding_kernel": (lambda: drawings.sliding_kernel(IMAGE, KERNEL, [0, 8], "t"), "at 2 places of an image"),
    "sliding_kernel_sums": (lambda: drawings.sliding_kernel(IMAGE, KERNEL, [0, 8], "t"), "their sums: 4, 24."),
    "responses": (lambda: drawings.responses([IMAGE, IMAGE[:3]], {"up": KERNEL}, "t"), "2 images, each with its"),
    "signed_maps": (lambda: drawings.signed_maps({"zeros": np.zeros((3, 3)), "up": IMAGE}, "t"), ": zeros, up."),
    "kernels": (before_and_after, "Filters 2, 1, 0, before"),
    "connections": (lambda: drawings.connections(5, 2, "t"), "to 2 neighbors"),
    "channels": (lambda: drawings.channels(layer(), np.ones((6, 6, 3), "float32"), [], "t"), "2 × 28 = 56"),
    "window_places": (lambda: drawings.window_places(6, 3, {"half": (2, "same")}, "t"), "half: 3 × 3 places"),
    "window_places_odd": (lambda: drawings.window_places(6, 3, {"all": (2, "valid")}, "t"), "all: 2 × 2 places"),
    "pyramid": (lambda: drawings.pyramid([IMAGE, IMAGE[:2, :2], IMAGE[:1, :1]], STACK, (0, 0), "t"), "b 1, a 2, pict"),
    "slope_at": (lambda: drawings.slope_at(STEEP, (0, 1), -1, "t"), "its tangent at 0"),
    "descent": (lambda: drawings.descent(STEEP, {"far": [(0, 1), (1, 0)]}, "t"), "far: loss 1.000 → 0.000"),
    "strongest_crops": (lambda: crops({"one": [3], "two": [0]}), "one: channels 3; two: channels 0"),
}
WRONG = {  # what is refused, and why
    "a part outside the image": (lambda: drawings.gray_values(IMAGE, (2, 6), (0, 4)), "no part of an image"),
    "a place too many": (lambda: drawings.sliding_kernel(IMAGE, KERNEL, [9]), "from 0 to 8"),
    "no place": (lambda: drawings.sliding_kernel(IMAGE, KERNEL, []), "from 0 to 8"),
    "no image": (lambda: drawings.responses([], {"up": KERNEL}), "one image or more"),
    "no kernel": (lambda: drawings.responses([IMAGE], {}), "one kernel or more"),
    "no map": (lambda: drawings.signed_maps({}), "one map or more"),
    "unequal kernels": (lambda: before_and_after((2, 2, 1, 4)), "give (k, k, 1, filters) twice"),
    "kernels over colors": (lambda: before_and_after((2, 2, 3, 3), (2, 2, 3, 3)), "give (k, k, 1, filters) twice"),
    "a kernel wider than the row": (lambda: drawings.connections(2, 3), "from 1 to 2 weights"),
    "six colors": (lambda: drawings.connections(9, 6), "from 1 to 5 weights"),
    "a gray picture": (lambda: drawings.channels(layer(channels=1), np.ones((6, 6, 1))), "over 3 channels"),
    "six filters": (lambda: drawings.channels(layer(6), np.ones((6, 6, 3))), "five filters at most"),
    "padding": (lambda: drawings.channels(layer(padding="same"), np.ones((6, 6, 3))), "valid padding"),
    "a stride": (lambda: drawings.channels(layer(strides=2), np.ones((6, 6, 3))), "stride 1"),
    "no room": (lambda: drawings.window_places(2, 3, {"valid": (1, "valid")}), "has no place in 2"),
    "a map too few": (lambda: drawings.pyramid([IMAGE, IMAGE], STACK, (0, 0)), "2 maps for an image and 2 layers"),
    "a loss too few": (lambda: drawings.slope_at(([0, 1], [1]), (0, 1), 1), "one loss per weight"),
    "no walk": (lambda: drawings.descent(STEEP, {}), "one walk or more"),
    "a walk that stands": (lambda: drawings.descent(STEEP, {"here": [(0, 1)]}), "two points or more"),
    "an unknown layer": (lambda: crops({"three": [0]}), "no layer three"),
    "unequal channels": (lambda: crops({"one": [0], "two": [0, 1]}), "as many channels as the others"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_drawing_has_its_title_and_says_what_it_shows(name):
    drawn, said = RIGHT[name]
    figure = drawn()
    figure.canvas.draw()
    assert figure.get_suptitle() == "t" and figure.alt.startswith("t. ") and said in figure.alt, figure.alt


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_is_refused_and_named(name):
    drawn, why = WRONG[name]
    with pytest.raises(ValueError) as told:
        drawn()
    assert why in str(told.value)


def test_the_animation_shows_every_place_once_and_stops_within_five_seconds():
    picture = drawings.sliding_kernel_animated(IMAGE, KERNEL)
    assert "fills a feature map of 3 × 3" in picture.alt
    frames = Image.open(io.BytesIO(picture.data))
    assert frames.n_frames == 9 and frames.info["loop"] == 1
    pixels, seconds = [], 0.0
    for number in range(frames.n_frames):
        frames.seek(number)
        seconds += frames.info["duration"] / 1000
        pixels.append(np.asarray(frames.convert("RGB")).tobytes())
    assert len(set(pixels)) == 9 and 3 < seconds <= 5


def test_the_drawn_numbers_are_those_of_a_convolution():
    expected = [[(IMAGE[r : r + 2, c : c + 2] * KERNEL).sum() for c in range(3)] for r in range(3)]
    assert np.array_equal(ink.responses(IMAGE, KERNEL), expected)
    written = [text.get_text() for text in drawings.sliding_kernel(IMAGE, KERNEL, [8]).axes[0].texts]
    assert f"= {expected[2][2]:g}" in written and f"{expected[0][0]:g}" in written


def test_the_pyramid_and_the_crops_know_how_far_a_unit_sees():
    figure = drawings.pyramid([IMAGE, IMAGE[:2, :2], IMAGE[:1, :1]], STACK, (0, 0))
    assert "picture 4" in figure.alt
    figure = crops({"one": [3], "two": [0]})
    assert [axis.images[0].get_array().shape for axis in figure.axes] == [(3, 3, 3)] * 5 + [(8, 8, 3)] * 5


def test_a_minus_sign_is_one_and_numbers_stand_on_a_color_that_lets_them_be_read():
    assert ink.signed(-2.5) == "−2.5" and ink.signed(3, ".1f") == "3.0"
    _, axis = plt.subplots()
    ink.cells(axis, (0, 0), np.array([[0, 255]]), ink.gray(255))
    assert [text.get_color() for text in axis.texts] == ["white", ink.INK]


def test_losses_share_their_axes_and_ring_the_lowest_validation_loss():
    figure = drawings.losses({"long": HISTORY, "short": {"loss": [2.0], "val_loss": [1.0]}}, title="Two runs")
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim() == (0, pytest.approx(1.725)) and left.get_xlim() == right.get_xlim()
    trained, watched, ring = left.lines
    assert list(trained.get_ydata()) == HISTORY["loss"] and list(watched.get_ydata()) == HISTORY["val_loss"]
    assert (ring.get_xdata(), ring.get_ydata()) == ([2], [0.8])
    assert figure.alt.startswith("Two runs. ") and "long; short" in figure.alt


@pytest.mark.parametrize("histories", [{}, {"empty": {"loss": [], "val_loss": []}}, {"unwatched": {"loss": [1.0]}}])
def test_losses_need_both_curves(histories):
    with pytest.raises(ValueError, match="loss and val_loss"):
        drawings.losses(histories)


def test_reliability_puts_each_group_at_its_confidence_and_its_share_of_right_answers():
    sure = np.array([0.9] * 10 + [1.0] * 10 + [0.25] * 4)  # the last four are too few
    right = np.arange(24) % 2 == 0
    (axis,) = drawings.reliability({"one": (sure, right)}).axes
    (dot,) = axis.collections
    assert list(dot.get_offsets()[0]) == pytest.approx([95, 50])
    assert list(axis.lines[1].get_ydata()) == pytest.approx([95, 50]), "from the diagonal to the dot"


def test_a_larger_group_has_a_larger_dot():
    sure = np.array([0.55] * 5 + [0.95] * 50)
    (axis,) = drawings.reliability({"one": (sure, sure > 0.6)}).axes
    small, large = axis.collections
    assert small.get_sizes()[0] < large.get_sizes()[0]


@pytest.mark.parametrize("answers", [{}, {"none": ([], [])}, {"uneven": ([0.5, 0.6], [True])}])
def test_reliability_needs_a_confidence_for_each_answer(answers):
    with pytest.raises(ValueError, match="one confidence"):
        drawings.reliability(answers)
