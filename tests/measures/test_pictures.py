"""Measures of pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.measures import (
    edge_energy,
    high_frequency_residual,
    psnr,
    sharpness,
    squared_error,
    ssim,
)

X = torch.rand(5, 3, 16, 12, generator=torch.Generator().manual_seed(0)) * 0.8


def test_a_constant_offset_of_a_tenth_has_20_db():
    assert torch.allclose(squared_error(X, X + 0.1), torch.full((5,), 0.01), atol=1e-6)
    assert torch.allclose(psnr(X, X + 0.1), torch.full((5,), 20.0), atol=1e-3)


def test_psnr_is_per_picture():
    x_hat = X + torch.tensor([0.1, 0.01, 0.1, 0.01, 0.001]).reshape(-1, 1, 1, 1)
    wanted = torch.tensor([20.0, 40.0, 20.0, 40.0, 60.0])
    assert torch.allclose(psnr(X, x_hat), wanted, atol=1e-2)


def test_an_exact_copy_has_a_finite_psnr():
    assert psnr(X, X).tolist() == [100.0] * 5


def test_uint8_and_arrays_are_taken():
    x = np.full((2, 1, 4, 4), 51, np.uint8)
    assert np.allclose(psnr(x, np.full((2, 1, 4, 4), 0.3)), 20, atol=1e-3)


@pytest.mark.parametrize("size", [(3, 3), (8, 8), (28, 28), (11, 40)])
def test_ssim_of_a_copy_is_1_and_of_noise_is_less(size):
    x = torch.rand(4, 1, *size, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(ssim(x, x), torch.ones(4), atol=1e-5)
    assert (ssim(x, 1 - x) < 0.5).all()
    assert ssim(x[:1], x[:1]).shape == (1,)


@pytest.mark.parametrize(("size", "window"), [((8, 8), 7), ((28, 28), 11), ((40, 33), 11)])
def test_ssim_is_that_of_torchmetrics(size, window):
    from torchmetrics.functional.image import structural_similarity_index_measure as theirs

    x, noise = torch.rand(2, 5, 3, *size, generator=torch.Generator().manual_seed(2))
    x_hat = (x + 0.2 * noise).clamp(0, 1)
    sigma = 1.5 if window == 11 else 0.9
    wanted = theirs(x_hat, x, sigma=sigma, kernel_size=window, reduction="none", data_range=1.0)
    assert torch.allclose(ssim(x, x_hat), wanted, atol=1e-4)


def test_ssim_of_two_constants_is_its_luminance_term():
    a, b = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    wanted = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)  # Wang et al. 2004, eq. 6
    assert ssim(a, b).item() == pytest.approx(wanted, abs=1e-4)


def test_ssim_does_not_depend_on_how_the_pictures_are_batched(monkeypatch):
    whole = ssim(X, X.flip(3))
    monkeypatch.setattr("narrows.measures.pictures.VALUES", 2 * 3 * 16 * 12)
    assert torch.allclose(ssim(X, X.flip(3)), whole, atol=1e-6)


def test_sharpness_is_1_for_a_copy_and_scales_with_the_square_of_contrast():
    assert torch.allclose(sharpness(X, X), torch.ones(5))
    assert torch.allclose(sharpness(X, 0.5 * X + 0.2), torch.full((5,), 0.25), atol=1e-5)
    blurred = torch.nn.functional.avg_pool2d(X, 3, 1, 1)
    assert (sharpness(X, blurred) < 0.5).all()


def test_grain_is_what_sharpness_is_not_the_originals():
    assert torch.allclose(high_frequency_residual(X, X), torch.zeros(5), atol=1e-5)
    assert torch.allclose(high_frequency_residual(X, 0.5 * X + 0.2), torch.zeros(5), atol=1e-5)
    flat = torch.zeros_like(X)
    flat[:, :, ::2] = 0.01  # next to nothing of it is like the original
    assert torch.allclose(high_frequency_residual(X, flat), sharpness(X, flat), rtol=0.05)
    noise = 0.1 * torch.randn(X.shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(
        high_frequency_residual(X, X + noise), high_frequency_residual(X, 0.5 * X + noise), rtol=0.2
    )
    assert (high_frequency_residual(X, X + noise) <= sharpness(X, X + noise)).all()


def test_sharpness_is_the_ratio_of_two_energies_of_edges():
    y = X.flip(3).square()
    assert torch.allclose(edge_energy(y) / edge_energy(X), sharpness(X, y), rtol=1e-5)
    one = torch.zeros(1, 1, 5, 5)
    one[0, 0, 2, 2] = 1  # −4 in the middle, 1 on four sides
    assert edge_energy(one).item() == pytest.approx(20 / 9)
    assert edge_energy(one.expand(2, 3, 5, 5)).tolist() == pytest.approx([20 / 9] * 2)


def test_sharpness_of_a_flat_original_is_not_a_number():
    assert high_frequency_residual(torch.ones(1, 1, 4, 4), torch.rand(1, 1, 4, 4)).isnan().all()
    assert sharpness(torch.ones(1, 1, 4, 4), torch.rand(1, 1, 4, 4)).isnan().all()


def test_refusals_say_what_came():
    with pytest.raises(ValueError, match=r"one shape .*\(5, 3, 16, 12\) and \(4, 3, 16, 12\)"):
        psnr(X, X[:4])
    with pytest.raises(ValueError, match="at least 3×3; we got 2×8: use psnr"):
        ssim(torch.rand(1, 1, 2, 8), torch.rand(1, 1, 2, 8))
    with pytest.raises(ValueError, match="at least 3×3; we got 2×8"):
        sharpness(torch.rand(1, 1, 2, 8), torch.rand(1, 1, 2, 8))
