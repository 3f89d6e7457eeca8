"""The site: what its pages are made of, and, where Sphinx is installed, what comes out of it."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from helpers.profile import ROOT
from tools import facts, notebooks, site, stored

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TEACHING = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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


PICTURES = {name: each["picture"]["from"] for name, each in facts.facts().items() if "picture" in each}


@pytest.mark.parametrize(("name", "source"), PICTURES.items())
def test_every_picture_of_the_gallery_has_its_cell_or_file(name, source):
    cells = {cell.id for cell in nbformat.read(notebooks.NOTEBOOKS / name, as_version=4).cells}
    assert source in cells or (ROOT / "docs" / source).is_file()


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
    """The site, in a folder of its own."""
    pytest.importorskip("sphinx_book_theme", reason="Sphinx is not installed: run `python course.py site` once")
    pytest.importorskip("myst_nb", reason="myst-nb is not installed: run `python course.py site` once")
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SOURCE", "SITE"):
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
    assert index.count("_images/") >= len(PICTURES)


def test_no_page_and_no_style_asks_another_host_for_anything(built):
    asked = r'<(?:script|link|img|iframe|source|video)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"'
    asked_of = {name: re.findall(asked, text) for name, text in pages(built).items()}
    asked_of |= {
        path.name: re.findall(r"url\([\"']?((?:https?:)?//[^)]+)|@import\s+[\"'](http[^\"']+)", path.read_text("utf-8"))
        for path in built.rglob("*.css")
    }
    assert {name: hosts for name, hosts in asked_of.items() if hosts} == {}


def test_every_figure_of_a_page_has_its_alternative_text(built):
    """The text of the cell, where a screen reader finds it."""
    for path in notebooks.find([]):
        page = pages(built)[f"notebooks/{path.stem}.html"]
        for cell in stored.code_cells(nbformat.read(path, as_version=4)):
            pictures = [data for data in cell.outputs if stored.PICTURES & set(data.get("data", {}))]
            if pictures:
                alt = html.escape(cell.metadata["mystnb"]["image"]["alt"], quote=False).replace('"', "&quot;")
                assert f'alt="{alt}"' in page, (path.name, cell.id)


def test_links_and_pictures_of_the_pages_lead_to_files(built):
    broken = []
    for name, text in pages(built).items():
        text = re.sub(r"<pre>.*?</pre>", "", text, flags=re.S)  # code may hold an address, too
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
