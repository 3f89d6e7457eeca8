"""The traps around nbval that conftest.py closes, each set here and made to snap; and the map of helpers/."""

from __future__ import annotations

import ast
import graphlib
import io
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat

import helpers
from helpers.profile import ROOT


def cell(source: str, output: str | None = None, count: int | None = 1, check: bool = False):
    outputs = [] if output is None else [nbformat.v4.new_output("stream", name="stdout", text=output)]
    tags = {"tags": ["nbval-check-output"]} if check else {}
    return nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=count, metadata=tags)


def nbval(folder: Path, *options: str, **trials: list) -> tuple[int, str]:
    """Run nbval over notebooks, name to cells, with the project's guards; exit code and output."""
    for name, cells in trials.items():
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = -ra --nbval-lax --nbval-current-env --nbval-cell-timeout=60\n"
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    return done.returncode, done.stdout + done.stderr


TRIALS = {  # cells, and what becomes of each: passed, failed or skipped
    "right": ([cell("print(1)", "1\n", check=True), cell("print('not compared')", "x\n")], ".."),
    "changed": ([cell("print(2)", "1\n", check=True)], "F"),
    "one_cause": ([cell("x = 1"), cell("1 / 0"), cell("print(y)"), cell("print(z)")], ".Fss"),
    "dead": ([cell("import os; os._exit(1)"), cell("print(1)")], "Fs"),
}


def test_right_cells_pass_one_cause_is_one_failure_and_the_table_tells(tmp_path):
    """Without its guard the dead kernel would end after the 60 s of --nbval-cell-timeout, with another message."""
    marks = {name: marks for name, (_, marks) in TRIALS.items()}
    code, shown = nbval(tmp_path, **{name: cells for name, (cells, _) in TRIALS.items()})
    assert code == 1 and "the kernel died while it ran this cell" in shown
    assert dict(re.findall(r"^(\w+)\.ipynb ([.Fs]+) ", shown, re.M)) == marks
    rows = [line.split() for line in shown.split("peak MiB")[1].split("\n")[1:5]]
    assert {row[0]: row[-1] for row in rows} == {
        f"{name}.ipynb": "failed" if "F" in each else "ok" for name, each in marks.items()
    }


def test_with_two_workers_the_table_is_as_whole_and_a_kernel_has_one_core(tmp_path):
    told = "import os, time\nwhile time.process_time() < 1.5: pass\nprint(os.environ['TF_NUM_INTRAOP_THREADS'])"
    later = [cell("print(told)", count=n) for n in range(2, 6)]  # would fail in the other worker's kernel
    cells = [cell(f"told = 1; {told}", "1\n", check=True), *later, cell("1 / 0")]
    code, shown = nbval(tmp_path, "-n2", trial=cells)
    assert code == 1 and "1 failed, 5 passed" in shown
    name, seconds, cpu, mib, status = shown.split("peak MiB")[1].split("\n")[1].split()
    assert (name, status) == ("trial.ipynb", "failed") and float(seconds) > 1 and float(cpu) > 0 and float(mib) > 20


def test_a_checked_cell_that_stores_nothing_or_no_count_is_refused(tmp_path):
    empty, uncounted = cell("print(1)", check=True), cell("print(1)", "1\n", None, check=True)
    code, shown = nbval(tmp_path, tag=[empty], count=[uncounted], comment=[cell("# NBVAL_CHECK_OUTPUT\nprint(1)")])
    assert code != 0 and "nbval would compare nothing" in shown
    assert all(f"{name}.ipynb::Cell 0" in shown for name in ("tag", "count", "comment"))


# The map of helpers/


def imports(path: Path) -> set[str]:
    """The flat modules and subpackages of helpers that a file imports from, anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names += [f"{module}{each.name}".split(".") for each in node.names]
    return {name[1] for name in names if name[0] == "helpers" and len(name) > 1}


def test_every_module_of_helpers_is_on_the_map_and_imports_only_what_the_map_has_below():
    """A line of the map: names, then what they are for, separated by two or more spaces; the top imports most."""
    folder = ROOT / "helpers"
    lines = [re.split(r"\s{2,}", line.strip())[:-1] for line in helpers.__doc__.splitlines() if line.startswith("    ")]
    line_of = {name.strip("/,").removeprefix("helpers/"): n for n, names in enumerate(lines) for name in names}
    known = {name: set() for name in line_of}
    for path in set(folder.rglob("*.py")) - {folder / "__init__.py"}:
        known.setdefault(path.relative_to(folder).parts[0].removesuffix(".py"), set()).update(imports(path))
    assert known.keys() == line_of.keys(), f"not on the map in helpers/__init__.py: {known.keys() - line_of.keys()}"
    assert not [name for name in known if not list(folder.glob(f"{name}.py")) + list(folder.glob(f"{name}/*.py"))]
    known = {name: others - {name} for name, others in known.items()}
    assert [(name, other) for name in known for other in known[name] if line_of[other] < line_of[name]] == []
    graphlib.TopologicalSorter(known).prepare()  # raises CycleError, if modules of one line import in a circle


def code_lines(path: Path) -> int:
    """Lines of a file without blank ones, comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    documents = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            documents |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - documents)


def test_what_a_reader_may_read_is_thin():
    """An hour's reading: grow one room only where another shrinks, or move what a reader need not read below."""
    flat = sorted((ROOT / "helpers").glob("*.py"))
    assert len(flat) <= 17 and sum(map(code_lines, flat)) <= 1_400
    wide = [
        f"{path.name}:{n}" for path in flat for n, line in enumerate(path.open(encoding="utf-8"), 1) if len(line) > 101
    ]
    assert wide == []
