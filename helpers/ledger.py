"""Measured results on file: ``results/*.json``, the only source of any number in prose.

``tools/measure.py`` writes one file an experiment; ``results/sources.json`` holds what the course's
sources report, to be set beside ours.
"""

from __future__ import annotations

import json

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


def measured(name: str, metric: str) -> str:
    """A share on file as "99.15 % ± 0.13": the mean over seeds, with its 95 % half-width in points."""
    found = load(name)["metrics"][metric]
    spread = "" if found["half_width"] is None else f" ± {100 * found['half_width']:.2f}"  # one seed has none
    return f"{100 * found['mean']:.2f} %{spread}"


def beside_sources(rows: dict[str, object]) -> str:
    """A Markdown table: what a source reports, what we measured, and this run.

    ``rows`` maps "experiment.metric" to this run's value (a ``training.Score``, a share between 0
    and 1, or None). Raises CourseError for an experiment that was not measured.
    """
    claims = json.loads((RESULTS / "sources.json").read_text(encoding="utf-8"))
    lines = ["| | source | measured, full profile, real data | this run |", "|---|---|---|---|"]
    for key, here in rows.items():
        name, metric = key.split(".")
        claim = claims.get(key)
        source = f"{100 * claim['value']:.2f} % ({claim['source']})" if claim else "–"
        seeds = len(load(name)["seeds"])
        run = f"{100 * here:.2f} %" if isinstance(here, float) else "–" if here is None else str(here)
        label = f"{name}: {metric.replace('_', ' ')}"
        lines.append(f"| {label} | {source} | {measured(name, metric)} ({seeds} seeds) | {run} |")
    return "\n".join(lines)
