from __future__ import annotations

import re

import numpy as np
import pytest

from helpers import models, profile

profile.quiet_tensorflow()
PARAMETERS = {
    "book_convnet": 93_322,
    "fashion_convnet": 243_786,
    "dropout_convnet": 110_474,
    "functional_convnet": 113_514,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_source_and_of_the_docstring(name):
    build = getattr(models, name)
    assert build().count_params() == PARAMETERS[name]
    documented = re.search(r"([\d,]+) parameters", build.__doc__).group(1)
    assert int(documented.replace(",", "")) == PARAMETERS[name]
    assert build().name == name


@pytest.mark.parametrize("name", PARAMETERS)
def test_outputs_are_ten_probabilities(name):
    images = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    outputs = getattr(models, name)().predict(images, verbose=0)
    assert outputs.shape == (3, 10) and np.allclose(outputs.sum(axis=1), 1, atol=1e-5)


def test_layers_one_to_six_of_the_functional_net_are_the_ones_looked_at():
    kinds = [type(layer).__name__ for layer in models.functional_convnet().layers[1:7]]
    assert kinds == ["Conv2D", "MaxPooling2D"] * 3
