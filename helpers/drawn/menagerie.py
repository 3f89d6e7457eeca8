"""Animals drawn with OpenCV: cats and dogs, and others for pretraining, each with a mask.

An animal is drawn in its own units: the head's center is (0, 0), its radius 1, y points down. A
pose (place, size, turn, mirror) maps these to pixels, and a yaw shifts what stands out of the face
(muzzle, eyes, nose), so that the head seems to look aside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

PETS = ("cat", "dog")
SIDE = 150
_BITS = 4  # OpenCV takes vertices as whole 16ths of a pixel
_RAMP = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 40, endpoint=False)) for f in (np.cos, np.sin)], axis=1)


@dataclass(frozen=True)
class _Traits:
    """What an animal looks like, lengths in head radii, angles in degrees."""

    ear_place: float = 38  # from the top of the head towards the side
    ear_length: float = 0.9
    ear_width: float = 0.42
    ear_fold: float = 20  # how far it turns outwards: upright 0, hanging 100 and more
    ear_round: float = 0.2  # its tip, from pointed 0 to round 1
    head_width: float = 1.0
    head_height: float = 0.92
    jowl: float = 0.1  # how much wider the lower face is
    muzzle_width: float = 0.42
    muzzle_height: float = 0.3
    muzzle_drop: float = 0.4
    nose: str = "triangle"
    nose_width: float = 0.14
    nose_height: float = 0.11
    eye_size: float = 0.2
    eye_apart: float = 0.42
    eye_height: float = -0.12
    pupil: float = 0.6  # width as a share of the iris: a slit 0.2, all of it 1
    whiskers: float = 0.0
    tongue: float = 0.1  # probability that it shows
    coat: tuple[int, int, int] | None = None
    extras: tuple[str, ...] = ()


# Cats and dogs share every part: each cue is a normal score, and the two means lie this many standard
# deviations apart. No single cue tells them apart, and none of them is a color or a place.
CUES = {"fold": 2.4, "tip": 2.0, "muzzle": 2.5, "nose": 2.4, "eye": 2.4, "pupil": 2.9, "whiskers": 2.6, "head": 2.0}

OTHER_ANIMALS = {
    "rabbit": _Traits(16, 1.7, 0.3, 6, 0.8, 0.86, 0.95, muzzle_width=0.34, muzzle_height=0.24, whiskers=0.6,
                      eye_apart=0.5, pupil=0.9, extras=("teeth",)),
    "bear": _Traits(44, 0.48, 0.4, 0, 1, 1.1, 0.98, muzzle_width=0.48, muzzle_height=0.38, nose="oval",
                    nose_width=0.2, nose_height=0.14, eye_size=0.13, pupil=1),
    "fox": _Traits(32, 1.0, 0.46, 4, 0, 1.08, 0.8, -0.55, 0.26, 0.42, 0.5, nose_width=0.11, whiskers=0.5, pupil=0.3,
                   coat=(216, 122, 50), extras=("cheeks",)),
    "pig": _Traits(42, 0.6, 0.36, 70, 0.15, 1.08, muzzle_width=0.3, muzzle_height=0.2, nose="snout", nose_width=0.38,
                   nose_height=0.27, eye_size=0.13, pupil=1, coat=(240, 176, 170)),
    "mouse": _Traits(46, 0.95, 0.62, 4, 1, 0.86, 0.86, -0.3, 0.24, 0.24, 0.45, "oval", 0.1, 0.09, 0.16,
                     whiskers=0.9, pupil=1),
    "owl": _Traits(36, 0.5, 0.22, 8, 0, muzzle_width=0, muzzle_drop=0.25, nose="beak", nose_height=0.3, eye_size=0.3,
                   extras=("discs",)),
    "panda": _Traits(44, 0.5, 0.42, 0, 1, 1.12, muzzle_width=0.4, nose="oval", nose_width=0.16, eye_size=0.13, pupil=1,
                     coat=(240, 236, 230), extras=("patches",)),
    "frog": _Traits(ear_length=0, head_width=1.2, head_height=0.8, eye_height=-0.72, eye_apart=0.55, eye_size=0.27,
                    muzzle_width=0, nose="dots", nose_width=0.1, pupil=0.5, coat=(120, 180, 70), extras=("grin",)),
    "koala": _Traits(62, 0.8, 0.62, 0, 1, 1.05, muzzle_width=0, muzzle_drop=0.22, nose="oval", nose_width=0.2,
                     nose_height=0.32, eye_size=0.13, pupil=1, coat=(134, 134, 140)),
    "lion": _Traits(44, 0.46, 0.36, 0, 0.9, 0.95, muzzle_width=0.46, muzzle_height=0.34, nose_width=0.2,
                    nose_height=0.15, whiskers=0.6, pupil=0.5, eye_size=0.15, coat=(200, 162, 120), extras=("mane",)),
    "sheep": _Traits(80, 0.75, 0.24, 50, 0.7, 0.76, 1.0, muzzle_width=0.34, muzzle_height=0.26, muzzle_drop=0.55,
                     eye_size=0.15, pupil=1, extras=("wool",)),
    "cow": _Traits(76, 0.75, 0.3, 14, 0.6, 0.88, 1.05, muzzle_width=0.6, muzzle_height=0.36, muzzle_drop=0.62,
                   nose="dots", nose_width=0.26, eye_size=0.16, pupil=1, extras=("horns", "patch")),
    "monkey": _Traits(86, 0.5, 0.42, 0, 1, 0.95, muzzle_width=0.55, muzzle_height=0.42, muzzle_drop=0.42, nose="dots",
                      nose_width=0.1, eye_size=0.16, pupil=0.8, coat=(138, 92, 58), extras=("face",)),
    "raccoon": _Traits(42, 0.55, 0.36, 4, 0.6, 1.1, 0.82, -0.4, 0.28, nose="oval", eye_size=0.15, whiskers=0.4,
                       pupil=1, coat=(134, 134, 140), extras=("mask",)),
    "donkey": _Traits(22, 1.25, 0.26, 14, 0.35, 0.72, 1.1, muzzle_width=0.48, muzzle_height=0.4, muzzle_drop=0.72,
                      nose="dots", nose_width=0.22, eye_size=0.16, pupil=1, coat=(134, 134, 140)),
    "lop": _Traits(52, 1.35, 0.3, 125, 0.8, 0.88, muzzle_width=0.34, muzzle_height=0.24, whiskers=0.6, pupil=0.9,
                   extras=("teeth",)),
}  # fmt: skip


def pets(count: int, seed: int, size: int = SIDE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw cats (label 0) and dogs (label 1), equally many, in random order.

    Returns images, uint8 RGB of shape (count, size, size, 3); masks, bool of shape (count, size, size),
    True where the animal is seen; and labels, uint8 of shape (count,).
    """
    return animals(PETS, count, seed, size)


def animals(
    kinds: Iterable[str], count: int, seed: int, size: int = SIDE, backdrops: dict[str, int] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw animals of the given kinds, equally many, in random order; labels index ``kinds``.

    ``kinds`` are "cat", "dog" or keys of ``OTHER_ANIMALS``. ``backdrops`` may tie a kind to one of the
    two photos behind the animals (0 or 1), to build a dataset whose background gives the class
    away. Returns what ``pets`` returns. Raises ValueError for an unknown kind.
    """
    kinds, backdrops = tuple(kinds), backdrops or {}
    unknown = set(kinds) - {*PETS, *OTHER_ANIMALS}
    if unknown:
        known = ", ".join((*PETS, *OTHER_ANIMALS))
        raise ValueError(f"no animal {', '.join(sorted(unknown))}; there are {known}")
    labels = np.random.default_rng(seed).permutation(np.arange(count) % len(kinds)).astype(np.uint8)
    images = np.empty((count, size, size, 3), np.uint8)
    masks = np.empty((count, size, size), bool)
    for number, label in enumerate(labels):
        kind = kinds[label]
        images[number], masks[number] = animal(kind, seed, number, size, backdrops.get(kind))
    return images, masks, labels


def animal(
    kind: str, seed: int, number: int, size: int = SIDE, backdrop: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one animal, the same one for the same arguments whatever else is drawn: its image and its mask."""
    rng = np.random.default_rng((seed, number))
    picture = _Picture(rng, backdrop)
    _draw_animal(picture, _individual(kind, rng), rng)
    return picture.finish(rng, size)


@lru_cache
def _photos() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_sample_image

    return tuple(load_sample_image(name) for name in ("china.jpg", "flower.jpg"))


@lru_cache
def _fur() -> np.ndarray:
    """Fur seen from near: noise of strands, the same for every animal, of standard deviation 1."""
    rng = np.random.default_rng(0)
    strands = cv2.GaussianBlur(rng.normal(size=(320, 320)), (0, 0), sigmaX=0.7, sigmaY=2.2)
    clumps = cv2.GaussianBlur(rng.normal(size=(320, 320)), (0, 0), 5)
    return (0.7 * strands / strands.std() + 0.5 * clumps / clumps.std()).astype(np.float32)


def _sigmoid(score: float) -> float:
    return 1 / (1 + np.exp(-score))


def _mix(first, second, share: float) -> np.ndarray:
    return np.asarray(first, float) * (1 - share) + np.asarray(second, float) * share


def _individual(kind: str, rng: np.random.Generator) -> _Traits:
    """One animal of a kind."""
    if kind in OTHER_ANIMALS:
        return _vary(OTHER_ANIMALS[kind], rng)
    side = 0.5 if kind == "cat" else -0.5
    score = {cue: side * apart + rng.normal() for cue, apart in CUES.items()}
    hang, muzzle = _sigmoid(-1.6 * score["fold"]), _sigmoid(-1.3 * score["muzzle"])
    nose, eye, head = _sigmoid(-1.3 * score["nose"]), _sigmoid(1.3 * score["eye"]), _sigmoid(1.3 * score["head"])
    return _Traits(
        ear_place=36 + 16 * hang,
        ear_length=0.86 + 0.3 * hang,
        ear_width=0.44 - 0.04 * hang,
        ear_fold=8 + 135 * hang,
        ear_round=0.9 * _sigmoid(-1.5 * score["tip"]),
        head_width=0.9 + 0.16 * head,
        head_height=1.0 - 0.13 * head,
        jowl=0.22 - 0.2 * head,
        muzzle_width=0.34 + 0.17 * muzzle,
        muzzle_height=0.22 + 0.24 * muzzle,
        muzzle_drop=0.36 + 0.14 * muzzle,
        nose="triangle" if rng.random() < _sigmoid(1.2 * score["nose"]) else "oval",
        nose_width=0.1 + 0.12 * nose,
        nose_height=0.08 + 0.09 * nose,
        eye_size=0.15 + 0.09 * eye,
        pupil=0.95 - 0.7 * _sigmoid(1.6 * score["pupil"]),
        whiskers=float(np.clip(0.5 + 0.35 * score["whiskers"], 0, 1.1)),
        tongue=0.28 * muzzle,
        extras=_some(rng, stripes=0.35, patch=0.25, blaze=0.25, bib=0.4, collar=0.3),
    )


def _some(rng: np.random.Generator, **chances: float) -> tuple[str, ...]:
    return tuple(name for name, chance in chances.items() if rng.random() < chance)


def _vary(traits: _Traits, rng: np.random.Generator) -> _Traits:
    """Individuals of the other animals differ, in the parts that also tell cats from dogs."""
    changed = {
        name: getattr(traits, name) * rng.uniform(0.75, 1.3)
        for name in (
            "ear_length",
            "ear_width",
            "muzzle_width",
            "muzzle_height",
            "nose_width",
            "nose_height",
            "eye_size",
        )
    }
    changed |= {name: getattr(traits, name) * rng.uniform(0.88, 1.14) for name in ("head_width", "head_height")}
    changed["ear_fold"] = traits.ear_fold + rng.normal() * 10
    for name, low, high, chance in (("pupil", 0.2, 1, 0.6), ("whiskers", 0, 1.1, 0.6), ("ear_round", 0, 1, 0.3)):
        if rng.random() < chance:
            changed[name] = rng.uniform(low, high)
    if rng.random() < 0.2:
        changed["ear_fold"] = rng.uniform(40, 130)
    if traits.nose in ("triangle", "oval") and rng.random() < 0.3:
        changed["nose"] = "oval" if traits.nose == "triangle" else "triangle"
    changed["extras"] = traits.extras + _some(rng, stripes=0.15, bib=0.3, collar=0.2, blaze=0.1)
    return replace(traits, **changed)


# Poses vary widely: with less variation a network trained from scratch needs no help.
SHIFT, RADIUS, TURN, YAW = 20, (24, 42), 20, 0.35  # pixels, pixels, degrees (one sd), head radii
OCCLUDERS = 1.5  # on average


class _Picture:
    """A backdrop to draw one animal on, in the animal's own units, with a mask of what is animal."""

    def __init__(self, rng: np.random.Generator, photo: int | None) -> None:
        self.rgb = _backdrop(rng, photo)
        self.mask = np.zeros((SIDE, SIDE), np.uint8)
        angle, mirror = np.deg2rad(rng.normal(0, TURN)), rng.choice((-1, 1))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        self.radius = rng.uniform(*RADIUS)
        scale = self.radius * 2**_BITS
        self.matrix = scale * np.diag([mirror, 1.0]) @ turn
        self.center = ((SIDE * 0.5, SIDE * 0.46) + rng.uniform(-SHIFT, SHIFT, 2)) * 2**_BITS
        self.aside = rng.uniform(-1, 1, 2) * (YAW, YAW / 2)

    def pixels(self, points, out: float = 0.0) -> np.ndarray:
        """Points in head radii as OpenCV's vertices; ``out``: how far they stand out of the face."""
        return np.rint((points + self.aside * out) @ self.matrix + self.center).astype(np.int32)

    def fill(self, points, color, out: float = 0.0, line=None) -> None:
        """Fill a polygon that is part of the animal, with an outline if ``line`` is a color."""
        vertices = [self.pixels(points, out)]
        cv2.fillPoly(self.rgb, vertices, tuple(map(float, color)), cv2.LINE_AA, _BITS)
        if line is not None:
            cv2.polylines(self.rgb, vertices, True, tuple(map(float, line)), 1, cv2.LINE_AA, _BITS)
        cv2.fillPoly(self.mask, vertices, 255, cv2.LINE_AA, _BITS)

    def stroke(self, points, color, width: float, out: float = 0.0, part: bool = False) -> None:
        """Draw an open line of a width in head radii; only a thick one (a tail) is ``part`` of the mask."""
        vertices, thick = [self.pixels(points, out)], max(1, round(width * self.radius))
        cv2.polylines(self.rgb, vertices, False, tuple(map(float, color)), thick, cv2.LINE_AA, _BITS)
        if part:
            cv2.polylines(self.mask, vertices, False, 255, thick, cv2.LINE_AA, _BITS)

    @contextlib.contextmanager
    def inside(self, outline) -> Iterator[None]:
        """What is drawn in this block stays inside the outline: markings on a head."""
        rgb, mask, outside = self.rgb.copy(), self.mask.copy(), np.full_like(self.mask, 255)
        yield
        cv2.fillPoly(outside, [self.pixels(outline)], 0, cv2.LINE_8, _BITS)
        cv2.copyTo(rgb, outside, self.rgb)
        cv2.copyTo(mask, outside, self.mask)

    def finish(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Fur, things in front, light from one side, a color cast, grain; then the wanted size."""
        row, column = rng.integers(0, 320 - SIDE, 2)
        fur = _fur()[row : row + SIDE, column : column + SIDE]
        across, down = (_RAMP * np.float32(slope) for slope in rng.normal(0, 0.45, 2))
        light = np.clip((1 + across + down[:, np.newaxis]) * np.float32(rng.uniform(0.75, 1.15)), 0.3, 1.7)
        light *= 1 + fur * (self.mask * np.float32(rng.uniform(0.03, 0.09) / 255))
        for _ in range(rng.poisson(OCCLUDERS)):
            self._occlude(rng)
        grain = rng.standard_normal((SIDE, SIDE), np.float32) * np.float32(rng.uniform(2, 12))
        cast = (1 + rng.normal(0, 0.06, 3)).astype(np.float32)
        rgb = cv2.multiply(self.rgb, cv2.merge([light * c for c in cast]), dtype=cv2.CV_32F)
        rgb = cv2.add(rgb, cv2.merge([grain] * 3), dtype=cv2.CV_8U)
        if size != SIDE:
            rgb, self.mask = (cv2.resize(a, (size, size), interpolation=cv2.INTER_AREA) for a in (rgb, self.mask))
        return rgb, self.mask > 127

    def _occlude(self, rng: np.random.Generator) -> None:
        """Something in front of the animal, in pixels: a post, a ball, a leaf or blades of grass."""
        color = rng.integers(40, 225, 3)
        green = rng.uniform((40, 110, 30), (120, 185, 85))
        kind = rng.integers(4)
        if kind == 0:
            left, width, lean = rng.uniform(0, SIDE), rng.uniform(5, 14), rng.uniform(-25, 25)
            shapes = [
                ([(left, -5), (left + width, -5), (left + width + lean, SIDE + 5), (left + lean, SIDE + 5)], color)
            ]
        elif kind == 1:
            ball, place = _CIRCLE * rng.uniform(10, 22), rng.uniform(15, SIDE - 15, 2)
            shapes = [(ball + place, color), (ball * (0.3, 1) + place, color * 0.7)]
        elif kind == 2:
            length = rng.uniform(14, 30)
            leaf = _ellipse(0, 0, length, length * 0.4, rng.uniform(0, 6.28)) + rng.uniform(15, SIDE - 15, 2)
            shapes = [(leaf, green)]
        else:
            shapes = [
                ([(x - 3, SIDE + 2), (x + 3, SIDE + 2), (x + rng.uniform(-14, 14), SIDE - rng.uniform(25, 75))], green)
                for x in np.arange(rng.uniform(0, 9), SIDE, 9)
            ]
        for points, shade in shapes:
            vertices = [np.round(np.asarray(points, float) * 2**_BITS).astype(np.int32)]
            cv2.fillPoly(self.rgb, vertices, tuple(map(float, shade)), cv2.LINE_AA, _BITS)
            cv2.fillPoly(self.mask, vertices, 0, cv2.LINE_AA, _BITS)


def _backdrop(rng: np.random.Generator, photo: int | None) -> np.ndarray:
    """A square crop of one of the two photos, of any scale, at the picture's size."""
    whole = _photos()[rng.integers(2) if photo is None else photo]
    side = int(rng.integers(110, 300))
    top, left = rng.integers(0, whole.shape[0] - side), rng.integers(0, whole.shape[1] - side)
    crop = whole[top : top + side, left : left + side]
    crop = crop[:, ::-1] if rng.random() < 0.5 else crop
    return np.ascontiguousarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))


def _ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> np.ndarray:
    cosine, sine = np.cos(turn), np.sin(turn)
    return _CIRCLE * (rx, ry) @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)


def _fluffy(outline: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    middle = outline.mean(axis=0)
    return middle + (outline - middle) * (1 + amount * rng.normal(size=(len(outline), 1)))


def _curve(start, bend, end, points: int = 12) -> np.ndarray:
    """A quadratic Bezier curve."""
    t = np.linspace(0, 1, points)[:, np.newaxis]
    return (1 - t) ** 2 * np.asarray(start) + 2 * t * (1 - t) * np.asarray(bend) + t**2 * np.asarray(end)


_COATS = ((236, 210, 170), (216, 142, 70), (138, 92, 58), (92, 64, 50), (134, 134, 140), (104, 114, 130), (58, 54, 58),
          (240, 236, 230), (200, 162, 120), (176, 120, 84))  # fmt: skip
_IRISES = ((96, 160, 70), (216, 176, 50), (110, 170, 214), (120, 76, 36), (90, 54, 28), (180, 120, 40))
_SIDES = (-1, 1)


class _Coat:
    """The colors of one animal, from a palette that all kinds share."""

    def __init__(self, traits: _Traits, rng: np.random.Generator) -> None:
        own = traits.coat is not None and rng.random() < 0.6
        base = traits.coat if own else _COATS[rng.integers(len(_COATS))]
        self.fur = np.clip(np.array(base) * rng.uniform(0.85, 1.1) + rng.normal(0, 7, 3), 20, 250)
        self.pale = _mix(self.fur, (250, 244, 235), rng.uniform(0.35, 0.8))
        self.dark = self.fur * rng.uniform(0.4, 0.62) if self.fur.mean() > 80 else _mix(self.fur, (190, 180, 170), 0.3)
        self.edge = self.fur * 0.6
        self.pink = _mix((226, 150, 150), self.fur, 0.3)
        self.nose = _mix((44, 36, 38), (214, 130, 130), 0 if rng.random() < 0.6 else rng.uniform(0.5, 1))
        self.iris = np.array(_IRISES[rng.integers(len(_IRISES))]) * rng.uniform(0.85, 1.15)
        self.fluff = rng.uniform(0.006, 0.028)


def _draw_animal(picture: _Picture, traits: _Traits, rng: np.random.Generator) -> None:
    """From back to front: body, ears, head with markings, muzzle and nose, eyes, hanging ears, whiskers."""
    coat = _Coat(traits, rng)
    _draw_body(picture, traits, coat, rng)
    hanging = traits.ear_fold > 62
    if not hanging:
        _draw_ears(picture, traits, coat, rng)
    head = _fluffy(_ellipse(0, 0, traits.head_width, traits.head_height), rng, coat.fluff)
    head[:, 0] *= 1 + 0.8 * traits.jowl * np.clip(head[:, 1], -0.2, 1)
    picture.fill(head, coat.fur, line=coat.edge)
    with picture.inside(head):
        _draw_markings(picture, traits, coat, rng)
    _draw_muzzle(picture, traits, coat, rng)
    _draw_nose(picture, traits, coat)
    _draw_eyes(picture, traits, coat, rng)
    if hanging:
        _draw_ears(picture, traits, coat, rng)
    _draw_whiskers(picture, traits, rng)


def _draw_body(picture: _Picture, traits: _Traits, coat: _Coat, rng: np.random.Generator) -> None:
    side, width = rng.choice(_SIDES), rng.uniform(0.8, 1.05)
    tail = _curve(
        (side * 0.7, 2.9), (side * rng.uniform(1.4, 2.2), 2.8), (side * rng.uniform(1.2, 1.9), rng.uniform(0.6, 2))
    )
    picture.stroke(tail, coat.fur * 0.9, rng.uniform(0.2, 0.36), part=True)
    picture.fill(_fluffy(_ellipse(0, 2.05, width, 1.45), rng, coat.fluff), coat.fur * 0.93, line=coat.edge)
    if "bib" in traits.extras:
        picture.fill(_fluffy(_ellipse(0, 1.7, width * 0.55, 0.95), rng, coat.fluff), coat.pale)
    for k in _SIDES:
        picture.fill(_ellipse(k * 0.36, 2.75, 0.25, 0.8), coat.fur * 0.98, line=coat.edge)
    picture.fill(_ellipse(0, 0.95, 0.72, 0.35), coat.fur * 0.7)  # the head's shadow
    if "collar" in traits.extras:
        picture.stroke(_curve((-0.66, 0.95), (0, 1.5), (0.66, 0.95)), rng.integers(40, 240, 3), 0.17)
        picture.fill(_ellipse(0, 1.3, 0.12, 0.12), (240, 205, 70))
    if "mane" in traits.extras:
        picture.fill(_fluffy(_ellipse(0, 0.05, 1.5, 1.45), rng, 0.06), coat.dark, line=coat.dark * 0.7)
    if "wool" in traits.extras:
        for angle in np.linspace(0.95 * np.pi, 2.05 * np.pi, 9):
            curl = _ellipse(np.cos(angle) * 0.8, np.sin(angle) * 0.85 - 0.05, 0.4, 0.4)
            picture.fill(curl, coat.pale, line=coat.pale * 0.75)
    if "horns" in traits.extras:
        for k in _SIDES:
            picture.stroke(_curve((k * 0.45, -0.8), (k * 0.9, -1), (k * 0.85, -1.5)), (225, 210, 180), 0.17, part=True)


def _draw_ears(picture: _Picture, traits: _Traits, coat: _Coat, rng: np.random.Generator) -> None:
    """Two leaves along an axis that bends outwards; the tip is pointed or round."""
    if traits.ear_length <= 0:
        return
    place, t = np.deg2rad(traits.ear_place), np.linspace(0, 1, 12)
    root = 0.86 * np.array([np.sin(place) * traits.head_width, -np.cos(place) * traits.head_height])
    color = coat.dark if "patches" in traits.extras or rng.random() < 0.25 else coat.fur * 0.95
    tip = traits.ear_round
    width = traits.ear_width * np.maximum(1 - t ** (1.1 + 2.2 * tip), 0) ** (1 - 0.5 * tip)
    for k in _SIDES:
        fold = traits.ear_fold + rng.normal(0, 7)
        angle = place * 0.55 + np.deg2rad(fold * (0.55 + 0.65 * t))
        along = np.stack([np.sin(angle), -np.cos(angle)], axis=1) * traits.ear_length / 11
        axis = root + np.cumsum(along, axis=0) - along[0]
        across = np.stack([np.cos(angle), np.sin(angle)], axis=1) * width[:, np.newaxis]
        for scale, first, shade, line in ((1, 0, color, coat.edge), (0.6, 2, coat.pink, None)):
            if scale == 1 or traits.ear_fold < 75:  # a hanging ear shows its back
                leaf = np.concatenate(
                    [axis[first:] + across[first:] * scale, (axis[first:] - across[first:] * scale)[::-1]]
                )
                picture.fill(leaf * (k, 1), shade, line=line)


def _draw_markings(picture: _Picture, traits: _Traits, coat: _Coat, rng: np.random.Generator) -> None:
    apart, height = traits.eye_apart, traits.eye_height
    if "patch" in traits.extras:
        patch = _ellipse(apart * 1.1, -0.2, rng.uniform(0.38, 0.6), rng.uniform(0.4, 0.65), rng.uniform(-0.5, 0.5))
        picture.fill(_fluffy(patch, rng, 0.03), coat.dark if rng.random() < 0.6 else coat.pale, 0.12)
    if "blaze" in traits.extras:
        picture.fill(_ellipse(0, -0.3, rng.uniform(0.1, 0.22), 0.8), coat.pale, 0.15)
    if "stripes" in traits.extras:
        for x in (-0.24, 0, 0.24):
            picture.stroke([(x, -0.95), (x * 0.8, -0.5)], coat.dark, 0.085, 0.1)
        for k in _SIDES:
            for y in (0.12, 0.34):
                picture.stroke([(k * 1.05, y - 0.08), (k * 0.66, y)], coat.dark, 0.08)
    for name, color, x, y, rx, ry, turn in (
        ("cheeks", coat.pale, 0.62, 0.5, 0.5, 0.42, -0.5),
        ("discs", coat.pale, apart, height, 0.46, 0.48, 0),
        ("patches", (48, 44, 48), apart, height + 0.04, 0.27, 0.33, -0.5),
        ("face", coat.pale, 0.36, -0.1, 0.44, 0.44, 0),
    ):
        for k in _SIDES if name in traits.extras else ():
            picture.fill(_ellipse(k * x, y, rx, ry, k * turn), color, 0.1)
    if "mask" in traits.extras:
        picture.fill(_ellipse(0, height, 0.95, 0.27), (60, 54, 56), 0.08)


def _draw_muzzle(picture: _Picture, traits: _Traits, coat: _Coat, rng: np.random.Generator) -> None:
    width, height, drop = traits.muzzle_width, traits.muzzle_height, traits.muzzle_drop
    if rng.random() < traits.tongue:
        picture.fill(_ellipse(0, drop + height * 0.95, 0.13, 0.24), (226, 110, 120), 0.3, line=(170, 70, 80))
    if width > 0:
        color = coat.pale if rng.random() < 0.7 else _mix(coat.fur, coat.pale, 0.35)
        picture.fill(_ellipse(0, drop + height * 0.35, width * 0.55, height * 0.85), color, 0.3)
        for k in _SIDES:
            picture.fill(_ellipse(k * width * 0.45, drop + 0.03, width * 0.62, height * 0.8), color, 0.3)
        low = (0, drop + height * 0.3)
        picture.stroke([(0, drop - height * 0.55), low], coat.nose * 0.6, 0.04, 0.36)
        for k in _SIDES:
            lip = _curve(low, (k * width * 0.35, drop + height * 0.75), (k * width * 0.75, drop + height * 0.25))
            picture.stroke(lip, coat.nose * 0.6, 0.04, 0.34)
    if "grin" in traits.extras:
        picture.stroke(_curve((-0.8, 0.15), (0, 0.75), (0.8, 0.15)), coat.dark * 0.6, 0.06, 0.1)
    if "teeth" in traits.extras:
        teeth = [(-0.1, drop + 0.12), (0.1, drop + 0.12), (0.1, drop + 0.36), (-0.1, drop + 0.36)]
        picture.fill(teeth, (250, 248, 240), 0.3, line=(150, 140, 130))


def _draw_nose(picture: _Picture, traits: _Traits, coat: _Coat) -> None:
    width, height, drop = traits.nose_width, traits.nose_height, traits.muzzle_drop
    y = drop - traits.muzzle_height * 0.55
    if traits.nose == "triangle":
        right = np.array([(0.5, -1), (1, -0.6), (0.25, 1)]) * (width, height) + (0, y)
        picture.fill(_both_sides(right), coat.nose, 0.38)
    elif traits.nose == "oval":
        picture.fill(_ellipse(0, y, width, height), coat.nose, 0.4)
        shine = _ellipse(-width * 0.3, y - height * 0.4, width * 0.28, height * 0.22)
        picture.fill(shine, _mix(coat.nose, (255, 255, 255), 0.5), 0.4)
    elif traits.nose == "beak":
        beak = [
            (-width, drop - height * 0.5),
            (0, drop - height * 0.75),
            (width, drop - height * 0.5),
            (0, drop + height),
        ]
        picture.fill(beak, (235, 170, 50), 0.3, line=(150, 100, 30))
    else:
        if traits.nose == "snout":
            picture.fill(_ellipse(0, drop - 0.05, width, height), _mix(coat.fur, (240, 150, 150), 0.5), 0.35, coat.edge)
        for k in _SIDES:
            picture.fill(_ellipse(k * width * 0.42, drop - 0.08, 0.06, 0.08), coat.edge * 0.6, 0.36)


def _draw_eyes(picture: _Picture, traits: _Traits, coat: _Coat, rng: np.random.Generator) -> None:
    size, y = traits.eye_size, traits.eye_height
    high = max(size * (1 - 0.6 * rng.uniform(0, 0.35)), 0.05)  # lids half closed, more or less
    look = rng.uniform(-0.25, 0.25, 2) * size
    for k in _SIDES:
        x = k * traits.eye_apart
        if "grin" in traits.extras:  # a frog's eyes stand above its head
            picture.fill(_ellipse(x, y, size * 1.3, size * 1.3), coat.fur, 0.1, line=coat.edge)
        picture.fill(_ellipse(x, y, size * 1.16, high * 1.2, k * -0.2), (36, 30, 32), 0.14)
        picture.fill(_ellipse(x, y, size, high, k * -0.2), coat.iris if traits.pupil < 0.97 else coat.iris * 0.5, 0.14)
        picture.fill(
            _ellipse(x + look[0], y + look[1] * 0.4, size * 0.82 * traits.pupil, high * 0.86), (18, 14, 16), 0.15
        )
        picture.fill(_ellipse(x - size * 0.3, y - high * 0.4, size * 0.24, size * 0.24), (255, 255, 255), 0.15)


def _draw_whiskers(picture: _Picture, traits: _Traits, rng: np.random.Generator) -> None:
    if traits.whiskers <= 0.12:
        return
    color, drop, long = (245, 242, 236) if rng.random() < 0.75 else (60, 56, 56), traits.muzzle_drop, traits.whiskers
    for k in _SIDES:
        for y in (-0.1, 0.03, 0.16):
            bend, end = (
                (k * (0.5 + 0.5 * long), drop + y * 1.5 - 0.05),
                (k * (0.45 + 0.95 * long), drop + y * 2.8 + 0.05),
            )
            picture.stroke(_curve((k * 0.3, drop + y * 0.6), bend, end, 6), color, 0.03, 0.25)


def _both_sides(right) -> np.ndarray:
    """The outline whose right half, from top to bottom, is given."""
    right = np.asarray(right, float)
    return np.concatenate([right, (right * (-1, 1))[::-1]])
