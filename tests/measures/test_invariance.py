"""Invariance by level, and active units, on encoders whose answer is known."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Gaussian, Point
from narrows.images.transforms import Brightness, Rotation, ShiftX
from narrows.measures import active_units, level_invariance
from narrows.networks import conv_ladder, dense_ladder
from narrows.objectives import Gaussian as Pixels

SHAPE = (1, 8, 8)


def pictures(n: int = 40) -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    return torch.randint(64, 192, (n, *SHAPE), generator=source) / 255


def linear(rows: torch.Tensor, bottleneck: type = Point, **more: int) -> nw.Autoencoder:
    ladder = dense_ladder(SHAPE, (len(rows),), activation="identity")
    model = nw.Autoencoder(ladder, bottleneck((len(rows),), **more), Pixels())
    with torch.no_grad():
        ladder.rungs[0].linear_down.weight.copy_(rows)
        ladder.rungs[0].linear_down.bias.zero_()
    return model


def test_what_does_not_see_a_change_is_invariant_and_what_sees_only_it_is_not() -> None:
    flat = torch.ones(1, 64)
    fine = torch.eye(64)[:2] - torch.eye(64)[2:4]  # differences, which no brightness changes
    found = level_invariance(linear(torch.cat([fine, 0 * flat])), pictures(), Brightness(), 0.1)
    assert found["1"] == pytest.approx(1, abs=1e-5) and found["code"] == pytest.approx(1, abs=1e-5)
    assert found["0"] < 1
    mean = level_invariance(linear(flat / 64), pictures(), Brightness(), 0.1)
    spread = pictures().mean((1, 2, 3)).double().var()
    assert mean["code"] == pytest.approx(1 - 0.01 / (2 * float(spread)), rel=1e-3)


def test_no_change_leaves_every_level_and_another_picture_is_as_far_as_another() -> None:
    model = linear(torch.randn(5, 64, generator=torch.Generator().manual_seed(0)))
    assert set(level_invariance(model, pictures(), Rotation(), 0.0).values()) == {1.0}

    class Other:
        """Each picture becomes the next one."""

        unit, reach = "pictures", 1.0

        def __call__(self, x: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
            return x.roll(1, 0)

    found = level_invariance(model, pictures(128), Other(), 1.0)
    assert found["0"] == pytest.approx(0, abs=0.05) and found["code"] == pytest.approx(0, abs=0.15)


def test_a_pooled_maximum_does_not_see_a_pixel_move_within_its_window() -> None:
    """From an even column to the odd one beside it; a ladder that takes every other pixel loses it."""
    levels = {}
    for down in ("maxpool", "stride"):
        ladder = conv_ladder(SHAPE, (1, 1), kernel=1, down=down, activation="identity")
        model = nw.Autoencoder(ladder, Point(ladder.narrowest), Pixels())
        with torch.no_grad():
            for rung in ladder.rungs:
                rung.conv.weight.fill_(1.0)
                rung.conv.bias.zero_()
        x = torch.zeros(32, *SHAPE)
        x[torch.arange(32), 0, torch.arange(32) % 8, 2 * (torch.arange(32) // 8)] = 1.0
        levels[down] = level_invariance(model, x, ShiftX(), 0.125)
    assert levels["maxpool"]["1"] == pytest.approx(1, abs=1e-5)
    assert levels["stride"]["1"] < 0.6 and levels["maxpool"]["0"] < 0.6


def test_active_units_are_those_that_tell_pictures_apart() -> None:
    torch.manual_seed(0)
    model = linear(torch.eye(64)[:6], Gaussian, size=4)
    with torch.no_grad():
        head = model.bottleneck.head
        head.weight.zero_()
        head.bias.zero_()
        head.weight[0, 0], head.weight[2, 3] = 2.0, 5.0  # two of four means follow a pixel
        head.weight[3, 4] = 1e-3
    assert active_units(model, pictures()).tolist() == [True, False, True, False]
    with pytest.raises(ValueError, match="this model's codes are points"):
        active_units(linear(torch.eye(64)[:2]), pictures())
    with pytest.raises(ValueError, match="it takes two; we got 1"):
        level_invariance(model, pictures(1), Rotation(), 5.0)
