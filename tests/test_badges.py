"""Links to Colab, Kaggle and Binder, written into a copy of the course."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import badges, exercises, pack


@pytest.fixture
def copy(tmp_path) -> Path:
    pack.pack(tmp_path / "course.zip")
    shutil.unpack_archive(tmp_path / "course.zip", tmp_path)
    for path in (tmp_path / pack.NAME / "notebooks").rglob("*.ipynb"):
        if path.name[:2] not in ("00", "01"):  # two are enough, and the others hold megabytes of figures
            path.unlink()
    return tmp_path / pack.NAME


def write(copy: Path, address: str) -> str:
    command = [sys.executable, "-m", "tools.badges", address]
    return subprocess.run(command, cwd=copy, check=True, capture_output=True, text=True).stdout


def notebooks(folder: Path) -> dict[str, nbformat.NotebookNode]:
    paths = sorted((folder / "notebooks").rglob("*.ipynb"))
    return {path.relative_to(folder).as_posix(): nbformat.read(path, as_version=4) for path in paths}


def test_every_notebook_links_to_itself_and_knows_where_the_course_is(copy):
    before = notebooks(copy)
    assert "someone/a-course" in write(copy, "someone/a-course")
    after = notebooks(copy)
    assert len(after) == 6
    setup = (copy / "tools" / "setup_cell.py").read_text(encoding="utf-8").strip()
    assert "https://github.com/someone/a-course/releases/latest/download/seeing-convnets.zip" in setup
    for name, notebook in after.items():
        shown = name.replace("solutions", "exercises")
        title = notebook.cells[0].source
        assert title.startswith(before[name].cells[0].source.split("\n\nOpen in [Colab]")[0])
        assert f"(https://colab.research.google.com/github/someone/a-course/blob/main/{shown})" in title
        assert f"src=https://github.com/someone/a-course/blob/main/{shown})" in title
        assert f"someone/a-course/main?labpath={shown.replace('/', '%2F')})" in title
        assert next(cell.source for cell in notebook.cells if cell.id == "setup") == setup
        pairs = zip(notebook.cells[1:], before[name].cells[1:], strict=True)
        assert {one.id for one, other in pairs if one != other} == {"setup"}, "more than title and set-up cell changes"
    for name in (name for name in after if "solutions" in name):
        assert exercises.unsolved(after[name]) == after[name.replace("solutions", "exercises")]
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert readme.count("someone/a-course") == 3
    assert readme.startswith("# Seeing Convnets\n\n<!-- badges -->\n[![Colab]")
    assert readme.split("-->\n", 1)[1].split("\n", 1)[1].strip().startswith("A hands-on course")

    # A second address replaces the first, and the same changes nothing
    write(copy, "https://github.com/other.one/b_course.git")
    once = {path: path.read_bytes() for path in copy.rglob("*.*") if path.is_file() and ".pyc" not in path.name}
    assert not [path for path, content in once.items() if b"a-course" in content]
    write(copy, "other.one/b_course")
    assert [path.name for path, content in once.items() if path.read_bytes() != content] == []


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "b"], ["http://example.org/a/b"], ["a/b/c"], ["--help"]])
def test_what_is_no_address_on_github_is_refused(arguments, capsys):
    assert badges.main(arguments) == 2 and "OWNER/NAME" in capsys.readouterr().err
