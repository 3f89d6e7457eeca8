"""The drawings of lesson 02 show what they are given, and refuse what they cannot draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import drawings

HISTORY = {"loss": [2.0, 1.0, 0.5], "val_loss": [1.5, 0.8, 1.2]}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


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
