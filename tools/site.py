"""Build the course as a web site: ``python course.py site`` writes build/site/index.html.

The pages are docs/*.md and the notebooks with their stored outputs; nothing is run. What goes to Sphinx is put together
in build/site-source/.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from PIL import Image

from tools import facts, stored
from tools.results_pages import table
from tools.stored import NOTEBOOKS, ROOT

DOCS, SOURCE, SITE = ROOT / "docs", ROOT / "build" / "site-source", ROOT / "build" / "site"
MORE = ["results", "exercises", "glossary", "teaching", "hub", "roadmap", "releasing", "sources"]
CAPTIONS = ("Exercises", "Solutions")
GALLERY_WIDTH = 720  # pixels, twice the width on the page


def relink(text: str) -> str:
    """Links between files of the repository, as links between pages: docs/ and README.md are at the top there."""
    text = re.sub(r"\]\(((?:\.\./)+)docs/", r"](\1", text)
    text = re.sub(r"\]\(((?:\.\./)+)README\.md(#[\w-]*)?\)", r"](\1index.md)", text)
    return text.replace("](../notebooks/", "](notebooks/")  # docs/ is one folder deep, its pages are not


def for_reading(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook as a page: its links lead to pages."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relink(cell.source)
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = output.data["text/html"].replace('.ipynb">', '.html">')
    return notebook


def thumbnail(path: Path, source: str) -> str:
    """The picture of the gallery for a notebook, made small: the last of a cell, or a file of docs/. Its address."""
    if (DOCS / source).is_file():
        picture = Image.open(DOCS / source)
    else:
        outputs = next(cell.outputs for cell in nbformat.read(path, as_version=4).cells if cell.id == source)
        kinds = [output.get("data", {}) for output in outputs]
        pictures = [data[kind] for data in kinds for kind in stored.PICTURES & set(data)]
        picture = Image.open(io.BytesIO(base64.b64decode(pictures[-1])))
    picture = picture.convert("RGB")
    picture.thumbnail((GALLERY_WIDTH, 10 * GALLERY_WIDTH), Image.LANCZOS)
    target = SOURCE / "gallery" / f"{path.name[:2]}.png"
    target.parent.mkdir(exist_ok=True)
    picture.save(target, optimize=True)
    return target.relative_to(SOURCE).as_posix()


def gallery(paths: list[Path]) -> str:
    lines = ["::::{container} gallery"]
    for path in paths:
        if picture := facts.facts()[path.name].get("picture"):
            caption, link = picture["caption"], f"notebooks/{path.name}"
            lines.append(f"[![{caption}]({thumbnail(path, picture['from'])})<br>{path.name[:2]} · {caption}]({link})\n")
    return "\n".join([*lines, "::::"])


def contents(caption: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])


def own_title(notebook: nbformat.NotebookNode, path: Path) -> nbformat.NotebookNode:
    """A solutions notebook bears the title of the exercises that are made from it: here it gets one of its own."""
    if path.parent.name == "solutions":
        notebook.cells[0].source = notebook.cells[0].source.replace("# Exercises:", "# Solutions:", 1)
    return notebook


def title(path: Path) -> str:
    heading = re.search(r"^# (.*)", own_title(nbformat.read(path, as_version=4), path).cells[0].source, re.M).group(1)
    return f"{path.name[:2]} {heading}"


def entry(path: Path) -> str:
    """A line of a table of contents: the title with the notebook's number, and the page."""
    return f"{title(path)} <{path.relative_to(ROOT).with_suffix('').as_posix()}>"


def exercises() -> list[tuple[Path, Path]]:
    """Pairs of an exercise notebook and its solutions, in reading order."""
    found = sorted((NOTEBOOKS / "exercises").glob("*.ipynb"))
    return [(path, NOTEBOOKS / "solutions" / path.name) for path in found]


def exercises_table(pairs: list[tuple[Path, Path]]) -> str:
    """Exercises and solutions side by side, and the two tables of contents."""
    lines = ["| exercises | solutions |", "|---|---|"]
    for path, solution in pairs:
        name = title(path).replace("Exercises: ", "")
        exercise = f"[{name}](notebooks/exercises/{path.name})"
        lines.append(f"| {exercise} | [solutions](notebooks/solutions/{solution.name}) |")
    trees = [contents(caption, [entry(path) for path in column]) for caption, column in zip(CAPTIONS, zip(*pairs))]
    return "\n".join([*lines, "", *trees])


def in_their_language(text: str) -> str:
    """The glossary with the language of its Chinese columns marked, so that each gets the characters of its region, and
    in a box of its own, so that it can turn into cards on a phone."""

    def mark(row: re.Match) -> str:
        english, simplified, traditional, rest = row.groups()
        marked = f'<span lang="zh-Hans">{simplified}</span> | <span lang="zh-Hant">{traditional}</span>'
        return f"| {english} | {marked} | {rest}"

    text = re.sub(r"^\| ([^|]*) \| ([^|]*) \| ([^|]*) \| (.*)$", mark, text, flags=re.M)
    return re.sub(r"(^\|.*\|$)", r"::::{container} glossary\n\1\n::::", text, flags=re.M | re.S)


def assemble(paths: list[Path]) -> None:
    """Put everything that Sphinx reads into build/site-source/."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(DOCS, SOURCE, ignore=shutil.ignore_patterns("conf.py", "_static"))
    pairs = exercises()
    for path in [*paths, *(path for pair in pairs for path in pair)]:
        target = SOURCE / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(for_reading(own_title(nbformat.read(path, as_version=4), path)), target)
    trees = contents("Notebooks", [entry(path) for path in paths]) + "\n" + contents("More", MORE)
    parts = {
        "gallery": gallery(paths),
        "notebooks": "\n".join(table(*facts.readme())),
        "exercises": exercises_table(pairs),
    }
    for page in SOURCE.glob("*.md"):
        text = relink(page.read_text(encoding="utf-8"))
        for mark, part in parts.items():
            text = text.replace(f"<!-- {mark} -->", part)
        text = in_their_language(text) if page.stem == "glossary" else text
        page.write_text(f"{text}\n{trees}" if page.stem == "index" else text, encoding="utf-8")


def main() -> None:
    paths = [NOTEBOOKS / name for name in facts.facts()]
    begun = time.perf_counter()
    assemble(paths)
    shutil.rmtree(SITE, ignore_errors=True)
    sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-E"]
    sphinx += ["-d", str(SITE.parent / "site-doctrees"), "-c", str(DOCS), str(SOURCE), str(SITE)]
    if subprocess.call(sphinx):
        sys.exit("Sphinx found something wrong, see above: the site is not to be used.")
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) / 2**20
    print(f"Built in {time.perf_counter() - begun:.0f} s, {size:.0f} MiB: open {SITE / 'index.html'}")


if __name__ == "__main__":
    main()
