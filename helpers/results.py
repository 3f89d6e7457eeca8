"""Measured results on file: ``results/*.json``, the only source of any number in the course.

``python course.py measure`` writes one file per experiment; ``results/sources.json`` holds what the
course's sources report, to be compared with ours.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import profile
from helpers.plumbing import words
from helpers.profile import CourseError

FOLDER = profile.ROOT / "results"


def experiments() -> list[str]:
    """Names of the experiments that have been measured."""
    return sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "sources")


def load(name: str) -> dict:
    """One experiment's file. Raises CourseError for one that was not measured."""
    return _read(FOLDER / f"{name}.json", f"Measured are: {', '.join(experiments())}.")


def benchmark(name: str) -> dict:
    """What ``python course.py dev benchmark NAME`` found. Raises CourseError if it was not run."""
    return _read(
        profile.ROOT / "benchmarks" / f"{name}.json",
        f"Run `python course.py dev benchmark {name}`.",
    )


def _read(path: Path, remedy: str) -> dict:
    if not path.is_file():
        raise CourseError(f"{path.parent.name}/{path.name} does not exist. {remedy}")
    return json.loads(path.read_text(encoding="utf-8"))


def answers(name: str) -> np.ndarray:
    """Which test images the first seed's network got right, bool of shape (N,).

    Only those of experiments on the same data may be compared. Raises CourseError where they were
    not kept.
    """
    entry = load(name)
    if "correct_test_images" not in entry:
        raise CourseError(
            f"results/{name}.json does not say which test images were right; measure it again."
        )
    return np.array(list(entry["correct_test_images"][0])) == "1"


def percent(values: dict) -> str:
    """A measured share with the interval of its mean: "99.15 % ± 0.12", "99.10 %" of one seed."""
    spread = values["half_width"]
    return f"{100 * values['mean']:.2f} %" + (
        f" ± {100 * spread:.2f}" if spread is not None else ""
    )


def measured(name: str, metric: str) -> str:
    """A share on file as "99.15 % ± 0.12 (one more run ± 0.25, 3 seeds)".

    The first interval is that of the mean over seeds, the second that of a single further run, both
    95 % by Student's t.
    """
    entry = load(name)
    values, seeds = entry["metrics"][metric], len(entry["seeds"])
    if seeds > 2:
        return (
            f"{percent(values)} (one more run ± {100 * values['one_more_run']:.2f}, {seeds} seeds)"
        )
    mean = percent({**values, "half_width": None})  # an interval of two is wider than the scale
    if seeds == 1:
        return f"{mean} (1 seed)"
    return f"{mean} ({' and '.join(f'{100 * value:.2f}' for value in values['values'])}, 2 seeds)"


def beside_sources(rows: dict[str, object]) -> pd.DataFrame:
    """What a source reports, what we measured, and this run, a row each.

    ``rows`` maps "experiment.metric" to this run's value (a ``Score``, a share between 0 and 1, or
    None). Raises CourseError for an experiment that was not measured.
    """
    claims = json.loads((FOLDER / "sources.json").read_text(encoding="utf-8"))
    table = {}
    for key, here in rows.items():
        claim, share = claims.get(key), getattr(here, "accuracy", here)
        interval = [f"{100 * end:.2f}" for end in getattr(here, "interval", ())]
        table[words.row(key)] = {
            "source": f"{100 * claim['value']:.2f} % ({claim['source']})" if claim else "–",
            "measured at the source's sizes, real data": measured(*key.split(".")),
            "this run": "–" if share is None else f"{100 * share:.2f} %",
            "its 95 % interval": " to ".join(interval) or "–",
        }
    return pd.DataFrame.from_dict(table, orient="index")
