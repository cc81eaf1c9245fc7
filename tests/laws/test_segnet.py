"""Max pooling with pooling indices and its way back: every maximum returns to where it was."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from narrows.networks.segnet import unpool


def pooled(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)


def test_the_example_of_lingrands_course() -> None:
    x = torch.tensor([[20.0, 14, 50, 94], [31, 78, 27, 23], [73, 12, 33, 47], [52, 45, 19, 17]])
    maxima, pooling_indices = pooled(x[None, None])
    assert maxima[0, 0].tolist() == [[78, 94], [73, 47]]
    assert unpool(maxima, pooling_indices, (4, 4))[0, 0].tolist() == [
        [0, 0, 0, 94],
        [0, 78, 0, 0],
        [73, 0, 0, 47],
        [0, 0, 0, 0],
    ]


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 1000))
@settings(max_examples=50)
def test_unpooling_keeps_the_maxima_and_nothing_else(height: int, width: int, seed: int) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed)) + 1
    maxima, pooling_indices = pooled(x)
    wide = unpool(maxima, pooling_indices, (height, width))
    kept = wide != 0
    assert torch.equal(wide[kept], x[kept])
    assert int(kept.sum()) == maxima.numel()
    assert torch.equal(pooled(wide)[0], maxima)


def test_unpooling_is_the_adjoint_of_taking_the_switched_places() -> None:
    """⟨unpool h, x⟩ = ⟨h, x at the pooling indices⟩, so the gradient of one is the other."""
    x, h = torch.randn(2, 3, 7, 5), torch.randn(2, 3, 4, 3)
    _, pooling_indices = pooled(torch.randn(2, 3, 7, 5))
    taken = x.flatten(2).gather(2, pooling_indices.flatten(2)).reshape(h.shape)
    assert torch.allclose(
        (unpool(h, pooling_indices, (7, 5)) * x).sum(), (h * taken).sum(), atol=1e-4
    )


def test_it_is_torchs_own_unpooling() -> None:
    maxima, pooling_indices = pooled(torch.randn(2, 3, 8, 6))
    wanted = F.max_unpool2d(maxima, pooling_indices, 2, output_size=(8, 6))
    assert torch.equal(unpool(maxima, pooling_indices, (8, 6)), wanted)
