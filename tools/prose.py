"""Numbers in sentences: a measured one carries its key, and no other number that looks like a score stands there.

In ``96.80 %<!-- vgg16_features.test_accuracy -->`` the comment says where the number is on file: EXPERIMENT.METRIC for
the mean over seeds, and with .half_width, .one_more_run or .values.0 for these; sources.EXPERIMENT.METRIC for what a
source reports; benchmarks.NAME and the steps down its file. ``python course.py dev results`` writes the number anew and
leaves its form: as many decimals as before, in percent before " %" and " points" and after the "± " that follows these.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from helpers import profile, results
from helpers.profile import CourseError

ROOT = profile.ROOT
NUMBER, KEY = r"(?<![\w.,])[+−-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)", r"<!-- ([\w.]+) -->"
KEYED = re.compile(rf"({NUMBER})( %| points?)?{KEY}(?:(\s±\s)({NUMBER}){KEY})?")

WORDS = "half a|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|several"
SCORE = re.compile(
    rf"[%％‰]|per ?cent\b|\d*\.\d|\d,\d\d?(?!\d)|±\s*\d|\d/\d|\d\s+(?:out\s+of|of|in)\s+(?:the\s|every\s)?\d"
    rf"|\b(?:\d+|{WORDS})(?:\s+percentage|\s+full)?\s+points?\b",
    re.I,
)
UNREAD = re.compile(  # generated between marks and compared as a whole; code; addresses; what a page does not show
    r"<!-- (\w+): generated .*?<!-- end of \1 -->|^ *```.*?^ *```|`[^`\n]*`|(?<=\])\([^)\s]*\)|<?https?://\S+"
    r"|\b(?:arXiv|doi):[\w./]*\w|<!--.*?-->",
    re.S | re.M,
)
FIXED = {  # phrases that hold a number and state no score, as they stand in the text, and why
    "the level of every interval": [
        "95 % interval",
        "95 % intervals",
        "95 % 置信区间",
        "95 % 信賴區間",
        "in 95 of 100 such measurements",
        "hold 95 % of all cases",
        "the middle 95 % of the gains",
    ],
    "a version": [
        "Python 3.10 to 3.13",
        "Python 3.10, 3.11, 3.12 or 3.13",
        "must say 3.10 to 3.13",
        "takes Python 3.12",
        "[3.12.10]",
        "is the last 3.12",
        "TensorFlow 2.21",
        "2.19 or later",
        "TensorFlow ends at 2.16",
        "Apache License 2.0",
        "CC BY 4.0",
    ],
    "a section of the book": [f"section 5.{n}" for n in (1, 2, 3, 4)] + ["Section 5.4"],
    "a count, and no share": [
        "1.3 million photos of ImageNet",
        "exercise 1 of 01",
        "layers 1 to 6 of the 24-48-64 network",
        "600 points without any structure",
        "the ten points of",
        "with 30 points",
    ],
}
PHRASES = [r"\s+".join(map(re.escape, phrase.split())) for phrases in FIXED.values() for phrase in phrases]
ALLOWED = re.compile(rf"(?<![\w.,±])(?:{'|'.join(PHRASES)})(?!\w|[.,]\d)")


def pages() -> list[Path]:
    """Every page and notebook that is written by hand."""
    notebooks = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/solutions/*.ipynb")]
    return [ROOT / "README.md", *sorted({*ROOT.glob("docs/*.md")} - {ROOT / "docs" / "results.md"}), *sorted(notebooks)]


def value(key: str) -> float:
    """The number on file under a key."""
    first, *steps = key.split(".")
    if first == "sources":
        found, steps = json.loads((results.FOLDER / "sources.json").read_text(encoding="utf-8")), [".".join(steps)]
    else:
        found = results.benchmark(steps.pop(0)) if first == "benchmarks" else results.load(first)["metrics"]
    for step in steps:
        found = found[int(step)] if isinstance(found, list) else found[step]
    return float(found.get("mean", found.get("value")) if isinstance(found, dict) else found)


def rewritten(text: str, page: str) -> str:
    """A text with every keyed number as it is on file. Raises CourseError for a key that leads to none."""

    def written(number: str, key: str, percent: bool) -> str:
        try:
            found = value(key) * (100 if percent else 1)
        except (CourseError, KeyError, IndexError, ValueError, TypeError) as error:
            raise CourseError(f"{page}: no number is on file under the key {key} ({error}).") from error
        sign = "+" if number[0] in "+−-" else ""
        return f"{found:{sign},.{len(number.partition('.')[2])}f}".replace("-", "−")

    def anew(match: re.Match) -> str:
        number, unit, key, plus_minus, spread, spread_key = match.groups(default="")
        text = f"{written(number, key, bool(unit))}{unit}<!-- {key} -->"
        if spread:
            text += f"{plus_minus}{written(spread, spread_key, bool(unit))}<!-- {spread_key} -->"
        return text

    return KEYED.sub(anew, text)


def read(path: Path, text: str) -> str:
    """What a reader reads of a file: a page, or the Markdown cells of a notebook."""
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def unkeyed(text: str) -> list[str]:
    """Each number without a key that looks like a score, with the words around it."""
    for pattern in (KEYED, UNREAD, ALLOWED):
        text = pattern.sub("…", text)
    return [" ".join(text[max(0, m.start() - 30) : m.end() + 20].split()) for m in SCORE.finditer(text)]
