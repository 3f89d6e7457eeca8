"""The traps around nbval that conftest.py closes: each is set here and must snap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.profile import ROOT
from tools import notebooks


def cell(source: str, output: str | None = None, count: int | None = 1, check: bool = False):
    outputs = [] if output is None else [nbformat.v4.new_output("stream", name="stdout", text=output)]
    tags = {"tags": ["nbval-check-output"]} if check else {}
    return nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=count, metadata=tags)


def nbval(folder: Path, *cells, options: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run nbval over a notebook of these cells with the project's guards; exit code and output."""
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), folder / "trial.ipynb")
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = -ra --nbval-lax --nbval-current-env --nbval-cell-timeout=60\n"
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "trial.ipynb", *options]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    return found.returncode, found.stdout + found.stderr


def test_right_output_passes_and_the_table_is_printed(tmp_path):
    code, shown = nbval(tmp_path, cell("print(1)", "1\n", check=True), cell("print('not compared')", "x\n"))
    assert code == 0 and "2 passed" in shown
    assert "trial.ipynb" in shown.split("peak MiB")[1]


def test_with_two_workers_the_table_is_as_whole_and_a_kernel_has_one_core(tmp_path):
    told = "import os, time\nwhile time.process_time() < 2.5: pass\nprint(os.environ['TF_NUM_INTRAOP_THREADS'])"
    later = [cell("print(told)", count=n) for n in range(2, 6)]  # would fail in the other worker's kernel
    cells = [cell(f"told = 1; {told}", "1\n", check=True), *later, cell("1 / 0")]
    code, shown = nbval(tmp_path, *cells, options=("-n2",))
    assert code == 1 and "1 failed, 5 passed" in shown
    name, seconds, cpu, mib, status = shown.split("peak MiB")[1].split("\n")[1].split()
    assert (name, status) == ("trial.ipynb", "failed") and float(seconds) > 1 and float(cpu) > 0 and float(mib) > 20


def test_changed_output_fails(tmp_path):
    code, shown = nbval(tmp_path, cell("print(2)", "1\n", check=True))
    assert code == 1 and "1 failed" in shown


@pytest.mark.parametrize(("output", "count"), [(None, 1), ("1\n", None)])
def test_a_tagged_cell_that_stores_nothing_is_refused(tmp_path, output, count):
    code, shown = nbval(tmp_path, cell("print(1)", output, count, check=True))
    assert code != 0 and "nbval would compare nothing" in shown and "Cell 0" in shown


def test_a_cell_checked_by_comment_that_stores_nothing_is_refused(tmp_path):
    code, shown = nbval(tmp_path, cell("# NBVAL_CHECK_OUTPUT\nprint(1)"))
    assert code != 0 and "nbval would compare nothing" in shown


def test_one_cause_is_one_failure(tmp_path):
    code, shown = nbval(tmp_path, cell("x = 1"), cell("1 / 0"), cell("print(y)"), cell("print(z)"))
    assert code == 1 and "1 failed, 1 passed, 2 skipped" in shown


def test_a_dead_kernel_fails_long_before_the_cell_timeout(tmp_path):
    """Were the guard missing, this would end after the 60 s of --nbval-cell-timeout with another message."""
    code, shown = nbval(tmp_path, cell("import os; os._exit(1)"), cell("print(1)"))
    assert code == 1 and "the kernel died while it ran this cell" in shown
    assert "1 failed, 1 skipped" in shown


def test_what_a_whole_notebook_showed_is_kept_for_the_site_and_a_part_is_not(tmp_path, monkeypatch):
    source = tmp_path / "trial.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell("1", count=None), cell("print(2); 3;", "old")]), source)
    monkeypatch.setattr(notebooks, "EXECUTED", tmp_path / "executed")
    value = nbformat.v4.new_output("execute_result", {"text/plain": "3"})  # which the semicolon hides
    shown = [nbformat.v4.new_output("stream", name="stdout", text="2"), value]
    notebooks.keep_executed(source, [[]])
    assert not (tmp_path / "executed").exists()

    notebooks.keep_executed(source, [[], shown])
    first, second = nbformat.read(tmp_path / "executed" / "trial.ipynb", as_version=4).cells
    assert (first.execution_count, first.outputs) == (1, []) and [output.text for output in second.outputs] == ["2"]
