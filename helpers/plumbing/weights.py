"""Weights read from a file, or a clear error."""

from __future__ import annotations

from pathlib import Path

import keras

from helpers.plumbing.start import CourseError


def load_weights(model: keras.Model, path: Path) -> None:
    """Give a model the weights in a file. Raises CourseError if it is missing, damaged or another network's."""
    if not path.is_file():
        raise CourseError(
            f"{path} is missing. It comes with the course: get it again, or make it with "
            "`python course.py dev pretrain`."
        )
    try:
        model.load_weights(path)
    except Exception as error:  # a damaged file fails in a dozen ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(
            f"{path} does not hold the weights of {model.name} ({reason}): it is cut short or another network's. "
            "Put the right file in its place, or remove it."
        ) from error
