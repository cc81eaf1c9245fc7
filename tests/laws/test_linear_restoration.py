"""Normal pictures: Wiener's filter and the conditional mean are the posterior means, exactly."""

from __future__ import annotations

import math

import pytest
import torch

from narrows.images.blending import membrane, seamless
from narrows.images.resizing import back_projected, enlarged, lanczos, reduced
from narrows.measures import Pca, Ridge, conditional_mean, wiener

SHAPE = (2, 3, 4)
P = math.prod(SHAPE)


def gaussian(k: int, rest: float) -> tuple[Pca, torch.Tensor]:
    """A normal distribution of pictures, and its covariance (P, P)."""
    draw = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(P, P, generator=draw)).Q.T[:k].contiguous()
    variances = torch.linspace(2.0, 0.2, k)
    mean = torch.rand(P, generator=draw)
    pca = Pca(mean, basis, variances, rest, SHAPE, 100, 100)
    covariance = basis.T @ torch.diag(variances - rest) @ basis + rest * torch.eye(P)
    return pca, covariance.double()


@pytest.mark.parametrize(("k", "rest"), [(P, 0.0), (5, 0.05), (1, 0.2)])
@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_wiener_is_the_posterior_mean(k: int, rest: float, sigma: float) -> None:
    pca, covariance = gaussian(k, rest)
    y = torch.randn(7, *SHAPE, generator=torch.Generator().manual_seed(2))
    gain = covariance @ torch.linalg.pinv(covariance + sigma**2 * torch.eye(P).double())
    wanted = pca.mean + ((y.flatten(1) - pca.mean).double() @ gain.T).float()
    torch.testing.assert_close(wiener(pca, y, sigma).flatten(1), wanted, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(("k", "rest"), [(P, 0.0), (5, 0.05), (1, 0.2)])
def test_the_conditional_mean_is_exact_for_every_mask(k: int, rest: float) -> None:
    pca, covariance = gaussian(k, rest)
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(6, *SHAPE, generator=draw)
    known = torch.rand(6, 1, 3, 4, generator=draw) > 0.4
    known[3] = known[2]
    out = conditional_mean(pca, x, known)
    assert torch.equal(out[known.expand_as(x)], x[known.expand_as(x)])
    for i in range(6):
        seen = known[i].expand(SHAPE).flatten()
        off = (x[i].flatten() - pca.mean).double()[seen]
        solved = torch.linalg.solve(covariance[seen][:, seen], off)
        wanted = pca.mean.double() + covariance[:, seen] @ solved
        torch.testing.assert_close(
            out[i].flatten().double()[~seen], wanted[~seen], atol=2e-4, rtol=1e-3
        )


def test_what_is_hidden_has_no_influence() -> None:
    pca, _ = gaussian(5, 0.05)
    x = torch.rand(2, *SHAPE)
    known = torch.ones(1, 1, 3, 4, dtype=torch.bool)
    known[:, :, 1] = False
    other = torch.where(known, x, torch.full_like(x, 9.0))
    torch.testing.assert_close(conditional_mean(pca, x, known), conditional_mean(pca, other, known))


def test_ridge_regression_stands_where_its_gradient_is_nothing() -> None:
    draw = torch.Generator().manual_seed(4)
    x, y = torch.rand(40, 1, 2, 3, generator=draw), torch.rand(40, *SHAPE, generator=draw)
    ridge = Ridge.fit(x, y, 0.05)
    off = (x.flatten(1) - x.flatten(1).mean(0)).double()
    wrong = (y.flatten(1) - y.flatten(1).mean(0)).double() - off @ ridge.weight.double()
    slope = -off.T @ wrong / 40 + 0.05 * ridge.weight.double()
    assert slope.abs().max() < 1e-6 and ridge(x).shape == y.shape
    torch.testing.assert_close(ridge(x).mean(0), y.mean(0))


def test_ridge_regression_between_its_limits_is_the_linear_map_and_the_mean() -> None:
    draw = torch.Generator().manual_seed(5)
    x, turn = torch.rand(60, 1, 2, 3, generator=draw), torch.randn(6, P, generator=draw)
    y = (x.flatten(1) @ turn + 0.3).reshape(60, *SHAPE)
    fresh = torch.rand(9, 1, 2, 3, generator=draw)
    told = Ridge.fit(x, y, 1e-9)(fresh).flatten(1)
    torch.testing.assert_close(told, fresh.flatten(1) @ turn + 0.3, atol=1e-4, rtol=0)
    torch.testing.assert_close(
        Ridge.fit(x, y, 1e9)(fresh), y.mean(0).expand(9, *SHAPE), atol=1e-4, rtol=0
    )
    with pytest.raises(ValueError, match="as many pictures on either side and a strength above 0"):
        Ridge.fit(x, y[:5], 1.0)
    with pytest.raises(ValueError, match="we got 60, 60 and 0"):
        Ridge.fit(x, y, 0)


def test_pca_keeps_the_variances_of_the_pictures(digits) -> None:
    flat = digits.pixels.double().flatten(1) / 255
    whole = torch.linalg.eigvalsh(torch.cov(flat.T, correction=0)).flip(0)
    pca = Pca.fit(digits, 10)
    torch.testing.assert_close(pca.variances.double(), whole[:10], rtol=1e-4, atol=1e-6)
    assert pca.rest == pytest.approx(float(whole[10:].mean()), rel=1e-4)


def test_a_membrane_is_the_mean_of_its_neighbours_and_keeps_what_is_known() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(3, 2, 15, 12, generator=draw)
    hole = torch.rand(3, 1, 15, 12, generator=draw) > 0.5
    hole[0, 0, :8, :] = True  # reaches three borders
    out = membrane(x, hole, 1e-6)
    assert torch.equal(out[~hole.expand_as(x)], x[~hole.expand_as(x)])
    padded = torch.nn.functional.pad(out, (1, 1, 1, 1))
    ones = torch.nn.functional.pad(torch.ones_like(out), (1, 1, 1, 1))
    shifts = [(0, 1), (2, 1), (1, 0), (1, 2)]
    total = sum(padded[:, :, a : a + 15, b : b + 12] for a, b in shifts)
    count = sum(ones[:, :, a : a + 15, b : b + 12] for a, b in shifts)
    inside = hole.expand_as(x)
    torch.testing.assert_close(out[inside], (total / count)[inside], atol=1e-4, rtol=0)
    assert out[inside].min() >= x.min() - 1e-4 and out[inside].max() <= x.max() + 1e-4


def test_a_filling_that_is_off_by_a_plane_is_put_right() -> None:
    x = torch.rand(1, 3, 20, 20) * 0.4 + 0.3
    hole = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    hole[:, :, 5:14, 6:16] = True
    plane = 0.1 + 0.005 * torch.arange(20.0)[:, None] - 0.003 * torch.arange(20.0)
    torch.testing.assert_close(seamless(x, x - plane, hole), x, atol=1e-3, rtol=0)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_back_projection_agrees_with_the_small_picture(factor: int) -> None:
    truth = 0.1 + 0.8 * torch.rand(4, 3, 16 * factor, 12 * factor)
    small = reduced(truth, (16, 12))
    blurred = enlarged(small, (16 * factor, 12 * factor)).clamp(0, 1)
    out = back_projected(blurred, small, 20)
    assert (reduced(out, (16, 12)) - small).abs().max() <= 0.5 / 255
    assert out.min() >= 0 and out.max() <= 1
    assert torch.equal(back_projected(blurred, small, 0), blurred)
    assert torch.equal(back_projected(out, small, 5), out)


def test_lanczos_is_pillows() -> None:
    import numpy as np
    from PIL import Image

    x = torch.rand(1, 1, 9, 13)
    theirs = Image.fromarray(x[0, 0].numpy()).resize((52, 27), Image.Resampling.LANCZOS)
    assert np.abs(lanczos(x, (27, 52))[0, 0].numpy() - np.asarray(theirs)).max() < 1e-5
    with pytest.raises(ValueError, match="enlarges; we got 9 pixels to become 4"):
        lanczos(x, (4, 13))
