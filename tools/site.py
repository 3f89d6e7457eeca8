"""Build the course as a web site: ``python course.py site`` writes build/site/index.html.

The pages are docs/*.md and the executed notebooks in build/executed/ (drawn data, quick profile), which ``python
course.py test`` and ``run`` leave there. A copy that is missing, that is older than its notebook, or that was run on
other data is made first. What goes to Sphinx is put together in build/site-source/.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from PIL import Image

from tools.notebooks import EXECUTED, NOTEBOOKS, ROOT, code_cells, find, printed
from tools.notebooks import run as execute

DOCS, SOURCE, SITE = ROOT / "docs", ROOT / "build" / "site-source", ROOT / "build" / "site"
LANE = {"COURSE_DATA": "drawn", "COURSE_PROFILE": "quick"}
GALLERY = {  # notebook: the cell whose last picture stands for it (or a file of docs/), and what it shows
    "01": ("edges", "A digit and a photo, and what two edge filters answer to them"),
    "02": ("overfit-figure", "Trained too long, a network errs with more confidence"),
    "03": ("contact-sheet", "Cats and dogs, drawn by a program, hard on purpose"),
    "04": ("rows", "Which changes of a picture leave its label true"),
    "05": ("experiment", "The same head, on features of well and of badly prepared images"),
    "06": ("ladder-figure", "Every way to tell cats from dogs, as measured"),
    "07": ("back-figure", "What a linear decoder reads back from each layer"),
    "08": ("filters.jpg", "The patterns that filters of VGG16 look for"),
    "09": ("cheat-map", "An honest network and one that looks at the background"),
    "10": ("pictures-figure", "Ten digits come apart, layer by layer"),
}
PROGRESS = r"\d%\||\?\w+/s"  # how tqdm's bars are called in plain text
WIDGET = "application/vnd.jupyter.widget-view+json"
MORE = ["results", "exercises", "glossary", "teaching", "hub", "roadmap", "releasing", "sources"]
CAPTIONS = ("Exercises", "Solutions")
GALLERY_WIDTH = 720  # pixels, twice the width on the page


def stale(path: Path) -> str:
    """Why the executed copy of a notebook cannot be used, or "" if it can."""
    copy = EXECUTED / path.name
    if not copy.is_file():
        return "was not executed yet"
    cells, now = (code_cells(nbformat.read(each, as_version=4)) for each in (copy, path))
    if [cell.source for cell in cells] != [cell.source for cell in now]:
        return "has changed since it was executed"
    if any(output.output_type == "error" for cell in cells for output in cell.outputs):
        return "failed when it was executed"
    if "profile quick, data drawn" not in printed(cells[0]):
        return "was executed on other data, or in the full profile"
    return ""


def bring_up_to_date(paths: list[Path]) -> None:
    """Execute the notebooks whose copies cannot be used. Ends the program where one fails."""
    needed = {path: reason for path in paths if (reason := stale(path))}
    for path, reason in needed.items():
        print(f"{path.name} {reason}: executing it", flush=True)
    os.environ.update(LANE)
    if needed and execute(list(needed)):
        sys.exit("A notebook failed, see the table above: the site was not built.")


def relink(text: str) -> str:
    """Links between files of the repository, as links between pages: docs/ and README.md are at the top there."""
    text = re.sub(r"\]\(((?:\.\./)+)docs/", r"](\1", text)
    text = re.sub(r"\]\(((?:\.\./)+)README\.md(#[\w-]*)?\)", r"](\1index.md)", text)
    return text.replace("](../notebooks/", "](notebooks/")  # docs/ is one folder deep, its pages are not


def output_for_reading(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """An output as a page shows it, or None for one that says nothing: a progress bar, the name of a Python object."""
    text = output.get("data", {}).get("text/plain", "")
    if WIDGET in output.get("data", {}):
        if re.search(PROGRESS, text):
            return None
        controls = {"text/markdown": "*(Controls stand here when the notebook runs.)*"}
        return nbformat.v4.new_output("display_data", controls)
    if output.output_type == "execute_result" and re.fullmatch(r"<[^\n]* at 0x[0-9a-f]+>", text):
        return None
    if "text" in output:
        output.text = output.text.replace(f"{ROOT}{os.sep}", "")
    return output


def for_reading(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook as a page: its links lead to pages, and the set-up cell is folded."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relink(cell.source)
        elif cell.cell_type == "code":
            cell.outputs = [shown for output in cell.outputs if (shown := output_for_reading(output))]
        if cell.id == "setup":
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    return notebook


def thumbnail(number: str, name: str, notebook: Path) -> Path:
    """The picture of the gallery for one notebook, made small, from its executed copy or from docs/."""
    if (DOCS / name).is_file():
        picture = Image.open(DOCS / name)
    else:
        cells = {cell.id: cell for cell in nbformat.read(notebook, as_version=4).cells}
        pictures = [output.data["image/png"] for output in cells[name].outputs if "image/png" in output.get("data", {})]
        picture = Image.open(io.BytesIO(base64.b64decode(pictures[-1])))
    picture = picture.convert("RGB")
    picture.thumbnail((GALLERY_WIDTH, 10 * GALLERY_WIDTH), Image.LANCZOS)
    path = SOURCE / "gallery" / f"{number}.png"
    path.parent.mkdir(exist_ok=True)
    picture.save(path, optimize=True)
    return path


def gallery(paths: list[Path]) -> str:
    lines = ["::::{container} gallery"]
    for path in paths:
        if path.name[:2] in GALLERY:
            name, caption = GALLERY[path.name[:2]]
            thumbnail(path.name[:2], name, EXECUTED / path.name)
            link = f"notebooks/{path.stem}.ipynb"
            lines.append(f"[![{caption}](gallery/{path.name[:2]}.png)<br>{path.name[:2]} · {caption}]({link})\n")
    return "\n".join([*lines, "::::"])


def readme_table() -> str:
    """The README's list of the notebooks, with their minutes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(r"^\| notebook \|.*?(?=\n\n)", text, re.S | re.M).group()


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
    for path in [EXECUTED / path.name for path in paths] + [path for pair in pairs for path in pair]:
        target = SOURCE / (Path("notebooks") / path.name if path.parent == EXECUTED else path.relative_to(ROOT))
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(for_reading(own_title(nbformat.read(path, as_version=4), path)), target)
    trees = contents("Notebooks", [entry(path) for path in paths]) + "\n" + contents("More", MORE)
    parts = {"gallery": gallery(paths), "notebooks": readme_table(), "exercises": exercises_table(pairs)}
    for page in SOURCE.glob("*.md"):
        text = relink(page.read_text(encoding="utf-8"))
        for mark, part in parts.items():
            text = text.replace(f"<!-- {mark} -->", part)
        text = in_their_language(text) if page.stem == "glossary" else text
        page.write_text(f"{text}\n{trees}" if page.stem == "index" else text, encoding="utf-8")


def main() -> None:
    paths = find([])
    bring_up_to_date(paths)
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
