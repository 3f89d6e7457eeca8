"""JupyterLab in a real browser: Run All, figures of real width, no error, and a widget that moves its figure.

Needs Playwright (``requirements-dev.lock``) and a Chromium; skipped without them, unless COURSE_BROWSER=required.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from helpers.profile import ROOT
from tools import pack

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
try:
    from playwright import sync_api as playwright
    from playwright.sync_api import expect
except ModuleNotFoundError:
    playwright = None
missing = "playwright is not installed" if playwright is None else "" if CHROMIUM else "there is no Chromium"
if missing and os.environ.get("COURSE_BROWSER") == "required":
    pytest.fail(f"COURSE_BROWSER=required, but {missing}", pytrace=False)
pytestmark = pytest.mark.skipif(bool(missing), reason=missing)

QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
FIGURES = {"00_start_here": 4, "01_convnet_basics": 5, "07_intermediate_activations": 8, "10_layerwise_tsne": 5}
PROMPTS = ".jp-CodeCell .jp-InputPrompt"
SECONDS = 400  # for all cells of a notebook, on a slow machine that trains its networks anew


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab on a copy of the course, which it may save to, with settings of its own."""
    folder = tmp_path_factory.mktemp("browser")
    pack.pack(folder / "course.zip")
    shutil.unpack_archive(folder / "course.zip", folder)
    (ROOT / "data" / "cache").mkdir(parents=True, exist_ok=True)
    (folder / pack.NAME / "data" / "cache").symlink_to(ROOT / "data" / "cache")  # networks trained earlier
    for file, settings in {
        "labconfig/page_config.json": {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}},
        "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},  # draws every cell
    }.items():
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_text(json.dumps(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    names = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    environment = os.environ | dict.fromkeys(names, str(folder)) | {"COURSE_DATA": "drawn", "COURSE_PROFILE": "quick"}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=" + address.rpartition(":")[2]]
    options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder / pack.NAME}", "--LabApp.news_url="]
    options += ["--LabApp.expose_app_in_browser=True"]  # window.jupyterapp, to open a tab and to come back to it
    with (folder / "log.txt").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{address}/api/status", timeout=2)
                    break
                except OSError:
                    time.sleep(0.5)
            yield address
        finally:
            server.terminate()
            server.wait(30)


@dataclass
class Lab:
    """JupyterLab in a browser: its page, the address of each notebook's tab in it, what it asked for and threw."""

    page: playwright.Page
    tabs: dict[str, str]
    asked: set[str | None]
    broken: list[str]


@pytest.fixture(scope="module")
def opened(lab) -> Iterator[Lab]:
    """Every notebook in a tab of its own, Run All; the longest first, since they run side by side."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
        jupyter = Lab(page, {}, set(), [])
        page.on("request", lambda request: jupyter.asked.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: jupyter.broken.append(str(error)))
        page.goto(f"{lab}/lab")
        page.wait_for_function("window.jupyterapp?.commands.hasCommand('docmanager:open')", timeout=90_000)
        page.evaluate("jupyterapp.restored.then(() => null)")
        for name in reversed(FIGURES):
            opening = "path => jupyterapp.commands.execute('docmanager:open', {path}).then(widget => widget.id)"
            jupyter.tabs[name] = f"[id='{page.evaluate(opening, f'notebooks/{name}.ipynb')}']"
            tab = page.locator(jupyter.tabs[name])
            expect(tab.locator(".jp-MarkdownOutput h1").first).to_be_visible(timeout=90_000)
            expect(page.get_by_text(re.compile(r"\| Idle$")).first).to_be_visible(timeout=90_000)
            page.get_by_role("menuitem", name="Run", exact=True).first.click()
            page.get_by_text("Run All Cells", exact=True).click()
            expect(tab.locator(PROMPTS).filter(has_text="*").first).to_be_attached(timeout=30_000)
        yield jupyter
        browser.close()


@pytest.mark.parametrize("name", FIGURES)
def test_run_all_in_jupyterlab(name, opened):
    page, tab = opened.page, opened.page.locator(opened.tabs[name])
    try:
        expect(tab.locator(PROMPTS).filter(has_text="*")).to_have_count(0, timeout=SECONDS * 1000)
        page.evaluate("id => jupyterapp.shell.activateById(id)", tab.get_attribute("id"))
        outputs = tab.locator(".jp-Cell-outputWrapper")
        for kind in ("error", "stderr"):
            said = outputs.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']")
            assert said.count() == 0, said.first.inner_text()
        widths = outputs.locator(".jp-RenderedImage img").evaluate_all("all => all.map(each => each.naturalWidth)")
        assert len(widths) >= FIGURES[name] and min(widths) > 150, widths
        if name[:2] in ("07", "10"):
            assert moved(page, outputs, name[:2]), "the widget moves nothing"
    except Exception:
        page.screenshot(path=ROOT / "build" / f"browser-{name}.png")
        raise
    assert opened.asked <= {"127.0.0.1", None, ""} and not opened.broken, opened


def moved(page: playwright.Page, outputs: playwright.Locator, number: str) -> bool:
    """Move the slider of 07, or choose another picture from the menu of 10: whether the figure changes."""
    if number == "07":
        figure = outputs.locator(".widget-output .jp-RenderedImage img, .jupyter-widgets-output-area img").last
        shown = functools.partial(figure.get_attribute, "src")
        before = shown()
        slider = outputs.locator(".widget-slider .noUi-handle").first
        slider.focus()
        slider.press("ArrowRight")
    else:
        shown = outputs.locator(".widget-html-content").last.inner_html
        before = shown()
        outputs.locator(".widget-dropdown select").last.select_option(index=0)
    end = time.monotonic() + 30
    while shown() == before and time.monotonic() < end:
        page.wait_for_timeout(200)
    return shown() != before
