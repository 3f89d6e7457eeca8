"""The sources' networks by name, built untrained.

Every network takes grey images as float32 of shape (N, 28, 28, 1) with values in [0, 1] and gives
10 class probabilities (softmax). The notebooks build each of them in the open once; later
notebooks call it from here.
"""

from __future__ import annotations

import keras
from keras import layers

DIGIT_SHAPE = (28, 28, 1)


def book_convnet() -> keras.Sequential:
    """The first convnet of *Deep Learning with Python*, section 5.1: 93,322 parameters.

    Convolutions 32-64-64 of 3×3, max pooling after the first two, a hidden layer of 64 units.
    """
    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="book_convnet",
    )


def fashion_convnet() -> keras.Sequential:
    """The 64-64 network for Fashion-MNIST (source 002): 243,786 parameters."""
    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="fashion_convnet",
    )


def dropout_convnet() -> keras.Sequential:
    """The 32-64-128 network with dropout 0.3 after each block (source 001): 110,474 parameters."""
    blocks = [
        layer
        for filters in (32, 64, 128)
        for layer in (
            layers.Conv2D(filters, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.3),
        )
    ]
    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            *blocks,
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="dropout_convnet",
    )


def functional_convnet() -> keras.Model:
    """The 24-48-64 network of the functional API (source 000): 113,514 parameters.

    "Same" padding keeps the size through each convolution, so that the feature maps are 28, 14
    and 7 pixels wide; layers 1 to 6 are the convolutions and poolings that notebook 07 looks at.
    """
    inputs = x = keras.Input(DIGIT_SHAPE)
    for filters in (24, 48, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.25)(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="functional_convnet")
