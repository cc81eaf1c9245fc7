"""Runs docs/tour.ipynb and writes it again, with what its cells say and draw (`make tour`).

tour.ipynb ──code cells──► one fresh interpreter ──outputs──► tour.ipynb

The notebook is its own source: edit it there (in Jupyter, say). A notebook's kernel is not
needed: a cell's last expression is shown as Jupyter would, by ``_repr_png_``, ``_repr_html_`` and repr.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

NOTEBOOK = Path(__file__).parent / "tour.ipynb"

# reads the sources of the cells, writes the outputs of each; whatever a cell prints is an output too
KERNEL = """
import ast, base64, contextlib, io, json, sys

names = {"__name__": "__main__"}

def shown(value):
    data = {"text/plain": repr(value).splitlines(keepends=True)}
    picture = value._repr_png_() if hasattr(value, "_repr_png_") else None
    page = value._repr_html_() if hasattr(value, "_repr_html_") else None
    if picture is not None:
        picture = picture[0] if isinstance(picture, tuple) else picture
        data["image/png"] = base64.b64encode(picture).decode()
    elif page is not None:
        data["text/html"] = page.splitlines(keepends=True)
    return data

def run(source, count):
    *statements, last = ast.parse(source or "pass").body
    outputs, said = [], io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        value = None
        if isinstance(last, ast.Expr):
            exec(compile(ast.Module(statements, []), f"cell {count}", "exec"), names)
            value = eval(compile(ast.Expression(last.value), f"cell {count}", "eval"), names)
        else:
            exec(compile(ast.Module([*statements, last], []), f"cell {count}", "exec"), names)
    if said.getvalue():
        text = said.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        outputs.append({"data": shown(value), "execution_count": count, "metadata": {},
                        "output_type": "execute_result"})
    return outputs

cells = json.load(sys.stdin)
out = [run(source, number) for number, source in enumerate(cells, 1)]
json.dump(out, sys.stdout)
"""


def sources(notebook: dict[str, Any]) -> list[str]:
    """The code cells of a notebook, in their order."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(cells: list[str]) -> list[list[dict[str, Any]]]:
    """Run cells one after the other in one fresh interpreter, in an empty folder.

    Returns:
        The outputs of each cell, as a notebook keeps them.

    Raises:
        RuntimeError: a cell fails; its traceback is in the message.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", KERNEL],
            input=json.dumps(cells),
            capture_output=True,
            text=True,
            cwd=folder,
        )
    if done.returncode:
        raise RuntimeError(f"a cell of the tour fails:\n{done.stderr}")
    outputs: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return outputs


def smaller(data: dict[str, Any]) -> None:
    """Bring the picture of an output to 128 colours, which no eye misses."""
    if "image/png" in data:
        with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as opened:
            few = opened.convert("RGB").quantize(128, method=Image.Quantize.MAXCOVERAGE)
        out = io.BytesIO()
        few.save(out, format="PNG", optimize=True)
        data["image/png"] = base64.b64encode(out.getvalue()).decode()


def write(notebook: dict[str, Any], path: Path) -> None:
    """Write a notebook as Jupyter does."""
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Run the notebook and store what it shows."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, (cell, outputs) in enumerate(zip(code, run(sources(notebook)), strict=True), 1):
        for output in outputs:
            smaller(output.get("data", {}))
        cell |= {"execution_count": count, "outputs": outputs}
    write(notebook, NOTEBOOK)
    print(f"{NOTEBOOK.name}: {len(code)} cells, {NOTEBOOK.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
