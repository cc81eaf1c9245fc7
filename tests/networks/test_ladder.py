"""Ladders: rungs that meet, boundaries between them, and the way down and up."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from narrows.networks import ConvRung, DenseRung, Ladder, conv_ladder, dense_ladder


def test_shapes_and_ends() -> None:
    ladder = dense_ladder((1, 3, 5), (7, 2))
    assert ladder.shapes == [(1, 3, 5), (7,), (2,)]
    assert (ladder.shape, ladder.narrowest, len(ladder)) == ((1, 3, 5), (2,), 2)
    assert ladder.descend(torch.rand(4, 1, 3, 5)).pooling_indices == [None, None]


def test_descend_and_ascend_are_the_steps_in_turn() -> None:
    ladder = conv_ladder((1, 9, 7), (3, 4), norm="group", activation="tanh")
    x = torch.rand(2, 1, 9, 7)
    levels = ladder.descend(x).levels
    first, _ = ladder.step_down(0, x)
    second, _ = ladder.step_down(1, first)
    assert torch.equal(levels[1], first) and torch.equal(levels[2], second)
    assert torch.equal(ladder.ascend(second), ladder.step_up(0, ladder.step_up(1, second)))


def test_the_topmost_output_is_raw_and_the_inner_ones_are_not() -> None:
    ladder = dense_ladder((1, 3, 5), (7, 2), activation="relu")
    g = torch.randn(50, 2)
    assert float(ladder.step_up(1, g).detach().min()) >= 0
    assert float(ladder.ascend(g).detach().min()) < 0


def test_each_boundary_has_its_activation() -> None:
    ladder = Ladder([DenseRung((4,), 3), DenseRung((3,), 2)], ["relu", "tanh"])
    assert [type(ladder.boundary(i).activation) for i in range(2)] == [nn.ReLU, nn.Tanh]


def test_shared_batch_norm_is_one_module_used_both_ways() -> None:
    ladder = conv_ladder((1, 8, 8), (3, 4), norm="shared-batch")
    for i in range(2):
        boundary = ladder.boundary(i)
        assert isinstance(boundary.norm_down, nn.BatchNorm2d) and boundary.norm_up is None
    ladder.train()
    counter = ladder.boundary(0).norm_down.num_batches_tracked
    levels = ladder.descend(torch.rand(4, 1, 8, 8)).levels
    assert int(counter) == 1
    ladder.ascend(levels[-1])
    assert int(counter) == 2  # boundary 0 is passed on the way up too


def test_own_batch_norms_are_two_modules() -> None:
    ladder = conv_ladder((1, 8, 8), (3, 4), norm="batch")
    boundary = ladder.boundary(0)
    assert boundary.norm_up is not None and boundary.norm_up is not boundary.norm_down
    count = lambda norm: sum(  # noqa: E731
        isinstance(m, nn.BatchNorm2d) for m in conv_ladder((1, 8, 8), (3, 4), norm=norm).modules()
    )
    assert (count("batch"), count("shared-batch"), count("none")) == (4, 2, 0)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: Ladder([]), "a ladder needs at least one rung; we got none"),
        (
            lambda: Ladder([DenseRung((4,), 3)], ["relu", "relu"]),
            "a ladder of 1 rungs needs one activation or 1; we got 2",
        ),
        (
            lambda: Ladder([nn.Linear(3, 3)]),
            "a rung is a module with above, below, down and up; we got Linear",
        ),
        (
            lambda: Ladder([ConvRung((1, 8, 8), 2), DenseRung((2, 5, 5), 3)]),
            "rung 2 takes (2, 5, 5) but the rung before it gives (2, 4, 4)",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_built(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()
