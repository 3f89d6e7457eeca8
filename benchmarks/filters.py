"""How much sooner filter patterns are there when many climb together, in one run: ratios of seconds per picture.

    python course.py dev benchmark filters

Pictures of 64 pixels for block1_conv1 to block4_conv1 of VGG16, default objective, three ways: ``filters.ascend``; one
filter at a time with a GradientTape that runs operation by operation; one at a time with a function traced for each
filter, which is what a straight translation of the source does. For the benchmark's sake all run on fewer filters and
steps than the goal names, 64 and 40, and seconds are scaled up: tracing counts once per call or filter, and steps
cost the same each.
"""

from __future__ import annotations

import time

import keras
import numpy as np

from benchmarks import tf, write
from helpers import bases, filters
from tools.experiments.inside import FILTER_LAYERS

SIZE, TOGETHER, ALONE, STEPS = 64, 16, 2, 10
GOAL_FILTERS, GOAL_STEPS = 64, 40


def step_of(base: bases.Base, layer: str, number: int):
    """One ascent step of one filter, as a plain function of the picture, and the part of the model that it runs."""
    target = base.model.get_layer(layer)
    below = None if target.input is base.model.inputs[0] else keras.Model(base.model.inputs, target.input)

    def step(picture):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(picture)
            images = base.preprocess(picture)
            maps = target.convolution_op(below(images) if below else images, target.kernel) + target.bias
            response = tf.reduce_mean(tf.nn.leaky_relu(maps[:, 2:-2, 2:-2, number], filters.SLOPE))
        gradient = tape.gradient(response, picture)
        return picture + gradient / tf.sqrt(tf.reduce_mean(tf.square(gradient)))

    return step


def alone(base: bases.Base, layer: str, traced: bool) -> tuple[np.ndarray, float]:
    """Pictures of the first filters, one at a time, and the seconds that GOAL_FILTERS of GOAL_STEPS would take."""
    pictures, seconds = [], 0.0
    for number in range(ALONE):
        picture = tf.constant(filters.start([number], SIZE))
        begun = time.perf_counter()
        step = step_of(base, layer, number)
        step = tf.function(step) if traced else step
        picture = step(picture)
        first = time.perf_counter() - begun  # with the tracing, if any
        for _ in range(STEPS - 1):
            picture = step(picture)
        each = (time.perf_counter() - begun - first) / (STEPS - 1)
        seconds += first + each * (GOAL_STEPS - 1)
        pictures.append(picture.numpy()[0])
    return np.stack(pictures), seconds * GOAL_FILTERS / ALONE


def together(base: bases.Base, layer: str) -> tuple[np.ndarray, float]:
    """The same pictures, and more, from the helper; the copy and the tracing are timed by a call of one step."""
    taken = []
    for steps in (1, STEPS):
        begun = time.perf_counter()
        pictures = filters.ascend(base.model, layer, range(TOGETHER), SIZE, steps, preprocess=base.preprocess)
        taken.append(time.perf_counter() - begun)
    each = (taken[1] - taken[0]) / (STEPS - 1)
    chunks = GOAL_FILTERS / TOGETHER
    return pictures[:ALONE], taken[0] - each + each * chunks * GOAL_STEPS


def main() -> None:
    base = bases.vgg16(SIZE)
    filters.ascend(base.model, next(iter(FILTER_LAYERS)), [0], SIZE, 1, preprocess=base.preprocess)  # warm
    total, layers = {"together": 0.0, "eager": 0.0, "traced": 0.0}, {}
    for layer in FILTER_LAYERS:
        ways = together(base, layer), alone(base, layer, traced=False), alone(base, layer, traced=True)
        ours, *others = (filters.deprocess(pictures) for pictures, _ in ways)
        apart = max(float(np.abs(ours - other).max()) for other in others)
        assert apart < 1e-3, f"{layer}: pictures differ by {apart}"
        seconds = dict(zip(total, (taken for _, taken in ways)))
        total = {way: total[way] + seconds[way] for way in total}
        layers[layer] = {k: float(f"{v:.3g}") for k, v in {**seconds, "largest_difference": apart}.items()}
        print(layer, layers[layer], flush=True)
    result = {
        "seconds_scaled": {way: round(value, 1) for way, value in total.items()},
        "layers": layers,
        "ratio_eager": round(total["eager"] / total["together"], 2),
        "ratio_traced": round(total["traced"] / total["together"], 2),
        "timed": f"{TOGETHER} filters together, {ALONE} alone, for {STEPS} steps",
    }
    write("filters", result)


if __name__ == "__main__":
    main()
