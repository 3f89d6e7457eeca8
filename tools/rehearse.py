"""Run the whole course many times in a row: ``python course.py dev rehearse [N]``; or once in the full profile:
``python course.py dev rehearse full [NN ...]``.

Every notebook in a fresh kernel, quick profile, drawn data unless COURSE_DATA says otherwise, in a copy of the course
that has kept nothing yet: the first run, one notebook after the other, trains what later ones find; these take two
notebooks at a time. A run is written down as it ends, so a rehearsal that was interrupted goes on. After N runs (one,
if no number is given) benchmarks/course.json (on real data: course_real.json) holds what each notebook took, what
failed, and where an output that nbval checks was not the stored one.

The full profile takes hours. So each notebook runs in the course itself, where it finds the networks that earlier
ones have kept, and is written into benchmarks/course_full.json as it ends. One that has passed with the code it has
now is not run again, unless it is named (``rehearse full 04 06``).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import nbformat
import psutil

from helpers import profile
from tools import notebooks, pack, stored
from tools.machine import write_json

FOLDER = pack.ROOT / "build" / "rehearsal"
RECORDS = {"drawn": pack.ROOT / "benchmarks" / "course.json", "real": pack.ROOT / "benchmarks" / "course_real.json"}
FULL = pack.ROOT / "benchmarks" / "course_full.json"
AT_ONCE = min(2, os.cpu_count() or 1)  # notebooks, after the first run: each uses little more than one core


def measured(path: Path) -> tuple[nbformat.NotebookNode, dict]:
    """Execute a notebook: how it ended, and its seconds, CPU seconds, MiB and status."""
    notebook, seconds, cpu, mib, status = notebooks.execute(path)
    row = {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1), "mib": round(mib), "status": status}
    return notebook, row


def checked(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What the cells print whose output nbval checks, by the cell's id."""
    tagged = [cell for cell in notebook.cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    return {cell.id: stored.printed(cell) for cell in tagged}


def run_one(path: Path) -> dict:
    """Execute a notebook: its row, and the cells whose output was not the stored one."""
    stored = checked(nbformat.read(path, as_version=4))
    notebook, row = measured(path)
    shown = checked(notebook)
    return row | {"drift": [name for name in stored if row["status"] == "ok" and shown[name] != stored[name]]}


def run_once(folder: Path, at_once: int) -> dict[str, dict]:
    """Execute every notebook of the copy in ``folder``, ``at_once`` at a time; what became of each, by its name."""
    paths = sorted(folder.glob("notebooks/[0-9][0-9]_*.ipynb"))
    with ThreadPoolExecutor(at_once) as pool:
        try:
            return dict(zip([path.stem for path in paths], pool.map(run_one, paths)))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in psutil.Process().children():  # without its kernel a thread ends
                child.kill()
            raise


def jupyterlab_mib(folder: Path) -> int:
    """Peak MiB of JupyterLab's server in its first ten seconds, with no kernel."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        watch = notebooks.Watch(server.pid)
        time.sleep(10)
        return round(watch.mib)
    finally:
        server.terminate()
        server.wait()


def summary(runs: list[dict[str, dict]], lane: str) -> dict:
    """What the record holds: of each notebook the first run and the median, least and most of those after it."""
    every = [(f"run {n}: {name}", row) for n, run in enumerate(runs, 1) for name, row in run.items()]
    rows = {}
    for name in runs[0]:
        rows[name] = {"mib": max(run[name]["mib"] for run in runs)}
        for key in ("seconds", "cpu_seconds"):
            later = [run[name][key] for run in runs[1:]]
            spread = [round(statistics.median(later), 1), min(later), max(later)] if later else None
            rows[name] |= {f"first_{key}": runs[0][name][key], f"later_{key}": spread}
    return {
        "benchmark": "course",
        "what": "The whole course, run after run, profile quick. The first run began with nothing kept and ran one "
        "notebook at a time, each later one as many as at_once says.",
        "data": lane,
        "runs": len(runs),
        "at_once": AT_ONCE,
        "failed": [f"{where}: {row['status']}" for where, row in every if row["status"] != "ok"],
        "drift": [f"{where}: {cell}" for where, row in every for cell in row["drift"]],
        "notebooks": rows,
        "device": f"{os.cpu_count()} CPU cores",
        "versions": {name: metadata.version(name) for name in ("tensorflow", "keras", "numpy")},
        "date": today(),
        "command": "COURSE_DATA=real " * (lane == "real") + f"python course.py dev rehearse {len(runs)}",
    }


def digest() -> str:
    """Of all that runs: another text on another page does not make another course."""
    parts, kinds = ("helpers", "notebooks", "data"), (".py", ".ipynb", ".h5")
    runs = [path for path in pack.contents() if path.relative_to(pack.ROOT).parts[0] in parts and path.suffix in kinds]
    runs += pack.ROOT.glob("requirements.lock")
    return hashlib.sha256(b"".join(path.read_bytes() for path in runs)).hexdigest()


def begin(folder: Path) -> tuple[Path, list[dict]]:
    """The copy of the course to run in and the runs that it has behind it; a new copy if the course has changed."""
    copy, log, stamp = folder / pack.NAME, folder / "runs.jsonl", folder / "stamp.txt"
    if not stamp.is_file() or stamp.read_text() != digest():
        if log.is_file() and log.read_text():
            print("The course has changed since the runs on file: beginning anew.", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        pack.pack(folder / "course.zip")
        shutil.unpack_archive(folder / "course.zip", folder)
        log.write_text("", encoding="utf-8")
        stamp.write_text(digest())
    return copy, [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def code_of(path: Path) -> str:
    """A hash of a notebook's code cells: other prose does not make another notebook."""
    cells = [cell.source for cell in stored.code_cells(nbformat.read(path, as_version=4))]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:12]


def rehearse_full(lane: str, numbers: list[str]) -> int:
    """Run in the full profile the notebooks that are named, or else those that have not passed as they are now."""
    failed = 0
    for path in notebooks.find(numbers):
        record = json.loads(FULL.read_text(encoding="utf-8")) if FULL.is_file() else {"benchmark": "course_full"}
        before = record.setdefault(lane, {}).get(path.stem, {})
        if not numbers and (before.get("status"), before.get("code")) == ("ok", code_of(path)):
            continue
        notebook, row = measured(path)
        begun = next((o.text.strip() for cell in notebook.cells for o in cell.get("outputs", []) if "text" in o), "")
        row |= {"code": code_of(path), "ran_on": f"{os.cpu_count()} cores; {begun}", "date": today()}
        record[lane] = dict(sorted((record[lane] | {path.stem: row}).items()))
        write_json(FULL, record)
        print(f"{path.stem}: {row['seconds']:,.0f} s, {row['mib']:,} MiB, {row['status']}", flush=True)
        failed |= row["status"] != "ok"
    return int(failed)


def today() -> str:
    return datetime.date.today().isoformat()


def main(arguments: list[str]) -> int:
    full, given = arguments[:1] == ["full"], " ".join(arguments)
    if not full and not re.fullmatch(r"[1-9]\d*|", given):
        print(f"rehearse takes how often to run the course, as 30, or full, not {given!r}.", file=sys.stderr)
        return 2
    lane = os.environ.setdefault("COURSE_DATA", "drawn")
    if lane not in RECORDS:
        print(f"COURSE_DATA is {lane!r}; a rehearsal needs drawn or real.", file=sys.stderr)
        return 2
    os.environ["COURSE_PROFILE"] = "full" if full else "quick"
    os.environ["COURSE_DATA_DIR"] = str(profile.data_dir()) if lane == "real" else ""
    if full:
        return rehearse_full(lane, arguments[1:])
    wanted = int(given or 1)
    folder = FOLDER / lane
    copy, runs = begin(folder)
    if runs:
        print(f"Going on after run {len(runs)} of {wanted}.", flush=True)
    try:
        while len(runs) < wanted:
            runs.append(run_once(copy, AT_ONCE if runs else 1))
            with (folder / "runs.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(runs[-1]) + "\n")
            rows = [(name, *list(row.values())[:3], row["status"]) for name, row in runs[-1].items()]
            print(f"Run {len(runs)} of {wanted}:", notebooks.table(rows), sep="\n", flush=True)
    except KeyboardInterrupt:
        print(f"Interrupted in run {len(runs) + 1}: the same command goes on there.", file=sys.stderr)
        return 130
    kept = sum(path.stat().st_size for path in (copy / "data" / "cache").rglob("*") if path.is_file())
    found = summary(runs, lane) | {"kept_mib": round(kept / 2**20), "jupyterlab_mib": jupyterlab_mib(folder)}
    write_json(RECORDS[lane], found)
    shutil.rmtree(folder)
    told = f"{len(runs)} runs: {len(found['failed'])} notebooks failed, {len(found['drift'])} checked outputs differed."
    print(*found["failed"], *found["drift"], told, sep="\n")
    return int(bool(found["failed"] or found["drift"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
