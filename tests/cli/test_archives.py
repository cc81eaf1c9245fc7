"""An archive where a folder of pictures is named."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def test_train_and_describe_take_an_archive(
    tmp_path: Path, monkeypatch: Any, narrows: Callable[..., Any]
) -> None:
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(24):
            pixels = np.full((8, 8), 7 * n, np.uint8)
            pixels[: n % 8] = 200
            Image.fromarray(pixels).save(buffer := io.BytesIO(), "PNG")
            archive.writestr(f"{'ab'[n % 2]}/{n}.png", buffer.getvalue())
    said = narrows("data", "describe", path, "--json")
    assert said.code == 0 and json.loads(said.out)["pictures"] == 24, said
    to = tmp_path / "model"
    done = narrows(*("train", path, "--recipe", "mlp-vae", "--size", 8, "--epochs", 1, "--to", to))
    assert done.code == 0, done.err
    judged = narrows("evaluate", to, path, "--json")
    assert judged.code == 0 and json.loads(judged.out), judged.err
