"""Dense rungs and ladders."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.networks import DenseRung, Rung, dense_ladder


@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 12)),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    tied=st.booleans(),
)
@settings(max_examples=40)
@torch.no_grad()
def test_any_size_comes_back(shape: tuple[int, ...], widths: list[int], tied: bool) -> None:
    ladder = dense_ladder(shape, widths, tied=tied)
    x = torch.rand(2, *shape)
    levels = ladder.descend(x).levels
    assert [tuple(h.shape[1:]) for h in levels] == ladder.shapes
    assert ladder.ascend(levels[-1]).shape == x.shape


def test_tied_weights_are_one_parameter() -> None:
    rung = DenseRung((1, 2, 3), 4, tied=True)
    assert sorted(name for name, _ in rung.named_parameters()) == [
        "bias_up",
        "linear_down.bias",
        "linear_down.weight",
    ]
    h = torch.randn(5, 4)
    assert torch.allclose(rung.up(h).flatten(1), h @ rung.linear_down.weight, atol=1e-6)


def test_a_dense_rung_is_two_affine_maps() -> None:
    rung = DenseRung((1, 2, 3), 4)
    x = torch.rand(5, 1, 2, 3)
    h, pooling_indices = rung.down(x)
    assert pooling_indices is None
    assert torch.equal(h, rung.linear_down(x.flatten(1)))
    assert torch.equal(rung.up(h), rung.linear_up(h).reshape(5, 1, 2, 3))


def test_vectors_stay_vectors() -> None:
    rung = DenseRung((6,), 4)
    assert rung.up(torch.rand(2, 4)).shape == (2, 6)


def test_a_dense_rung_is_a_rung() -> None:
    assert isinstance(DenseRung((6,), 4), Rung)


def test_what_cannot_work_is_refused_when_built() -> None:
    with pytest.raises(ValueError, match="a dense rung needs a width of at least 1; we got 0"):
        DenseRung((6,), 0)
    with pytest.raises(
        ValueError, match=r"a dense rung takes at least one number; we got .*\(1, 0"
    ):
        DenseRung((1, 0, 4), 3)
    with pytest.raises(ValueError, match="a ladder needs at least one rung; we got none"):
        dense_ladder((1, 2, 3), ())
