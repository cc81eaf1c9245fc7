"""The k-sparse code: which units speak, and what reaches them."""

from __future__ import annotations

import re

import pytest
import torch

from narrows.bottlenecks import TopK
from narrows.bottlenecks.sparse import largest
from narrows.networks import conv_ladder
from narrows.randomness import Draws


def test_the_largest_by_value_stay() -> None:
    z = torch.tensor([[3.0, -9.0, 1.0, 2.0], [-4.0, -1.0, -3.0, -2.0]])
    assert largest(z, 2).tolist() == [[3, 0, 0, 2], [0, -1, 0, -2]]
    assert torch.equal(largest(z, 4), z)


def test_of_equals_as_many_as_were_asked_for_stay() -> None:
    assert int((largest(torch.ones(1, 5), 2) != 0).sum()) == 2


def test_the_gradient_is_that_of_the_units_that_stay() -> None:
    z = torch.tensor([[3.0, -9.0, 1.0, 2.0]], requires_grad=True)
    (largest(z, 2) * torch.tensor([5.0, 6.0, 7.0, 8.0])).sum().backward()
    assert z.grad.tolist() == [[5, 0, 0, 8]]


def test_every_position_of_a_map_has_its_own() -> None:
    torch.manual_seed(0)
    ladder = conv_ladder((1, 9, 6), (4,), activation="identity")
    bottleneck = TopK(ladder.narrowest, 6, "map", k=2)
    torch.nn.init.normal_(bottleneck.head.weight)
    descent = ladder.descend(10 * torch.randn(3, 1, 9, 6))
    z = bottleneck.encode(descent, ladder, None, Draws()).z
    assert z.shape == (3, 6, 5, 3)
    assert bool(((z != 0).sum(1) == 2).all())
    assert len((z != 0).int().argmax(1).unique()) > 1


@pytest.mark.parametrize("size, k", [(3, 1), (256, 16)])
def test_one_of_sixteen_is_kept_where_nothing_is_said(size: int, k: int) -> None:
    assert TopK((6,), size).k == k


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_that_does_not_fit_is_refused(k: int) -> None:
    sentence = f"k is between 1 and the 3 units of the code; we got {k}"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        TopK((6,), 3, k=k)
