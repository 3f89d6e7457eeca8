"""Write notebooks/exercises/ from notebooks/solutions/: ``python course.py dev exercises``.

A solutions notebook is written by hand. Its exercises notebook is the same without the cells tagged ``solution``,
without outputs, and without the tag that compares them.
"""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat

from tools.stored import NOTEBOOKS

SOLUTIONS = NOTEBOOKS / "solutions"
EXERCISES = NOTEBOOKS / "exercises"


def unsolved(solved: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The exercises notebook of a solutions notebook, which is left as it is."""
    notebook = copy.deepcopy(solved)
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    notebook.metadata.pop("course", None)
    for cell in notebook.cells:
        tags = [tag for tag in cell.metadata.pop("tags", []) if tag != "nbval-check-output"]
        if tags:
            cell.metadata["tags"] = tags
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def write(solutions: Path = SOLUTIONS, exercises: Path = EXERCISES) -> list[Path]:
    """Write the exercises notebook of every solutions notebook, and delete those whose solutions are gone."""
    exercises.mkdir(exist_ok=True)
    written = []
    for path in sorted(solutions.glob("*.ipynb")):
        written.append(exercises / path.name)
        nbformat.write(unsolved(nbformat.read(path, as_version=4)), written[-1])
    for path in set(exercises.glob("*.ipynb")) - set(written):
        path.unlink()
    return written


if __name__ == "__main__":
    for path in write():
        print(path.relative_to(NOTEBOOKS.parent))
