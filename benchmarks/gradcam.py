"""What a Grad-CAM map costs, in one run: the helper's, one forward pass, the textbook's way, and tf-keras-vis.

    python course.py dev benchmark gradcam

One photo (random pixels) of 224 pixels, EfficientNet-Lite0. The forward pass is ``model(photo)``, called as the map
calls it, layer by layer. The textbook builds a second model of the last convolution and the answer for each map, as
the source does. tf-keras-vis is measured only where it is installed; the course does not need it. All ways take turns,
so that a busy moment of the machine hits each; the ratios are what to quote.
"""

from __future__ import annotations

import importlib.util

import keras
import numpy as np

from benchmarks import ratio, take_turns, tf, write
from helpers import gradcam, profile

SIDE, CLASS, ROUNDS, WARM = 224, 386, 12, 2  # the first two rounds warm up, and are left out
VIS = "tf-keras-vis"


def textbook(model: keras.Model, batch: np.ndarray) -> np.ndarray:
    """A model of convolution and logits, a gradient, the weighted sum."""
    convolution = next(layer for layer in model.layers[::-1] if isinstance(layer, keras.layers.Conv2D))
    *_, pooled, answer = model.layers
    twin = keras.Model(model.input, [convolution.output, pooled.output])
    with tf.GradientTape() as tape:
        maps, features = twin(batch)
        score = (features @ answer.kernel + answer.bias)[:, CLASS]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    heatmap = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)).numpy()
    return heatmap / heatmap.max()


def logits_model(model: keras.Model) -> keras.Model:
    """The model without its softmax, for tf-keras-vis."""
    *_, pooled, answer = model.layers
    linear = keras.layers.Dense(answer.units)
    logits = linear(pooled.output)
    linear.set_weights(answer.get_weights())
    return keras.Model(model.input, logits)


def main() -> None:
    model = keras.models.load_model(profile.data_dir() / "models" / "efficientnet_lite0.keras")
    batch = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE, 3)).astype("float32")
    ways = {
        "forward pass": lambda: model(batch, training=False),
        "compiled predict": lambda: model.predict_on_batch(batch),
        "helper": lambda: gradcam.grad_cam(model, batch, CLASS, upsample=False),
        "textbook": lambda: textbook(model, batch),
    }
    if importlib.util.find_spec("tf_keras_vis"):
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.scores import CategoricalScore

        options = {"penultimate_layer": "top_conv", "expand_cam": False, "normalize_cam": False}
        ready = Gradcam(logits_model(model), clone=False)
        ways[VIS] = lambda: np.asarray(ready(CategoricalScore([CLASS]), batch, **options))
    ours = ways["helper"]()
    for name in set(ways) & {"textbook", VIS}:
        other = ways[name]()
        assert np.allclose(other / other.max(), ours, atol=1e-5), f"{name} gives another map"
    times = take_turns(ways, ROUNDS)
    result = {
        "seconds": {name: [round(value, 3) for value in each] for name, each in times.items()},
        "ratio_helper_to_forward_pass": ratio(times, "helper", "forward pass", WARM),
        "ratio_helper_to_compiled_predict": ratio(times, "helper", "compiled predict", WARM),
        "ratio_textbook_to_helper": ratio(times, "textbook", "helper", WARM),
        "ratio_tf_keras_vis_to_helper": ratio(times, VIS, "helper", WARM) if VIS in ways else None,
    }
    write("gradcam", result)
    if VIS not in ways:
        print(f"{VIS} is not installed: not measured")


if __name__ == "__main__":
    main()
