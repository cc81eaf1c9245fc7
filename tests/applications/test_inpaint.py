"""Filling holes: where codes lie, projection on a manifold that is known, and what is refused."""

from __future__ import annotations

import pytest
import torch

from narrows.applications import (
    CodeGaussian,
    by_model,
    by_projection,
    inpaint_batch,
    inpainting_baselines,
    project,
)
from narrows.measures import Pca, conditional_mean

SHAPE = (1, 6, 7)


def linear(k: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """An orthonormal basis (k, P) and a mean (P,): the manifold of a linear decoder."""
    draw = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(42, k, generator=draw)).Q.T.contiguous()
    return basis, torch.full((42,), 0.5)


def hole_of(rows: slice = slice(2, 5), columns: slice = slice(1, 5)) -> torch.Tensor:
    hole = torch.zeros(1, 1, *SHAPE[1:], dtype=torch.bool)
    hole[:, :, rows, columns] = True
    return hole


def test_projection_on_a_linear_manifold_is_the_conditional_mean() -> None:
    """Known answer: z normal, pictures linear in z, noise of variance σ² (Tipping & Bishop 1999)."""
    basis, mean = linear()
    deviation = torch.tensor([0.3, 0.2, 0.15, 0.1])
    variance = 1e-3
    pca = Pca(mean, basis, deviation.square() + variance, variance, SHAPE, 10, 10)
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(1)) * deviation
    x = (z @ basis + mean).reshape(6, *SHAPE)
    hole = hole_of()
    found = project(
        lambda p: (p.flatten(1) - mean) @ basis.T,
        lambda code: (code @ basis + mean).reshape(-1, *SHAPE),
        torch.where(hole, 9.0, x),
        ~hole,
        CodeGaussian(torch.zeros(4), deviation, (4,)),
        variance=variance,
        evaluations=80,
    )
    wanted = conditional_mean(pca, x, ~hole)
    inside = hole.expand_as(x)
    torch.testing.assert_close(found.pictures[inside], wanted[inside], atol=2e-4, rtol=0)
    assert found.energies.shape == (6, 4) and found.codes.shape == (6, 4)
    assert (found.energy <= found.energies.amin(1) + 1e-3).all()


def test_what_the_hole_hides_has_no_influence_and_seeds_repeat() -> None:
    basis, mean = linear()
    fill = by_projection(
        lambda p: (p.flatten(1) - mean) @ basis.T,
        lambda code: torch.sigmoid(code @ basis + mean).reshape(-1, *SHAPE),
        CodeGaussian.standard((4,)),
        evaluations=20,
    )
    x, hole = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0)), hole_of()
    first, _ = inpaint_batch(fill, x, hole, SHAPE[1:])
    other, _ = inpaint_batch(fill, torch.where(hole, 0.0, x), hole, SHAPE[1:])
    assert torch.equal(first.output, other.output)
    assert torch.equal(first.given[hole.expand_as(x)], torch.full((36,), 0.5))


def test_several_starts_escape_what_one_does_not() -> None:
    """Two valleys, the deeper one far from where the picture's own code begins."""

    def decode(z: torch.Tensor) -> torch.Tensor:
        height = (
            0.5 - 0.45 * torch.exp(-((z - 2).square()) / 0.1) - 0.1 * torch.exp(-(z + 1).square())
        )
        return height.reshape(-1, 1, 1, 1).expand(-1, *SHAPE)

    def closest(starts: int) -> torch.Tensor:
        codes = CodeGaussian(torch.zeros(1), torch.full((1,), 2.0), (1,))
        begin = lambda p: torch.full((len(p), 1), -1.5)  # noqa: E731
        x = torch.zeros(1, *SHAPE)
        return project(begin, decode, x, ~hole_of(), codes, starts=starts, evaluations=40).codes

    assert closest(1).item() < 0
    assert closest(30).item() == pytest.approx(2, abs=0.2)


def test_where_codes_lie() -> None:
    draw = torch.Generator().manual_seed(0)
    mixing = torch.randn(3, 3, generator=draw)
    z = torch.randn(4000, 3, generator=draw) @ mixing + 1
    for codes in (CodeGaussian.of(z), CodeGaussian.of(z[:11]), CodeGaussian.standard((3,))):
        u = torch.randn(5, 3, generator=draw)
        torch.testing.assert_close(codes.coordinates(codes.codes(u)), u, atol=1e-4, rtol=1e-4)
    full = CodeGaussian.of(z)
    torch.testing.assert_close(full.factor @ full.factor.T, torch.cov(z.T), atol=0.02, rtol=0.01)
    assert CodeGaussian.of(z[:11]).factor.ndim == 1
    assert CodeGaussian.of(torch.rand(9, 2, 3, 4)).codes(torch.zeros(1, 24)).shape == (1, 2, 3, 4)
    with pytest.raises(ValueError, match="needs two or more; we got 1"):
        CodeGaussian.of(z[:1])


def test_pictures_of_another_size_come_back_at_their_own() -> None:
    x = torch.rand(2, 1, 24, 28, generator=torch.Generator().manual_seed(0))
    hole = torch.zeros(2, 1, 24, 28, dtype=torch.bool)
    hole[0, :, 3:9, 4:12] = True
    hole[1, :, 15:20, 15:20] = True
    seen = []

    def fill(pictures: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(pictures.shape))
        assert pictures.shape[2:] == SHAPE[1:] and known.shape[1:] == (1, *SHAPE[1:])
        return torch.full_like(pictures, 0.4)

    for tiles in (False, True):
        result, _ = inpaint_batch(fill, x, hole, SHAPE[1:], tiles=tiles)
        assert torch.equal(result.output[~hole], x[~hole])
    assert seen[0] == (2, *SHAPE) and len(seen) > 1


def test_the_baselines_and_the_score_in_the_hole() -> None:
    pytest.importorskip("cv2")
    x = torch.linspace(0.2, 0.8, 7).expand(3, 1, 6, 7).contiguous()
    hole = hole_of()
    pca = Pca.fit((torch.rand(50, 1, 6, 7) * 255).byte(), 10)
    result, notes = inpaint_batch(
        by_model(lambda p: torch.full_like(p, 0.3)), x, hole, SHAPE[1:], clean=x,
        baselines=inpainting_baselines(pca),
    )  # fmt: skip
    assert notes == [] and set(result.others) == {"Telea", "Navier-Stokes", "conditional Gaussian"}
    scores = result.scores()
    assert "as given" not in scores and "ssim" not in scores["model"]
    assert scores["model"]["psnr"].shape == (3,)
    inside = hole.expand_as(x)
    error = (result.output - x)[inside].reshape(3, -1).square().mean(1)
    torch.testing.assert_close(scores["model"]["mse"], error)
    assert scores["model"]["psnr"].min() > 30  # a plane: the membrane alone puts it right


@pytest.mark.parametrize(
    ("hole", "message"),
    [
        (
            torch.zeros(1, 1, 6, 7, dtype=torch.bool),
            "the mask is empty, so there is nothing to fill",
        ),
        (torch.ones(1, 1, 6, 7, dtype=torch.bool), "covers the whole picture, so nothing is known"),
    ],
)
def test_masks_that_cannot_be(hole, message) -> None:
    with pytest.raises(ValueError, match=message):
        inpaint_batch(by_model(lambda p: p), torch.rand(2, *SHAPE), hole, SHAPE[1:])


def test_numbers_that_cannot_be() -> None:
    x, hole = torch.rand(1, *SHAPE), hole_of()
    for wrong in ({"starts": 0}, {"evaluations": 1}, {"variance": 0.0}):
        with pytest.raises(ValueError, match="at least one start, two evaluations and a variance"):
            project(lambda p: p, lambda z: z, x, ~hole, CodeGaussian.standard(SHAPE), **wrong)
