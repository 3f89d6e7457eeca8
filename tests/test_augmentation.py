"""RandomAffine against what each of its changes does by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from helpers import models
from helpers.augmentation import RandomAffine

EVERYTHING = {"turn": 40, "shift": 0.2, "zoom": 0.2}


def noise(count: int = 16, side: int = 33) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (count, side, side, 3)).astype("float32")


def spot(x: float, y: float, count: int = 200, side: int = 65) -> np.ndarray:
    """A bright blob around (x, y), ``count`` times."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    blob = np.exp(-((across - x) ** 2 + (down - y) ** 2) / 8).astype("float32")
    return np.repeat(blob[np.newaxis, ..., np.newaxis], count, axis=0)


def centers(images: np.ndarray) -> np.ndarray:
    """Where each blob lies now: (x, y) from the middle of the image, shape (N, 2)."""
    side = images.shape[1]
    weights = images[..., 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    places = np.arange(side) - (side - 1) / 2
    return np.stack([(weights.sum(axis=1) * places).sum(axis=1), (weights.sum(axis=2) * places).sum(axis=1)], axis=1)


def test_it_acts_in_training_alone_and_keeps_the_range():
    images, layer = noise(), RandomAffine(**EVERYTHING)
    assert np.array_equal(layer(images), images) and np.array_equal(layer(images, training=False), images)
    first, second = (layer(images, training=True).numpy() for _ in range(2))
    assert first.shape == images.shape and not np.array_equal(first, second)
    assert first.min() >= images.min() - 1e-3 and first.max() <= images.max() + 1e-3


def test_without_any_change_asked_for_it_gives_the_image_back():
    images = noise()
    assert np.allclose(RandomAffine(mirror=False)(images, training=True), images, atol=1e-3)


def test_mirroring_swaps_left_and_right_in_half_of_the_images():
    images = noise(400, 9)
    found = RandomAffine()(images, training=True).numpy()
    same, swapped = (np.abs(found - other).max(axis=(1, 2, 3)) < 1e-3 for other in (images, images[:, :, ::-1]))
    assert (same ^ swapped).all() and 0.4 < swapped.mean() < 0.6


def test_a_shift_moves_by_no_more_than_its_share_either_way():
    moved = centers(RandomAffine(shift=0.2, mirror=False)(spot(32, 32), training=True).numpy())
    assert np.abs(moved).max() <= 0.2 * 65 + 0.1
    assert (moved.min(axis=0) < -0.17 * 65).all() and (moved.max(axis=0) > 0.17 * 65).all()


def test_a_turn_keeps_the_distance_from_the_middle_and_stays_within_its_angle():
    moved = centers(RandomAffine(turn=30, mirror=False)(spot(32 + 16, 32), training=True).numpy())
    angles = np.degrees(np.arctan2(moved[:, 1], moved[:, 0]))
    assert np.allclose(np.hypot(*moved.T), 16, atol=0.1)
    assert angles.min() < -25 and angles.max() > 25 and np.abs(angles).max() < 30.5


def test_a_zoom_shows_from_less_to_more_than_the_whole_each_axis_on_its_own():
    moved = centers(RandomAffine(zoom=0.25, mirror=False)(spot(32 + 16, 32 + 16), training=True).numpy())
    assert moved.min() > 16 / 1.25 - 0.2 and moved.max() < 16 / 0.75 + 0.2 and np.ptp(moved, axis=0).min() > 6
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.3


def test_the_changes_compose_to_a_turn_and_a_zoom_along_the_photos_own_axes():
    """On a wide image whose values are its coordinates, the output tells where each pixel came from."""
    height, width, count, turn, zoom = 33, 65, 300, 20, 0.2
    down, across = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    ramps = np.repeat(np.stack([across, down], axis=-1)[np.newaxis].astype("float32"), count, axis=0)
    found = RandomAffine(turn=turn, zoom=zoom)(ramps, training=True).numpy()
    y, x = height // 2, width // 2
    assert np.allclose(found[:, y, x], (x, y), atol=1e-3)  # the middle stays
    matrix = np.stack([found[:, y, x + 1] - found[:, y, x], found[:, y + 1, x] - found[:, y, x]], axis=-1)
    norms = np.linalg.norm(matrix, axis=2)  # of each row: the zoom along the photo's x and y
    assert np.allclose((matrix[:, 0] * matrix[:, 1]).sum(axis=1), 0, atol=1e-3), "skewed"
    assert norms.min() >= 1 - zoom - 1e-3 and norms.max() <= 1 + zoom + 1e-3 and np.ptp(norms, axis=0).min() > zoom
    angles = np.degrees(np.arctan2(matrix[:, 1, 0], matrix[:, 1, 1]))
    assert np.abs(angles).max() <= turn + 0.1 and 0.4 < (np.linalg.det(matrix) < 0).mean() < 0.6


def test_what_lies_outside_repeats_the_nearest_pixel():
    side = 33
    ramp = np.broadcast_to(np.arange(side, dtype="float32")[:, None], (100, side, side, 1)) + 50
    found = RandomAffine(shift=0.3, mirror=False)(ramp, training=True).numpy()[..., 0]
    start = found[:, side // 2, side // 2] - side // 2  # where the middle came from tells the shift
    rows = np.clip(np.arange(side) + start[:, None], 50, 50 + side - 1)
    assert np.allclose(found, rows[:, None], atol=1e-3) and (rows == 50).any() and (rows == 50 + side - 1).any()


def test_the_same_seed_gives_the_same_views():
    images = noise()
    first, second, other = (RandomAffine(**EVERYTHING, seed=seed)(images, training=True).numpy() for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_it_works_in_half_precision(dtype):
    images = noise()
    found = RandomAffine(**EVERYTHING, seed=1, dtype=dtype)(images, training=True)
    assert found.dtype == dtype.removeprefix("mixed_")
    exact = RandomAffine(**EVERYTHING, seed=1)(images, training=True)
    assert np.abs(found.numpy().astype("float32") - exact).max() < 3


def test_a_model_with_it_has_no_more_weights_and_survives_saving(tmp_path):
    given = {**EVERYTHING, "mirror": False, "seed": 7}
    model = models.pets_convnet(64, 4, [RandomAffine(**given)])
    assert model.count_params() == models.pets_convnet(64, 4).count_params()
    model.save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").layers[0]
    assert {name: getattr(layer, name) for name in given} == given
    assert np.array_equal(layer(noise(), training=True), RandomAffine(**given)(noise(), training=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zoom": 1.5}, "zoom is 1.5; it should be a number that is at least 0 and below 1"),
        ({"zoom": 1}, "zoom is 1; .* below 1"),
        ({"zoom": -0.1}, "zoom is -0.1; .* at least 0"),
        ({"zoom": float("nan")}, "zoom is nan"),
        ({"zoom": (0.1, 0.2)}, r"zoom is \(0.1, 0.2\)"),
        ({"shift": -0.2}, "shift is -0.2; .* at least 0 and finite"),
        ({"shift": float("inf")}, "shift is inf"),
        ({"turn": -5}, "turn is -5; .* at least 0"),
        ({"turn": "40"}, "turn is '40'; it should be a number"),
    ],
)
def test_changes_that_make_no_sense_are_refused_when_the_layer_is_made(change, message):
    with pytest.raises(ValueError, match=message):
        RandomAffine(**change)
