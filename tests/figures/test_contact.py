from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from narrows.figures import png
from narrows.figures.contact import contact_sheet, grouped_sheet


def test_a_sheet_of_pictures_of_any_size(colours: np.ndarray) -> None:
    found = [
        (f"{i / 7:.3g}", "a rather long name of a picture, 7.jpg", x) for i, x in enumerate(colours)
    ]
    found.append(("9", "tall", np.zeros((1, 96, 11), np.uint8)))
    small = contact_sheet([("query", "a.jpg", colours[0])], found[:1])
    sheet = contact_sheet(
        [("+", "a.jpg", colours[0]), ("−", "b.jpg", colours[1])], found, title="near"
    )
    assert sheet.get_size_inches()[0] > small.get_size_inches()[0]
    assert len(sheet.axes[0].images) == 9
    assert png(sheet) == png(
        contact_sheet([("+", "a.jpg", colours[0]), ("−", "b.jpg", colours[1])], found, title="near")
    )


def test_it_needs_a_query_and_a_picture(colours: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a query and at least one picture"):
        contact_sheet([], [("0", "a", colours[0])])
    with pytest.raises(ValueError, match="a query and at least one picture"):
        contact_sheet([("query", "a", colours[0])], [])


def test_groups_in_frames_wrap(colours: np.ndarray) -> None:
    cell = ("0.5", "a.jpg", colours[0])
    one = grouped_sheet([("one group", [[cell, cell]])])
    many = grouped_sheet([("many", [[cell] * 3] * 5), ("none", [])])
    with Image.open(io.BytesIO(png(one))) as drawn:
        seen = np.unique(np.asarray(drawn.convert("RGB")).reshape(-1, 3), axis=0)
        assert len(seen) > 100  # the frame is behind the pictures
    assert len(one.axes[0].images) == 2 and len(many.axes[0].images) == 15
    assert many.get_size_inches()[1] > 2 * one.get_size_inches()[1]
    assert len(grouped_sheet([("no duplicates", [])]).axes) == 0
    for wrong in ([], [cell] * 9):
        with pytest.raises(ValueError, match="a group has 1 to 8 pictures"):
            grouped_sheet([("wrong", [wrong])])
