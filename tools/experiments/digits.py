"""Digits and garments: the networks of notebooks 01, 02 and 10."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from sklearn.model_selection import train_test_split

from helpers import data, embeddings, models, recipes, scores
from tools.experiments import Metrics, experiment

LAYERS = ("pool1", "conv2", "pool3", "fc1", "logits")


def scaled(images: np.ndarray) -> np.ndarray:
    return images[..., np.newaxis].astype("float32") / 255


def test_score(model: keras.Model, images: data.Images) -> float:
    return scores.score(model, scaled(images.x_test), images.y_test).accuracy


@experiment
def book_convnet(seed: int) -> Metrics:
    """The 93,322-parameter network on MNIST: 60,000 training images, 5 epochs, rmsprop, batches of 64."""
    digits, recipe = data.mnist(), recipes.recipe("book_convnet")
    model = recipe.model()
    recipe.fit(model, scaled(digits.x_train), digits.y_train)
    return {"test_accuracy": test_score(model, digits)}


def fit_fashion(recipe: recipes.Recipe, stages: tuple[int, ...]) -> Metrics:
    """Train the 243,786-parameter network on Fashion-MNIST and test it after each number of epochs."""
    garments = data.fashion_mnist()
    x, y = scaled(garments.x_train), garments.y_train
    model = recipe.model(len(x) // recipe.batch_size)
    metrics: Metrics = {}
    for first, last in zip((0, *stages), stages):
        history = recipe.fit(model, x, y, initial_epoch=first, epochs=last)
        loss, accuracy = model.evaluate(scaled(garments.x_test), garments.y_test, verbose=0)
        metrics[f"test_accuracy_{last}_epochs"] = accuracy
        metrics[f"test_loss_{last}_epochs"] = loss
        metrics[f"training_accuracy_{last}_epochs"] = history["accuracy"][-1]
    if len(stages) > 1:  # seed by seed, which is sharper than comparing two means
        first, last = (metrics[f"test_accuracy_{epochs}_epochs"] for epochs in (stages[0], stages[-1]))
        metrics["test_accuracy_gain"] = last - first
    return metrics


@experiment
def fashion_convnet(seed: int) -> Metrics:
    """The 243,786-parameter network on Fashion-MNIST: 60,000 training images, 5 epochs, adam, batches of 32."""
    return fit_fashion(recipes.recipe("fashion_convnet"), (5,))


@experiment
def fashion_convnet_decay(seed: int) -> Metrics:
    """As fashion_convnet, with adam's learning rate falling from 0.001 to 0 along a cosine over the 5 epochs."""
    recipe = recipes.recipe("fashion_convnet")
    return fit_fashion(replace(recipe, rate=recipes.cosine(recipe.rate)), (5,))


@experiment
def fashion_convnet_long(seed: int) -> Metrics:
    """The 243,786-parameter network on Fashion-MNIST: 60,000 training images, adam, batches of 32, tested after 5
    epochs and again after 20."""
    recipe = recipes.recipe("fashion_convnet_long")
    return fit_fashion(recipe, (5, recipe.epochs))


def fit_dropout(seed: int, recipe: recipes.Recipe) -> Metrics:
    """Train the 110,474-parameter network on MNIST until the validation loss has had no new low for some epochs."""
    digits = data.mnist()
    x, x_val, y, y_val = train_test_split(
        digits.x_train, digits.y_train, test_size=0.1, stratify=digits.y_train, random_state=seed
    )
    model = recipe.model()
    history = recipe.fit(model, scaled(x), y, validation_data=(scaled(x_val), y_val))
    best = int(np.nanargmin(history["val_loss"]))
    return {
        "test_accuracy": test_score(model, digits),
        "training_accuracy_with_dropout": history["accuracy"][best],
        "epochs": len(history["loss"]),
    }


@experiment
def dropout_convnet(seed: int) -> Metrics:
    """The 110,474-parameter network on MNIST: 54,000 training images, 6,000 for validation, adam, batches of 128,
    EarlyStopping(patience=2) on the validation loss, best weights restored."""
    return fit_dropout(seed, recipes.recipe("dropout_convnet_stopped"))


@experiment
def dropout_convnet_patient(seed: int) -> Metrics:
    """As dropout_convnet, with EarlyStopping(patience=5)."""
    return fit_dropout(seed, replace(recipes.recipe("dropout_convnet_stopped"), patience=5))


@experiment
def functional_convnet(seed: int) -> Metrics:
    """The 24-48-64 network on 42,000 MNIST digits, the size of Kaggle's table: 80 % for training,
    20 % for validation, 20 epochs, adam, batches of 256."""
    digits, recipe = data.mnist(), recipes.recipe("functional_convnet")
    some = slice(recipe.images)
    x, x_val, y, y_val = train_test_split(digits.x_train[some], digits.y_train[some], test_size=0.2, random_state=42)
    history = recipe.fit(recipe.model(), scaled(x), y, validation_data=(scaled(x_val), y_val))
    return {
        "validation_accuracy": history["val_accuracy"][-1],
        "training_accuracy_with_dropout": history["accuracy"][-1],
    }


@experiment
def tsne_convnet(seed: int) -> Metrics:
    """The 3,338,682-parameter network on MNIST: 60,000 training images, one epoch, Adam at 0.0001, batches of 50. Then,
    on the first 5,000 test images, five of its layers: points with the class of most of their 12 nearest others (knn),
    in all dimensions and in the pictures, linear probe (five folds), trustworthiness at 12 neighbors of t-SNE (50
    components, perplexity 40) and of the two largest components. The same of the untrained network, without t-SNE.
    Strangers are points that lie among another class in fc1's t-SNE picture."""
    digits, recipe = data.mnist(), recipes.recipe("tsne_convnet")
    model = models.tsne_convnet()
    x, y = scaled(digits.x_test[:5000]), digits.y_test[:5000]
    metrics = {f"untrained_{name}": value for name, value in separation(model, x, y, pictures=False).items()}
    recipe.compile(model)
    recipe.fit(model, scaled(digits.x_train), digits.y_train)
    metrics |= separation(model, x, y, pictures=True)
    fc1 = embeddings.embed(embeddings.flat_activations(model, x, ["fc1"])["fc1"])  # read from disk
    stranger = embeddings.nearest_class(fc1, y) != y
    wrong = scores.predicted_classes(model, x) != y
    return metrics | {
        "test_accuracy": test_score(model, digits),
        "strangers": stranger.mean(),
        "strangers_wrong": wrong[stranger].mean(),
        "others_wrong": wrong[~stranger].mean(),
    }


def separation(model: keras.Model, images: np.ndarray, labels: np.ndarray, pictures: bool) -> Metrics:
    """How far each of the five layers tells the digits apart and, if asked, how far its two pictures can be trusted."""
    values = embeddings.flat_activations(model, images, LAYERS)
    metrics: Metrics = {}
    planes = embeddings.embed_each(values) if pictures else {}
    for layer, of_layer in values.items():
        flat = embeddings.embed(of_layer, "pca")
        of_flat = embeddings.layer_scores(of_layer, labels, flat)
        metrics |= {f"{layer}_knn": of_flat.knn.accuracy, f"{layer}_probe": of_flat.probe.accuracy}
        if pictures:
            metrics[f"{layer}_pca_trust"] = of_flat.trustworthiness
            metrics[f"{layer}_tsne_trust"] = embeddings.trustworthiness(of_layer, planes[layer])
            metrics[f"{layer}_pca_knn"] = (embeddings.nearest_class(flat, labels) == labels).mean()
            metrics[f"{layer}_tsne_knn"] = (embeddings.nearest_class(planes[layer], labels) == labels).mean()
    return metrics
