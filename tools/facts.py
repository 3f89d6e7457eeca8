"""What the pages say of each notebook, from its own metadata: what it shows, builds on, takes, and its picture.

``python course.py dev results`` writes it into the README, the teacher's page and the notebook's first cell; the site
takes the picture, CI the budget. Everything is said once, under ``course`` in the notebook's metadata: ``shows``,
``teaches``, ``builds_on``; ``needs`` and ``begin_at`` for teachers; ``minutes`` (``quick``, ``full``, ``teaching``);
and ``picture`` (``from``: a cell's id, or a file in docs/; ``caption``).
"""

from __future__ import annotations

import functools

import nbformat

from tools.stored import NOTEBOOKS

REAL_TAKES = 1.5  # times the minutes on drawn data: VGG16 is larger than the course's own base


@functools.cache
def facts() -> dict[str, dict]:
    """By the notebook's file name, in reading order; with ``title``."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        title = notebook.cells[0].source.split("\n")[0].removeprefix("# ")
        found[path.name] = {"title": f"{path.name[:2]} {title}", **notebook.metadata["course"]}
    return found


def budget_seconds(name: str, real: bool) -> int:
    """What a notebook may take in the quick profile on two CPU cores; an exercise as much as the shortest."""
    minutes = facts()[name]["minutes"]["quick"] if name in facts() else 1
    return round(60 * minutes * (REAL_TAKES if real else 1))


Table = tuple[list[str], list[list[str]]]  # its head, its rows


def readme() -> Table:
    """The README's list of the notebooks."""
    rows = []
    for name, each in facts().items():
        minutes = each["minutes"]
        link = f"[{each['title']}](notebooks/{name})"
        rows.append([link, each["shows"], str(minutes["quick"]), str(minutes["full"])])
    return ["notebook", "what it shows", "minutes, quick", "minutes, full"], rows


def where_to_jump_in() -> Table:
    """The teacher's page: what each needs, and where to begin."""
    rows = [[name[:2], each["needs"], each["begin_at"]] for name, each in facts().items()]
    return ["notebook", "needs from before", "if there is little time, begin at"], rows


def opening(name: str) -> Table:
    """The table in a notebook's first cell."""
    each = facts()[name]
    minutes = f"{each['minutes']['quick']} / {each['minutes']['full']}"
    head = ["what you will learn", "minutes (quick / full)", "builds on"]
    return head, [[each["teaches"], minutes, each["builds_on"]]]
