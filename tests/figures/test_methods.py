"""Rows of methods, paths of points, distances, kernels."""

from __future__ import annotations

import numpy as np
import pytest

from narrows.figures import (
    distances,
    kernel_grid,
    methods,
    paths,
    planes,
    png,
    stretched,
    travelled,
)


def size(figure) -> tuple[int, int]:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(png(figure))) as opened:
        return opened.size


def test_methods_stand_below_each_other_and_few_pictures_beside(colours) -> None:
    rows = {"original": colours, "model": colours * 0.9, "median": colours * 0.5}
    tall = size(methods(rows, {"model": np.arange(6.0), "median": np.zeros(6)}))
    assert tall[0] > 6 * 90 and tall[1] > 3 * 60
    wide = size(methods({name: row[:1] for name, row in rows.items()}, {"model": [20.5]}))
    assert wide[0] > 2 * wide[1]
    with pytest.raises(ValueError, match="pictures of one shape; we got"):
        methods({"a": colours, "b": colours[:, :, :5]})
    with pytest.raises(ValueError, match="no row"):
        methods({})
    with pytest.raises(ValueError, match=r"6 decibels of a row were wanted; we got \(2,\) of 'a'"):
        methods({"a": colours}, {"a": [1.0, 2.0]})


def test_paths_of_points_are_lighter_the_longer() -> None:
    before = np.random.default_rng(0).normal(size=(50, 2))
    figure = paths(before, before * 0.5, before)
    (lines,) = figure.axes[0].collections[:1]
    np.testing.assert_allclose(lines.get_array(), np.linalg.norm(before * 0.5, axis=1))
    assert size(figure)[0] > 400
    size(paths(before, before))  # nothing moves
    with pytest.raises(ValueError, match=r"points \(N, 2\) before and after were wanted"):
        paths(before, before[:3])


def test_planes_show_the_same_points_before_and_after_on_one_scale() -> None:
    before = np.random.default_rng(0).normal(size=(50, 2))
    figure = planes({"input": before, "output": before / 2}, np.arange(50.0), before[:5])
    one, other = figure.axes
    assert one.get_xlim() == other.get_xlim() and one.get_title("left") == "input"
    np.testing.assert_allclose(other.collections[0].get_offsets(), before / 2)
    size(figure)
    with pytest.raises(ValueError, match=r"panels of points \(N, 2\) were wanted; we got"):
        planes({"input": before[:, :1]})


def test_a_map_of_travel_covers_its_rectangle() -> None:
    lengths = np.arange(12.0).reshape(3, 4)
    figure = travelled(lengths, (-2.0, 2.0, -1.0, 1.0), np.zeros((5, 2)))
    assert figure.axes[0].get_xlim() == (-2, 2) and figure.axes[0].get_ylim() == (-1, 1)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), lengths)
    size(figure)


def test_a_stretched_curve_has_its_codes_between_its_two_spaces() -> None:
    t = np.linspace(0, 1, 20)
    points = np.stack([t, t**2, t**3], 1)
    figure = stretched(points, 3 * t, points, points[:4] + 0.1, points[:4])
    spaces = [axes for axes in figure.axes if axes.name == "3d"]
    assert len(figure.axes) == 3 and len(spaces) == 2 and len(spaces[1].lines) == 4
    (line,) = (axes for axes in figure.axes if axes.name != "3d")
    np.testing.assert_allclose(line.collections[0].get_offsets()[:, 1], 3 * t)
    size(figure)


def test_distances_are_drawn_with_their_means() -> None:
    draw = np.random.default_rng(0)
    figure = distances({"moved": draw.random(100), "after": draw.random(100) / 3})
    told = [line.get_text() for line in figure.axes[0].get_legend().get_texts()]
    assert told[0].startswith("moved: 0.") and told[1].startswith("after: 0.1")
    size(distances({"moved": [0.0]}))
    one = distances({"moved": [0.2], "after": [0.1]})
    assert all(tick == int(tick) for tick in one.axes[0].get_yticks())  # whole pictures
    with pytest.raises(ValueError, match="one to three series"):
        distances({})


def test_kernels_without_a_sign_are_white_where_they_are_nothing() -> None:
    kernels = np.array([[[[0.5, 1.0], [0.0, 0.5]]]], np.float32)
    grid = kernel_grid(kernels, signed=True)
    edge = (grid.shape[0] - 48) // 2
    assert grid[edge, edge].tolist() == [255, 255, 255]
    assert grid[edge, edge + 47].tolist() == [217, 104, 29]
    assert grid[edge + 47, edge].tolist() == [31, 111, 180]
    assert kernel_grid(np.random.default_rng(0).random((7, 3, 3, 3), np.float32)).ndim == 3


def test_one_map_is_drawn_larger_than_many() -> None:
    maps = np.random.default_rng(0).random((64, 1, 12, 12))
    assert kernel_grid(maps[:1]).shape[0] > 200
    many = kernel_grid(maps)
    assert many.shape[0] == 8 * (48 + 5) + 5
