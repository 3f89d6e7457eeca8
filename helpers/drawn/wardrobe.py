"""Garments drawn with OpenCV, in the form of Fashion-MNIST.

Shapes are drawn large and averaged down, which gives them the soft edges of a small photo.
"""

from __future__ import annotations

import cv2
import numpy as np

GARMENT_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_SIDE = 28
_SCALE = 4  # drawn at 112 pixels, averaged down to 28
_BITS = 4  # OpenCV takes vertices as whole 16ths of a pixel
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 24, endpoint=False)) for f in (np.cos, np.sin)], axis=1)


def garments(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw garments in the ten classes of Fashion-MNIST, equally many of each, in random order.

    Returns images, uint8 of shape (count, 28, 28), bright on black as in Fashion-MNIST, and labels,
    uint8 of shape (count,), which index ``GARMENT_NAMES``. The classes overlap on purpose: a shirt
    may have no visible button, a coat may be short.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(_DRAW)).astype(np.uint8)
    images = np.empty((count, _SIDE, _SIDE), np.uint8)
    for i, label in enumerate(labels):
        sheet = _Sheet(rng)
        _DRAW[label](sheet, rng)
        images[i] = sheet.finish(rng)
    return images, labels


class _Sheet:
    """A gray picture to draw on, with x and y from -1 to 1, slightly turned, shifted and scaled."""

    def __init__(self, rng: np.random.Generator):
        side = _SIDE * _SCALE
        self.pixels = np.zeros((side, side), np.uint8)
        self.shade = rng.choice([rng.uniform(60, 140), rng.uniform(140, 250)], p=[0.3, 0.7])  # of the cloth
        angle = np.deg2rad(rng.normal(0, 4))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        self.matrix = turn * rng.uniform(0.94, 1.1, 2) * side / 2.12
        self.center = side / 2 + rng.normal(0, 2.0, 2)

    def _vertices(self, points) -> list[np.ndarray]:
        points = np.asarray(points, float) @ self.matrix + self.center
        return [np.round(points * 2**_BITS).astype(np.int32)]

    def fill(self, points, tone: float = 1.0) -> None:
        """Fill a polygon; ``tone`` is its shade as a multiple of the cloth's."""
        color = min(self.shade * tone, 255.0)
        cv2.fillPoly(self.pixels, self._vertices(points), color, cv2.LINE_AA, _BITS)

    def line(self, points, width: float, tone: float = 0.6) -> None:
        """Draw an open line; ``width`` is in the units of x and y."""
        color = min(self.shade * tone, 255.0)
        pixels = max(1, round(width * self.pixels.shape[0] / 2))
        cv2.polylines(self.pixels, self._vertices(points), False, color, pixels, cv2.LINE_AA, _BITS)

    def oval(self, x: float, y: float, rx: float, ry: float, tone: float) -> None:
        self.fill(_CIRCLE * (rx, ry) + (x, y), tone)

    def finish(self, rng: np.random.Generator) -> np.ndarray:
        """Light, folds and grain on the cloth, then down to 28 pixels."""
        small = cv2.resize(self.pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        folds = cv2.GaussianBlur(rng.normal(size=(_SIDE, _SIDE)).astype(np.float32), (0, 0), 1.6)
        grain = rng.normal(size=(_SIDE, _SIDE))
        small *= 1 + rng.uniform(0.1, 0.7) * folds + rng.uniform(0.02, 0.1) * grain
        return np.clip(small, 0, 255).astype(np.uint8)


def _both_sides(right) -> np.ndarray:
    """The outline whose right half, from top to bottom, is given."""
    right = np.asarray(right, float)
    return np.concatenate([right, (right * (-1, 1))[::-1]])


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _pattern(sheet: _Sheet, rng: np.random.Generator, half_width: float, top: float, bottom: float) -> None:
    """Sometimes stripes or a print, the same for every garment that covers the chest."""
    kind, tone = (
        rng.choice(["plain", "across", "down", "print"], p=[0.55, 0.15, 0.1, 0.2]),
        rng.uniform(0.3, 1.7),
    )
    w = half_width * 0.85
    if kind == "across":
        for y in np.arange(top + 0.2, bottom - 0.05, rng.uniform(0.16, 0.4)):
            sheet.line([(-w, y), (w, y)], 0.07, tone)
    elif kind == "down":
        for x in np.arange(-w, w, rng.uniform(0.14, 0.3)):
            sheet.line([(x, top + 0.2), (x, bottom - 0.05)], 0.05, tone)
    elif kind == "print":
        sheet.oval(
            rng.normal(0, 0.06),
            top + rng.uniform(0.35, 0.6),
            w * rng.uniform(0.3, 0.7),
            rng.uniform(0.1, 0.3),
            tone,
        )


def _top(
    sheet: _Sheet,
    rng: np.random.Generator,
    sleeve: float,
    length: float,
    waist: float = 0.9,
    flare: float = 1.0,
) -> tuple[float, float]:
    """What covers the chest: body, sleeves, neckline. Gives the half-width and the neck's depth.

    ``sleeve``: 0 none to 1 down to the hip. ``length``: y of the hem. ``waist`` and ``flare``: widths of
    waist and hem as multiples of the chest's.
    """
    chest, shoulder = rng.uniform(0.36, 0.5), rng.uniform(0.4, 0.52)
    neck, top = rng.uniform(0.14, 0.24), rng.uniform(-0.95, -0.82)
    shoulder = max(shoulder, chest * 0.95)
    if sleeve > 0:
        reach, spread = 0.3 + 1.25 * sleeve, np.deg2rad(rng.uniform(6, 30))
        arm = np.array([np.sin(spread), np.cos(spread)]) * reach
        across = np.array([np.cos(spread), -np.sin(spread)]) * rng.uniform(0.09, 0.14)
        start = np.array([shoulder - 0.06, top + 0.16])
        for side in ((1, 1), (-1, 1)):
            sleeve_outline = [
                start - across * 1.5,
                start + across * 1.2,
                start + arm + across,
                start + arm - across,
            ]
            sheet.fill(np.array(sleeve_outline) * side, rng.uniform(0.82, 1.0))
            if sleeve > 0.5 and _chance(rng, 0.4):  # a cuff
                sheet.line(np.array([start + arm * 0.95 + across, start + arm * 0.95 - across]) * side, 0.05, 0.6)
    middle = (top + length) / 2
    body = [
        (neck, top),
        (shoulder, top + 0.1),
        (chest, top + 0.45),
        (chest * waist, middle + 0.1),
        (chest * flare, length),
    ]
    sheet.fill(_both_sides(body))
    depth = rng.uniform(0.06, 0.28)
    _pattern(sheet, rng, chest * min(waist, flare), top + depth, length)
    if _chance(rng, 0.5):
        sheet.oval(0, top, neck, depth, 0.0)
    else:
        sheet.fill([(-neck, top - 0.03), (neck, top - 0.03), (0, top + depth * 1.3)], 0.0)
    return chest, top + depth


def _front(sheet: _Sheet, rng: np.random.Generator, top: float, bottom: float, buttons: bool, collar: float) -> None:
    """An opening down the front, with or without buttons, and perhaps a collar."""
    sheet.line([(0, top), (0, bottom)], rng.uniform(0.03, 0.06), rng.uniform(0.2, 0.75))
    if buttons:
        for y in np.arange(top + 0.1, bottom, rng.uniform(0.2, 0.3)):
            sheet.oval(0.03, y, 0.035, 0.035, rng.choice([0.15, 1.7]))
    if _chance(rng, collar):
        for side in (1, -1):
            wing = np.array([(0.02, top), (0.2, top - 0.22), (0.26, top + 0.04), (0.1, top + 0.14)])
            sheet.fill(wing * (side, 1), rng.uniform(0.55, 1.35))


def _t_shirt(sheet: _Sheet, rng: np.random.Generator) -> None:
    sleeve = 0.0 if _chance(rng, 0.12) else rng.uniform(0.0, 0.35)
    _top(sheet, rng, sleeve, rng.uniform(0.55, 0.95), rng.uniform(0.86, 1.0))


def _trouser(sheet: _Sheet, rng: np.random.Generator) -> None:
    hip, hem, apart = rng.uniform(0.26, 0.4), rng.uniform(0.1, 0.24), rng.uniform(0.02, 0.16)
    top, crotch, bottom = -0.95, rng.uniform(-0.5, -0.2), rng.uniform(0.8, 0.98)
    if _chance(rng, 0.1):
        bottom = rng.uniform(0.1, 0.5)  # shorts
    outline = [
        (hip * 0.85, top),
        (hip, crotch - 0.1),
        (apart + hem, bottom),
        (apart, bottom),
        (0.015, crotch),
    ]
    sheet.fill(_both_sides(outline))
    sheet.line([(-hip * 0.85, top + 0.12), (hip * 0.85, top + 0.12)], 0.04, 0.6)
    if _chance(rng, 0.5):
        sheet.line([(0, top), (0, crotch)], 0.03, 0.6)


def _pullover(sheet: _Sheet, rng: np.random.Generator) -> None:
    length = rng.uniform(0.6, 0.92)
    chest, _ = _top(sheet, rng, rng.uniform(0.7, 1.0), length, rng.uniform(0.9, 1.02))
    if _chance(rng, 0.6):  # the ribbed hem
        sheet.line([(-chest, length - 0.1), (chest, length - 0.1)], 0.04, 0.65)


def _dress(sheet: _Sheet, rng: np.random.Generator) -> None:
    sleeve = 0.0 if _chance(rng, 0.5) else rng.uniform(0.0, 0.9)
    sheet.matrix = sheet.matrix @ np.diag([0.78, 1.0])
    _top(sheet, rng, sleeve, rng.uniform(0.85, 1.0), rng.uniform(0.6, 0.95), rng.uniform(0.9, 1.6))


def _coat(sheet: _Sheet, rng: np.random.Generator) -> None:
    length = rng.uniform(0.7, 1.0)
    chest, neck = _top(sheet, rng, rng.uniform(0.75, 1.0), length, rng.uniform(0.85, 1.02), rng.uniform(0.95, 1.15))
    if _chance(rng, 0.85):
        _front(sheet, rng, neck, length, _chance(rng, 0.35), 0.6)
    if _chance(rng, 0.4):  # pockets
        for side in (1, -1):
            sheet.line([(side * chest * 0.35, 0.35), (side * chest * 0.75, 0.25)], 0.05, 0.5)


def _shirt(sheet: _Sheet, rng: np.random.Generator) -> None:
    sleeve = rng.uniform(0.05, 0.35) if _chance(rng, 0.35) else rng.uniform(0.65, 1.0)
    length = rng.uniform(0.6, 0.97)
    _, neck = _top(sheet, rng, sleeve, length, rng.uniform(0.85, 1.0))
    if _chance(rng, 0.8):
        _front(sheet, rng, neck, length - 0.05 if _chance(rng, 0.8) else neck + 0.4, _chance(rng, 0.75), 0.7)


def _shoe(rng: np.random.Generator, shaft: float) -> np.ndarray:
    """A shoe from the side, toe to the left: its outline without the sole; ``shaft`` is the height of its heel."""
    toe, back = rng.uniform(0.12, 0.3), rng.uniform(0.8, 0.95)
    floor, throat = 0.5, rng.uniform(0.0, 0.3)
    return np.array(
        [
            (-0.95, floor),
            (-0.93, floor - toe),
            (-0.45, floor - toe - 0.12),
            (throat, floor - max(shaft * 0.7, 0.3)),
            (throat + 0.1, floor - shaft),
            (back, floor - shaft),
            (back - rng.uniform(0, 0.06), floor - shaft * 0.4),
            (back, floor),
        ]
    )


def _sandal(sheet: _Sheet, rng: np.random.Generator) -> None:
    heel, thick = rng.uniform(0, 0.6) * _chance(rng, 0.6), rng.uniform(0.06, 0.2)
    upper = np.array([(-0.95, 0.42), (-0.3, 0.42 - heel * 0.1), (0.35, 0.42 - heel * 0.7), (0.9, 0.42 - heel)])
    if heel > 0.25:
        sheet.fill([(0.62, 0.45 - heel * 0.85), (0.92, 0.42 - heel), (0.9, 0.55), (0.74, 0.55)], 0.85)
    sheet.line(upper, thick, rng.uniform(0.7, 1.1))
    for x in rng.uniform(-0.85, 0.0, rng.integers(1, 4)):
        sheet.line(
            [(x, 0.4), (x + 0.22, 0.05 - heel * 0.25), (x + 0.42, 0.38 - heel * 0.3)],
            rng.uniform(0.05, 0.14),
            1.0,
        )
    if _chance(rng, 0.75):
        high = rng.uniform(0.25, 0.75)
        sheet.line(
            [(0.9, 0.4 - heel), (0.82, 0.4 - heel - high), (0.25, 0.3 - heel * 0.6 - high * 0.7)],
            rng.uniform(0.05, 0.12),
            1.0,
        )
    if _chance(rng, 0.25):  # a closed toe
        sheet.fill([(-0.95, 0.42), (-0.9, 0.2), (-0.5, 0.1), (-0.3, 0.4)], 1.0)


def _sneaker(sheet: _Sheet, rng: np.random.Generator) -> None:
    shaft = rng.uniform(0.34, 0.72)
    outline = _shoe(rng, shaft)
    sheet.fill(outline)
    sole = rng.uniform(0.06, 0.16)
    sheet.fill([(-0.97, 0.48), (0.95, 0.48), (0.93, 0.48 + sole), (-0.93, 0.48 + sole)], rng.choice([0.5, 1.5]))
    for x in np.linspace(-0.4, 0.0, rng.integers(2, 5)):  # laces
        sheet.line([(x, 0.5 - shaft * 0.75), (x + 0.14, 0.5 - shaft * 0.45)], 0.05, rng.choice([0.4, 1.6]))
    if _chance(rng, 0.6):
        sheet.line([(-0.1, 0.42), (0.2, 0.2), (0.6, 0.15)], rng.uniform(0.05, 0.12), rng.choice([0.4, 1.6]))


def _bag(sheet: _Sheet, rng: np.random.Generator) -> None:
    wide, high, slant = rng.uniform(0.6, 0.95), rng.uniform(0.4, 0.75), rng.uniform(-0.12, 0.12)
    top = 0.85 - 2 * high + rng.uniform(0, 0.15)
    if _chance(rng, 0.85):
        reach, x = rng.uniform(0.15, 0.7), wide * rng.uniform(0.3, 0.75)
        handle = [(-x, top + 0.05), (-x * 0.8, top - reach), (x * 0.8, top - reach), (x, top + 0.05)]
        sheet.line(handle, rng.uniform(0.05, 0.12), rng.uniform(0.7, 1.1))
    sheet.fill(_both_sides([(wide - slant, top), (wide + slant, 0.8)]))
    if _chance(rng, 0.5):
        flap = top + high * rng.uniform(0.4, 1.1)
        sheet.line([(-wide, flap), (wide, flap)], 0.05, 0.6)
    if _chance(rng, 0.5):
        sheet.oval(0, top + high * rng.uniform(0.5, 1), 0.08, 0.08, rng.choice([0.3, 1.7]))


def _ankle_boot(sheet: _Sheet, rng: np.random.Generator) -> None:
    shaft = rng.uniform(0.62, 1.25)
    sheet.fill(_shoe(rng, shaft))
    heel = rng.uniform(0.05, 0.3)
    sheet.fill([(-0.95, 0.48), (0.3, 0.48), (0.4, 0.55), (-0.9, 0.55)], 0.6)
    sheet.fill([(0.5, 0.48), (0.93, 0.48), (0.9, 0.5 + heel), (0.58, 0.5 + heel)], 0.6)
    if _chance(rng, 0.45):  # zip or laces
        sheet.line([(0.3, 0.45 - shaft * 0.9), (0.35, 0.35)], 0.04, rng.choice([0.4, 1.5]))
    if _chance(rng, 0.3):
        sheet.line([(0.15, 0.5 - shaft * 0.6), (0.9, 0.5 - shaft * 0.55)], 0.08, rng.choice([0.5, 1.5]))


_DRAW = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot)
