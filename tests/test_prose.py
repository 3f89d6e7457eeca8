"""Numbers in sentences: each measured one has its key and is the one on file, and no other one stands there."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal
from pathlib import Path

import pytest

from helpers import results
from helpers.profile import CourseError
from tools import prose, results_pages

TEXTS = {path: prose.read(path, path.read_text(encoding="utf-8")) for path in prose.pages()}
MARKED = re.compile(r"<!-- (\w+): generated .*?<!-- end of \1 -->", re.S)
BY_PAGE = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(prose.ROOT).as_posix())


@BY_PAGE
def test_every_number_that_looks_like_a_score_has_a_key(path):
    assert prose.unkeyed(TEXTS[path]) == [], "take it out, or see tools/prose.py for its key; settings go in backticks"


@BY_PAGE
def test_what_stands_between_marks_is_generated(path):
    """Else a score could hide between marks of its own."""
    assert MARKED.findall(TEXTS[path]) == list(results_pages.parts().get(path, {}))


def test_every_exempt_phrase_still_stands_somewhere():
    unused = [phrase for phrase in prose.PHRASES if not any(re.search(phrase, text) for text in TEXTS.values())]
    assert not unused, "no page holds them any more: take them off the list in tools/prose.py"


# The experiment: numbers that are a little off, and numbers without a key. What made() does to a whole page is done
# in steps here, since the first step that changes the text settles it.


def refused(path: Path, text: str) -> bool:
    parts = results_pages.parts().get(path, {})
    return (
        any(results_pages.filled(text, name, lines) != text for name, lines in parts.items())
        or prose.rewritten(text, path.name) != text
        or bool(prose.unkeyed(text))
    )


def off(number: str) -> list[str]:
    """A number moved by 1 to 20 in its last digit, up and down."""
    places = len(number.partition(".")[2])
    moved = [Decimal(number.replace(",", "")) + Decimal(n).scaleb(-places) for n in range(-20, 21) if n]
    return [f"{each:,.{places}f}" for each in moved if each >= 0]


def measured(text: str) -> list[re.Match]:
    """The numbers of a text that have a key or stand between marks; not those of a key itself."""
    spans = [match.span() for pattern in (prose.KEYED, MARKED) for match in pattern.finditer(text)]
    shown = re.sub(r"<!--.*?-->", lambda match: "#" * len(match[0]), text)
    numbers = re.finditer(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w-])", shown)
    return [each for each in numbers if any(start <= each.start() < end for start, end in spans)]


def test_a_number_that_is_a_little_off_is_refused_on_every_page():
    tried, passed = 0, []
    for path, text in TEXTS.items():
        assert not refused(path, text)
        for found in measured(text):
            for number in off(found[0]):
                tried += 1
                if not refused(path, text[: found.start()] + number + text[found.end() :]):
                    passed.append(f"{path.name}: {number} for {found[0]}")
    assert not passed and tried >= 1500, (tried, passed[:20])


def test_a_number_that_is_a_little_off_is_refused_on_the_page_of_results():
    page = results_pages.page()
    numbers = list(re.finditer(r"(?<![\w.,-])\d[\d,]*\.\d+", page))
    wrong = (page[: each.start()] + number + page[each.end() :] for each in numbers for number in off(each[0]))
    assert len(numbers) > 500 and all(text != page for text in wrong)


FORMS = ["97 %", "97%", "97.1", ".97", "0.909", "1,5", "99 of 100", "99 out\nof 100", "9 in 10", "97/100", "97 percent"]
FORMS += ["± 3", "five points", "3 points", "half a percentage point", "97.1 %<!-- a note -->", "97.1 % <!-- a.b -->"]


@BY_PAGE
def test_a_score_without_a_key_is_refused_in_sentences_of_every_page(path):
    text = TEXTS[path]
    for pattern in (MARKED, prose.UNREAD):  # a sentence may end in code, where settings stand
        text = pattern.sub("", text)
    ends = [match.end() for match in re.finditer(r"[a-z]\.(?=\s)", text)] or [len(text)]
    for form, end in zip(FORMS, itertools.cycle(ends[:: len(ends) // len(FORMS) + 1])):
        assert prose.unkeyed(f"{text[:end]} It is right for {form}, as we saw. {text[end:]}"), form


def test_code_addresses_and_keyed_numbers_are_no_scores_without_a_key():
    spared = ["```\nx = 0.5\n```\na rate of `0.5`", "[97](a/0.97.md)", "https://a.b/0.97", "arXiv:1610.02391"]
    spared += ["97.1 %<!-- a.b --> ± 0.2<!-- a.b.half_width -->", "0.97<!-- a.b -->", "2,000 photos", "a point"]
    assert prose.unkeyed("; ".join(spared)) == []
    assert len(prose.unkeyed("95 % intervals, 195 % interval, 95 % interval, 0.95 % interval, section 5.15")) == 4


# Keys


@pytest.fixture
def on_file(monkeypatch):
    metrics = {"accuracy": {"mean": 0.98765, "half_width": 0.012, "one_more_run": 0.025, "values": [0.97, 1.0]}}
    metrics |= {"loss": {"mean": 1234.56, "half_width": None}, "gain": {"mean": -0.0123}}
    monkeypatch.setattr(results, "load", lambda name: {"metrics": metrics})
    monkeypatch.setattr(results, "benchmark", lambda name: {"ms": {"vgg16": [31.4, 29.9]}})


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("1 %<!-- e.accuracy -->", "99 %<!-- e.accuracy -->"),
        ("1.00 %<!-- e.accuracy --> ± 9.9<!-- e.accuracy.half_width -->", "98.77 %<!-- … --> ± 1.2<!-- … -->"),
        ("0.10<!-- e.accuracy --> ± 0.999<!-- e.accuracy.half_width -->", "0.99<!-- … --> ± 0.012<!-- … -->"),
        ("± 9 points<!-- e.accuracy.one_more_run -->", "± 2 points<!-- … -->"),
        ("1 %<!-- e.accuracy.values.1 -->", "100 %<!-- … -->"),
        ("1.0<!-- e.loss -->", "1,234.6<!-- … -->"),
        ("+1.2 points<!-- e.gain -->, .5<!-- e.gain -->", "−1.2 points<!-- … -->, −0.0<!-- … -->"),
        ("1<!-- benchmarks.bases.ms.vgg16.0 --> ms", "31<!-- … --> ms"),
        ("10.0 %<!-- sources.book_convnet.test_accuracy -->", "99.3 %<!-- … -->"),
        ("97.0 % <!-- e.accuracy -->", "97.0 % <!-- … -->"),
    ],
)
def test_a_keyed_number_is_written_anew_in_its_own_form(on_file, typed, written):
    found = prose.rewritten(typed, "page")
    assert re.sub("<!--.*?-->", "<!-- … -->", found) == re.sub("<!--.*?-->", "<!-- … -->", written)
    assert re.findall("<!--.*?-->", found) == re.findall("<!--.*?-->", typed)


@pytest.mark.parametrize(
    "key",
    ["none.test_accuracy", "book_convnet.none", "book_convnet.test_accuracy.values.9", "book_convnet", "sources.none.a"]
    + ["book_convnet.test_accuracy.mean.x", "lite0_features.test_accuracy.half_width", "benchmarks.none", "sources"],
)
def test_an_unknown_key_is_named_with_its_page(key):
    with pytest.raises(CourseError, match=rf"^docs/a\.md: no number is on file under the key {re.escape(key)} \("):
        prose.rewritten(f"We get 97 %<!-- {key} -->.", "docs/a.md")


def test_a_notebook_changes_in_its_numbers_alone(monkeypatch):
    path = next(path for path in prose.pages() if path.name.startswith("02"))
    text = path.read_text(encoding="utf-8")
    wrong = text.replace("99.06 %<!--", "99.16 %<!--")
    assert wrong != text and results_pages.made(path, wrong) == text
