"""Measured results on file: ``results/*.json``, the only source of any number in prose.

``tools/measure.py`` writes one file an experiment; ``results/sources.json`` holds what the course's
sources report, to be set beside ours.
"""

from __future__ import annotations

import json

import numpy as np

from helpers import profile
from helpers.profile import CourseError

RESULTS = profile.ROOT / "results"


def experiments() -> list[str]:
    """Names of the experiments that have been measured."""
    return sorted(path.stem for path in RESULTS.glob("*.json") if path.stem != "sources")


def load(name: str) -> dict:
    """One experiment as ``tools/measure.py`` wrote it. Raises CourseError for an unknown name."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        raise CourseError(f"results/{name}.json does not exist. Measured are: {', '.join(experiments())}.")
    return json.loads(path.read_text(encoding="utf-8"))


def answers(name: str) -> np.ndarray:
    """Which test images the first seed's network got right, bool of shape (N,).

    Only those of experiments on the same data may be compared. Raises CourseError where they were not kept.
    """
    entry = load(name)
    if "correct_test_images" not in entry:
        raise CourseError(f"results/{name}.json does not say which test images were right; measure it again.")
    return np.array(list(entry["correct_test_images"][0])) == "1"


def benchmark(name: str) -> dict:
    """What ``python course.py benchmark NAME`` found. Raises CourseError if it was not run."""
    path = profile.ROOT / "benchmarks" / f"{name}.json"
    if not path.is_file():
        raise CourseError(f"benchmarks/{name}.json does not exist: run `python course.py benchmark {name}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def measured(name: str, metric: str) -> str:
    """A share on file as "99.15 % ± 0.12 (one more run ± 0.25, 3 seeds)"; see ``tools.measure.summary``."""
    entry = load(name)
    found, seeds = entry["metrics"][metric], len(entry["seeds"])
    text = f"{100 * found['mean']:.2f} %"
    if seeds == 1:  # says nothing about the spread
        return f"{text} (1 seed)"
    if seeds == 2:  # an interval of two would be wider than the scale
        return f"{text} ({' and '.join(f'{100 * value:.2f}' for value in found['values'])}, 2 seeds)"
    spread, next_run = 100 * found["half_width"], 100 * found["one_more_run"]
    return f"{text} ± {spread:.2f} (one more run ± {next_run:.2f}, {seeds} seeds)"


def beside_sources(rows: dict[str, object]) -> str:
    """A Markdown table: what a source reports, what we measured, and this run.

    ``rows`` maps "experiment.metric" to this run's value (a ``training.Score``, a share between 0
    and 1, or None). Raises CourseError for an experiment that was not measured.
    """
    claims = json.loads((RESULTS / "sources.json").read_text(encoding="utf-8"))
    lines = ["| | source | measured at the source's sizes, real data | this run |", "|---|---|---|---|"]
    for key, here in rows.items():
        name, metric = key.split(".")
        claim = claims.get(key)
        source = f"{100 * claim['value']:.2f} % ({claim['source']})" if claim else "–"
        run = f"{100 * here:.2f} %" if isinstance(here, float) else "–" if here is None else str(here)
        label = f"{name}: {metric.replace('_', ' ')}"
        lines.append(f"| {label} | {source} | {measured(name, metric)} | {run} |")
    return "\n".join(lines)
