"""Masks over pictures: colours of classes, gray for void, and a figure that holds them all."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from narrows.figures import class_colours, mask_png, overlaid, overlays, png


def test_colours_are_different() -> None:
    colours = class_colours(40)
    assert colours.shape == (40, 3) and len({tuple(c) for c in colours}) == 40


def test_void_stays_gray() -> None:
    picture = np.full((3, 2, 2), 0.5, np.float32)
    shown = overlaid(picture, np.array([[0, 1], [255, 2]]), 2)
    assert np.ptp(shown[1], 1).tolist() == [0, 0] and np.ptp(shown[0, 0]) > 30
    assert not np.array_equal(shown[0, 0], shown[0, 1])


def test_a_mask_as_a_file_keeps_its_numbers() -> None:
    mask = np.array([[0, 1], [2, 1]], np.uint8)
    with Image.open(io.BytesIO(mask_png(mask, 3))) as image:
        assert image.mode == "P" and np.array_equal(np.asarray(image), mask)
        assert np.array_equal(np.asarray(image.convert("RGB"))[0, 1], class_colours(3)[1])


def test_the_figure() -> None:
    pictures, mask = np.random.default_rng(0).random((2, 1, 20, 30)), np.zeros((2, 20, 30), int)
    figure = overlays(pictures, {"truth": mask, "model": mask}, ["sky", "a long name of a class"])
    assert png(figure)[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="2 masks of 20×30 were wanted"):
        overlays(pictures, {"truth": mask[:1]}, ["a", "b"])
