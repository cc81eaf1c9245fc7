"""Likelihoods: their mean pictures, their shapes, and what they refuse. Densities: ``laws/``."""

from __future__ import annotations

import re

import pytest
import torch

from narrows.objectives import Bernoulli, Gaussian, Laplace, Likelihood
from narrows.objectives.likelihoods import mean_absolute, mean_squared

MAKERS = [Gaussian, Laplace, Bernoulli, mean_squared, mean_absolute]


@pytest.mark.parametrize("make", MAKERS)
def test_means_are_pictures_and_samples_keep_their_axis(make) -> None:
    likelihood = make()
    assert isinstance(likelihood, Likelihood)
    raw, x = torch.randn(3, 2, 1, 5, 4), torch.rand(2, 1, 5, 4)
    mean = likelihood.mean(raw)
    assert mean.shape == raw.shape and 0 <= float(mean.min()) and float(mean.max()) <= 1
    together = likelihood.log_prob(raw, x)
    assert together.shape == (3, 2)
    assert torch.allclose(together[1], likelihood.log_prob(raw[1], x))


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
def test_outputs(kind) -> None:
    raw = torch.tensor([-200.0, 0.0, 200.0])
    assert kind(output="sigmoid").mean(raw).tolist() == [0.0, 0.5, 1.0]
    assert kind(output="tanh").mean(raw).tolist() == [0.0, 0.5, 1.0]
    assert kind(output="identity").mean(raw).tolist() == [-200.0, 0.0, 200.0]


@pytest.mark.parametrize("make", MAKERS)
def test_sums_are_taken_in_float32(make) -> None:
    raw = torch.randn(2, 1, 5, 4).bfloat16()
    likelihood = make()
    assert likelihood.mean(raw).dtype == torch.float32
    assert likelihood.log_prob(raw, torch.rand(2, 1, 5, 4)).dtype == torch.float32


@pytest.mark.parametrize("make", MAKERS)
def test_the_best_raw_output_is_that_of_the_pixel(make) -> None:
    """log p(x|z) is largest where the mean picture is x."""
    x = torch.rand(1, 1, 3, 3) * 0.8 + 0.1
    right = torch.logit(x)
    likelihood = make()
    assert torch.allclose(likelihood.mean(right), x, atol=1e-6)
    best = likelihood.log_prob(right, x)
    for shift in (-0.5, 0.5):
        assert bool(likelihood.log_prob(right + shift, x) < best)


def test_mse_and_mae_are_sums_of_errors_beside_a_constant() -> None:
    raw, x = torch.randn(2, 1, 5, 4), torch.rand(2, 1, 5, 4)
    exact = torch.logit(x, eps=1e-6)
    error = x - torch.sigmoid(raw)
    squares = mean_squared().log_prob(exact, x) - mean_squared().log_prob(raw, x)
    assert torch.allclose(squares, error.square().sum((1, 2, 3)), atol=1e-4)
    absolute = mean_absolute().log_prob(exact, x) - mean_absolute().log_prob(raw, x)
    assert torch.allclose(absolute, error.abs().sum((1, 2, 3)), atol=1e-4)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: Gaussian(0.0), "a variance must be a positive number; we got 0.0"),
        (lambda: Gaussian(float("nan")), "a variance must be a positive number; we got nan"),
        (lambda: Laplace(-1.0), "a scale must be a positive number; we got -1.0"),
        (lambda: Laplace(float("inf")), "a scale must be a positive number; we got inf"),
        (lambda: Gaussian(output="relu"), "one of sigmoid, identity, tanh; we got 'relu'"),
        (lambda: mean_squared("relu"), "one of sigmoid, identity, tanh; we got 'relu'"),
    ],
)
def test_what_cannot_work_is_refused_when_built(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()


def test_bernoulli_refuses_pixels_that_are_no_probabilities() -> None:
    raw = torch.zeros(2, 1, 2, 2)
    likelihood = Bernoulli()
    assert bool(torch.isfinite(likelihood.log_prob(raw, torch.rand(2, 1, 2, 2))).all())
    x = torch.tensor([[-0.25, 0.5], [1.0, 1.5]]).expand(2, 1, 2, 2)
    sentence = (
        "the likelihood 'bernoulli' needs pixels in [0, 1]; we got -0.25 to 1.5: clip what the "
        "augmentation makes, or use 'gaussian', which fits any"
    )
    for _ in range(2):  # on the processor in every call
        with pytest.raises(ValueError, match=re.escape(sentence)):
            likelihood.log_prob(raw, x)


def test_bernoulli_takes_rounding_and_no_picture_at_all() -> None:
    likelihood = Bernoulli()
    rounded = torch.tensor([-1e-6, 1 + 1e-6]).reshape(2, 1, 1, 1)
    assert likelihood.log_prob(torch.zeros(2, 1, 1, 1), rounded).shape == (2,)
    assert likelihood.log_prob(torch.zeros(0, 1, 1, 1), torch.zeros(0, 1, 1, 1)).shape == (0,)
