"""Execute the course's notebooks: ``python course.py run | refresh [NN ...]``, solutions/NN for solutions.

``run`` writes executed copies to build/executed/ and prints seconds, peak memory and status of each.
``refresh`` executes them in place, offline in the quick profile, and stores what tools/stored.py leaves of the outputs.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

from tools import facts
from tools.stored import NOTEBOOKS, ROOT, code_cells, tidied

EXECUTED = ROOT / "build" / "executed"
CELL_TIMEOUT = {"quick": 600, "full": 4 * 3600}  # seconds, after which a kernel is held to have hung
BUDGET_MIB = 2048  # quick profile, 2 CPU cores; twice this fails


def budget_seconds(name: str) -> int:
    """Seconds for a notebook in the quick profile on 2 CPU cores, by its own metadata."""
    return facts.budget_seconds(name, real=os.environ.get("COURSE_DATA") == "real")


def quick() -> bool:
    return os.environ.get("COURSE_PROFILE", "quick") == "quick"


Row = tuple[str, float, float, float, str]  # name, seconds, CPU seconds, peak MiB, status


class Watch:
    """Watch a process and its children; ``mib`` is the most memory they held together, ``cpu_seconds`` their time."""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._process = psutil.Process(pid)
        self._times: dict[int, float] = {}  # of children that have ended, too
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def cpu_seconds(self) -> float:
        return sum(self._times.copy().values())

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            held = 0
            try:
                for process in (self._process, *self._process.children(recursive=True)):
                    with contextlib.suppress(psutil.NoSuchProcess):  # it ended between two calls
                        times = process.cpu_times()
                        if process is self._process or process.pid in self._times:  # a fork seems to double its parent
                            held += process.memory_info().rss
                        self._times[process.pid] = times.user + times.system
            except psutil.NoSuchProcess:
                return
            self.mib = max(self.mib, held / 2**20)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def table(rows: list[Row]) -> str:
    """Notebook, seconds, CPU seconds, peak MiB and status, one line each; marks what is over the quick budget."""
    lane = f"data {os.environ.get('COURSE_DATA', 'auto')}, profile {os.environ.get('COURSE_PROFILE', 'auto')}"
    width = max(len("notebook"), *(len(name) for name, *_ in rows))
    lines = [lane, f"{'notebook':<{width}}  seconds    CPU  peak MiB  status"]
    for name, seconds, cpu, mib, status in rows:
        if quick() and (seconds > budget_seconds(name) or mib > BUDGET_MIB):
            status += f" (budget {budget_seconds(name)} s, {BUDGET_MIB} MiB)"
        lines.append(f"{name:<{width}}  {seconds:7.1f}  {cpu:5.0f}  {mib:8.0f}  {status}")
    return "\n".join(lines)


def over_twice_budget(rows: list[Row]) -> list[str]:
    """The notebooks that took more than twice the quick budget; none in the full profile, which has no budget.

    The budget is for two free cores: on a busy machine a notebook takes longer, but half its CPU seconds do not change.
    """
    if not quick():
        return []
    slow = [name for name, seconds, cpu, *_ in rows if min(seconds, cpu / 2) > 2 * budget_seconds(name)]
    return slow + [name for name, *_, mib, _ in rows if mib > 2 * BUDGET_MIB and name not in slow]


def find(numbers: list[str]) -> list[Path]:
    """The course's notebooks in reading order, or those that are asked for: 01, solutions/01."""
    course = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    paths = course + sorted(NOTEBOOKS.glob("solutions/*.ipynb"))
    every = {short_name(path.with_suffix("")).partition("_")[0]: path for path in paths}
    unknown = [number for number in numbers if number not in every]
    if unknown:
        sys.exit(f"No notebook numbered {', '.join(unknown)}. There are: {', '.join(every)}.")
    return [path for number, path in every.items() if number in numbers] if numbers else course


def short_name(path: Path) -> str:
    """How tables call a notebook: 01_convnet_basics.ipynb, solutions/01_convnet_basics.ipynb."""
    return path.relative_to(NOTEBOOKS).as_posix() if path.is_relative_to(NOTEBOOKS) else path.name


def execute(path: Path) -> tuple[nbformat.NotebookNode, float, float, float, str]:
    """Run a notebook in its own folder. Returns it executed, seconds, CPU seconds, peak MiB and "ok" or the error."""
    notebook = nbformat.read(path, as_version=4)
    bar = tqdm(total=len(code_cells(notebook)), desc=path.stem, unit="cell", leave=False)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT.get(os.environ.get("COURSE_PROFILE"), CELL_TIMEOUT["full"]),
        startup_timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda cell, cell_index, **_: bar.update(cell.cell_type == "code"),
    )
    begun, status = time.perf_counter(), "ok"
    with bar, client.setup_kernel(stderr=subprocess.DEVNULL):  # the kernel's own log lines
        watch = Watch(client.km.provisioner.pid)
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            client.set_widgets_metadata()  # so that progress bars show in the executed copy
        except CellExecutionError as error:
            status = f"{error.ename}: {error.evalue.strip()}"
        except (CellTimeoutError, DeadKernelError) as error:
            status = str(error).strip()
        finally:
            watch.stop()
    status = re.sub(r"\x1b\[[0-9;]*m", "", status).split("\n")[0]  # without colors
    return notebook, time.perf_counter() - begun, watch.cpu_seconds, watch.mib, status


def run(paths: list[Path]) -> int:
    """Execute notebooks into build/executed/; 0 if all of them ran, else 1."""
    rows = []
    for path in paths:
        notebook, *row = execute(path)
        (EXECUTED / short_name(path)).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, EXECUTED / short_name(path))
        rows.append((short_name(path), *row))
    print(table(rows))
    print(f"Executed copies are in {EXECUTED.relative_to(ROOT)}")
    return int(any(row[-1] != "ok" for row in rows))


def refresh(paths: list[Path]) -> int:
    """Execute notebooks in place; one that fails is left as it was.

    Always in the quick profile on the offline data: no real photo may end up in a stored figure.
    """
    os.environ.update(COURSE_DATA="drawn", COURSE_PROFILE="quick")
    failed = 0
    for path in paths:
        notebook, seconds, *_, status = execute(path)
        if status == "ok":
            nbformat.write(tidied(notebook), path)
        failed |= status != "ok"
        print(f"{short_name(path)}: {seconds:.0f} s, {'stored' if status == 'ok' else 'not stored: ' + status}")
    return int(failed)


if __name__ == "__main__":
    action, *numbers = sys.argv[1:]
    sys.exit({"run": run, "refresh": refresh}[action](find(numbers)))
