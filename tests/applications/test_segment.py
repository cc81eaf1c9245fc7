"""Segmenting with a function whose answer is known."""

from __future__ import annotations

import torch

from narrows.applications import segment_batch


def by_brightness(x: torch.Tensor) -> torch.Tensor:
    """Bright pixels are of class 1, the others of class 0; the mask that came in was empty."""
    assert not x[:, 1:].any()
    bright = (x[:, :1] > 0.5).float() * 0.8 + 0.1
    return torch.cat([x[:, :1], 1 - bright, bright], 1)


def test_each_pixel_gets_its_most_likely_class() -> None:
    x = torch.rand(5, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    seen = []
    found = segment_batch(
        by_brightness, x, 2, (6, 7), batch_size=2, progress=lambda *at: seen.append(at)
    )
    assert torch.equal(found.classes.bool(), x[:, 0] > 0.5)
    assert torch.allclose(found.certainty, torch.tensor(0.9)) and seen == [(2, 5), (4, 5), (5, 5)]


def test_another_size_comes_back_in_its_own() -> None:
    x = torch.zeros(1, 1, 24, 36)
    x[:, :, :, 18:] = 1
    found = segment_batch(by_brightness, x, 2, (12, 12))
    assert found.classes.shape == (1, 24, 36)
    assert not found.classes[:, :, :15].any() and bool(found.classes[:, :, 21:].all())
