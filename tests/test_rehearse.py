"""The whole course, many times in a row, on two tiny notebooks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from tools import pack, rehearse

ROW = {"seconds": 2.0, "cpu_seconds": 1.0, "mib": 100, "status": "ok", "drift": []}


def notebook(source: str, stored: str) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(source, id="shown", metadata={"tags": ["nbval-check-output"]})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
    return nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("pass")])


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two notebooks: the second one fails if a file named ``broken`` lies beside it."""
    folder = tmp_path / "course"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "benchmarks").mkdir()
    (folder / pack.FIRST).touch()
    slow = notebook("import time; time.sleep(0.5); print('a', 1)", "a 1\n")  # else it ends before it can be watched
    nbformat.write(slow, folder / "notebooks" / "00_a.ipynb")
    source = "import pathlib\nassert not pathlib.Path('broken').exists()\nprint('b')"
    nbformat.write(notebook(source, "b\n"), folder / "notebooks" / "01_b.ipynb")
    monkeypatch.setattr(pack, "ROOT", folder)
    monkeypatch.setattr(rehearse, "FOLDER", tmp_path / "rehearsal")
    monkeypatch.setattr(rehearse, "RECORDS", {"drawn": folder / "benchmarks" / "course.json"})
    monkeypatch.setattr(rehearse, "jupyterlab_mib", lambda folder: 123)
    monkeypatch.setenv("COURSE_DATA", "drawn")
    for name in ("COURSE_PROFILE", "COURSE_DATA_DIR"):
        monkeypatch.setenv(name, "")  # main sets them; put back after the test
    return folder


def test_two_runs_are_counted_and_nothing_is_left(course, tmp_path, capsys):
    assert rehearse.main(["2"]) == 0
    assert "2 runs: 0 notebooks failed, 0 checked outputs differed" in capsys.readouterr().out
    record = json.loads((course / "benchmarks" / "course.json").read_text())
    assert (record["runs"], record["failed"], record["drift"], record["jupyterlab_mib"]) == (2, [], [], 123)
    assert list(record["notebooks"]) == ["00_a", "01_b"]
    row = record["notebooks"]["00_a"]
    assert row["first_seconds"] > 0 and row["later_seconds"][1] == row["later_seconds"][2] > 0 and row["mib"] > 10
    assert not list((tmp_path / "rehearsal").iterdir())


def test_a_changed_output_and_a_failure_are_told_and_fail(course, capsys):
    path = course / "notebooks" / "00_a.ipynb"
    path.write_text(path.read_text().replace("'a', 1", "'a', 2"))
    (course / "notebooks" / "broken").write_text("")
    assert rehearse.main([]) == 1
    shown = capsys.readouterr().out
    assert "run 1: 01_b: AssertionError" in shown and "run 1: 00_a: shown" in shown
    record = json.loads((course / "benchmarks" / "course.json").read_text())
    assert len(record["failed"]) == len(record["drift"]) == 1 and record["notebooks"]["00_a"]["later_seconds"] is None


def test_an_interrupted_rehearsal_goes_on_unless_the_course_has_changed(course, monkeypatch, capsys):
    ran = []

    def run_once(folder, at_once):
        if len(ran) == 2:
            ran.append("interrupted")
            raise KeyboardInterrupt
        ran.append(at_once)
        return {"00_a": ROW}

    monkeypatch.setattr(rehearse, "run_once", run_once)
    assert rehearse.main(["4"]) == 130 and "Interrupted in run 3" in capsys.readouterr().err
    assert not list(course.glob("benchmarks/*.json"))
    assert rehearse.main(["4"]) == 0 and "Going on after run 2 of 4" in capsys.readouterr().out
    later = rehearse.AT_ONCE
    assert ran == [1, later, "interrupted", later, later], "the first run, and it only, is to be timed alone"

    ran[:] = []
    assert rehearse.main(["4"]) == 130
    (course / "README.md").write_text("changed")
    (course / "notebooks" / ".ipynb_checkpoints").mkdir()
    (course / "notebooks" / ".ipynb_checkpoints" / "00_a-checkpoint.ipynb").write_text("{}")
    assert len(rehearse.begin(rehearse.FOLDER / "drawn")[1]) == 2, "neither a page nor a checkpoint is what runs"
    assert rehearse.begin(rehearse.FOLDER / "real")[1] == [], "another lane begins by itself"
    (course / "notebooks" / "02_c.ipynb").write_text("{}")
    ran[:] = [0, 0, 0]
    assert rehearse.main(["4"]) == 0 and len(ran) == 7, "runs of another course count"
    assert "has changed since the runs on file" in capsys.readouterr().out


def test_two_at_a_time_are_told_apart(course):
    path = course / "notebooks" / "01_b.ipynb"
    path.write_text(path.read_text().replace("print('b')", "print('c')"))
    rows = rehearse.run_once(course, 2)
    assert {name: (row["status"], row["drift"]) for name, row in rows.items()} == {
        "00_a": ("ok", []), "01_b": ("ok", ["shown"])
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_an_interrupt_ends_all_kernels(course):
    for number in range(4):
        source = f"import pathlib, time\npathlib.Path('begun_{number}').touch()\ntime.sleep(100)"
        nbformat.write(notebook(source, ""), course / "notebooks" / f"0{number}_{'abcd'[number]}.ipynb")
    code = f"import pathlib; from tools import rehearse; rehearse.run_once(pathlib.Path({str(course)!r}), 2)"
    running = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=rehearse.notebooks.ROOT,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )
    kernels = []
    try:
        for _ in range(600):
            if len(list(course.glob("notebooks/begun_*"))) == 2:
                break
            time.sleep(0.1)
        kernels = psutil.Process(running.pid).children()
        assert len(kernels) == 2
        running.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in running.communicate(timeout=30)[1]
        left = [kernel for kernel in kernels if kernel.is_running()]
    finally:
        for process in (running, *kernels):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    assert not left and len(list(course.glob("notebooks/begun_*"))) == 2


def test_the_full_profile_is_written_down_notebook_by_notebook(course, monkeypatch, capsys):
    monkeypatch.setitem(rehearse.RECORDS, "real", None)
    monkeypatch.setattr(rehearse, "FULL", course / "benchmarks" / "course_full.json")
    monkeypatch.setattr(rehearse.notebooks, "NOTEBOOKS", course / "notebooks")
    first, second = sorted(course.glob("notebooks/*.ipynb"))
    first.write_text(first.read_text().replace("print('a', 1)", "import os; print(os.environ['COURSE_PROFILE'])"))
    (course / "notebooks" / "broken").write_text("")
    assert rehearse.main(["full"]) == 1
    record = json.loads(rehearse.FULL.read_text())["drawn"]
    assert [(name, row["status"][:14]) for name, row in record.items()] == [("00_a", "ok"), ("01_b", "AssertionError")]
    assert record["00_a"]["ran_on"].endswith("cores; full") and record["00_a"]["seconds"] > 0

    (course / "notebooks" / "broken").unlink()
    ran = []
    execute = rehearse.notebooks.execute
    monkeypatch.setattr(rehearse.notebooks, "execute", lambda path: ran.append(path.stem) or execute(path))
    assert rehearse.main(["full"]) == 0 and ran == ["01_b"], "what has passed runs again"
    prose = nbformat.read(first, as_version=4)
    prose.cells.append(nbformat.v4.new_markdown_cell("more", id="more"))
    nbformat.write(prose, first)
    assert rehearse.main(["full"]) == 0 and ran == ["01_b"], "other prose makes another notebook"
    second.write_text(second.read_text().replace("print('b')", "print('c')"))
    assert rehearse.main(["full"]) == 0 and rehearse.main(["full", "00"]) == 0 and ran == ["01_b", "01_b", "00_a"]
    monkeypatch.setenv("COURSE_DATA", "real")
    assert rehearse.main(["full"]) == 0 and set(json.loads(rehearse.FULL.read_text())) == {"benchmark", "drawn", "real"}


@pytest.mark.slow
@pytest.mark.parametrize("lane", ["drawn", "real"])
def test_every_notebook_passes_in_the_full_profile(lane):
    """Hours; see benchmarks/course_full.json for the last run of each notebook."""
    if lane == "real" and not (rehearse.profile.data_dir() / "cats_and_dogs_small").is_dir():
        pytest.skip("the real data is not in COURSE_DATA_DIR")
    numbers = [path.name[:2] for path in rehearse.notebooks.find([])]
    command = [sys.executable, "-m", "tools.rehearse", "full", *numbers]
    assert subprocess.call(command, cwd=rehearse.notebooks.ROOT, env=os.environ | {"COURSE_DATA": lane}) == 0


def test_medians_are_of_the_runs_after_the_first():
    runs = [{"a": ROW | {"seconds": seconds, "mib": mib}} for seconds, mib in ((9, 5), (3, 7), (1, 6), (2, 6))]
    record = rehearse.summary(runs, "real")
    assert record["notebooks"]["a"] == {
        "mib": 7, "first_seconds": 9, "later_seconds": [2, 1, 3], "first_cpu_seconds": 1, "later_cpu_seconds": [1, 1, 1]
    }  # fmt: skip
    assert record["command"] == "COURSE_DATA=real python course.py dev rehearse 4"


@pytest.mark.parametrize("arguments", [["0"], ["-3"], ["many"], ["2", "3"], ["--help"]])
def test_what_is_no_number_of_runs_is_refused(arguments, capsys):
    assert rehearse.main(arguments) == 2 and "how often" in capsys.readouterr().err


def test_a_lane_must_be_named(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "auto")
    assert rehearse.main([]) == 2 and "drawn or real" in capsys.readouterr().err


def test_the_server_of_jupyterlab_is_measured(tmp_path):
    assert 30 < rehearse.jupyterlab_mib(tmp_path) < 1000
