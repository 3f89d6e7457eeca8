"""On pretrained bases: the heads and fine-tuned networks of notebooks 05 and 06."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import bases, data, models, profile, recipes, scores
from helpers.augmentation import RandomAffine
from helpers.profile import CourseError
from tools.experiments import Metrics, experiment, tf
from tools.experiments.parts import calibration, over_resamples
from tools.experiments.pets import in_bfloat16, metrics_of


def fit_head(found: dict[str, tuple], model: keras.Model, recipe: recipes.Recipe, train=None) -> Metrics:
    """Train on features as the source does, best weights by validation loss.

    ``train``: an endless dataset of batches to use instead of ``found["train"]``, 100 of them per epoch.
    """
    recipe.compile(model)
    fit = partial(recipe.fit, model, validation_data=found["validation"])
    history = fit(*found["train"]) if train is None else fit(train, steps_per_epoch=100)
    return metrics_of(history, scores.correct_images(model, *found["test"]))


def fit_dense_head(found: dict[str, tuple]) -> Metrics:
    return fit_head(found, models.dense_head(found["train"][0].shape[1:]), recipes.recipe("dense_head"))


def vgg16_features_of(
    layer: str | None = None, preprocess: Callable | None = None, parts: Iterable[str] = data.PARTS
) -> dict[str, tuple]:
    """VGG16's features of the 4,000 photos at 150 pixels, by part; computed once and kept in the course's cache."""
    split, base = data.cats_and_dogs(150).files, bases.vgg16(150)
    in_bfloat16(base.model)
    return {part: bases.extract(base, split, part, layer, preprocess) for part in parts}


def divided(images):
    """As the sources prepare photos for VGG16."""
    return images / 255


@experiment
def vgg16_features(seed: int) -> Metrics:
    """A dense head of 256 units with dropout 0.5 on VGG16's features of the 2,000 photos of 150 pixels, prepared by
    VGG16's own preprocessing: 30 epochs, RMSprop at 0.00002, batches of 20, best weights by validation loss;
    convolutions in bfloat16."""
    return fit_dense_head(vgg16_features_of())


@experiment
def vgg16_features_scaled(seed: int) -> Metrics:
    """As vgg16_features, with the photos divided by 255 in place of VGG16's own preprocessing, as in the source."""
    return fit_dense_head(vgg16_features_of(preprocess=divided))


VIEWS = 8


@cache
def vgg16_views() -> tuple[np.ndarray, np.ndarray]:
    """What VGG16's block 4 gives for 8 random views of each training photo: float16 (16,000, 9, 9, 512), and labels."""
    views = RandomAffine(**recipes.recipe("pets_augmented").views)
    split, base = data.cats_and_dogs(150).files, bases.vgg16(150)
    in_bfloat16(base.model)
    images = data.pipeline(split.paths["train"], split.labels["train"], 150, 50, shuffle=False)
    viewed = images.map(lambda images, _: base.preprocess(views(images, training=True)))
    lower = base.upto("block4_pool")
    maps = [bases.run(lower, viewed, f"view {n + 1}").astype(np.float16) for n in range(VIEWS)]
    return np.concatenate(maps), np.tile(split.labels["train"], VIEWS)


def shuffled(maps: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    """Batches of 20 without end, in a new order each time that all have been seen."""
    order = tf.data.Dataset.range(len(labels)).shuffle(len(labels)).repeat().batch(20)
    batch = tf.TensorSpec((None, *maps.shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int32)

    def batches():
        return ((maps[i].astype(np.float32), labels[i]) for i in order.as_numpy_iterator())

    return tf.data.Dataset.from_generator(batches, output_signature=batch).prefetch(tf.data.AUTOTUNE)


def head_on_views(block5: keras.Model, head: keras.Model) -> Metrics:
    """Train a dense head on what VGG16's block 5 makes of the views; validate and test on the photos as they are."""
    maps, labels = vgg16_views()
    batches = (maps[i : i + 100].astype(np.float32) for i in range(0, len(maps), 100))
    seen = bases.run(block5, batches, "block 5")
    return fit_head(vgg16_features_of(), head, recipes.recipe("dense_head"), shuffled(seen, labels))


@experiment
def vgg16_augmented(seed: int) -> Metrics:
    """As vgg16_features under augmentation (turns to 40 degrees, shifts and zooms to 0.2, mirroring), which is the
    frozen base and the head in one model, with one thing cut: each photo has 8 random views, made once, in place of a
    new one in each of the 30 epochs."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    return head_on_views(block5, top.layers[-1])


@experiment
def vgg16_fine_tuned(seed: int) -> Metrics:
    """VGG16's block 5 and a dense head on kept block-4 features of 8 random views of each of the 2,000 photos: the head
    alone first, as in vgg16_augmented, then both for 20 epochs of 2,000 views with RMSprop at 0.00001, for the last 5
    at 0.000002, batches of 20, best weights by validation loss; convolutions in bfloat16."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    head_on_views(block5, top.layers[-1])
    in_bfloat16(block5)
    return tune_on_views(top)


def tune_on_views(top: keras.Model) -> Metrics:
    """Train block 5 and the head on it, which ``head_on_views`` has trained, on what block 4 gives for the views."""
    recipe = recipes.recipe("fine_tuned_vgg16")
    drop = keras.optimizers.schedules.PiecewiseConstantDecay([1500], [recipe.rate, recipe.rate / 5])
    return fit_head(
        vgg16_features_of("block4_pool"), top, replace(recipe, rate=lambda *_: drop), shuffled(*vgg16_views())
    )


@experiment
def vgg16_fine_tuned_plain(seed: int) -> Metrics:
    """As vgg16_fine_tuned without augmentation, as in notebook 06: on kept block-4 features of the photos themselves,
    the head first as in vgg16_features, then both for 20 epochs with RMSprop at 0.00001."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    fit_head(vgg16_features_of(), top.layers[-1], recipes.recipe("dense_head"))
    in_bfloat16(block5)
    return fit_head(vgg16_features_of("block4_pool"), top, recipes.recipe("fine_tuned_vgg16"))


@experiment
def vgg16_hasty(seed: int) -> Metrics:
    """As vgg16_fine_tuned_plain without training the head first, and at the optimizer's usual rate, 0.001, for 5
    epochs."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    in_bfloat16(block5)
    hasty = replace(recipes.recipe("fine_tuned_vgg16"), rate=1e-3, epochs=5)
    return fit_head(vgg16_features_of("block4_pool"), top, hasty)


@experiment
def vgg16_calibration(seed: int) -> Metrics:
    """Calibration, measured as in fashion_plain, on the 1,000 test photos, of the networks of vgg16_augmented,
    vgg16_fine_tuned and vgg16_features, trained once more: the head on random views (views), the same head with block 5
    (fine_tuned), the head on the photos as they are (features). Two things differ: block 5 learns in float32, and the
    last head starts from other random numbers than in vgg16_features."""
    block5, top = models.block5_and_head(bases.vgg16(150).model)
    head = top.layers[-1]
    steps = {  # what is trained, how, and on which layer of VGG16 it is tested
        "views": (head, lambda: head_on_views(block5, head), None),
        "fine_tuned": (top, lambda: tune_on_views(top), "block4_pool"),
    }
    plain = models.dense_head(head.input_shape[1:])
    steps["features"] = plain, lambda: fit_head(vgg16_features_of(), plain, recipes.recipe("dense_head")), None
    metrics: Metrics = {}
    reliability = {}
    for name, (model, train, layer) in steps.items():
        metrics[f"{name}_test_accuracy"] = train()["test_accuracy"]
        photos, labels = vgg16_features_of(layer, parts=["test"])["test"]
        found, reliability[name] = calibration(model.predict(photos, batch_size=100, verbose=0), labels)
        metrics |= {f"{name}_{metric}": value for metric, value in found.items()}
    return metrics | {"reliability": reliability}


def lite0(side: int = 224) -> bases.Base:
    """EfficientNet-Lite0 with its global average pooling: 1,280 values per image. It was trained at 224 pixels."""
    path = profile.data_dir() / "models" / "efficientnet_lite0.keras"
    if not path.is_file():
        raise CourseError(f"{path} is missing: this experiment needs EfficientNet-Lite0, 1,000 classes, 224 pixels.")
    whole = keras.models.load_model(path, compile=False)
    (pooled,) = (layer for layer in whole.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    model = keras.Model(whole.inputs, pooled.output, name="efficientnet_lite0")
    if side != 224:
        weights = model.get_weights()
        model = keras.models.clone_model(model, input_tensors=[keras.Input((side, side, 3))])
        model.set_weights(weights)
    return bases.Base(model.name, model, lambda images: images, f"ImageNet photos, {path}")


@experiment
def lite0_features(seed: int) -> Metrics:
    """Logistic regression on EfficientNet-Lite0's 1,280 features of the 4,000 photos at 224 pixels: read, compute the
    features, fit on 2,000, test on 1,000, nothing kept from earlier runs."""
    base = lite0()
    split = data.cats_and_dogs(base.side).files
    found = {}
    for part in data.PARTS:
        batches = data.pipeline(split.paths[part], split.labels[part], base.side, 50, shuffle=False)
        found[part] = bases.run(base.model, batches.map(lambda images, _: base.preprocess(images)), part)
    labels = {part: np.array(split.labels[part]) for part in data.PARTS}
    probe = logistic(0.01)(found["train"], labels["train"])
    correct = {part: probe.predict(found[part]) == labels[part] for part in ("validation", "test")}
    return {
        "test_accuracy": correct["test"].mean(),
        "validation_accuracy": correct["validation"].mean(),
        "correct": correct["test"],
    }


@experiment
def lite0_resampled(seed: int) -> Metrics:
    """The interval of lite0_features, in which nothing is random: test accuracies of the same logistic regression,
    fitted 200 times on 2,000 photos drawn with replacement from its 2,000; their mean and the ends of their middle
    95 %. They hold the choice of training photos, and not that of the test photos. Another seed changes nothing."""
    base, split = lite0(), data.cats_and_dogs(224).files
    train, test = (bases.extract(base, split, part) for part in ("train", "test"))
    return over_resamples(logistic(0.01), *train, test)


def logistic(strength: float) -> Callable:
    """A function that fits a logistic regression on standardized features; ``strength`` is scikit-learn's C."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500)).fit


def menagerie_features_of(layer: str | None = None) -> dict[str, tuple]:
    """The course's own base's features of 1,000 + 500 + 1,000 drawn pets of 64 pixels, by part."""
    split = data.first(data.cats_and_dogs(64).files, train=1000, validation=500, test=1000)
    return {part: bases.extract(bases.menagerie(64), split, part, layer) for part in data.PARTS}


@experiment
def drawn_features(seed: int) -> Metrics:
    """A dense head on the features of the course's own base, 1,000 drawn pets of 64 pixels: 12 epochs, RMSprop at
    0.0002, batches of 20, best weights by validation loss (notebook 05, quick)."""
    return fit_dense_head(menagerie_features_of())


@experiment
def drawn_fine_tuned(seed: int) -> Metrics:
    """The own base's block 5 and a dense head on kept block-4 features: the head alone first, as in drawn_features,
    then both for 5 epochs with RMSprop at 0.00005 (notebook 06, quick)."""
    block5, top = models.block5_and_head(bases.menagerie(64).model)
    fit_head(menagerie_features_of(), top.layers[-1], recipes.recipe("dense_head"))
    return fit_head(menagerie_features_of("block4_pool"), top, recipes.recipe("fine_tuned"))
