"""The exercises: their form, that they are generated, and that the unsolved ones run to the end.

Exercises and solutions run here, one after the other in this process: a kernel for each would import TensorFlow each
time. Every check must print the line that the solutions notebook stores, before and after the solution.
"""

from __future__ import annotations

import pkgutil
import re
import sys
from pathlib import Path

import keras
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest

from helpers import checks
from helpers.profile import ROOT
from tools import exercises, notebooks

SOLVED = sorted(exercises.SOLUTIONS.glob("*.ipynb"))
UNSOLVED = sorted(exercises.EXERCISES.glob("*.ipynb"))
SETUP = (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8").strip()
TITLE = re.compile(r"## (\d+)\. .+ \((easy|medium|hard)\)$", re.M)


@pytest.fixture(params=SOLVED, ids=lambda path: path.stem)
def solved(request) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def is_check(cell) -> bool:
    return cell.cell_type == "code" and cell.source.startswith("checks.")


def parts(notebook: nbformat.NotebookNode) -> list[list]:
    """The cells of each exercise, from its heading on."""
    grouped: list[list] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            grouped.append([])
        if grouped:
            grouped[-1].append(cell)
    return grouped


def line(cell) -> str:
    """What a check cell has stored."""
    assert len(cell.outputs) == 1, cell.id
    return cell.outputs[0].text


# Their form


def test_every_notebook_has_exercises_and_links_to_them():
    for path in notebooks.find([]):
        assert exercises.SOLUTIONS / path.name in SOLVED, path.name
        last = nbformat.read(path, as_version=4).cells[-1].source
        assert f"](exercises/{path.name})" in last, path.name


def test_opens_with_title_link_back_set_up_and_imports(solved, request):
    name = Path(request.node.callspec.params["solved"]).name
    first, setup, imports = solved.cells[:3]
    assert first.source.startswith("# Exercises: ") and f"(../solutions/{name})" in first.source
    assert f"](../{name})" in first.source or not (notebooks.NOTEBOOKS / name).exists()
    assert setup.source == SETUP and setup.id == "setup" and imports.id == "imports"
    text = "\n".join(cell.source for cell in solved.cells if cell.cell_type == "markdown")
    assert all(target.startswith("../") for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", text))


def test_there_are_three_exercises_or_more_from_easy_to_hard(solved):
    titles = [TITLE.match(cells[0].source) for cells in parts(solved)]
    assert len(titles) >= 3 and all(titles), "a heading is not of the form '## 1. Title (easy)'"
    assert [int(title[1]) for title in titles] == list(range(1, len(titles) + 1))
    grades = [["easy", "medium", "hard"].index(title[2]) for title in titles]
    assert grades == sorted(grades) and len(set(grades)) == 3


def test_every_exercise_has_a_start_a_check_a_solution_and_the_check_again(solved):
    for cells in parts(solved):
        name = cells[0].source.split("\n")[0]
        given = [cell for cell in cells if "solution" not in tags(cell)]
        solution = cells[len(given) :]
        assert solution and all("solution" in tags(cell) for cell in solution), f"{name}: solution cells come last"
        *start, first = given[1:]
        assert [cell.cell_type for cell in start].count("code") >= 1 and not any(map(is_check, start)), name
        *code, second = [cell for cell in solution if cell.cell_type == "code"]
        assert code and not any(map(is_check, code)), name
        assert is_check(first) and first.source == second.source and "\n" not in first.source, name
        assert solution[-1].cell_type == "markdown" and len(solution[-1].source) > 60, f"{name}: say why"
        for cell in (first, second):
            assert "nbval-check-output" in tags(cell), f"{name}: nbval would not compare the check"
        assert line(first).startswith("not yet: ") and line(second).startswith("right: "), name


def test_every_check_is_used_by_one_exercise():
    modules = {module.name: getattr(checks, module.name) for module in pkgutil.iter_modules(checks.__path__)}
    used = [
        re.match(r"checks\.(\w+\.\w+)\(", cell.source)[1]
        for path in SOLVED
        for cell in nbformat.read(path, as_version=4).cells
        if is_check(cell) and "solution" not in tags(cell)
    ]
    defined = [
        f"{name}.{each.__name__}"
        for name, module in modules.items()
        for each in vars(module).values()
        if hasattr(each, "__wrapped__")
    ]
    assert sorted(used) == sorted(defined)


# They are generated


def test_exercises_are_what_the_solutions_give(tmp_path):
    written = exercises.write(exercises=tmp_path)
    assert [path.name for path in written] == [path.name for path in UNSOLVED] == [path.name for path in SOLVED]
    for path in written:
        kept = exercises.EXERCISES / path.name
        assert path.read_bytes() == kept.read_bytes(), f"{path.name} has drifted: python course.py dev exercises"


def test_a_solution_is_dropped_with_its_output_and_all_else_is_kept(tmp_path):
    start = nbformat.v4.new_code_cell("x = None", id="start", execution_count=1)
    checked = nbformat.v4.new_code_cell(
        "checks.x(x)",
        id="first",
        execution_count=2,
        metadata={"tags": ["nbval-check-output"]},
        outputs=[nbformat.v4.new_output("stream", text="not yet: none\n")],
    )
    answer = nbformat.v4.new_code_cell("x = 1", id="answer", metadata={"tags": ["solution"]})
    why = nbformat.v4.new_markdown_cell("Because.", id="why", metadata={"tags": ["solution", "other"]})
    task = nbformat.v4.new_markdown_cell("## 1. Task", id="task", metadata={"tags": ["other"]})
    notebook = nbformat.v4.new_notebook(cells=[task, start, checked, answer, why], metadata={"kept": 1})
    nbformat.write(notebook, tmp_path / "01_x.ipynb")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00_gone.ipynb").write_text("{}")
    assert exercises.write(tmp_path, tmp_path / "out") == [tmp_path / "out" / "01_x.ipynb"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["01_x.ipynb"]
    written = nbformat.read(tmp_path / "out" / "01_x.ipynb", as_version=4)
    assert [cell.id for cell in written.cells] == ["task", "start", "first"] and written.metadata == {"kept": 1}
    assert [cell.source for cell in written.cells] == ["## 1. Task", "x = None", "checks.x(x)"]
    assert [dict(cell.metadata) for cell in written.cells] == [{"tags": ["other"]}, {}, {}]
    assert written.cells[2].outputs == [] and written.cells[2].execution_count is None
    assert len(notebook.cells[2].outputs) == 1, "the solutions notebook itself was changed"


# They run to the end


def run(path: Path, capsys) -> list[str]:
    """Run all code cells of a notebook in one fresh namespace; the lines that its check cells print."""
    names, lines = {"__name__": "__main__"}, []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            capsys.readouterr()
            exec(compile(cell.source, f"{path.name}, cell {cell.id}", "exec"), names)
            if is_check(cell):
                lines.append(capsys.readouterr().out)
    return lines


@pytest.fixture
def clean_process(monkeypatch):
    """What a fresh kernel has, without the seconds that it takes; and nothing left behind."""
    matplotlib.use("Agg")
    monkeypatch.setattr(sys, "path", list(sys.path))
    keras.utils.clear_session()
    yield
    plt.close("all")


@pytest.mark.parametrize("path", UNSOLVED, ids=lambda path: path.stem)
def test_an_unsolved_notebook_runs_to_the_end_and_every_check_says_not_yet(path, monkeypatch, capsys, clean_process):
    """The same lines as the solutions notebook stores above each solution: nothing there leans on a solution cell."""
    monkeypatch.chdir(path.parent)
    solved = nbformat.read(exercises.SOLUTIONS / path.name, as_version=4)
    stored = [line(cell) for cell in solved.cells if is_check(cell) and "solution" not in tags(cell)]
    assert len(stored) >= 3 and run(path, capsys) == stored


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_a_solved_notebook_runs_and_every_check_says_what_is_stored(path, monkeypatch, capsys, clean_process):
    monkeypatch.chdir(path.parent)
    stored = [line(cell) for cell in nbformat.read(path, as_version=4).cells if is_check(cell)]
    assert run(path, capsys) == stored
