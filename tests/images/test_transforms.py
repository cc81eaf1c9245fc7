"""Transforms of pictures by an amount, and what is read off pictures in the same units."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from narrows.measures.attributes import ATTRIBUTES, change
from narrows.parts import Part, build, listed


def blob(height: int = 48, width: int = 40) -> Tensor:
    """A bright slanted ellipse away from the border, (1, 1, H, W)."""
    y, x = torch.meshgrid(torch.arange(height) - 21.0, torch.arange(width) - 19.0, indexing="ij")
    long, short = 0.9 * x - 0.4 * y, 0.4 * x + 0.9 * y
    return (0.8 * torch.exp(-((long / 7) ** 2) - (short / 3) ** 2))[None, None]


@pytest.mark.parametrize("name", listed("transform"))
def test_amount_nothing_is_the_identity(name: str) -> None:
    x = torch.rand(3, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    out = build("transform", Part(name))(x, torch.tensor([0.0, 0.1, 0.0]))
    assert out.shape == x.shape and out.dtype == x.dtype
    assert torch.equal(out[[0, 2]], x[[0, 2]]) and not torch.equal(out[1], x[1])
    assert 0 <= float(out.min()) and float(out.max()) <= 1


@pytest.mark.parametrize(
    "name, amount",
    [("brightness", 0.15), ("shift-x", 0.1), ("shift-y", -0.1), ("zoom", 0.2), ("rotation", 25.0)],
)
def test_an_attribute_changes_by_the_amount_of_its_transform(name: str, amount: float) -> None:
    x = blob()
    moved = build("transform", Part(name))(x, torch.tensor([amount]))
    found = {n: float(change(n, of(x), of(moved))) for n, of in ATTRIBUTES.items()}
    assert found[name] == pytest.approx(amount, rel=0.03)
    centred = {"zoom": ("shift-x", "shift-y"), "rotation": ("shift-x", "shift-y")}.get(name, ())
    for other in set(found) - {name, *centred, "brightness"}:
        small = 1.0 if other == "rotation" else 0.02
        assert abs(found[other]) < small, other


def test_shift_by_a_whole_pixel_moves_pixels() -> None:
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 3, 2] = 1
    right = build("transform", Part("shift-x"))(x, torch.tensor([1 / 8]))
    down = build("transform", Part("shift-y"))(x, torch.tensor([2 / 8]))
    assert float(right[0, 0, 3, 3]) == pytest.approx(1, abs=1e-5)
    assert float(down[0, 0, 5, 2]) == pytest.approx(1, abs=1e-5)


def test_what_comes_in_has_the_border_s_colour() -> None:
    x = torch.full((1, 3, 8, 8), 0.3)
    x[:, 1] = 0.9
    x[:, :, 3:5, 3:5] = 0
    out = build("transform", Part("shift-x"))(x, torch.tensor([0.25]))
    assert torch.allclose(out[:, :, :, 0], x[:, :, :, 0], atol=1e-6)


def test_a_direction_changes_by_at_most_a_quarter_turn() -> None:
    before, after = torch.tensor([80.0, -80.0, 0.0]), torch.tensor([-80.0, 80.0, 30.0])
    assert torch.allclose(change("rotation", before, after), torch.tensor([20.0, -20.0, 30.0]))


def test_a_blank_picture_has_its_content_in_the_middle() -> None:
    x = torch.zeros(2, 1, 9, 9)
    assert torch.allclose(ATTRIBUTES["shift-x"](x), torch.full((2,), 0.5), atol=1e-5)
    assert all(bool(torch.isfinite(of(x)).all()) for of in ATTRIBUTES.values())
    assert math.isfinite(float(ATTRIBUTES["zoom"](torch.rand(1, 3, 2, 2))[0]))
