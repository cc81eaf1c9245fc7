"""Filters that need no training."""

from __future__ import annotations

import pytest
import torch

from narrows.measures import psnr
from narrows.measures.filters import (
    cosine_threshold,
    estimated_sigma,
    median,
    navier_stokes,
    non_local_means,
    telea,
    total_variation,
)


def scene(n: int = 2, channels: int = 3) -> torch.Tensor:
    """Smooth pictures with an edge."""
    rows, columns = torch.meshgrid(
        torch.linspace(0, 1, 40), torch.linspace(0, 1, 48), indexing="ij"
    )
    one = 0.2 + 0.3 * rows + 0.4 * (columns > 0.5)
    return one.expand(n, channels, 40, 48).contiguous()


def noisy(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return x + sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "change", [cosine_threshold, non_local_means, total_variation, lambda x, _: median(x)]
)
def test_each_filter_takes_noise_out(change, channels: int) -> None:
    pytest.importorskip("skimage")
    x = scene(channels=channels)
    y = noisy(x, 0.15)
    out = change(y, 0.15)
    assert out.shape == x.shape and out.dtype == torch.float32
    assert psnr(x, out.clamp(0, 1)).min() > psnr(x, y.clamp(0, 1)).max() + 5


def test_the_cosine_transform_is_orthonormal_and_keeps_what_is_strong() -> None:
    x = torch.rand(1, 2, 13, 21, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(cosine_threshold(x, 0.0), x, atol=1e-5, rtol=0)
    flat = cosine_threshold(x, 1e6)  # only means are left
    assert flat.std() < 0.4 * x.std()
    for shape in ((1, 1, 5, 9), (2, 3, 1, 1), (1, 1, 2, 30)):
        assert cosine_threshold(torch.rand(shape), 0.1).shape == shape


def test_sigma_is_estimated() -> None:
    for sigma in (0.05, 0.3):
        assert estimated_sigma(noisy(scene(), sigma)) == pytest.approx(sigma, rel=0.05)
    assert estimated_sigma(scene()) < 1e-3 and estimated_sigma(torch.rand(1, 1, 2, 9)) == 0


def test_the_median_is_of_the_window_and_takes_single_pixels_out() -> None:
    x = torch.full((1, 1, 9, 9), 0.4)
    x[0, 0, 4, 4] = 1
    assert torch.equal(median(x), torch.full_like(x, 0.4))
    noise = torch.rand(2, 3, 7, 8, generator=torch.Generator().manual_seed(0))
    middle = noise[:, :, 1:4, 2:5].flatten(2).median(2).values
    assert torch.equal(median(noise)[:, :, 2, 3], middle)


@pytest.mark.parametrize("fill", [telea, navier_stokes])
@pytest.mark.parametrize("channels", [1, 3])
def test_open_cv_fills_the_hole_only(fill, channels: int) -> None:
    pytest.importorskip("cv2")
    x = scene(channels=channels)
    hole = torch.zeros(1, 1, 40, 48, dtype=torch.bool)
    hole[:, :, 10:20, 5:15] = True
    out = fill(torch.where(hole, 0.0, x), hole)
    outside = ~hole.expand_as(x)
    assert torch.equal(out[outside], x[outside])
    assert (out - x).abs()[hole.expand_as(x)].mean() < 0.08
