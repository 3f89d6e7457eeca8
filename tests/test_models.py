from __future__ import annotations

import keras
import numpy as np
import pytest

from helpers import models
from helpers.augmentation import RandomAffine

PETS = {"pets_convnet": 3_453_121, "modern_pets_convnet": 1_721_313}
PARAMETERS = PETS | {
    "book_convnet": 93_322,
    "fashion_convnet": 243_786,
    "dropout_convnet": 110_474,
    "functional_convnet": 113_514,
    "tsne_convnet": 3_338_682,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_source_and_outputs_probabilities(name):
    model = getattr(models, name)()
    assert model.count_params() == PARAMETERS[name] and (name in PETS or model.name == name)
    outputs = model.predict(np.random.default_rng(0).random((3, *model.input_shape[1:]), np.float32), verbose=0)
    if name in PETS:
        assert outputs.shape == (3, 1) and ((outputs > 0) & (outputs < 1)).all()
    elif name != "tsne_convnet":  # whose outputs are logits
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
