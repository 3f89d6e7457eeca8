"""The measured experiments, by subject: ``python course.py measure [NAME ...]`` writes results/NAME.json.

Each experiment is a function of a seed. It runs in the full profile on the real data; those whose names begin with
drawn_, in the quick profile on drawn images. Rates, epochs and batch sizes are those of helpers/recipes.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from helpers import profile

REAL, DRAWN = {"COURSE_DATA": "real", "COURSE_PROFILE": "full"}, {"COURSE_DATA": "drawn", "COURSE_PROFILE": "quick"}
# And, if wanted, "history" (name to one value per epoch), "correct" (one per image), "reliability" (one per bin)
Metrics = dict[str, float]
EXPERIMENTS: dict[str, Callable[[int], Metrics]] = {}

tf = profile.quiet_tensorflow()


def experiment(function: Callable[[int], Metrics]) -> Callable[[int], Metrics]:
    """Register ``function(seed) -> metrics``; its docstring says what is measured."""
    EXPERIMENTS[function.__name__] = function
    return function


def settle(name: str) -> None:
    """Set the two switches as the experiment of this name needs them."""
    os.environ |= DRAWN if name.startswith("drawn_") else REAL


from tools.experiments import conditions, digits, inside, maps, pets, transfer  # noqa: E402, F401  each registers its own
