"""The sliding kernel: the numbers of an image, four places of the window, and all places as an animation."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image as Picture
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from helpers.drawings import ink
from helpers.drawings.ink import Place

SECONDS = 5  # the longest that an animation plays; it stops then
KERNEL_LIMIT = 4.0  # paler than the products: weights are read as numbers


def gray_values(image: np.ndarray, rows: tuple[int, int], columns: tuple[int, int], title: str = "") -> Figure:
    """An image, and beside it a part of it with the number of every pixel.

    ``image``: (height, width), values 0 to 255. ``rows``, ``columns``: first and last + 1 of the part. Raises
    ValueError if the part is not inside the image.
    """
    (top, bottom), (left, right) = rows, columns
    part = image[top:bottom, left:right]
    if part.shape != (bottom - top, right - left) or part.size == 0:
        raise ValueError(f"rows {rows} and columns {columns} are no part of an image of {image.shape}.")
    figure, (whole, near) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    whole.imshow(image, cmap="gray", vmin=0, vmax=255)
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), *part.shape[::-1], fill=False, ec=ink.ORANGE, lw=2.6))
    height, width = image.shape
    whole.set(title=f"{height} × {width} pixels", xlabel="column", ylabel="row")
    ink.cells(near, (left - 0.5, top - 0.5), part, ink.gray(255), fontsize=7.5)
    near.set(title="the part in the frame: 0 is black, 255 is white", xlabel="column", ylabel="row", aspect="equal")
    near.set(xlim=(left - 0.5, right - 0.5), ylim=(bottom - 0.5, top - 0.5))
    high, wide = part.shape
    return ink.titled(figure, title, f"An image, and {high} × {wide} of its pixels with their numbers.")


def sliding_kernel(image: np.ndarray, kernel: np.ndarray, places: Sequence[int], title: str = "") -> Figure:
    """Some places of the window side by side: image above, products and their sum in the middle, feature map below.

    ``image``: (n, n). ``kernel``: (k, k). ``places``: numbers of places in reading order, from 0 to
    (n - k + 1)² - 1; raises ValueError for another.
    """
    rows, k = len(image), len(kernel)
    side = rows - k + 1
    if not places or not all(0 <= place < side * side for place in places):
        raise ValueError(f"places are numbers from 0 to {side * side - 1}, and these are {list(places)}.")
    pitch, middle = max(rows, 2 * k) + 0.9, rows + 1.0
    below, left = middle + 1.1 * k + 3.1, k + 1.4
    figure, axis = plt.subplots(figsize=(9, 5.2), layout="constrained")
    for number, place in enumerate(places):
        center = left + number * pitch + pitch / 2
        corners = (center - rows / 2, 0), (center - k, middle), (center - side / 2, below)
        _one_place(axis, image, kernel, place, corners, 9)
        ink.arrow(axis, (center, rows + 0.12), (center, middle - 0.12))
        ink.arrow(axis, (center, middle + 1.1 * k + 2.1), (center, below - 0.12))
        axis.text(center, -0.4, f"place {place + 1} of {side * side}", ha="center", fontsize=10)
    ink.cells(axis, (0, middle + 0.15), kernel, ink.red_blue(KERNEL_LIMIT))
    named = {f"image\n{rows} × {rows}": rows / 2, f"kernel {k} × {k}": middle - 0.5}
    named |= {"sum": middle + 1.1 * k + 1.6, f"feature map\n{side} × {side}": below + side / 2}
    for text, y in named.items():
        ink.say(axis, k / 2, y, text)
    axis.set(xlim=(-0.3, left + len(places) * pitch), ylim=(below + side + 0.2, -1.2), aspect="equal")
    axis.axis("off")
    sums = ", ".join(ink.signed(ink.responses(image, kernel).ravel()[place]) for place in places)
    told = f"A {k} × {k} window at {len(places)} places of an image, the products under it, and their sums: {sums}."
    return ink.titled(figure, title, told)


def sliding_kernel_animated(image: np.ndarray, kernel: np.ndarray) -> Picture:
    """All places of the window, one after the other, as an animated PNG that plays once, for at most five seconds.

    ``image``: (n, n). ``kernel``: (k, k). Notebooks and pages show an animated PNG as they show any PNG; they would
    drop a GIF.
    """
    side = len(image) - len(kernel) + 1
    frames = [_frame(image, kernel, place) for place in range(side * side)]
    palette = _palette(np.vstack(frames))
    pages = [Image.fromarray(each).quantize(palette=palette, dither=Image.Dither.NONE) for each in frames]
    stored = io.BytesIO()
    milliseconds = 1000 * SECONDS // len(pages)
    options = {"save_all": True, "append_images": pages[1:], "duration": milliseconds, "loop": 1}
    pages[0].save(stored, "PNG", **options)
    picture = Picture(stored.getvalue(), format="png")
    k = len(kernel)
    picture.alt = f"A {k} × {k} window moves over an image, place by place, and fills a feature map of {side} × {side}."
    return picture


def _palette(pixels: np.ndarray) -> Image.Image:
    """Colors for uint8 RGB pixels (height, width, 3): the most frequent as they are, so that no gray is tinted."""
    colors, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    frequent = colors[np.argsort(-counts)[:64]]
    others = Image.fromarray(pixels).quantize(128, Image.Quantize.MAXCOVERAGE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*frequent.ravel().tolist(), *others])
    return palette


def _frame(image: np.ndarray, kernel: np.ndarray, place: int) -> np.ndarray:
    """One picture of the animation: uint8 RGB of shape (height, width, 3)."""
    rows, k = len(image), len(kernel)
    side = rows - k + 1
    figure, axis = plt.subplots(figsize=(8, 2.75), layout="constrained", facecolor="white")
    starts = {"image": 0, "kernel": rows + 1.2, "products": rows + k + 2.4, "map": rows + 3 * k + 3.6}
    tops = {"image": 0, "kernel": (rows - k) / 2, "products": (rows - k * 1.1) / 2 - 0.6, "map": (rows - side) / 2}
    corner = {name: (starts[name], tops[name]) for name in starts}
    _one_place(axis, image, kernel, place, (corner["image"], corner["products"], corner["map"]), 9.5)
    ink.cells(axis, corner["kernel"], kernel, ink.red_blue(KERNEL_LIMIT), fontsize=9.5)
    titles = {"image": "image", "kernel": "kernel", "products": "pixel × weight", "map": "feature map"}
    for (name, (x, y)), width in zip(corner.items(), (rows, k, 2 * k, side)):
        axis.text(x + width / 2, y - 0.3, titles[name], ha="center", fontsize=10)
    for name in ("products", "map"):
        ink.arrow(axis, (corner[name][0] - 1.0, rows / 2), (corner[name][0] - 0.2, rows / 2))
    ink.say(axis, rows + 0.6, rows / 2, "×", fontsize=14)
    axis.set(xlim=(-0.2, starts["map"] + side + 0.2), ylim=(rows + 0.4, -1.0), aspect="equal")
    axis.axis("off")
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    plt.close(figure)
    return pixels


def _one_place(
    axis: Axes, image: np.ndarray, kernel: np.ndarray, place: int, corners: Sequence[Place], size: float
) -> None:
    """One place of the window: image, products with their sum, and the feature map so far, at three corners."""
    output, k = ink.responses(image, kernel), len(kernel)
    row, column = divmod(place, output.shape[1])
    window = image[row : row + k, column : column + k]
    color = ink.red_blue(1.5 * np.abs(output).max())
    (ix, iy), (px, py), (mx, my) = corners
    ink.cells(axis, (ix, iy), image, ink.gray(image.max()), fontsize=size)
    texts = [[f"{ink.signed(p)} × {ink.signed(w)}" for p, w in zip(*pair)] for pair in zip(window, kernel)]
    ink.cells(axis, (px, py), window * kernel, color, texts, (2.0, 1.1), size - 0.5)
    ink.cells(axis, (mx, my), output, color, fontsize=size - 1.5, shown=place + 1)
    ink.frame(axis, (ix + column, iy + row), k, k)
    ink.frame(axis, (px, py), 2.0 * k, 1.1 * k)
    ink.frame(axis, (mx + column, my + row), 1, 1)
    terms = [value for value in (window * kernel).ravel() if value]  # nine numbers, zeros left out
    total = "".join(f" {'−' if value < 0 else '+'} {abs(value):g}" for value in terms).strip("+ ") or "0"
    total = total.replace("− ", "−", 1) if total.startswith("−") else total
    under = py + 1.1 * k
    ink.say(axis, px + k, under + 0.65, total, fontsize=size)
    answer = f"= {ink.signed(output[row, column])}"
    ink.say(axis, px + k, under + 1.6, answer, fontsize=size + 2, weight="bold")
