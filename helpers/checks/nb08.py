"""Self-checks of notebook 08: making a climbed picture visible, one step up, an objective that moves every filter."""

from __future__ import annotations

import warnings

import numpy as np

from helpers import profile
from helpers.checks import called, check, expect, given, numbers, unlike

tf = profile.quiet_tensorflow()


@check
def visible(function) -> str:
    """A function: picture of any values -> in [0, 1], mean 0.5, standard deviation 0.15 before it is cut."""
    picture = np.random.default_rng(0).normal(140, 60, (8, 9, 3))
    picture[..., 0] += 40  # more red: all colors together are brought to the mean

    def even(axes: tuple[int, ...] | None = None) -> np.ndarray:
        return np.clip(0.5 + 0.15 * (picture - picture.mean(axes)) / picture.std(axes), 0, 1)

    right, shown = even(), given(function, picture, shape=picture.shape, name="the picture")
    mistakes = {
        "this stretches from the darkest to the brightest value": (picture - picture.min()) / np.ptp(picture),
        "this cuts off at 0 and 255, and loses what is beyond": np.clip(picture / 255, 0, 1),
        "red, green and blue are each brought to the mean on their own, so a red picture turns gray": even((0, 1)),
    }
    unlike(shown, mistakes)
    far = 200 * np.random.default_rng(1).standard_t(2, (8, 9, 3))
    cut = given(function, far, shape=far.shape, name="the picture")
    expect(cut.min() >= 0 and cut.max() <= 1, "of another picture values below 0 or above 1 are left")
    expect(abs(shown.mean() - 0.5) < 0.02, f"the mean is {shown.mean():.2f}")
    expect(abs(shown.std() - right.std()) < 0.01, f"the standard deviation is {shown.std():.2f}")
    expect(np.allclose(shown, right, atol=2e-3), "mean and standard deviation are right, and the picture is another")
    pale = given(function, 0.01 * picture, shape=picture.shape, name="the picture")
    expect(np.allclose(pale, right, atol=2e-3), "a picture of little contrast is not brought to the same one")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        gray = np.asarray(called(function, np.full((4, 4, 3), 128.0)))
    expect(np.isfinite(gray).all(), "a picture without contrast becomes NaN: its standard deviation is 0")
    warned = any(issubclass(each.category, RuntimeWarning) for each in told)
    expect(not warned, "a picture without contrast is still divided by 0, with a warning")
    expect(np.allclose(gray, 0.5), "a picture without contrast does not become medium gray")
    return "one mean and one contrast for all pictures, whatever their values were"


@check
def step_up(step) -> str:
    """A function (response, picture) -> the picture one step up the gradient, of root mean square 1."""
    rng = np.random.default_rng(0)
    for factor, height, width in ((1e-3, 4, 4), (50.0, 4, 4), (1.0, 6, 5)):
        uphill = tf.constant(rng.normal(size=(1, height, width, 3)), tf.float32)
        picture = tf.constant(rng.uniform(100, 150, uphill.shape), tf.float32)
        stepped = called(step, lambda seen, slope=factor * uphill: tf.reduce_sum(slope * seen), picture)
        stepped = numbers(stepped, tuple(uphill.shape), "the picture")
        change = stepped - picture.numpy()
        expect(np.abs(change).max() > 0, "the picture is the same as before")
        direction = uphill.numpy() / np.sqrt(np.mean(uphill.numpy() ** 2))
        length = np.sqrt((change**2).mean())
        along = (change * direction).mean() / length
        expect(along > -0.5, "the response has fallen: this goes down the gradient, as in training")
        flat = np.allclose(np.abs(change), np.abs(change).mean(), rtol=1e-3)
        expect(not flat, "every pixel moves equally far: this is the gradient's sign, and not its direction")
        expect(along > 0.999, "this does not go along the gradient")
        total = np.sqrt((change**2).sum())
        expect(abs(total - 1) > 1e-3, "the squares of the step add up to 1; their mean should be 1")
        name = f"for a picture of {height} × {width} and a response with gradient {factor:g} times as large"
        expect(abs(length - 1) < 0.02, f"{name} the step has length {length:.2g}, not 1")
    still = np.asarray(called(step, lambda seen: tf.reduce_mean(tf.nn.relu(seen - 1e6)), picture))
    expect(np.isfinite(still).all(), "where the gradient is zero the picture becomes NaN")
    expect(np.allclose(still, picture), "where the gradient is zero the picture should stay as it is")
    return "one step along the gradient, one gray level long, whatever the layer"


@check
def moving_objective(objective) -> str:
    """A function: sums before the activation function (1, height, width, 1) -> one number to climb."""
    mixed = np.linspace(-3, 3, 16).reshape(1, 4, 4, 1)

    def slopes(values: np.ndarray) -> np.ndarray:
        sums = tf.constant(values, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(sums)
            number = called(objective, sums)
            expect(np.size(number) == 1, f"one number is expected, and this has shape {np.shape(number)}")
            expect(hasattr(number, "dtype") and tf.is_tensor(number), "the objective leaves TensorFlow: no gradient")
        slope = tape.gradient(number, sums)
        expect(slope is not None, "the objective does not depend on the sums: no gradient")
        return np.asarray(slope) * values.size

    silent = slopes(-np.abs(mixed) - 0.5)
    expect(silent.any(), "where all sums are negative the gradient is zero: the picture stays where it is")
    expect(silent.min() > -1e-6, "where a sum is negative this pushes it further down: the filter falls more silent")
    expect(silent.min() > 1e-6, "some negative sums have no gradient")
    speaking = slopes(np.abs(mixed) + 0.5)
    expect(np.allclose(speaking, 1, atol=1e-3), "where all sums are positive it is not the mean response any more")
    sums = np.random.default_rng(0).uniform(0.1, 3, (1, 3, 5, 1)).astype("float32")
    value = numbers(np.ravel(called(objective, tf.constant(sums))), (1,), "the objective")
    expect(np.allclose(value, sums.mean(), rtol=1e-3), "of a map of 3 × 5 it is not the mean response: where from?")
    both = slopes(mixed)
    expect(both.min() > 1e-6, "where some sums are positive, some negative sums have no gradient")
    expect(np.allclose(both[mixed > 0], 1, atol=1e-3), "where some sums are positive, these do not count as before")
    return "a silent filter has a way up now, and one that speaks climbs as before"
