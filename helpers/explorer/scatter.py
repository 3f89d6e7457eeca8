"""A scatter for a web page, and the colors of classes in it."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from helpers.plumbing import inputs

# Ten colors by search: the smallest difference of two, for normal sight and for each of three kinds of color
# blindness, is twice that of the best published palette tried. Digits that look alike, as 4 and 9, differ most.
COLORS = (
    *("#8b5d8b", "#46b9a2", "#8b0000", "#b974ff", "#5de8ff"),
    *("#5d2e74", "#e88b00", "#172ee8", "#ffd15d", "#d12e17"),
)
STYLE = (
    ".dots image, .dots text {visibility: hidden; pointer-events: none; image-rendering: pixelated} "
    ".dots text {font: 4px sans-serif; text-anchor: middle} "
    ".dots g:hover image, .dots g:hover text {visibility: visible} "
    ".dots g:hover circle {stroke: black; stroke-width: 0.4; r: 1.4}"
)


def hover(points: np.ndarray, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray | None = None) -> str:
    """A scatter in which the point under the mouse shows its image, with its class and what was predicted.

    ``points``: (N, 2); ``images``: uint8 (N, height, width); ``labels`` and ``predicted``: class numbers (N,). Returns
    an SVG drawing of about 600 bytes per point, for ``ipywidgets.HTML`` or a web page; there is no script in it. Raises
    ValueError if lengths differ, for class numbers that are not 0 to 9, or for other images.
    """
    predicted = labels if predicted is None else predicted
    inputs.same_length(points=points, images=images, labels=labels, predicted=predicted)
    labels, predicted = (inputs.class_numbers(some, len(COLORS), len(COLORS)) for some in (labels, predicted))
    points, images = np.asarray(points), np.asarray(images)
    if images.dtype != np.uint8:
        raise ValueError(f"images should be uint8, 0 to 255; these are {images.dtype}.")
    low, high = points.min(axis=0), points.max(axis=0)
    places = 4 + 92 * (points - low) / np.maximum(high - low, 1e-9) * [1, -1] + [0, 92]
    dots = []
    for (x, y), image, label, guess in zip(places, images, labels, predicted):
        png = base64.b64encode(cv2.imencode(".png", image)[1]).decode()
        text = f"{label}" if label == guess else f"{label}, taken for {guess}"
        dots.append(
            f'<g><circle cx="{x:.1f}" cy="{y:.1f}" r="0.9" fill="{COLORS[label]}"/><text x="115" y="37">{text}</text>'
            f'<image x="102" y="4" width="28" height="28" href="data:image/png;base64,{png}"/></g>'
        )
    return (
        f'<svg class="dots" viewBox="0 0 134 100" style="max-width: 900px; background: white"><style>{STYLE}</style>'
        f'<rect x="1" y="1" width="98" height="98" fill="none" stroke="#ccc" stroke-width="0.3"/>{"".join(dots)}</svg>'
    )
