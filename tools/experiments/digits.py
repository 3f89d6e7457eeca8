"""Digits and garments: the networks of notebooks 01, 02 and 10."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from sklearn.model_selection import train_test_split

from helpers import data, embeddings, models, recipes, scores, training
from tools.experiments import Metrics, experiment
from tools.experiments.parts import calibration, remade

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


@experiment
def unpooled_convnet(seed: int) -> Metrics:
    """As book_convnet without its two poolings: accuracy, and parameters, most of them in the hidden layer, which then
    sees 22 x 22 places in place of 3 x 3."""
    digits, recipe = data.mnist(), recipes.recipe("book_convnet")
    model = remade(models.book_convnet(), keras.layers.MaxPooling2D)
    recipe.compile(model)
    recipe.fit(model, scaled(digits.x_train), digits.y_train)
    return {"test_accuracy": test_score(model, digits), "parameters": model.count_params()}


def fit_fashion(recipe: recipes.Recipe, stages: tuple[int, ...], calibrated: bool = False) -> Metrics:
    """Train a network on Fashion-MNIST and test it after each number of epochs; ``calibrated``: its confidence too,
    and its loss without the penalties that it is trained with."""
    garments = data.fashion_mnist()
    x, y = scaled(garments.x_train), garments.y_train
    model = recipe.model(len(x) // recipe.batch_size)
    metrics: Metrics = {}
    reliability: dict[str, dict] = {}
    for first, last in zip((0, *stages), stages):
        history = recipe.fit(model, x, y, initial_epoch=first, epochs=last)
        loss, accuracy = model.evaluate(scaled(garments.x_test), garments.y_test, verbose=0)
        metrics[f"test_accuracy_{last}_epochs"] = accuracy
        metrics[f"test_loss_{last}_epochs"] = loss
        metrics[f"training_accuracy_{last}_epochs"] = history["accuracy"][-1]
        if calibrated:
            found, bins = calibrated_on(model, garments)
            metrics |= {f"{name}_{last}_epochs": value for name, value in found.items()}
            reliability[f"{last}_epochs"] = bins
    if len(stages) > 1:  # seed by seed, which is sharper than comparing two means
        first, last = (metrics[f"test_accuracy_{epochs}_epochs"] for epochs in (stages[0], stages[-1]))
        metrics["test_accuracy_gain"] = last - first
    return metrics | ({"reliability": reliability} if calibrated else {})


def calibrated_on(model: keras.Model, images: data.Images) -> tuple[Metrics, dict]:
    return calibration(model.predict(scaled(images.x_test), batch_size=256, verbose=0), images.y_test)


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


def garment_net(filters: int = 64, units: int = 128, dropout: float = 0.0, penalty: float = 0.0) -> keras.Sequential:
    """``models.fashion_convnet`` in other widths, with dropout after each pooling and the hidden layer, or with an L2
    penalty on the weights of its convolutions and of the hidden layer."""
    own = {"activation": "relu", "kernel_regularizer": keras.regularizers.L2(penalty) if penalty else None}
    stack = [keras.Input(models.DIGIT_SHAPE)]
    for number in (1, 2):
        stack += [keras.layers.Conv2D(filters, 3, name=f"conv{number}", **own), keras.layers.MaxPooling2D(2)]
        stack += [keras.layers.Dropout(dropout)]
    stack += [keras.layers.Flatten(), keras.layers.Dense(units, **own), keras.layers.Dropout(dropout)]
    return keras.Sequential([*stack, keras.layers.Dense(10, activation="softmax")], name="garment_net")


def fit_remedy(**settings) -> Metrics:
    """As fashion_convnet_long on a changed network, with calibration."""
    recipe = recipes.recipe("fashion_convnet_long")
    if settings:
        recipe = replace(recipe, network=garment_net, settings=settings)
    return fit_fashion(recipe, (5, recipe.epochs), calibrated=True)


@experiment
def fashion_plain(seed: int) -> Metrics:
    """The networks of fashion_convnet_long trained once more (the 243,786-parameter network, all 60,000 training
    images, adam, batches of 32), for their calibration on the 10,000 test images after 5 and after 20 epochs:
    confidence is the mean probability of the answer, the calibration error the mean distance of confidence and share of
    right answers in ten bins of confidence. The control of fashion_small, fashion_l2 and fashion_dropout."""
    return fit_remedy()


@experiment
def fashion_small(seed: int) -> Metrics:
    """As fashion_plain, with a sixteenth of the parameters: 16 filters in place of 64 in both convolutions, 32 units in
    place of 128; 15,642 parameters."""
    return fit_remedy(filters=16, units=32)


@experiment
def fashion_l2(seed: int) -> Metrics:
    """As fashion_plain, with an L2 penalty of 0.0005 on the weights of both convolutions and of the hidden layer; the
    test loss is given without it. The penalty was not tuned."""
    return fit_remedy(penalty=5e-4)


@experiment
def fashion_dropout(seed: int) -> Metrics:
    """As fashion_plain, with dropout 0.3 after both poolings and the hidden layer. The share was not tuned."""
    return fit_remedy(dropout=0.3)


def fit_stopped(seed: int, recipe: recipes.Recipe, images: data.Images) -> tuple[keras.Model, training.History]:
    """Train on nine tenths until the loss on the others has had no new low for some epochs; best weights."""
    x, x_val, y, y_val = train_test_split(
        images.x_train, images.y_train, test_size=0.1, stratify=images.y_train, random_state=seed
    )
    model = recipe.model()
    return model, recipe.fit(model, scaled(x), y, validation_data=(scaled(x_val), y_val))


def calibrated_and_stopped(seed: int, recipe: recipes.Recipe, images: data.Images) -> Metrics:
    model, history = fit_stopped(seed, recipe, images)
    found, bins = calibrated_on(model, images)
    epochs = {"epochs": len(history["loss"]), "best_epoch": int(np.nanargmin(history["val_loss"])) + 1}
    return {"test_accuracy": test_score(model, images), **found, **epochs, "reliability": {"stopped": bins}}


@experiment
def fashion_stopped(seed: int) -> Metrics:
    """The 243,786-parameter network on Fashion-MNIST, stopped: 54,000 training images, 6,000 for validation, adam,
    batches of 32, EarlyStopping(patience=2) on the validation loss, best weights restored; test accuracy, loss and
    calibration as in fashion_plain, which trains on all 60,000 to the end."""
    recipe = replace(recipes.recipe("fashion_convnet_long"), patience=2)
    return calibrated_and_stopped(seed, recipe, data.fashion_mnist())


@experiment
def dropout_calibration(seed: int) -> Metrics:
    """The networks of dropout_convnet trained once more (MNIST, dropout, stopped), for their calibration, measured as
    in fashion_plain."""
    return calibrated_and_stopped(seed, recipes.recipe("dropout_convnet_stopped"), data.mnist())


def fit_dropout(seed: int, recipe: recipes.Recipe) -> Metrics:
    """Train the 110,474-parameter network on MNIST until the validation loss has had no new low for some epochs."""
    digits = data.mnist()
    model, history = fit_stopped(seed, recipe, digits)
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


INITIALIZERS: dict[str, dict] = {  # the source's own are the last
    "default": {},
    "he_normal": {"kernel_initializer": "he_normal"},
    "source": {
        "kernel_initializer": {"class_name": "TruncatedNormal", "config": {"stddev": 0.1}},
        "bias_initializer": {"class_name": "Constant", "config": {"value": 0.1}},
    },
}


@experiment
def tsne_initializers(seed: int) -> Metrics:
    """The network of tsne_convnet, trained as there (60,000 training images, one epoch, Adam at 0.0001, batches of 50),
    from three first weights: Keras's default (Glorot's uniform, biases 0), which tsne_convnet has; He's normal; and the
    source's, a normal of standard deviation 0.1 cut at two of these, for every layer, with biases of 0.1. Of each the
    test accuracy and, on the first 5,000 test images, untrained and trained, points with the class of most of their 12
    nearest others (knn) and linear probe (five folds) of three layers. The source does not say how long it trains."""
    digits, recipe = data.mnist(), recipes.recipe("tsne_convnet")
    x, y = scaled(digits.x_test[:5000]), digits.y_test[:5000]
    metrics: Metrics = {}
    for name, first in INITIALIZERS.items():
        keras.utils.set_random_seed(seed)
        model = remade(models.tsne_convnet(), **first)
        recipe.compile(model)
        for state in ("untrained_", ""):
            if not state:
                recipe.fit(model, scaled(digits.x_train), digits.y_train)
            found = separation(model, x, y, pictures=False, layers=("pool1", "fc1", "logits"))
            metrics |= {f"{name}_{state}{metric}": value for metric, value in found.items()}
        metrics[f"{name}_test_accuracy"] = test_score(model, digits)
    return metrics


def separation(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, pictures: bool, layers: tuple[str, ...] = LAYERS
) -> Metrics:
    """How far each of the layers tells the digits apart and, if asked, how far its two pictures can be trusted."""
    values = embeddings.flat_activations(model, images, layers)
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
