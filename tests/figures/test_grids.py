"""Mosaics and comparisons."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from narrows.figures import comparison, picture_grid


def pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]


def test_a_mosaic_holds_every_picture_at_its_place(colours):
    grid = picture_grid(colours, 3, scale=1)
    assert grid.dtype == np.uint8 and grid.shape == (2 * 21 + 1, 3 * 31 + 1, 3)
    for i, picture in enumerate(colours):
        top, left = i // 3 * 21 + 1, i % 3 * 31 + 1
        cell = grid[top : top + 20, left : left + 30]
        assert np.array_equal(cell, (picture.transpose(1, 2, 0) * 255).round())


def test_small_gray_pictures_grow_and_stay_gray(digits):
    grid = picture_grid(digits[:40])
    assert grid.shape == (5 * 66 + 2, 8 * 66 + 2, 3)
    assert (grid == grid[:, :, :1]).all()
    assert np.array_equal(
        picture_grid((digits[:4] * 255).round().astype(np.uint8)), picture_grid(digits[:4])
    )


@pytest.mark.parametrize(
    ("n", "columns"), [(1, 1), (2, 2), (6, 3), (7, 3), (10, 5), (16, 4), (64, 8)]
)
def test_rows_are_filled_where_they_can_be(n, columns):
    assert picture_grid(np.zeros((n, 1, 4, 4)), scale=1).shape[1] == columns * 5 + 1


def test_values_outside_are_cut_and_tensors_are_taken():
    import torch

    grid = picture_grid(
        torch.tensor([[[[-1.0, 2.0], [float("nan"), 0.5]]]], requires_grad=True), scale=1
    )
    assert grid[1:3, 1:3, 0].tolist() == [[0, 255], [0, 128]]


def test_a_comparison_shows_the_pictures_pixel_for_pixel(digits):
    figure = comparison(digits[:3], digits[:3] * 0.5)
    drawn = pixels(figure)
    shown = (digits[0, 0] * 255).round().astype(np.uint8).repeat(13, 0).repeat(13, 1)
    left = next(
        x
        for x in range(drawn.shape[1] - 104)
        if np.array_equal(drawn[12:116, x : x + 104, 0], shown)
    )
    assert left > 0
    # PSNR: half the values are lost
    written = [text.get_text() for text in figure.texts]
    wanted = -10 * np.log10(np.mean((digits[0] * 0.5) ** 2))
    assert f"{wanted:.1f} dB" in written
    assert written[0] == "original" and "absolute error" in written


def test_rows_come_and_go(colours):
    whole = pixels(
        comparison(colours, colours * 0.9, inputs=colours * 0.5, titles={"input": "dark"})
    )
    short = pixels(comparison(colours, colours * 0.9, errors=False))
    assert whole.shape[0] > short.shape[0]
    figure = comparison(colours, colours * 0.9, inputs=colours * 0.5, titles={"input": "dark"})
    assert "dark" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("size", [(1, 300), (400, 200), (150, 150), (5, 2)])
def test_every_size_and_a_perfect_copy_can_be_drawn(size):
    pictures = np.random.default_rng(0).random((2, 3, *size))
    assert pixels(comparison(pictures, pictures)).size


def test_nothing_reaches_over_the_left_edge(digits):
    figure = comparison(
        digits[:2], digits[:2], titles={"reconstruction": "a long name of a reconstruction"}
    )
    assert (pixels(figure)[:, :3] == 255).all()


def test_refusals_say_what_came(digits):
    with pytest.raises(ValueError, match=r"\(N, C, H, W\) .* 1 or 3 channels; we got \(8, 8\)"):
        picture_grid(digits[0, 0])
    with pytest.raises(ValueError, match=r"originals' shape \(4, 1, 8, 8\); we got \(3, 1, 8, 8\)"):
        comparison(digits[:4], digits[:3])
    with pytest.raises(ValueError, match="columns must be at least 1; we got -1"):
        picture_grid(digits[:4], -1)


def test_importing_is_cheap_and_nothing_global_is_touched():
    code = (
        "import sys, narrows.figures as f\n"
        "assert not {'torch', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "f.loss_curves([{'epoch': 1, 'loss': 2.0}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
