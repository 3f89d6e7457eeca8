"""Class maps and their scores: the experiments of notebook 09."""

from __future__ import annotations

import cv2
import keras
import numpy as np
from scipy import stats

from helpers import bases, drawn, gradcam, profile, recipes, scores
from tools.experiments import Metrics, experiment, tf


def drawn_pets(count: int, seed: int, backdrops: dict[str, int] | None = None) -> tuple[np.ndarray, ...]:
    """Pictures of 64 pixels as float32 RGB, masks, labels."""
    pictures, masks, labels = drawn.animals(drawn.PETS, count, seed, 64, backdrops)
    return pictures.astype("float32"), masks, labels


def head_on_own_base(pictures: np.ndarray, labels: np.ndarray) -> keras.Model:
    """The course's own base and a dense head that has learnt the pictures, from prepared images (notebook 09)."""
    base = bases.menagerie(64)
    seen = base.model.predict(base.preprocess(pictures), verbose=0)
    recipe = recipes.recipe("scored_head")
    head = recipe.model(shape=seen.shape[1:])
    recipe.fit(head, seen, labels)
    return keras.Sequential([keras.Input((64, 64, 3)), base.model, head])


def map_scores(model: keras.Model, prepared: np.ndarray, masks: np.ndarray, curves: int = 0) -> Metrics:
    """Mean energy in the mask and pointing game of Grad-CAM and of its baselines; for the first ``curves`` images the
    means over the curves of deletion and insertion."""
    found = {}
    maps = {"grad_cam": gradcam.grad_cam(model, prepared), **gradcam.baselines(model, prepared)}
    for name, heatmaps in maps.items():
        key = name.replace(" ", "_")
        found[f"energy_{key}"] = gradcam.energy_in_mask(heatmaps, masks).mean()
        found[f"pointing_{key}"] = gradcam.pointing_game(heatmaps, masks).mean()
        if curves:
            _, *both = gradcam.deletion_insertion(model, prepared[:curves], heatmaps[:curves], steps=6)
            found |= {f"{kind}_{key}": curve.mean() for kind, curve in zip(("deletion", "insertion"), both)}
    return found


@experiment
def drawn_grad_cam(seed: int) -> Metrics:
    """Maps of 300 drawn pets of 64 pixels, scored with their masks: the course's own base and a dense head that has
    learnt 600 others, 8 epochs, RMSprop at 0.0005, batches of 32; four copies of the network with random weights; and
    the mask itself, averaged over 4 x 4 places (notebook 09)."""
    pictures, _, labels = drawn_pets(600, 100 + seed)
    model, prepare = head_on_own_base(pictures, labels), bases.menagerie(64).preprocess
    pictures, masks, labels = drawn_pets(300, 200 + seed)
    cells = np.stack([cv2.resize(mask.astype("float32"), (4, 4), interpolation=cv2.INTER_AREA) for mask in masks])
    truth = tf.image.resize(cells[..., np.newaxis], (64, 64))[..., 0].numpy()
    places, orders, left = gradcam.grad_cam(model, prepare(pictures), upsample=False), [], []
    for _ in range(4):
        small = gradcam.grad_cam(keras.models.clone_model(model), prepare(pictures), upsample=False)
        pairs = [(a.ravel(), b.ravel()) for a, b in zip(places, small) if a.any() and b.any()]
        orders.append(np.mean([stats.spearmanr(a, b).statistic for a, b in pairs]))
        large = tf.image.resize(small[..., np.newaxis], (64, 64))[..., 0].numpy()
        left.append(gradcam.energy_in_mask(large, masks).mean())
    return map_scores(model, prepare(pictures), masks, curves=50) | {
        "test_accuracy": scores.score(model, prepare(pictures), labels).accuracy,
        "energy_truth_4x4": gradcam.energy_in_mask(truth, masks).mean(),
        "energy_random_weights": np.mean(left),
        "rank_correlation_random_weights": np.mean(orders),
    }


def small_convnet(pictures: np.ndarray, labels: np.ndarray) -> keras.Model:
    """The quick profile's network of notebook 03, trained from scratch as in notebook 09."""
    recipe = recipes.recipe("cheater")
    model = recipe.model(len(labels) // recipe.batch_size)
    recipe.fit(model, pictures, labels)
    return model


@experiment
def drawn_cheat(seed: int) -> Metrics:
    """The quick profile's network of notebook 03 trained on 600 drawn pets of 64 pixels with every cat before one photo
    and every dog before the other, 8 epochs, Adam at 0.001 falling to zero along a cosine, batches of 20: accuracy on
    300 others of the same sort and on the same animals with the photos swapped, and maps of the former scored. To
    compare, on the same pictures: "untied", the same network trained on pets before any photo; "pretrained", the
    course's own base with a dense head that has learnt the tied pictures (notebook 09)."""
    tied, swapped = {"cat": 1, "dog": 0}, {"cat": 0, "dog": 1}
    learnt, _, kinds = drawn_pets(600, 100 + seed, tied)
    other, _, _ = drawn_pets(300, 200 + seed, swapped)
    pictures, masks, labels = drawn_pets(300, 200 + seed, tied)
    free, _, free_kinds = drawn_pets(600, 100 + seed)
    cheater, prepare = small_convnet(learnt, kinds), bases.menagerie(64).preprocess
    found = map_scores(cheater, pictures, masks)
    others = {
        "": (cheater, pictures, other),
        "untied_": (small_convnet(free, free_kinds), pictures, other),
        "pretrained_": (head_on_own_base(learnt, kinds), prepare(pictures), prepare(other)),
    }
    for name, (model, shown, shown_swapped) in others.items():
        found[f"{name}test_accuracy"] = scores.score(model, shown, labels).accuracy
        found[f"{name}swapped_accuracy"] = scores.score(model, shown_swapped, labels).accuracy
        found[f"{name}energy_grad_cam"] = gradcam.energy_in_mask(gradcam.grad_cam(model, shown), masks).mean()
    return found


@experiment
def lite0_elephants(seed: int) -> Metrics:
    """EfficientNet-Lite0 on the book's two elephants, the photo averaged down to 224 pixels: the probabilities of three
    classes, and the share of the map for African elephants that lies in boxes drawn by hand around the animals, x 86 to
    292 and y 128 to 234, x 238 to 525 and y 48 to 222 of the photo's 525 x 351 pixels. One photo, in which nothing is
    random: no interval, and no word on other photos."""
    folder = profile.data_dir()
    model = keras.models.load_model(folder / "models" / "efficientnet_lite0.keras")
    photo = cv2.imread(str(folder / "images" / "creative_commons_elephant.jpg"))[..., ::-1]
    image = cv2.resize(photo, (224, 224), interpolation=cv2.INTER_AREA).astype("float32")
    boxes = np.zeros((1, *photo.shape[:2]), bool)
    boxes[0, 128:234, 86:292] = boxes[0, 48:222, 238:525] = True
    heatmap = cv2.resize(gradcam.grad_cam(model, image, 386)[0], photo.shape[1::-1])
    answers = model.predict(image[np.newaxis], verbose=0)[0]
    named = {"african_elephant": answers[386], "tusker": answers[101], "indian_elephant": answers[385]}
    return named | {"energy_in_boxes": gradcam.energy_in_mask(heatmap[np.newaxis], boxes)[0], "boxes": boxes.mean()}
