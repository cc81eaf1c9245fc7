"""The page about exporting: its program serves a file that was exported, without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import narrows as nw

pytest.importorskip("onnxruntime", reason="no ONNX here: pip install 'narrows[export]'")
PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)


def test_the_program_serves_a_model(digits: nw.images.Images, tmp_path: Path) -> None:
    model = nw.fit(nw.recipes.pca_vae((1, 8, 8), 6).with_(steps=0), digits, report="quiet")
    nw.export(model, "onnx", tmp_path / "digits.onnx", progress=False)
    program = PROGRAM + "\nimport sys\nassert not {'torch', 'narrows'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert model.fingerprint() in done.stdout and "(4, 8, 8, 1) (4, 6)" in done.stdout


def test_it_names_what_there_is() -> None:
    from narrows.applications.export import FORMS, SCORES
    from narrows.applications.graphs import PARTS

    assert all(f"`{name}`" in PAGE for name in (*PARTS, *SCORES))
    assert all(f"--to {name}" in PAGE for name in FORMS if name != "onnx")
