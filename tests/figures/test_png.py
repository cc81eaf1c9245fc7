"""PNG files of figures and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from narrows.errors import NarrowsError
from narrows.figures import loss_curves, save


def test_an_array_comes_back(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = save(colours, tmp_path / "new folder" / "a.png")
    assert np.array_equal(np.asarray(Image.open(path)), colours)
    gray = save(np.array([[0.0, 1.0], [2.0, 0.5]]), tmp_path / "b.png")
    assert np.asarray(Image.open(gray)).tolist() == [[0, 255], [255, 128]]


def test_a_figure_is_as_large_as_its_resolution_says(tmp_path):
    figure = loss_curves([{"epoch": 1, "loss": 1.0}])
    save(figure, tmp_path / "a.png")
    save(figure, tmp_path / "b.png", dpi=240)
    for name, size in (("a.png", (720, 400)), ("b.png", (1440, 800))):
        with Image.open(tmp_path / name) as opened:
            assert opened.size == size
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_refusals_say_what_came(tmp_path):
    with pytest.raises(ValueError, match=r"array of \(2, 1, 8, 8\): put several .* picture_grid"):
        save(np.zeros((2, 1, 8, 8)), tmp_path / "a.png")
    (tmp_path / "file").touch()
    with pytest.raises(NarrowsError, match="cannot write"):
        save(np.zeros((2, 2)), tmp_path / "file" / "a.png")
