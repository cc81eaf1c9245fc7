"""Small pictures on disk, a cache of its own for every test, and the stored sets where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("NARROWS_CACHE", str(cache))
    return cache


@pytest.fixture
def stored(stored_sets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stored sets, as NARROWS_DATA."""
    monkeypatch.setenv("NARROWS_DATA", str(stored_sets))
    return stored_sets


@pytest.fixture
def picture():
    """Make a smooth colour picture (H, W, 3) that depends on a number."""

    def make(number: int = 0, height: int = 24, width: int = 32) -> np.ndarray:
        y, x = np.mgrid[0:height, 0:width]
        planes = [y * 255 // height, x * 255 // width, (x + y + 37 * number) * 3 % 256]
        return np.stack(planes, axis=-1).astype(np.uint8)

    return make


@pytest.fixture
def photos(tmp_path: Path, picture):
    """A folder of six pictures in two sub-folders."""
    root = tmp_path / "photos"
    for number in range(6):
        sub = root / ("cat" if number < 3 else "dog")
        sub.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number)).save(sub / f"{number}.png")
    return root
