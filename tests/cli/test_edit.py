"""``narrows edit`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

import narrows as nw


def test_a_picture_and_the_same_painted_on(narrows, trained: Path, tmp_path: Path) -> None:
    digit = nw.images.named("digits").pixels[0, 0].numpy()
    painted = digit.copy()
    painted[2:6, 3:5] = 255 - painted[2:6, 3:5]
    for name, pixels in (("a.png", digit), ("a-painted.png", painted)):
        Image.fromarray(pixels).save(tmp_path / name)
    given = ("edit", trained, tmp_path / "a.png", "--painted", tmp_path / "a-painted.png")
    result = narrows(*given, "-o", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    (one,) = json.loads(result.out)["pictures"]
    assert one["stroke"] == 8 and 0 < one["followed"] < 1 and one["moved_outside"] > 0
    assert (tmp_path / "out" / "a.png").is_file() and (tmp_path / "out" / "edited.png").is_file()
    text = narrows(*given, "-o", tmp_path / "out")
    assert "stroke followed (%)" in text.out and "moved outside (of 255)" in text.out


def test_nothing_painted_is_one_sentence(narrows, trained: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    result = narrows(
        "edit", trained, tmp_path / "a.png", "--painted", tmp_path / "a.png", "-o", tmp_path / "out"
    )
    assert result.code == 1 and len(result.err.splitlines()) == 1
    assert "nothing is painted on it" in result.err
