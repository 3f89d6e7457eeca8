"""The outputs that a notebook is stored with: those of an offline quick run, made small, to be read without running.

``python course.py dev refresh`` writes them, the site shows them, and ``python -m tools.stored`` (CI runs it) names the
notebooks whose outputs are not those of their code.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import os
import re
import sys
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
LANE = "profile quick, data drawn"  # no real photo may end up in a stored figure
MOST_BYTES, MOST_BYTES_IN_ALL = 1_000_000, 7_000_000
QUALITIES = (85, 75, 65, 55, 45)  # of a notebook's JPEGs: the first with which it is not too large
PHOTO_WIDTH = 720  # pixels: what a cell reads from a JPEG file, and does not draw, holds no small print
PICTURES = {"image/png", "image/jpeg"}
WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS = r"\d%\||\?\w+/s"  # how tqdm's bars are called in plain text
CONTROLS = {"text/markdown": "*Run the notebook to get the controls that belong here.*"}


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell: nbformat.NotebookNode) -> str:
    """What a cell shows as plain print, all of it."""
    return "".join(output.get("text", "") for output in cell.outputs)


def digest(notebook: nbformat.NotebookNode) -> str:
    """Of the code cells: outputs that were stored under another one belong to other code."""
    return hashlib.sha256("\0".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()[:12]


def small(picture: bytes, quality: int) -> tuple[str, bytes]:
    """A picture as a palette PNG or as a JPEG, whichever is smaller: its MIME type and bytes. Animations stay as they
    are."""
    image = Image.open(io.BytesIO(picture))
    if getattr(image, "n_frames", 1) > 1:
        return "image/png", picture
    if image.format == "JPEG":
        image.thumbnail((PHOTO_WIDTH, 10 * PHOTO_WIDTH), Image.Resampling.LANCZOS)
    image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(png, "PNG", optimize=True)
    image.save(jpeg, "JPEG", quality=quality, optimize=True)
    few = image.getcolors(256) is not None  # nothing is lost in a palette then
    if few or len(png.getvalue()) <= len(jpeg.getvalue()):
        return "image/png", png.getvalue()
    return "image/jpeg", jpeg.getvalue()


def shown(output: nbformat.NotebookNode, alt: str, quality: int = QUALITIES[0]) -> nbformat.NotebookNode | None:
    """An output as it is stored, its pictures small and with their alternative text; None for one that says nothing to
    a reader: a warning, a progress bar, the name of a Python object."""
    if output.output_type == "stream":
        output.text = output.text.replace(f"{ROOT}{os.sep}", "")
        return None if output.name == "stderr" else output
    data = output.get("data", {})
    text = data.get("text/plain", "")
    if WIDGET in data or "<iframe" in data.get("text/html", ""):
        return None if re.search(PROGRESS, text) else nbformat.v4.new_output("display_data", CONTROLS)
    if list(data) == ["text/plain"] and re.fullmatch(r"<[^\n]* at 0x[0-9a-f]+>", text):
        return None
    for before in PICTURES & set(data):
        mime, picture = small(base64.b64decode(data.pop(before)), quality)
        data[mime] = base64.b64encode(picture).decode()
        if alt:  # for nbconvert's classic pages, and for VS Code, which reads the plain text aloud
            output.metadata, data["text/plain"] = {mime: {"alt": alt}}, alt
    return output


def tidied(executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What of an executed notebook is stored: outputs as ``shown``, cells counted, no widget state, no timings."""
    for quality in QUALITIES:
        notebook = _tidied(copy.deepcopy(executed), quality)
        if len(nbformat.writes(notebook).encode()) <= MOST_BYTES:
            break
    return notebook


def _tidied(notebook: nbformat.NotebookNode, quality: int) -> nbformat.NotebookNode:
    for count, cell in enumerate(code_cells(notebook), 1):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        cell.outputs = [kept for output in cell.outputs if (kept := shown(output, alt, quality))]
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.setdefault("course", {})["outputs_of"] = digest(notebook)
    return notebook


def fault(path: Path) -> str:
    """Why the stored outputs of a notebook cannot be shown, or "" if they can."""
    notebook = nbformat.read(path, as_version=4)
    if notebook.metadata.get("course", {}).get("outputs_of") != digest(notebook):
        return "has outputs of other code"
    if [cell.execution_count for cell in code_cells(notebook)] != list(range(1, len(code_cells(notebook)) + 1)):
        return "was run in parts after it was stored"
    if LANE not in printed(code_cells(notebook)[0]):
        return "was run on other data, or in the full profile"
    if path.stat().st_size > MOST_BYTES:
        return f"holds {path.stat().st_size / 1e6:.1f} MB, and {MOST_BYTES / 1e6:.0f} are allowed"
    return ""


def main() -> int:
    paths = sorted([*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")])
    faults = [f"{path.relative_to(ROOT)} {why}" for path in paths if (why := fault(path))]
    size = sum(path.stat().st_size for path in paths)
    if size > MOST_BYTES_IN_ALL:
        faults.append(f"All notebooks hold {size / 1e6:.1f} MB, and {MOST_BYTES_IN_ALL / 1e6:.0f} are allowed")
    if faults:
        faults.append("Run `python course.py dev refresh NN`.")
    print("\n".join(faults or [f"Outputs are those of the code; {size / 1e6:.1f} MB in all."]))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
