"""The form of every notebook; nbval (see conftest.py) runs them."""

from __future__ import annotations

import os
import re
import subprocess
import symtable
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.profile import ROOT
from tools import notebooks, stored

PATHS = notebooks.find([])
SOLUTIONS = sorted(notebooks.NOTEBOOKS.glob("solutions/*.ipynb"))  # more about them in test_exercises.py
SETUP = (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8").strip()


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=PATHS + SOLUTIONS, ids=notebooks.short_name)
def written(request) -> tuple[Path, nbformat.NotebookNode]:
    """Each notebook that is written by hand, and its path."""
    return request.param, nbformat.read(request.param, as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks_numbered_without_gap():
    assert [path.name[:2] for path in PATHS] == [f"{n:02}" for n in range(len(PATHS))]
    assert len(PATHS) >= 3


def test_opens_with_title_and_table_and_closes_with_exercises(notebook):
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    assert first.startswith("# ") and "| what you will learn | minutes (quick / full) | builds on |" in first
    assert "## Exercises" in last and len(re.findall(r"^\d\. ", last, re.M)) >= 3
    closing = ("## What you can do now", "## What we saw")  # the second: lessons that are not rewritten yet
    assert any(title in c.source for c in notebook.cells for title in closing)


def test_a_rewritten_lesson_asks_for_a_guess_and_can_be_typed_live():
    """By its closing heading; the others follow one by one."""
    lessons = [path for path in PATHS if "## What you can do now" in path.read_text(encoding="utf-8")]
    assert len(lessons) >= 4
    for path in lessons:
        notebook, name = nbformat.read(path, as_version=4), path.stem
        cells = [cell for cell in code(notebook) if cell.id != "setup"]
        assert any(re.match(r"guess = None  # your guess", cell.source) for cell in cells[:5]), name
        beside = [cell for cell in cells if "guess" in cell.source and not cell.source.startswith("guess")]
        assert beside, f"{name}: the guess meets no answer"
        lines = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells]
        assert sum(count <= 5 for count in lines) >= len(lines) / 3, f"{name}: one idea a cell"
        long = [line for cell in cells for line in cell.source.splitlines() if len(line) > 100]
        assert not long, f"{name}: {long}"
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        closing = ["## What you can do now", "## What the sources say", "## Exercises"]
        assert re.findall("|".join(closing), text) == closing, name
        exercises = re.split(r"^\d\. ", notebook.cells[-1].source, flags=re.M)[1:]
        for exercise in exercises:
            assert re.match(r"\(\d+ minutes\) ", exercise) and "<details><summary>Hint</summary>" in exercise, name


def test_set_up_cell_is_the_one_on_file_and_folded(written):
    _, notebook = written
    setup = code(notebook)[0]
    assert setup.source == SETUP and setup.id == "setup"
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form", "_kg_hide-input": True, "tags": ["hide-input"]}
    assert setup.metadata == folded, "folded in JupyterLab, on Colab, on Kaggle and on the site"


def test_cells_are_short_named_and_counted(written):
    _, notebook = written
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z0-9-]+", i) for i in ids)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    long = {cell.id: cell.source.count("\n") + 1 for cell in code(notebook) if cell.source.count("\n") >= 15}
    assert not long, f"cells over 15 lines: {long}"


def test_outputs_are_stored_and_hold_no_warning_no_error_and_no_widget(written):
    path, notebook = written
    assert any(cell.outputs for cell in code(notebook)), path.name
    for cell in code(notebook):
        kinds = [(o.output_type, o.get("name")) for o in cell.outputs]
        assert not [kind for kind in kinds if kind[0] == "error" or kind[1] == "stderr"], cell.id
        assert not [o for o in cell.outputs if stored.WIDGET in o.get("data", {})], cell.id
    assert "widgets" not in notebook.metadata


def pictures(cell: nbformat.NotebookNode) -> int:
    """How many pictures a cell stores."""
    return sum(any(kind.startswith("image/") for kind in o.get("data", {})) for o in cell.outputs)


def test_each_stored_picture_is_told_in_words_that_stay_true():
    """Those who cannot see a figure get its alternative text, which myst-nb reads from the cell's metadata.

    It describes a cell's one picture on every run, and therefore gives no measured number.
    """
    told: dict[str, str] = {}
    for path in PATHS + SOLUTIONS:
        for cell in code(nbformat.read(path, as_version=4)):
            where = f"{notebooks.short_name(path)}, {cell.id}"
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
            assert pictures(cell) <= 1, f"{where}: more than one picture: split the cell"
            assert alt or not pictures(cell), f"{where}: its metadata needs mystnb: image: alt"
            if alt is not None:
                assert 40 <= len(alt) <= 400, f"{where}: {len(alt)} characters"
                assert not re.search(r"%|\d\.\d", alt), f"{where}: a number that drifts: {alt}"
                assert told.setdefault(alt, where) == where, f"{where}: the same text as {told[alt]}"
    assert len(told) > 60, "the figures have lost their texts"


def test_no_shell_no_pip_no_path_of_one_machine(written):
    for cell in code(written[1]):
        assert not re.search(r"^\s*[!%]", cell.source, re.M), f"{cell.id}: shell or magic"
        assert not re.search(r"pip install|/home/|/Users/|[A-Z]:\\", cell.source), cell.id


def test_what_a_function_reads_stays_what_it_was(notebook):
    """A cell run again, or a widget moved at the end, finds what it found the first time."""
    bound, reads = {}, {}  # name: the cells that bind it; name: the first cell with a function that reads it
    for number, cell in enumerate(code(notebook)):
        table = symtable.symtable(cell.source, cell.id, "exec")
        for symbol in table.get_symbols():
            if symbol.is_assigned() or symbol.is_imported():
                bound.setdefault(symbol.get_name(), []).append(number)
        for scope in table.get_children():
            if scope.get_type() == "function" and scope.get_name() not in ("listcomp", "genexpr", "dictcomp"):
                for name in (symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()):
                    reads.setdefault(name, number)
    again = {name: bound[name] for name, number in reads.items() if bound.get(name, [0])[-1] > number >= bound[name][0]}
    assert not again, f"a function reads these, and a later cell means something else by them: {again}"


def test_there_is_one_title_and_links_between_notebooks_lead_somewhere(written):
    path, notebook = written
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(re.findall(r"^# ", text, re.M)) == 1
    for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", text):
        assert (path.parent / target).is_file(), target


# The tools that run and refresh


def write(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


BUSY = "import time\nwhile time.process_time() < 1.5: pass"  # a kernel takes less to start on a fast machine


def test_run_reports_each_notebook_and_fails_with_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "EXECUTED", notebooks.ROOT / "build" / "test-executed")
    good = write(tmp_path / "01_good.ipynb", "x = bytearray(300 << 20)", BUSY, "print(len(x))")
    bad = write(tmp_path / "02_bad.ipynb", "1 / 0", "print('not reached')")
    assert notebooks.run([good]) == 0
    assert notebooks.run([good, bad]) == 1
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if ".ipynb" in line]
    assert [row[4] for row in rows] == ["ok", "ok", "ZeroDivisionError:"]
    assert float(rows[0][3]) > 300, "peak memory in MiB"
    assert 1 <= float(rows[0][2]) < 60, "CPU seconds"
    executed = nbformat.read(notebooks.EXECUTED / "02_bad.ipynb", as_version=4)
    assert executed.cells[0].outputs[0].ename == "ZeroDivisionError" and not executed.cells[1].outputs


def test_a_dead_kernel_ends_the_run(tmp_path):
    path = write(tmp_path / "01_dead.ipynb", "import os; os._exit(1)")
    *_, status = notebooks.execute(path)
    assert "died" in status.lower()


FORKS = """
import os, time
held = bytearray(os.urandom(1)) * 300_000_000
for _ in range(15):
    child = os.fork()
    if child == 0:
        time.sleep(0.15)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no process")
def test_a_short_fork_does_not_double_the_memory(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", FORKS])
    watch = notebooks.Watch(process.pid)
    assert process.wait(60) == 0
    watch.stop()
    assert 280 < watch.mib < 400, "each child seems to hold the parent's memory, too"


def test_refresh_stores_what_is_shown_and_leaves_a_failing_notebook_alone(tmp_path):
    path = write(tmp_path / "01_kept.ipynb", "print('kept')", "import sys; print('dropped', file=sys.stderr)")
    assert notebooks.refresh([path]) == 0
    first, second = nbformat.read(path, as_version=4).cells
    assert first.outputs[0].text == "kept\n" and second.outputs == []
    assert (first.execution_count, second.execution_count) == (1, 2)

    bad = write(tmp_path / "02_bad.ipynb", "1 / 0")
    before = bad.read_bytes()
    assert notebooks.refresh([bad]) == 1 and bad.read_bytes() == before


@pytest.mark.parametrize("number", ["99", "01_convnet", "1"])
def test_unknown_number_is_named(number):
    with pytest.raises(SystemExit, match=f"No notebook numbered {number}. There are: 00, 01"):
        notebooks.find([number])


@pytest.mark.parametrize(
    ("choice", "lane", "over"), [("quick", "drawn", ["b", "c"]), ("quick", "real", ["c"]), ("full", "drawn", [])]
)
def test_twice_the_budget_fails_in_the_quick_profile_alone(monkeypatch, choice, lane, over):
    monkeypatch.setenv("COURSE_PROFILE", choice)
    monkeypatch.setenv("COURSE_DATA", lane)
    rows = [("a", 119, 200, 4000, "ok"), ("b", 121, 242, 10, "ok"), ("c", 1, 1, 4097, "ok"), ("d", 300, 200, 10, "ok")]
    assert notebooks.over_twice_budget(rows) == over
    marks = notebooks.table(rows).count(f"(budget {90 if lane == 'real' else 60} s, 2048 MiB)")
    assert marks == (4 if choice == "quick" else 0)
