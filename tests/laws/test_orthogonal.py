"""Orthogonal regularisation: what it is of weights whose products are known, and what it does."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import narrows as nw
from narrows.bottlenecks import Code
from narrows.objectives import Orthogonal, Step, off_orthogonal
from narrows.parts import Part
from narrows.randomness import Draws


def test_it_is_0_of_an_orthogonal_matrix_and_3_for_each_row_of_twice_the_identity() -> None:
    wide = nn.init.orthogonal_(torch.empty(5, 12, dtype=torch.float64))
    for weight in (wide, wide.t(), wide.reshape(5, 3, 2, 2)):
        assert float(off_orthogonal(weight)) == pytest.approx(0, abs=1e-5)
    assert float(off_orthogonal(2 * torch.eye(7))) == 3 * 7


def test_two_rows_at_an_angle_have_twice_its_cosine() -> None:
    angle = 1.1
    rows = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    assert float(off_orthogonal(rows)) == pytest.approx(2 * math.cos(angle), abs=1e-6)


def test_it_is_the_sum_over_the_weights_that_move() -> None:
    model = nw.recipes.mlp_autoencoder((1, 6, 5), 3, widths=(8,)).build()
    model.ladder.rungs[0].linear_up.weight.requires_grad_(False)
    moving = [p for p in model.parameters() if p.ndim > 1 and p.requires_grad]
    assert len(moving) >= 3
    x = torch.zeros(2, 1, 6, 5)
    step = Step(x, x, [], Code(x), None, model, 0.0, 0, Draws())
    wanted = sum(float(off_orthogonal(p.detach())) for p in moving)
    assert float(Orthogonal().penalty(step).detach()) == pytest.approx(wanted, rel=1e-5)


def test_training_with_it_makes_weights_orthogonal() -> None:
    images = nw.images.named("digits")
    plain = nw.recipes.mlp_autoencoder(images.shape, 6, widths=(24,)).with_(epochs=4)
    found = {}
    for weight in (0.0, 0.3):
        recipe = plain.with_(penalties=(Part("orthogonal", {"weight": weight}),))
        model = nw.fit(recipe, images, report="quiet", seed=1)
        moved = [p.detach() for p in model.parameters() if p.ndim > 1]
        found[weight] = sum(float(off_orthogonal(p)) for p in moved)
    assert found[0.3] < 0.3 * found[0.0]
