from __future__ import annotations

import keras
import numpy as np
import pytest

from helpers import models
from helpers.augmentation import RandomAffine

PARAMETERS = {
    "book_convnet": 93_322,
    "fashion_convnet": 243_786,
    "dropout_convnet": 110_474,
    "functional_convnet": 113_514,
    "tsne_convnet": 3_338_682,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_source(name):
    build = getattr(models, name)
    assert build().count_params() == PARAMETERS[name]
    assert build().name == name


@pytest.mark.parametrize("name", sorted({*PARAMETERS} - {"tsne_convnet"}))
def test_outputs_are_ten_probabilities(name):
    images = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    outputs = getattr(models, name)().predict(images, verbose=0)
    assert outputs.shape == (3, 10) and np.allclose(outputs.sum(axis=1), 1, atol=1e-5)


def test_layers_of_the_tsne_net_have_the_sources_sizes_and_it_ends_in_logits():
    model = models.tsne_convnet()
    sizes = {name: np.prod(model.get_layer(name).output.shape[1:]) for name in ("pool1", "conv2", "pool3", "fc1")}
    assert sizes == {"pool1": 6272, "conv2": 9408, "pool3": 3136, "fc1": 1024}
    assert model.layers[-1].name == "logits" and model.layers[-1].activation is keras.activations.linear
    assert [layer.kernel_size for layer in model.layers if layer.name.startswith("conv")] == [(5, 5)] * 3
    assert isinstance(model.layers[-2], keras.layers.Dropout)


def test_layers_one_to_six_of_the_functional_net_are_the_ones_looked_at():
    kinds = [type(layer).__name__ for layer in models.functional_convnet().layers[1:7]]
    assert kinds == ["Conv2D", "MaxPooling2D"] * 3


# The pet networks


@pytest.mark.parametrize(
    ("build", "count"), [(models.pets_convnet, 3_453_121), (models.modern_pets_convnet, 1_721_313)]
)
def test_pet_networks_have_the_documented_parameters_and_give_one_probability(build, count):
    model = build()
    assert model.count_params() == count
    outputs = model.predict(np.random.default_rng(0).uniform(0, 255, (2, 150, 150, 3)), verbose=0)
    assert outputs.shape == (2, 1) and ((outputs > 0) & (outputs < 1)).all()


def test_a_thinner_and_smaller_pet_network():
    model = models.pets_convnet(64, filters=16)
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [16, 32, 64, 64]
    assert model.input_shape == (None, 64, 64, 3)


def test_every_layer_with_a_relu_starts_from_the_initializer_asked_for():
    for asked, kind in (("glorot_uniform", "GlorotUniform"), ("he_normal", "HeNormal")):
        weighted = [layer for layer in models.pets_convnet(64, 4, initializer=asked).layers if layer.weights]
        assert [type(layer.kernel_initializer).__name__ for layer in weighted[:-1]] == 5 * [kind]


def test_dropout_and_augmentation_stand_where_the_book_has_them():
    kinds = [type(layer).__name__ for layer in models.pets_convnet(150, 32, [RandomAffine(turn=40)], 0.5).layers]
    assert kinds[:2] == ["RandomAffine", "Rescaling"]
    assert kinds[kinds.index("Flatten") + 1 :] == ["Dropout", "Dense", "Dense"]
    assert "Dropout" not in [type(layer).__name__ for layer in models.pets_convnet().layers]
