"""Codes and the bottlenecks that give them, flat and map-shaped."""

from __future__ import annotations

import re

import pytest
import torch

from narrows.bottlenecks import (
    Bottleneck,
    Code,
    FiniteScalar,
    Gaussian,
    Hierarchical,
    Point,
    TopK,
    VectorQuantised,
)
from narrows.bottlenecks.gaussian import LOG_VARIANCES, log_normal
from narrows.networks import Descent, Ladder, conv_ladder
from narrows.randomness import Draws

LAYOUTS = ["flat", "map"]
KINDS = [Point, TopK, VectorQuantised, FiniteScalar, Gaussian, Hierarchical]
PRIORS = (Gaussian, Hierarchical)


@pytest.fixture
def ladder() -> Ladder:
    """It ends in maps of (4, 5, 3)."""
    return conv_ladder((1, 9, 6), (4,), activation="tanh")


@pytest.fixture
def descent(ladder: Ladder) -> Descent:
    """Of two pictures."""
    return ladder.descend(torch.rand(2, 1, 9, 6))


@pytest.mark.parametrize("samples", [None, 1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_codes(ladder, descent, kind, layout: str, samples: int | None) -> None:
    bottleneck = kind(ladder.narrowest, 7, layout)
    assert bottleneck.code_shape == ((7,) if layout == "flat" else (7, 5, 3))
    code = bottleneck.encode(descent, ladder, samples, Draws())
    ahead = (2,) if samples is None else (samples, 2)
    assert code.z.shape == (*ahead, *bottleneck.code_shape)
    assert len(code) == 2
    assert bottleneck.expand(code, ladder)[0].shape[1:] == (4, 5, 3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_densities_of_a_gaussian_code(ladder, descent, layout: str) -> None:
    bottleneck = Gaussian(ladder.narrowest, 7, layout)
    code = bottleneck.encode(descent, ladder, 3, Draws())
    assert code.mean.shape == code.log_variance.shape == (2, *bottleneck.code_shape)
    assert bottleneck.kl(code).shape == (2,)
    assert bottleneck.log_posterior(code).shape == (3, 2)
    assert bottleneck.log_prior(code).shape == (3, 2)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in PRIORS])
def test_without_a_prior_there_are_no_densities(ladder, descent, kind) -> None:
    bottleneck = kind(ladder.narrowest, 7)
    code = bottleneck.encode(descent, ladder, 3, Draws())
    assert code.mean is None and code.log_variance is None
    assert bottleneck.kl(code) is None
    assert bottleneck.log_posterior(code) is None
    assert bottleneck.log_prior(code) is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_mean_takes_no_draw(ladder, descent, layout: str) -> None:
    bottleneck = Gaussian(ladder.narrowest, 7, layout)
    code = bottleneck.encode(descent, ladder, None, Draws(1))
    assert torch.equal(code.z, code.mean)
    assert torch.equal(code.z, bottleneck.encode(descent, ladder, None, Draws(2)).z)


def test_the_same_draws_give_the_same_code_and_other_steps_others(ladder, descent) -> None:
    bottleneck = Gaussian(ladder.narrowest, 7)

    def z(seed: int, step: int) -> torch.Tensor:
        return bottleneck.encode(descent, ladder, 2, Draws(seed, step)).z

    assert torch.equal(z(0, 5), z(0, 5))
    assert not torch.equal(z(0, 5), z(0, 6))
    assert not torch.equal(z(0, 5), z(1, 5))
    assert not torch.equal(z(0, 5)[0], z(0, 5)[1])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in PRIORS])
def test_without_a_distribution_it_repeats_itself(ladder, descent, kind) -> None:
    bottleneck = kind(ladder.narrowest, 7)
    code = bottleneck.encode(descent, ladder, 3, Draws())
    assert torch.equal(code.z[0], code.z[2])
    assert torch.equal(code.z[0], bottleneck.encode(descent, ladder, None, Draws()).z)


def test_draws_have_the_mean_and_variance_of_the_posterior(ladder, descent) -> None:
    code = Gaussian(ladder.narrowest, 3).encode(descent, ladder, 20_000, Draws())
    z, mean = code.z.detach(), code.mean.detach()
    deviation = code.log_variance.detach().mul(0.5).exp()
    assert float(((z.mean(0) - mean) / deviation).abs().max()) < 0.04  # 5 / √20,000
    assert torch.allclose(z.std(0), deviation, rtol=0.03)


def test_a_point_without_a_size_is_the_lowest_activation(ladder, descent) -> None:
    bottleneck = Point(ladder.narrowest)
    assert bottleneck.code_shape == (4, 5, 3)
    assert list(bottleneck.parameters()) == []
    z = bottleneck.encode(descent, ladder, None, Draws()).z
    assert z is descent.levels[-1]
    assert torch.equal(bottleneck.expand(Code(z), ladder)[0], z)


def test_expand_passes_the_lowest_boundary(ladder) -> None:
    """g_L is what the tail gives, behind tanh."""
    bottleneck = Gaussian(ladder.narrowest, 7)
    z = 10 * torch.randn(2, 7)
    assert torch.equal(bottleneck.expand(Code(z), ladder)[0], torch.tanh(bottleneck.tail(z)))


def test_log_normal_is_standard_by_default() -> None:
    z = torch.randn(2, 3, 4)
    zero = torch.zeros(4)
    assert torch.allclose(log_normal(z), log_normal(z, zero, zero))
    assert torch.allclose(log_normal(z, axes=2), log_normal(z).sum(-1), atol=1e-5)


@pytest.mark.parametrize("samples", [None, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_batches_join_to_the_whole(ladder, kind, samples: int | None) -> None:
    """Batches of unequal size; sampled codes join along the pictures, not along the samples."""
    bottleneck = kind(ladder.narrowest, 7)
    x = torch.rand(5, 1, 9, 6)
    codes = [
        bottleneck.encode(ladder.descend(part), ladder, samples, Draws(0, i))
        for i, part in enumerate(x.split(2))
    ]
    whole = Code.joined(codes)
    assert len(whole) == 5
    assert whole.z.shape == ((5, 7) if samples is None else (samples, 5, 7))
    assert torch.equal(whole.z[..., 2:4, :], codes[1].z)
    if kind in PRIORS:
        at_once = bottleneck.encode(ladder.descend(x), ladder, None, Draws())
        assert torch.allclose(whole.mean, at_once.mean, atol=1e-6)
    assert whole.pooling_indices == ()


def test_a_code_moves_without_its_switches() -> None:
    code = Code(torch.ones(2, 3), pooling_indices=(torch.ones(2),), sampled=False)
    moved = code.to("cpu")
    assert torch.equal(moved.z, code.z) and moved.pooling_indices == () and moved.mean is None


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_bottlenecks(kind) -> None:
    assert isinstance(kind((6,), 2), Bottleneck)
    assert kind.generative == (kind in PRIORS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (((6,), 0), "a code needs a size of at least 1; we got 0"),
        (((4, 5, 3), 2, "round"), "layout must be flat or map; we got 'round'"),
        (
            ((6,), 2, "map"),
            "needs a ladder that ends in a map; this one ends in (6,), which layout='",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_built(kind, arguments, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        kind(*arguments)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", PRIORS)
def test_a_wild_head_leaves_codes_and_densities_finite(ladder, descent, kind, layout: str) -> None:
    """Log variances stop at the ends of their range, whatever the head says."""
    bottleneck = kind(ladder.narrowest, 7, layout)
    for sign, bound in zip((-1, 1), LOG_VARIANCES, strict=True):
        with torch.no_grad():
            for name, weight in bottleneck.named_parameters():
                if "head" in name and name.endswith("bias"):
                    weight[len(weight) // 2 :] = sign * 1e4
        code = bottleneck.encode(descent, ladder, 3, Draws())
        assert torch.equal(code.log_variance, torch.full_like(code.log_variance, bound))
        values = (code.z, bottleneck.kl(code), bottleneck.log_posterior(code))
        assert all(bool(torch.isfinite(value).all()) for value in values)
