"""Write where the course can be opened into the README and every notebook: ``python course.py dev badges OWNER/NAME``.

For once the course has a public address on GitHub: each notebook gets a line of links to Colab, Kaggle and Binder, and
its set-up cell fetches the zip of the latest release where it finds no course, as on Colab. The README gets badges.
Notebooks get words and no badges, since a picture from elsewhere is a broken one without a network.
A second call replaces what the first one wrote.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import quote

import nbformat

from tools import exercises
from tools.notebooks import NOTEBOOKS, ROOT

SETUP = ROOT / "tools" / "setup_cell.py"
LINE = re.compile(r"\n\nOpen in \[Colab\]\(.*")
MARKED = re.compile(r"\n<!-- badges -->\n.*\n")
FETCH = """\
from importlib.util import find_spec; from urllib.request import urlretrieve
address = "https://github.com/{}/releases/latest/download/seeing-convnets.zip"
if not find_spec("seeing_convnets"):
    sys.path[:0] = urlretrieve(address, "seeing-convnets.zip")[:1]
"""
BADGES = {
    "Colab": "https://colab.research.google.com/assets/colab-badge.svg",
    "Kaggle": "https://kaggle.com/static/images/open-in-kaggle.svg",
    "Binder": "https://mybinder.org/badge_logo.svg",
}


def addresses(repository: str, path: Path) -> dict[str, str]:
    """Where a notebook of the repository (``OWNER/NAME``, branch main) is opened: host to address."""
    inside = quote(path.relative_to(ROOT).as_posix())
    return {
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/main/{inside}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src=https://github.com/{repository}/blob/main/{inside}",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/main?labpath={quote(inside, safe='')}",
    }


def write(repository: str) -> int:
    """Write the links for ``OWNER/NAME``; returns the number of notebooks."""
    lines = SETUP.read_text(encoding="utf-8").splitlines(keepends=True)
    cell = "".join([*lines[:4], FETCH.format(repository), lines[-1]])
    SETUP.write_text(cell, encoding="utf-8", newline="\n")
    paths = [*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")]
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        title, setup = notebook.cells[0], next(cell for cell in notebook.cells if cell.id == "setup")
        opened = path if path.parent == NOTEBOOKS else exercises.EXERCISES / path.name
        links = " · ".join(f"[{host}]({link})" for host, link in addresses(repository, opened).items())
        title.source = LINE.sub("", title.source) + f"\n\nOpen in {links}"
        setup.source = cell.strip()
        nbformat.write(notebook, path)
    readme, first = ROOT / "README.md", NOTEBOOKS / "00_start_here.ipynb"
    links = " ".join(f"[![{host}]({BADGES[host]})]({link})" for host, link in addresses(repository, first).items())
    title, _, rest = MARKED.sub("", readme.read_text(encoding="utf-8")).partition("\n")
    readme.write_text(f"{title}\n\n<!-- badges -->\n{links}\n{rest}", encoding="utf-8", newline="\n")
    return len(paths) + len(exercises.write())


def main(arguments: list[str]) -> int:
    found = re.fullmatch(r"(?:https://github\.com/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?", " ".join(arguments))
    if not found:
        print("badges takes the course's public address on GitHub: OWNER/NAME", file=sys.stderr)
        return 2
    print(f"{write(found[1])} notebooks and README.md link to https://github.com/{found[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
