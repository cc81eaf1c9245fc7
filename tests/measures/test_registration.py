"""Registration: a moved, cropped and brightened copy is near, another picture is far."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from narrows.measures.registration import registered_distance

SIDE = 24


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Smooth pictures (8, 3, 72, 72)."""
    coarse = torch.rand(8, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    return 0.1 + 0.7 * interpolate(coarse, (72, 72), mode="bicubic").clamp(0, 1)


def small(x: torch.Tensor) -> torch.Tensor:
    return interpolate(x, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)


@pytest.mark.parametrize(
    ("top", "left", "height", "width", "gain"),
    [(2, 2, 68, 68, 1.0), (0, 4, 68, 68, 1.0), (3, 0, 69, 72, 1.1), (0, 0, 72, 72, 0.7)],
)
def test_a_changed_copy_is_near(pictures, top, left, height, width, gain) -> None:
    copy = small(gain * pictures[:, :, top : top + height, left : left + width])
    own = small(pictures)
    away = registered_distance(own, copy)
    before = (copy - own).square().mean((1, 2, 3)).sqrt() / own.std((1, 2, 3))
    assert (away < 0.06).all() and (away < 0.6 * before).all()
    other = registered_distance(own, copy.roll(1, 0))
    assert (other > 0.4).all()


def test_it_is_symmetric_and_0_of_equals(pictures) -> None:
    x = small(pictures)
    assert registered_distance(x, x).max() < 1e-3
    there, back = registered_distance(x, x.roll(1, 0)), registered_distance(x.roll(1, 0), x)
    assert torch.allclose(there, back, atol=1e-5)
    assert registered_distance(x[:0], x[:0]).shape == (0,)


def test_what_is_clipped_by_brightness_does_not_count_much(pictures) -> None:
    bright = (pictures * 1.6).clamp(0, 1)
    assert (registered_distance(small(pictures), small(bright)) < 0.15).all()


def test_colour_counts_and_no_contrast_is_no_likeness(pictures) -> None:
    x = small(pictures)
    assert (registered_distance(x, x.flip(1)) > 0.3).all()
    flat = torch.full((2, 3, SIDE, SIDE), 0.2)
    flat[1] = 0.9
    away = registered_distance(flat[:1], flat[1:])
    assert torch.isfinite(away).all() and away[0] > 1
    assert registered_distance(flat, flat).max() < 1e-3
