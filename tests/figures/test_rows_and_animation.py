"""Rows of pictures, and frames as an animation."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.figures import animation, picture_rows, png, save_animation, side_by_side

PICTURES = np.random.default_rng(0).random((5, 1, 8, 8))


def test_rows_show_every_picture_in_its_place() -> None:
    rows = [("first", np.ones((3, 1, 8, 8))), ("second", np.zeros((2, 1, 8, 8)))]
    image = Image.open(io.BytesIO(png(picture_rows(rows, ["a", "b", "c"], corner="x"))))
    dark = np.asarray(image.convert("L")) < 10
    assert dark.sum() == pytest.approx(2 * 104 * 104, rel=0.05)  # and some letters
    narrow = Image.open(io.BytesIO(png(picture_rows(rows[:1]))))
    assert narrow.width < image.width and narrow.height < image.height


def test_rows_are_of_one_size() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        picture_rows([])
    with pytest.raises(ValueError, match="pictures of one size"):
        picture_rows([("a", PICTURES), ("b", np.zeros((1, 1, 4, 4)))])


@pytest.mark.parametrize("kind", [".webp", ".gif", ".GIF"])
def test_an_animation_goes_there_and_back(kind: str, tmp_path: Path) -> None:
    films = side_by_side(PICTURES, PICTURES)
    assert films.shape[0] == 5 and films.dtype == np.uint8 and films.shape[2] > films.shape[1]
    path = save_animation(films, tmp_path / f"a{kind}")
    with Image.open(path) as image:
        assert image.n_frames == 8 and image.size == films.shape[2:0:-1]
        assert image.info["loop"] == 0


def test_what_is_no_animation() -> None:
    with pytest.raises(ValueError, match="ends in .webp or .gif; we got '.mp4'"):
        animation(side_by_side(PICTURES), ".mp4")
    with pytest.raises(ValueError, match="uint8"):
        animation(PICTURES)
