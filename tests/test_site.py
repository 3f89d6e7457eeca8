"""The site: what its pages are made of, and, where Sphinx is installed, what comes out of it."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import cv2
import nbformat
import numpy as np
import pytest

from helpers.profile import ROOT
from tools import notebooks, site

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TEACHING = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PNG = base64.b64encode(cv2.imencode(".png", np.full((40, 60, 3), 200, np.uint8))[1]).decode()


def output(text: str = "", **data) -> nbformat.NotebookNode:
    """A line of print, or what a cell displays in the given forms."""
    if data:
        return nbformat.v4.new_output(
            "execute_result", {key.replace("_", "/", 1): value for key, value in data.items()}
        )
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def as_if_executed(path: Path, folder: Path, printed: str = "profile quick, data drawn") -> Path:
    """A copy of a notebook with its stored outputs, the line of its set-up cell, and a picture for the gallery."""
    notebook = nbformat.read(path, as_version=4)
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
        if cell.id == "setup":
            cell.outputs = [output(f"Python 3, {printed}, seed 0\n")]
        if cell.id == site.GALLERY.get(path.name[:2], [""])[0] and not cell.outputs:
            cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"})]
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / path.name)
    return folder / path.name


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("[a](../README.md)", "[a](../index.md)"),
        ("[a](../README.md#data)", "[a](../index.md)"),
        ("[a](../docs/results.md#x)", "[a](../results.md#x)"),
        ("[a](../../docs/results.md)", "[a](../../results.md)"),
        ("[a](../notebooks/01_a.ipynb)", "[a](notebooks/01_a.ipynb)"),
        ("[a](01_a.ipynb) ../README.md", "[a](01_a.ipynb) ../README.md"),
    ],
)
def test_links_between_files_become_links_between_pages(link, page):
    assert site.relink(link) == page


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        (output(**{"text_plain": "0epoch [00:00, ?epoch/s]", "application_vnd.jupyter.widget-view+json": {}}), None),
        (output(**{"text_plain": "x:   0%|      | 0/20", "application_vnd.jupyter.widget-view+json": {}}), None),
        (output(text_plain="<matplotlib.legend.Legend at 0x7ffb1c>"), None),
        (output(text_plain="array([1, 2])"), output(text_plain="array([1, 2])")),
        (output(f"read from {ROOT / 'data' / 'x'}\n"), output(f"read from {Path('data') / 'x'}\n")),
    ],
)
def test_what_says_nothing_to_a_reader_is_left_out(shown, kept):
    assert site.output_for_reading(shown) == kept


def test_controls_become_a_sentence():
    shown = output(**{"text_plain": "VBox(children=(", "application_vnd.jupyter.widget-view+json": {}})
    assert "Controls stand here" in site.output_for_reading(shown).data["text/markdown"]


def test_an_executed_copy_is_used_only_if_it_is_of_this_notebook_and_of_the_drawn_data(tmp_path, monkeypatch):
    path = notebooks.find(["00"])[0]
    monkeypatch.setattr(site, "EXECUTED", tmp_path)
    assert site.stale(path) == "was not executed yet"
    as_if_executed(path, tmp_path)
    assert site.stale(path) == ""

    as_if_executed(path, tmp_path, "profile quick, data auto")
    assert site.stale(path) == "was executed on other data, or in the full profile"
    copy = nbformat.read(as_if_executed(path, tmp_path), as_version=4)
    copy.cells[2].outputs.append(nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]))
    nbformat.write(copy, tmp_path / path.name)
    assert site.stale(path) == "failed when it was executed"
    copy.cells[2].outputs.pop()
    copy.cells[2].source += "\nprint(1)"
    nbformat.write(copy, tmp_path / path.name)
    assert site.stale(path) == "has changed since it was executed"


def test_only_notebooks_without_a_good_copy_are_executed(tmp_path, monkeypatch, capsys):
    executed = []
    monkeypatch.setattr(site, "EXECUTED", tmp_path)
    monkeypatch.setattr(site, "execute", lambda paths: executed.extend(path.name[:2] for path in paths))
    for name in site.LANE:
        monkeypatch.setenv(name, "other")
    as_if_executed(notebooks.find(["00"])[0], tmp_path)
    site.bring_up_to_date(notebooks.find(["00", "01"]))
    assert executed == ["01"] and "01_convnet_basics.ipynb was not executed yet: exec" in capsys.readouterr().out
    monkeypatch.setattr(site, "execute", lambda paths: 1)
    with pytest.raises(SystemExit, match="the site was not built"):
        site.bring_up_to_date(notebooks.find(["01"]))


@pytest.mark.parametrize("number", site.GALLERY)
def test_every_picture_of_the_gallery_has_its_cell_or_file(number):
    name, _ = site.GALLERY[number]
    cells = {cell.id for cell in nbformat.read(notebooks.find([number])[0], as_version=4).cells}
    assert name in cells or (ROOT / "docs" / name).is_file()


TERMS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", GLOSSARY, re.M)[1:]


def test_the_glossary_is_sorted_whole_and_about_words_that_the_course_uses():
    assert GLOSSARY.count("\n| ") == len(TERMS) + 1 > 45, "a row lacks a column"
    course = " ".join(c.source for path in notebooks.find([]) for c in nbformat.read(path, as_version=4).cells).lower()
    english = [term[0] for term in TERMS]
    assert english == sorted(english, key=str.lower)
    assert [term for term in english if term.split(" (")[0].lower() not in course] == []


@pytest.mark.parametrize("column", [1, 2])
def test_simplified_and_traditional_characters_stay_in_their_columns(column):
    simplified, traditional = "网络层类别图训练验证过积热标签归随机", "網絡層類別圖訓練驗證過積熱標籤歸隨機"
    foreign = set((traditional, simplified)[column - 1]) - set((simplified, traditional)[column - 1])
    assert [term[column] for term in TERMS if foreign & set(term[column])] == []


def test_the_teachers_page_names_sections_that_exist():
    headings = {
        heading
        for path in notebooks.find([])
        for cell in nbformat.read(path, as_version=4).cells
        for heading in re.findall(r"^## (.+)$", cell.source, re.M)
    }
    named = {
        name for name in re.findall(r"(?<!\*)\*([A-Z][^*>|]+)\*(?!\*)", TEACHING) if name not in ("Run All", "Step 1")
    }
    assert len(named) > 20 and sorted(named - headings) == []


def test_solutions_have_a_title_of_their_own():
    exercise, solution = site.exercises()[1]
    assert site.entry(exercise).startswith("01 Exercises: Convnet basics <notebooks/exercises/")
    assert site.entry(solution).startswith("01 Solutions: Convnet basics <notebooks/solutions/")


# From here on Sphinx is needed: python course.py site installs it.


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site built from what the notebooks store, with one exercise if the course has none yet."""
    pytest.importorskip("sphinx_book_theme", reason="Sphinx is not installed: run `python course.py site` once")
    pytest.importorskip("myst_nb", reason="myst-nb is not installed: run `python course.py site` once")
    folder = tmp_path_factory.mktemp("site")
    for path in notebooks.find([]):
        as_if_executed(path, folder / "executed")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("EXECUTED", "SOURCE", "SITE"):
            patch.setattr(site, name, folder / name.lower())
        site.main()  # Sphinx is told to fail at the first warning
    return folder / "site"


def pages(built: Path) -> dict[str, str]:
    paths = [path for path in built.rglob("*.html") if "_static" not in path.parts]  # the theme's own templates
    return {path.relative_to(built).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_every_page_is_there(built):
    wanted = {f"notebooks/{path.stem}.html" for path in notebooks.find([])}
    more = ("results", "glossary", "teaching", "hub", "roadmap", "releasing", "sources")
    wanted |= {f"{name}.html" for name in ("index", *more)}
    assert wanted <= set(pages(built))
    index = pages(built)["index.html"]
    assert all(f'href="notebooks/{path.stem}.html"' in index for path in notebooks.find([]))
    assert index.count("_images/") >= len(site.GALLERY)


def test_no_page_and_no_style_asks_another_host_for_anything(built):
    asked = r'<(?:script|link|img|iframe|source|video)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"'
    asked_of = {name: re.findall(asked, text) for name, text in pages(built).items()}
    asked_of |= {
        path.name: re.findall(r"url\([\"']?((?:https?:)?//[^)]+)|@import\s+[\"'](http[^\"']+)", path.read_text("utf-8"))
        for path in built.rglob("*.css")
    }
    assert {name: hosts for name, hosts in asked_of.items() if hosts} == {}


def test_links_and_pictures_of_the_pages_lead_to_files(built):
    broken = []
    for name, text in pages(built).items():
        for target in re.findall(r'(?:href|src)="([^"#?]+)[^"]*"', text):
            if not re.match(r"[a-z]+:", target) and not ((built / name).parent / unquote(target)).exists():
                broken.append((name, target))
    assert broken == []


def test_a_page_holds_no_folder_of_this_machine_and_the_setup_cell_is_folded(built):
    page = pages(built)["notebooks/01_convnet_basics.html"]
    assert "Set-up cell, the same in every notebook" in page and str(ROOT) not in page
    assert "<table" in pages(built)["results.html"] and 'lang="zh-Hant"' in pages(built)["glossary.html"]


@pytest.fixture
def browser():
    """A function that opens a page in Chromium and gives what was asked of other hosts, and the errors it reported."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: requirements-dev.lock")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])

        def visit(page: Path) -> tuple[list[str], list[str]]:
            hosts, errors, tab = [], [], chromium.new_page()
            tab.on("request", lambda request: hosts.append(request.url) if request.url[:4] != "file" else None)
            tab.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
            tab.on("pageerror", lambda error: errors.append(str(error)))
            tab.goto(page.as_uri())
            tab.wait_for_timeout(1000)  # scripts that ask for something later
            tab.close()
            return [url for url in hosts if not url.startswith(("data:", "blob:"))], errors

        yield visit
        chromium.close()


def test_pages_open_in_a_browser_without_a_request_elsewhere_and_without_an_error(built, browser):
    seen = ["index", "results", "glossary", "notebooks/01_convnet_basics", "notebooks/07_intermediate_activations"]
    for name in seen:
        assert browser(built / f"{name}.html") == ([], []), name
