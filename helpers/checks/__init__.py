"""Self-checks of the exercises: each prints one line, ``right: ...`` or ``not yet: ...``, and never raises.

One module per notebook: ``checks.nb01`` belongs to notebook 01, ``checks.clinic`` to the clinic. A check is an ordinary
function in ``@check``: it takes the reader's answer, calls ``expect(true_if_fine, sentence)`` or ``unlike`` for each
mistake that it knows, the likeliest first, and returns a sentence that says what the right answer shows. A sentence
names the mistake and not the answer.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class NotYet(Exception):
    """A sentence about a mistake; only ``check`` sees it."""


def check(function: Callable[..., str]) -> Callable[..., None]:
    """Make a self-check of a function that takes an answer and returns a sentence, or meets a mistake on the way."""

    @functools.wraps(function)
    def checked(*answers) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if any(answer is None for answer in answers):
                    raise NotYet("there is no answer yet, it is still None")
                line = f"right: {function(*answers)}"
        except NotYet as mistake:
            line = f"not yet: {mistake}"
        except (Exception, SystemExit) as error:  # but not KeyboardInterrupt: an endless loop must be stoppable
            line = f"not yet: trying the answer stopped with {_described(error)}"
        print(" ".join(line.split()) + "\n", end="")  # one write: print's own line end may become a second output

    return checked


def expect(fine: Any, sentence: str) -> None:
    """Go on if ``fine`` is true; else the check ends with ``not yet:`` and the sentence."""
    if not fine:
        raise NotYet(sentence)


def called(function: Any, *arguments, **options) -> Any:
    """What the reader's function gives; arrays among the arguments are copied, so that it cannot change the check's.

    The check ends with a sentence if it is no function, stops with an error, or gives None.
    """
    name = getattr(function, "__name__", type(function).__name__)
    expect(callable(function), f"a function is expected, and this is of type {name}")
    own = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
    try:
        result = function(*own, **options)
    except (Exception, SystemExit) as error:
        raise NotYet(f"{name} stopped with {_described(error)}") from error
    expect(result is not None, f"{name} gives None: write its body, and end it with return")
    return result


def numbers(answer: Any, shape: tuple[int, ...] = (), name: str = "the answer") -> np.ndarray:
    """The answer as a float array of this shape, () for a single number. Ends the check if it is not, or holds NaN."""
    empty = isinstance(answer, (list, tuple)) and any(value is None for value in answer)
    expect(not empty, f"{name} still holds None")
    try:
        array = np.asarray(answer, dtype="float64")
    except (TypeError, ValueError):
        kind = f"numbers of shape {shape}" if shape else "a number"
        raise NotYet(f"{name} should be {kind}, and is of type {type(answer).__name__}") from None
    wanted = f"have shape {shape}" if shape else "be a single number"
    expect(array.shape == shape, f"{name} should {wanted}, and has shape {array.shape}")
    expect(np.isfinite(array).all(), f"{name} holds NaN or infinity: is something divided by zero?")
    return array


def given(function: Any, *arguments, shape: tuple[int, ...] = (), name: str = "what your function gives") -> np.ndarray:
    """What the reader's function gives, as a float array of this shape: ``called``, then ``numbers``."""
    return numbers(called(function, *arguments), shape, name)


def unlike(array: ArrayLike, mistakes: Mapping[str, ArrayLike], **tolerance: float) -> None:
    """Go on if the array is none of those that mistakes give, by ``np.allclose``.

    ``mistakes``: {sentence: array}, or a tuple of arrays that deserve the same sentence.
    """
    for sentence, wrong in mistakes.items():
        for each in wrong if isinstance(wrong, tuple) else (wrong,):
            expect(not np.allclose(array, each, **tolerance), sentence)


def pair(answer: Any, sentence: str) -> tuple | list:
    """An answer of two parts, as a tuple or a list; the check ends with the sentence if it is not."""
    expect(isinstance(answer, tuple | list) and len(answer) == 2, sentence)
    return answer


def keras_model(answer: Any) -> None:
    """Go on if the answer is a Keras model."""
    import keras  # here: notebook 00 has no use for the seconds that it takes

    expect(isinstance(answer, keras.Model), f"a Keras model is expected, and this is of type {type(answer).__name__}")


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an error of the reader's own, whose text fails too
        text = ""
    return type(error).__name__ + (f": {text}" if text else "")


def __getattr__(name: str):
    """``checks.nb01`` is imported when it is first named."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"helpers.checks has no module {name}") from None
