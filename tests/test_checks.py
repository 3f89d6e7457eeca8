"""What every self-check of the exercises has to do, and the mechanism under them.

Each module of helpers/checks has a file (nb01 test_checks_01.py) with two tables, ``RIGHT`` of ``(check, *answers)``
and ``WRONG`` of ``(check, part of the sentence, *answers)``. Right answers come in the makes that a check might tell
apart: of another type, less exact, or made in another way. One test per check goes through its rows.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pytest
import tensorflow as tf

from helpers import checks
from helpers.checks import called, check, expect, numbers

MODULES = [module.name for module in pkgutil.iter_modules(checks.__path__)]
EVERY = [each for name in MODULES for each in vars(getattr(checks, name)).values() if hasattr(each, "__wrapped__")]
IDS = [f"{each.__module__.rpartition('.')[2]}.{each.__name__}" for each in EVERY]
TABLES = [importlib.import_module(f"test_checks_{name.removeprefix('nb')}") for name in MODULES]
RIGHT, WRONG = ([row for table in TABLES for row in getattr(table, name)] for name in ("RIGHT", "WRONG"))


def throws(*_, **__):
    raise RuntimeError("two\nlines")


class Hostile:
    """Whatever one asks of it fails."""

    def __getattribute__(self, name):
        raise RuntimeError("no " + name)

    def __len__(self):
        raise RuntimeError("no len")

    __eq__ = __bool__ = __iter__ = __array__ = __repr__ = __call__ = __len__


ODD = {
    "None": None,
    "object": object(),
    "NaN": float("nan"),
    "throwing function": throws,
    "function that gives None": lambda *_, **__: None,
    "function that gives NaN": lambda *_, **__: float("nan"),
    "function that exits": lambda *_, **__: exit(),
    "empty array": np.zeros((0,)),
    "array of odd shape": np.zeros((3, 1, 7, 2)),
    "array of NaN": np.full((4, 4), np.nan),
    "array of objects": np.array([None, "x", {}], dtype=object),
    "text": "text",
    "empty list": [],
    "list of None": [None, None],
    "dictionary": {"a": 1},
    "class": int,
    "hostile object": Hostile(),
}


@pytest.fixture(params=EVERY, ids=IDS)
def one(request):
    """Each self-check in turn."""
    return request.param


def test_no_check_raises_or_agrees_whatever_it_is_given(one, says):
    count = len(inspect.signature(one).parameters)
    lines = {name: says(one, *[odd] * count) for name, odd in ODD.items()}
    assert not {name: line for name, line in lines.items() if not line.startswith("not yet: ")}


def test_right_answers_of_every_make_are_right(one, says):
    lines = [says(one, *answers) for check, *answers in RIGHT if check is one]
    assert lines and not {row: line for row, line in enumerate(lines) if not line.startswith("right: ")}


def test_each_wrong_answer_gets_its_own_sentence(one, says):
    lines = [(part, says(one, *answers)) for check, part, *answers in WRONG if check is one]
    assert not [(part, line) for part, line in lines if not (line.startswith("not yet: ") and part in line)]
    assert len({part for part, _ in lines}) >= 2 and min(len(part) for part, _ in lines) >= 8


# The mechanism


@check
def positive(answer) -> str:
    """A number above zero."""
    value = numbers(answer)
    expect(value > 0, f"{value:g} is not above zero")
    return f"{value:g} is above zero"


def test_a_check_prints_one_line_and_gives_nothing_back(says):
    assert says(positive, 2) == "right: 2 is above zero"
    assert says(positive, -2) == "not yet: -2 is not above zero"
    assert says(positive, None) == "not yet: there is no answer yet, it is still None"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("two", "the answer should be a number, and is of type str"),
        ([1, 2], "the answer should be a single number, and has shape (2,)"),
        ([None, 1], "the answer still holds None"),
        (np.nan, "the answer holds NaN or infinity"),
        (np.inf, "the answer holds NaN or infinity"),
    ],
)
def test_what_is_no_number_is_named(says, answer, sentence):
    assert sentence in says(positive, answer)


@pytest.mark.parametrize("make", [list, tuple, np.float32, np.int64, tf.constant, tf.Variable])
def test_numbers_may_come_in_every_make(make):
    array = numbers(make([2, 0]), (2,))
    assert array.dtype == "float64" and array.tolist() == [2, 0]


def test_too_few_answers_are_a_sentence_too(says):
    assert "missing 1 required positional argument" in says(positive)


def test_an_error_inside_a_check_is_told_in_one_line(says):
    assert says(check(throws), 1) == "not yet: trying the answer stopped with RuntimeError: two lines"


def test_an_error_whose_text_fails_is_still_told(says):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    def mute(answer):
        raise Mute

    assert says(check(mute), 1) == "not yet: trying the answer stopped with Mute"


def test_ctrl_c_gets_through():
    def endless(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(endless)(1)


def test_warnings_stay_inside(says):
    def warns(answer):
        warnings.warn("noise", stacklevel=1)
        return str(np.float64(0) / answer)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert says(check(warns), np.float64(0)) == "right: nan"


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (3, "a function is expected, and this is of type int"),
        (throws, "throws stopped with RuntimeError: two lines"),
        (lambda x: None, "<lambda> gives None: write its body, and end it with return"),
    ],
)
def test_a_function_that_fails_is_named(says, function, sentence):
    assert says(check(lambda answer: called(answer, 1)), function) == f"not yet: {sentence}"


def test_a_function_cannot_change_what_the_check_hands_it(says):
    given = np.ones(3)

    def spoils(array):
        array[:] = 0
        return array

    assert not called(spoils, given).any() and given.all()


def test_an_unknown_module_is_an_attribute_error():
    with pytest.raises(AttributeError, match="helpers.checks has no module nothing"):
        _ = checks.nothing
    assert not hasattr(checks, "__wrapped__")
