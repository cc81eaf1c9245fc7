"""A sheet of a set: which rows it has, how many it counts, and what it says of sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.figures.contact import set_sheet
from narrows.images import Images, sheet


def texts(figure) -> list[str]:
    return [each.get_text() for each in figure.texts]


def test_a_row_for_each_class_with_its_count(digits) -> None:
    figure = sheet(digits, columns=4, name="digits")
    said = texts(figure)
    counts = np.bincount(np.asarray(digits.label).astype(int))
    assert said[0] == "digits: 1,797 gray pictures of 8x8" and "rows: label, 10 values" in said
    names = [each for each in said if each in set("0123456789")]
    assert names == list("0123456789")
    assert [said[said.index(name) + 1] for name in names] == [str(n) for n in counts]
    assert len(figure.axes[0].images) == 40


def test_pictures_of_a_row_are_of_its_class(digits) -> None:
    figure = sheet(digits.select(range(300)), columns=3)
    shown = figure.axes[0].images[4].get_array()  # the second 1
    ones = np.flatnonzero(np.asarray(digits.label)[:300].astype(str) == "1")
    wanted = digits.pixels[ones[round((len(ones) - 1) / 2)]][0].numpy()
    assert np.array_equal(shown[::10, ::10, 0], wanted)


def test_many_classes_are_cut_and_a_column_can_be_named() -> None:
    pixels = torch.zeros(60, 1, 4, 4, dtype=torch.uint8)
    many = [str(i // 3) for i in range(60)]
    images = Images(pixels, labels={"many": many, "kind": ["a", "b"] * 30})
    assert "rows: kind, 2 values" in texts(sheet(images))
    assert "rows: many, 20 values; 8 smaller ones are not shown" in texts(sheet(images, label="many"))  # fmt: skip
    with pytest.raises(ValueError, match="no label 'kinds'; they have many, kind; did you mean"):
        sheet(images, label="kinds")
    with pytest.raises(ValueError, match="at least one picture; we got columns=0"):
        sheet(images, columns=0)


def test_files_without_classes_keep_their_form_and_say_their_sizes(tmp_path: Path) -> None:
    for i, size in enumerate([(40, 20), (40, 20), (10, 30)]):
        Image.new("RGB", size, (50 * i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    figure = sheet(str(tmp_path))
    said = texts(figure)
    assert said[0] == f"{tmp_path.name}: 3 pictures"
    assert "sizes, width×height: 40×20 (2), 10×30 (1)" in said
    assert "1 files could not be read" in said
    shapes = [shown.get_array().shape[:2] for shown in figure.axes[0].images]
    assert shapes == [(40, 80), (40, 80), (60, 20)]


def test_a_sheet_needs_pictures() -> None:
    with pytest.raises(ValueError, match="rows with at least one picture each"):
        set_sheet([("a", "1", [])])
    with pytest.raises(nw.errors.NoImages):
        sheet([])
