"""What the benchmarks share: ways that take turns, medians of their ratios, and a file beside the benchmark.

All ways of a benchmark take turns, so that a busy moment of the machine hits each; the ratios are what to quote.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from helpers import profile
from tools import machine

tf = profile.quiet_tensorflow()


def take_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, round by round."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - started)
        print(f"round {turn + 1}: " + ", ".join(f"{name} {each[-1]:.3g} s" for name, each in times.items()), flush=True)
    return times


def ratio(times: dict[str, list[float]], first: str, second: str, warm: int = 1) -> float:
    """How many times as long ``first`` takes as ``second``: the median over the rounds after the ``warm`` ones."""
    return round(statistics.median(a / b for a, b in list(zip(times[first], times[second]))[warm:]), 2)


def write(name: str, result: dict) -> None:
    """Print a benchmark's result, and write it with what it ran on into the file that notebooks and pages read."""
    for key, value in result.items():
        print(f"{key}: {value}")
    result = {"benchmark": name, **result, "device": machine.device(), "versions": machine.versions()}
    machine.write_json(Path(__file__).with_name(f"{name}.json"), result)
