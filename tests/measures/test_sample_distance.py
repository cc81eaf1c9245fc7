"""Samples beside real pictures, and bits per dimension: on inputs whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch

import narrows as nw
from narrows.measures import Pca, SampleDistance, bits_per_dimension


@pytest.fixture(scope="module")
def digits() -> nw.images.Images:
    return nw.images.named("digits")


@pytest.fixture(scope="module")
def distance(digits: nw.images.Images) -> SampleDistance:
    return SampleDistance.of(digits.select(range(400)))


def test_samples_that_are_real_get_the_floor_and_others_more(
    distance: SampleDistance, digits: nw.images.Images
) -> None:
    real = digits.batch(torch.arange(400))
    assert len(distance) == 200
    assert distance(real[0::2]) == pytest.approx(0, abs=1e-4)
    assert distance(real[1::2]) == pytest.approx(distance.floor, rel=1e-4)
    pca = Pca.fit(digits.select(range(400)), 8).sample(200, 0).clamp(0, 1)
    noise = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    one = real[:1].expand(200, -1, -1, -1)  # the same picture again and again
    assert 0 < distance.floor < distance(pca) < distance(one) < 10 * distance(noise)
    assert distance(pca) < distance(noise)


def test_it_does_not_hang_on_the_order_of_magnitude_of_features(
    distance: SampleDistance,
) -> None:
    """The axes are scaled together, so that the reference has a mean variance of about 1."""
    assert distance.real.var(0).mean() == pytest.approx(1, rel=0.2)


def test_too_few_pictures_are_refused(digits: nw.images.Images) -> None:
    with pytest.raises(ValueError, match="at least 8 pictures; there are 7"):
        SampleDistance.of(digits.select(range(7)))
    few = SampleDistance.of(digits.select(range(8)))
    assert few(digits.batch(torch.arange(8, 12))) > 0


def test_bits_of_a_uniform_density_are_those_of_plain_bytes() -> None:
    assert bits_per_dimension(0.0, (3, 8, 8)) == 8
    assert bits_per_dimension(64 * math.log(2), (1, 8, 8)) == pytest.approx(7)
    assert bits_per_dimension(0.0, (1, 8, 8), values=2) == 1


def test_the_density_of_pca_is_the_normal_one(digits: nw.images.Images) -> None:
    """Tipping & Bishop 1999: a covariance of the components and of what is left, written out."""
    some = digits.select(range(300))
    pca = Pca.fit(some, 5)
    x = some.batch(torch.arange(20))
    whole = (pca.components.double().T * (pca.variances.double() - pca.rest)) @ (
        pca.components.double()
    ) + pca.rest * torch.eye(64, dtype=torch.float64)
    wanted = torch.distributions.MultivariateNormal(pca.mean.double(), whole).log_prob(
        x.flatten(1).double()
    )
    torch.testing.assert_close(pca.log_density(x), wanted, rtol=1e-4, atol=1e-2)
