"""The course's networks by name, built untrained.

The digit and garment networks take gray images as float32 of shape (N, 28, 28, 1) with values in
[0, 1] and give 10 class probabilities (softmax); ``tsne_convnet`` gives 10 logits. The pet networks
take RGB images as float32 of shape (N, side, side, 3) with values in [0, 255], rescale them inside,
and give the probability of a dog (sigmoid), shape (N, 1). The notebooks build each network in the
open once; later notebooks call it from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D

DIGIT_SHAPE = (28, 28, 1)


def book_convnet() -> keras.Sequential:
    """The first convnet of *Deep Learning with Python*, section 5.1: 93,322 parameters.

    Convolutions 32-64-64 of 3×3, max pooling after the first two, a hidden layer of 64 units.
    """
    stack = [
        keras.Input(DIGIT_SHAPE),
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(64, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(64, 3, activation="relu"),
        Flatten(),
        Dense(64, activation="relu"),
        Dense(10, activation="softmax"),
    ]
    return keras.Sequential(stack, name="book_convnet")


def fashion_convnet() -> keras.Sequential:
    """The 64-64 network for Fashion-MNIST (source 002): 243,786 parameters."""
    stack = [
        keras.Input(DIGIT_SHAPE),
        *_blocks((64, 64), activation="relu"),
        Flatten(),
        Dense(128, activation="relu", name="hidden"),
        Dense(10, activation="softmax"),
    ]
    return keras.Sequential(stack, name="fashion_convnet")


def dropout_convnet() -> keras.Sequential:
    """The 32-64-128 network with dropout 0.3 after each block (source 001): 110,474 parameters."""
    stack = [
        keras.Input(DIGIT_SHAPE),
        *_blocks((32, 64, 128), dropout=0.3, activation="relu"),
        Flatten(),
        Dense(128, activation="relu", name="hidden"),
        Dense(10, activation="softmax"),
    ]
    return keras.Sequential(stack, name="dropout_convnet")


def functional_convnet() -> keras.Model:
    """The 24-48-64 network of the functional API (source 000): 113,514 parameters.

    "Same" padding keeps the size through each convolution, so that the feature maps are 28, 14
    and 7 pixels wide; layers 1 to 6 are the convolutions and poolings that notebook 07 looks at.
    """
    inputs = x = keras.Input(DIGIT_SHAPE)
    for layer in _blocks((24, 48, 64), padding="same", activation="relu"):
        x = layer(x)
    x = Flatten()(x)
    x = Dense(128, activation="relu", name="hidden")(x)
    x = Dropout(0.25)(x)
    outputs = Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="functional_convnet")


def tsne_convnet() -> keras.Sequential:
    """The 32-48-64 network of 5×5 convolutions (source 004): 3,338,682 parameters.

    "Same" padding; pooling after the first and the third convolution; 1,024 units, dropout. It
    gives 10 logits, not probabilities. The layers that notebook 10 looks at, with their values per
    image: ``pool1`` 6,272, ``conv2`` 9,408, ``pool3`` 3,136, ``fc1`` 1,024, ``logits`` 10.
    """
    same = {"padding": "same", "activation": "relu"}
    stack = [
        keras.Input(DIGIT_SHAPE),
        Conv2D(32, 5, **same, name="conv1"),
        MaxPooling2D(2, name="pool1"),
        Conv2D(48, 5, **same, name="conv2"),
        Conv2D(64, 5, **same, name="conv3"),
        MaxPooling2D(2, name="pool3"),
        Flatten(name="flat"),
        Dense(1024, activation="relu", name="fc1"),
        Dropout(0.5, name="dropout"),
        Dense(10, name="logits"),
    ]
    return keras.Sequential(stack, name="tsne_convnet")


def pets_convnet(
    side: int = 150,
    filters: int = 32,
    augmentation: Sequence[keras.Layer] = (),
    dropout: float = 0.0,
    initializer: str = "glorot_uniform",
) -> keras.Sequential:
    """The network for 2,000 photos of *Deep Learning with Python*, section 5.2.

    3,453,121 parameters at 150 pixels. Convolutions 32-64-128-128 of 3×3, each with max pooling, a
    hidden layer of 512 units. ``filters`` is the number in the first convolution; the others keep
    their proportion to it. ``augmentation`` layers come first and act in training only; ``dropout``
    acts before the hidden layer. ``initializer`` gives the first weights; with Keras's default a
    few epochs pass before the loss leaves 0.69, with "he_normal" hardly one.
    """
    relu = {"activation": "relu", "kernel_initializer": initializer}
    stack = [
        keras.Input((side, side, 3)),
        *augmentation,
        keras.layers.Rescaling(1 / 255),
        *_blocks((filters, 2 * filters, 4 * filters, 4 * filters), **relu),
        Flatten(),
        *([Dropout(dropout)] if dropout else []),
        Dense(512, **relu),
        Dense(1, activation="sigmoid"),
    ]
    return keras.Sequential(stack, name="pets_convnet")


def modern_pets_convnet(
    side: int = 150, augmentation: Sequence[keras.Layer] = ()
) -> keras.Sequential:
    """What one would build today for 2,000 photos and no pretrained weights: 1,721,313 parameters.

    Batch normalization after every convolution, small feature maps early, and global average
    pooling instead of the large hidden layer. Input, output and ``augmentation`` as in
    ``pets_convnet``.
    """
    stages = ((32, 5, 2), (64, 3, 1), *((128, 3, 1),) * 2, *((256, 3, 1),) * 3)
    stack = [keras.Input((side, side, 3)), *augmentation]
    stack += [keras.layers.Rescaling(1 / 127.5, offset=-1)]
    for number, (filters, size, strides) in enumerate(stages):
        stack += [Conv2D(filters, size, strides=strides, padding="same", use_bias=False)]
        stack += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
        if number in (0, 1, 3, 5):
            stack += [MaxPooling2D(2)]
    stack += [keras.layers.GlobalAveragePooling2D(), Dropout(0.5), Dense(1, activation="sigmoid")]
    return keras.Sequential(stack, name="modern_pets_convnet")


def dense_head(shape: tuple[int, ...]) -> keras.Sequential:
    """The head of section 5.3 on a base's feature maps: 256 units, dropout 0.5, one probability."""
    stack = [keras.Input(shape), Flatten(), Dense(256, activation="relu"), Dropout(0.5)]
    return keras.Sequential([*stack, Dense(1, activation="sigmoid")], name="dense_head")


def block5_and_head(base: keras.Model) -> tuple[keras.Model, keras.Sequential]:
    """A copy of the base's block 5 with its weights, and a model of it and a ``dense_head`` on top.

    The model takes what the base's layer ``block4_pool`` gives; the head is untrained.
    """
    own = keras.Model(base.get_layer("block4_pool").output, base.output)
    block5 = keras.models.clone_model(own)
    block5.set_weights(own.get_weights())
    for layer in block5.layers:  # frozen if the base was; setting it on block5 alone does nothing
        layer.trainable = True
    head = dense_head(block5.output_shape[1:])
    return block5, keras.Sequential([block5, head], name="block5_and_head")


def _blocks(filters: Sequence[int], dropout: float = 0.0, **convolution) -> Iterator[keras.Layer]:
    """Convolutions of 3×3, each with max pooling and, if asked for, dropout; numbered from 1."""
    for number, count in enumerate(filters, start=1):
        yield Conv2D(count, 3, name=f"conv{number}", **convolution)
        yield MaxPooling2D(2, name=f"pool{number}")
        if dropout:
            yield Dropout(dropout, name=f"dropout{number}")
