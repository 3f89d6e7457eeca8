"""Guards around nbval, so that a notebook's test cannot pass by accident or hang.

- A cell tagged nbval-check-output with no stored, counted output is refused: nbval would pass it
  whatever it prints.
- After a failing cell the rest of its notebook is skipped: one cause, one failure.
- A kernel that died is noticed in seconds; nbval alone waits for the cell's time-out.
- Seconds and peak memory of each notebook are printed as a table; twice the budget fails the run.
- What each slow test (``--all``) came to last time is kept in benchmarks/slow_lanes.json.

With ``-n 2`` a file stays with one worker, and so do notebooks that read what an earlier one has trained.
Exercises and solutions are not nbval's: tests/test_exercises.py runs all of them in one process.
"""

from __future__ import annotations

import datetime
import json
import os
import time
from queue import Empty

import pytest
from nbval.kernel import RunningKernel

from tools.notebooks import NOTEBOOKS, ROOT, Watch, over_twice_budget, short_name, table

collect_ignore = ["notebooks/exercises", "notebooks/solutions"]
KERNEL_POLL = 2  # seconds
SLOW = ROOT / "benchmarks" / "slow_lanes.json"

CHAINS = {"05": "pretrained", "06": "pretrained", "08": "pretrained", "09": "pretrained", "10": "alone"}

if "PYTEST_XDIST_WORKER" in os.environ:  # one core each: threads of two TensorFlows would wait for each other
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

_broken: set = set()
_watches: dict = {}  # path of a notebook -> what its kernel uses
_rows: dict = {}  # name of a notebook -> seconds, CPU seconds, peak MiB, status
_slow: dict = {}  # name of a slow test -> outcome, seconds, date
_await_reply = RunningKernel.await_reply


def _await_reply_of_a_live_kernel(self, msg_id, timeout=None):
    end = time.monotonic() + (timeout or float("inf"))
    while True:
        try:
            return _await_reply(self, msg_id, timeout=min(KERNEL_POLL, max(0.1, end - time.monotonic())))
        except Empty:
            if not self.is_alive():
                raise RuntimeError("the kernel died while it ran this cell (out of memory?)") from None
            if time.monotonic() > end:
                raise


RunningKernel.await_reply = _await_reply_of_a_live_kernel


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class WholeFiles(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            path = ROOT / file
            return CHAINS.get(path.name[:2], "scratch") if path.parent == NOTEBOOKS else file

    config.option.loadscopereorder = False  # else files with few tests come last, and the longest test has few
    return WholeFiles(config, log)


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the slow lanes too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="a slow lane: python course.py test --all"))
    items.sort(key=lambda item: item.path.name != "test_browser.py")  # takes minutes: begun last, one worker would wait
    checked = [item for item in items if hasattr(item, "cell") and item.options["check"]]
    empty = [item.nodeid for item in checked if item.cell.execution_count is None or not item.cell.outputs]
    if empty:
        raise pytest.UsageError(
            "These cells are tagged nbval-check-output and store no output, so nbval would compare nothing. "
            "Run `python course.py dev refresh NN`:\n  " + "\n  ".join(empty)
        )


def pytest_runtest_setup(item):
    if item.path in _broken:
        pytest.skip("an earlier cell of this notebook failed")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if item.path.suffix != ".ipynb":
        return
    if item.path not in _watches and getattr(item.parent, "kernel", None):
        _watches[item.path] = Watch(item.parent.kernel.km.provisioner.pid)
    if report.failed:
        _broken.add(item.path)
    watch = _watches.get(item.path)
    used = (watch.cpu_seconds, watch.mib) if watch else (0.0, 0.0)
    report.user_properties.append(("notebook", [short_name(item.path), *used]))  # reaches the main process with -n too


def pytest_runtest_logreport(report):
    if "slow" in report.keywords and (report.when == "call" and not report.skipped or report.failed):
        _slow[report.nodeid] = (report.outcome, round(report.duration, 1), datetime.date.today().isoformat())
    for kind, value in report.user_properties:
        if kind == "notebook":
            name, cpu, mib = value
            seconds, cpu_before, mib_before, status = _rows.get(name, (0.0, 0.0, 0.0, "ok"))
            status = "failed" if report.failed else status
            _rows[name] = (seconds + report.duration, max(cpu, cpu_before), max(mib, mib_before), status)


def pytest_terminal_summary(terminalreporter):
    if _rows:
        terminalreporter.section("notebooks")
        terminalreporter.write_line(table([(name, *row) for name, row in _rows.items()]))


def pytest_sessionfinish(session):
    if _slow and "PYTEST_XDIST_WORKER" not in os.environ:  # each slow test's last result
        before = json.loads(SLOW.read_text(encoding="utf-8")) if SLOW.is_file() else {}
        SLOW.write_text(json.dumps(dict(sorted((before | _slow).items())), indent=1) + "\n", encoding="utf-8")
    over = over_twice_budget([(name, *row) for name, row in _rows.items()])
    if over:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nMore than twice the budget: {', '.join(over)}")
