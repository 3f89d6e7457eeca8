"""What is stored of a notebook's outputs, and how CI sees that they are not those of its code."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from helpers.profile import ROOT
from tools import stored

WIDGET = "application/vnd.jupyter.widget-view+json"


def output(kind: str = "display_data", **data) -> nbformat.NotebookNode:
    return nbformat.v4.new_output(kind, {key.replace("_", "/", 1): value for key, value in data.items()})


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return nbformat.v4.new_output("stream", name=name, text=text)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> str:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return base64.b64encode(target.getvalue()).decode()


def decoded(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


FLAT = Image.fromarray(np.full((40, 60, 3), (200, 30, 90), np.uint8))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        (stream("a warning", "stderr"), None),
        (output(**{WIDGET.replace("/", "_", 1): {}, "text_plain": "0epoch [00:00, ?epoch/s]"}), None),
        (output(**{WIDGET.replace("/", "_", 1): {}, "text_plain": "x:   0%|      | 0/20"}), None),
        (output("execute_result", text_plain="<matplotlib.legend.Legend at 0x7ffb1c>"), None),
        (output("execute_result", text_plain="array([1, 2])"), output("execute_result", text_plain="array([1, 2])")),
        (stream(f"read from {ROOT / 'data' / 'x'}\n"), stream(f"read from {Path('data') / 'x'}\n")),
    ],
)
def test_what_says_nothing_to_a_reader_is_left_out(shown, kept):
    assert stored.shown(shown, "") == kept


@pytest.mark.parametrize(
    "data", [{WIDGET.replace("/", "_", 1): {}, "text_plain": "VBox(children=("}, {"text_html": "<iframe srcdoc='<p>'>"}]
)
def test_controls_and_embedded_pages_become_a_sentence(data):
    kept = stored.shown(output(**data), "").data
    assert list(kept) == ["text/markdown"] and "Run the notebook" in kept["text/markdown"]


def test_pictures_become_small_and_carry_their_alternative_text():
    flat = stored.shown(output(image_png=encoded(FLAT), text_plain="<Figure>"), "a red field")
    assert flat.metadata == {"image/png": {"alt": "a red field"}} and flat.data["text/plain"] == "a red field"
    assert np.array_equal(decoded(flat.data["image/png"]).convert("RGB"), FLAT), "few colors are kept exactly"
    noise = stored.shown(output(image_png=encoded(NOISE)), "noise")
    assert noise.metadata == {"image/jpeg": {"alt": "noise"}} and "image/png" not in noise.data
    assert len(noise.data["image/jpeg"]) < len(encoded(NOISE)) / 2
    photo = stored.shown(output(image_jpeg=encoded(NOISE.resize((2000, 1000)), "JPEG", quality=98)), "")
    assert decoded(photo.data["image/jpeg"]).size == (stored.PHOTO_WIDTH, stored.PHOTO_WIDTH // 2)


def test_what_is_transparent_becomes_white():
    clear = output(image_png=encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0))))
    assert decoded(stored.shown(clear, "").data["image/png"]).convert("L").getextrema() == (255, 255)


def test_an_animation_stays_one():
    moving = encoded(FLAT, save_all=True, append_images=[NOISE.crop((0, 0, 60, 40))])
    assert stored.shown(output(image_png=moving), "").data["image/png"] == moving


def notebook(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T"), *cells])


def test_a_large_notebook_gets_smaller_pictures(monkeypatch):
    executed = notebook("1")
    executed.cells[1].outputs = [output(image_png=encoded(NOISE))]
    executed.cells[1].metadata["mystnb"] = {"image": {"alt": "noise"}}
    fine = stored.tidied(executed)
    monkeypatch.setattr(stored, "MOST_BYTES", len(nbformat.writes(fine)) - 1)
    coarse = stored.tidied(executed)
    assert len(nbformat.writes(coarse)) < len(nbformat.writes(fine))
    assert coarse.cells[1].outputs[0].metadata == {"image/jpeg": {"alt": "noise"}}
    assert list(executed.cells[1].outputs[0].data) == ["image/png"], "the executed notebook itself was changed"


@pytest.fixture
def path(tmp_path) -> Path:
    """A notebook as refresh stores it."""
    executed = notebook("start()", "print(2)")
    for count, (cell, text) in enumerate(zip(executed.cells[1:], ("TensorFlow; profile quick, data drawn\n", "2\n"))):
        cell.execution_count, cell.outputs = count + 7, [stream(text)]
        cell.metadata["execution"] = {"iopub.status.busy": "now"}
    executed.metadata = {"widgets": {"state": 1}, "course": {"shows": "two"}, "language_info": {"version": "3.12.1"}}
    nbformat.write(stored.tidied(executed), tmp_path / "01_a.ipynb")
    return tmp_path / "01_a.ipynb"


def test_cells_are_counted_and_what_changes_from_run_to_run_is_dropped(path):
    kept = nbformat.read(path, as_version=4)
    assert [(cell.execution_count, dict(cell.metadata)) for cell in kept.cells[1:]] == [(1, {}), (2, {})]
    assert set(kept.metadata) == {"course", "language_info"} and kept.metadata.language_info == {"name": "python"}
    assert kept.metadata.course.shows == "two" and stored.fault(path) == ""


def changed(kept: nbformat.NotebookNode, way: str) -> None:
    first, second = kept.cells[1:]
    if way == "code":
        second.source = "print(3)"
    elif way == "order":
        first.source, second.source = second.source, first.source
    elif way == "never":
        del kept.metadata["course"]["outputs_of"]
    elif way == "count":
        second.execution_count = 9
    elif way == "lane":
        first.outputs[0].text = "TensorFlow; profile quick, data auto\n"
    elif way == "size":
        second.outputs[0].text = "x" * 1_100_000


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("code", "outputs of other code"),
        ("order", "outputs of other code"),
        ("never", "outputs of other code"),
        ("count", "run in parts"),
        ("lane", "other data"),
        ("size", "holds 1.1 MB"),
    ],
)
def test_ci_sees_outputs_that_are_not_those_of_the_code(path, way, why, monkeypatch, capsys):
    kept = nbformat.read(path, as_version=4)
    changed(kept, way)
    nbformat.write(kept, path)
    assert why in stored.fault(path)
    monkeypatch.setattr(stored, "NOTEBOOKS", path.parent)
    monkeypatch.setattr(stored, "ROOT", path.parent)
    assert stored.main() == 1 and f"{path.name} " in capsys.readouterr().out


def test_prose_may_change_without_a_new_run(path):
    kept = nbformat.read(path, as_version=4)
    kept.cells[0].source = "# Another title"
    nbformat.write(kept, path)
    assert stored.fault(path) == ""


def test_all_notebooks_together_have_a_limit(path, monkeypatch, capsys):
    monkeypatch.setattr(stored, "NOTEBOOKS", path.parent)
    monkeypatch.setattr(stored, "ROOT", path.parent)
    assert stored.main() == 0
    monkeypatch.setattr(stored, "MOST_BYTES_IN_ALL", os.path.getsize(path) - 1)
    assert stored.main() == 1 and "All notebooks hold" in capsys.readouterr().out
