"""Measure the course's numbers: ``python course.py measure [NAME ...]`` writes results/NAME.json.

Experiments run seed by seed, and the file is written after each. A file that is there is continued at its next seed,
and never overwritten by fewer seeds. With 3 seeds the interval is Student's t, 95 %, of the mean over seeds: it holds
the randomness of training and not that of the test images.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Iterator

import keras
import numpy as np
import psutil
from scipy import stats

from helpers import profile, results, store
from tools.experiments import EXPERIMENTS, Metrics, settle
from tools.machine import device, versions, write_json
from tools.notebooks import Watch

ASIDE = {"histories": "history", "correct_test_images": "correct", "reliability": "reliability"}  # on file: of a run


def summary(values: list[float]) -> dict:
    """Values of one metric over seeds, their mean, and two 95 % half-widths by Student's t: of that mean, and of where
    one more run would lie, which is what a source's single run is to be compared with."""
    n = len(values)
    entry = {"values": values, "mean": float(np.mean(values)), "half_width": None, "one_more_run": None}
    if n > 1:
        entry["half_width"] = float(stats.t.ppf(0.975, n - 1) * stats.sem(values))
        entry["one_more_run"] = entry["half_width"] * (n + 1) ** 0.5
    return {k: [round(x, 5) for x in v] if isinstance(v, list) else v and round(v, 5) for k, v in entry.items()}


def measure(name: str, seeds: int) -> Iterator[dict]:
    """Run one experiment up to so many seeds, 0, 1, ..., and give its ledger entry after each that was not on file.

    Raises CourseError if what is on file was measured by another experiment of this name.
    """
    settle(name)
    earlier = on_file(name)
    runs, seconds = earlier.pop("runs"), earlier.pop("seconds")
    aside = {key: earlier.pop(key) for key in ASIDE}
    watch = Watch(os.getpid())
    for seed in range(len(runs), seeds):
        profile.seed_everything(seed)
        started = time.perf_counter()
        run = EXPERIMENTS[name](seed)
        seconds.append(round(time.perf_counter() - started, 1))
        for key, of_run in ASIDE.items():
            aside[key].append(plain(run.pop(of_run, {})))
        runs.append(run)
        keras.backend.clear_session()
        new = earlier | entry(name, runs, seconds, watch.mib)
        yield new | {key: values for key, values in aside.items() if values[0]}
    watch.stop()


def plain(found) -> dict | str:
    """What is kept beside a run's metrics: values by name, nested or not, rounded; or 0 and 1 for each test image."""
    if not isinstance(found, dict):
        return "".join("01"[int(each)] for each in found)
    return {k: plain(v) if isinstance(v, dict) else [round(float(x), 6) for x in v] for k, v in found.items()}


def on_file(name: str) -> dict:
    """The seeds that results/NAME.json holds, as ``measure`` continues them; "earlier": those of other machines."""
    if name not in results.experiments():
        return {"runs": [], "seconds": [], **{key: [] for key in ASIDE}}
    old = results.load(name)
    what = " ".join(EXPERIMENTS[name].__doc__.split())
    if old["what"] != what:
        raise profile.CourseError(
            f"results/{name}.json was measured as: {old['what']} Now it is: {what} Move that file away to measure anew."
        )
    n = len(old["seeds"])
    runs = [{metric: values["values"][i] for metric, values in old["metrics"].items()} for i in range(n)]
    place = {key: old[key] for key in ("device", "versions", "date")}
    here = {"device": device(), "versions": versions()}
    earlier = old.get("earlier", [])
    if any(place[key] != here[key] for key in here):
        earlier = [*earlier, {"seeds": n - sum(each["seeds"] for each in earlier), **place}]
    kept = {"earlier": earlier} if earlier else {}
    kept |= {key: old[key] for key in ("seconds_note",) if key in old}
    lists = {key: old.get(key, [{}] * n) for key in ASIDE}
    return {"runs": runs, "seconds": old["seconds"], **lists, **kept}


def entry(name: str, runs: list[Metrics], seconds: list[float], peak_mib: float) -> dict:
    """What results/NAME.json says of the runs so far."""
    memory = psutil.Process().memory_info()
    return {
        "experiment": name,
        "what": " ".join(EXPERIMENTS[name].__doc__.split()),
        "data": profile.data_choice(),
        "profile": profile.name(),
        "seeds": list(range(len(runs))),
        "metrics": {metric: summary([float(run[metric]) for run in runs]) for metric in runs[0]},
        "seconds": seconds,
        "memory_mib": round(memory.rss / 2**20),  # held at the end
        "peak_memory_mib": round(peak_mib),
        "device": device(),
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
        "command": f"python course.py measure {name} --seeds {len(runs)}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="course.py measure", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(EXPERIMENTS)}; default all")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
    for name in arguments.names or EXPERIMENTS:
        new = None
        for new in measure(name, arguments.seeds):
            with store.whole(results.FOLDER / f"{name}.json") as half:
                write_json(half, new)
            print(name, json.dumps(new["metrics"]), new["seconds"], flush=True)
        if new is None:
            print(f"{name}: {arguments.seeds} seeds or more are on file", flush=True)


if __name__ == "__main__":
    try:
        main()
    except profile.CourseError as error:
        sys.exit(str(error))
