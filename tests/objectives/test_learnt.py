"""Likelihoods with a width of their own: shapes, state, and what they refuse. Laws: ``laws/``."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

from narrows.objectives import GaussianLearnt, GaussianOptimal, Likelihood, Logistic
from narrows.objectives.learnt import LEAST
from narrows.parts import build, part_of

MAKERS = [GaussianLearnt, GaussianOptimal, Logistic]


def step_of(raw: torch.Tensor | None, x: torch.Tensor) -> SimpleNamespace:
    """As much of a step as a likelihood reads."""
    return SimpleNamespace(output=raw, target=x)


@pytest.mark.parametrize("make", MAKERS)
def test_means_are_pictures_and_samples_keep_their_axis(make) -> None:
    likelihood = make().eval()
    assert isinstance(likelihood, Likelihood)
    raw, x = torch.randn(3, 2, 1, 5, 4), torch.rand(2, 1, 5, 4)
    mean = likelihood.mean(raw)
    assert mean.shape == raw.shape and 0 <= float(mean.min()) and float(mean.max()) <= 1
    together = likelihood.log_prob(raw, x)
    assert together.shape == (3, 2)
    assert torch.allclose(together[1], likelihood.log_prob(raw[1], x))
    assert likelihood.log_prob(raw.bfloat16(), x).dtype == torch.float32


@pytest.mark.parametrize("make", MAKERS)
def test_outputs(make) -> None:
    raw = torch.tensor([-200.0, 0.0, 200.0])
    assert make(output="tanh").mean(raw).tolist() == [0.0, 0.5, 1.0]
    assert make(output="identity").mean(raw).tolist() == [-200.0, 0.0, 200.0]


@pytest.mark.parametrize("make", MAKERS)
def test_a_part_is_written_as_it_began(make) -> None:
    written = part_of(make())
    assert part_of(build("likelihood", written)) == written


@pytest.mark.parametrize(
    "make, weight", [(GaussianLearnt, "log_variance"), (Logistic, "log_scale")]
)
def test_a_learnt_width_is_one_weight(make, weight: str) -> None:
    likelihood = make(0.2)
    assert [name for name, _ in likelihood.named_parameters()] == [weight]
    assert float(getattr(likelihood, weight).exp().detach()) == pytest.approx(0.2)
    raw, x = torch.randn(2, 1, 5, 4), torch.rand(2, 1, 5, 4)
    likelihood.log_prob(raw, x).mean().backward()
    assert float(getattr(likelihood, weight).grad) != 0


def test_an_optimal_variance_is_of_the_batch_in_training_and_of_the_past_in_evaluation() -> None:
    likelihood = GaussianOptimal()
    assert list(likelihood.parameters()) == []
    raw, x = torch.randn(3, 2, 1, 5, 4), torch.rand(2, 1, 5, 4)
    before = likelihood.state_dict()["variance"].clone()
    training = likelihood.train().log_prob(raw, x)
    assert torch.equal(likelihood.variance, before)
    assert not torch.allclose(likelihood.eval().log_prob(raw, x), training)
    likelihood.after_step(step_of(raw, x))
    assert torch.allclose(likelihood.log_prob(raw, x), training, rtol=1e-5)


def test_the_running_variance_is_a_mean_at_first_and_then_forgets() -> None:
    likelihood = GaussianOptimal(output="identity", momentum=0.25)
    x = torch.zeros(2, 1, 5, 4)
    errors = [0.4, 0.8, 0.2, 0.6, 1.0, 0.1]
    for error in errors:
        likelihood.after_step(step_of(torch.full((3, 2, 1, 5, 4), error), x))
    wanted = sum(error**2 for error in errors[:4]) / 4
    for error in errors[4:]:
        wanted += 0.25 * (error**2 - wanted)
    assert float(likelihood.variance) == pytest.approx(wanted)
    assert int(likelihood.batches) == 6
    again = GaussianOptimal(output="identity")
    again.load_state_dict(likelihood.state_dict())
    assert float(again.variance) == float(likelihood.variance)


def test_a_step_without_an_output_changes_nothing() -> None:
    likelihood = GaussianOptimal()
    likelihood.after_step(step_of(None, torch.zeros(2, 1, 5, 4)))
    assert (float(likelihood.variance), int(likelihood.batches)) == (1.0, 0)


def test_an_exact_reconstruction_has_the_variance_of_rounding() -> None:
    likelihood = GaussianOptimal(output="identity").train()
    x = torch.rand(2, 1, 5, 4)
    raw = x.clone().requires_grad_()
    found = likelihood.log_prob(raw, x)
    (gradient,) = torch.autograd.grad(found.sum(), raw)
    assert bool(torch.isfinite(found).all()) and torch.equal(gradient, torch.zeros_like(x))
    likelihood.after_step(step_of(raw, x))
    assert float(likelihood.variance) == pytest.approx(LEAST)


def test_a_logistic_counts_a_pixel_between_levels_as_the_nearer() -> None:
    likelihood, raw = Logistic(0.05), torch.randn(2, 1, 5, 4)
    levels = torch.randint(256, (2, 1, 5, 4))
    between = (levels + 0.8 * (torch.rand(2, 1, 5, 4) - 0.5)) / 255
    assert torch.equal(likelihood.log_prob(raw, between), likelihood.log_prob(raw, levels / 255))


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: GaussianLearnt(0.0), "a variance must be a positive number; we got 0.0"),
        (lambda: Logistic(float("nan")), "a scale must be a positive number; we got nan"),
        (lambda: GaussianOptimal(momentum=0.0), "a momentum must be a positive number; we got 0.0"),
        (lambda: GaussianOptimal(momentum=1.5), "a momentum is a share, at most 1; we got 1.5"),
        *(
            (lambda make=make: make(output="relu"), "one of sigmoid, identity, tanh; we got 'relu'")
            for make in MAKERS
        ),
    ],
)
def test_what_cannot_work_is_refused_when_built(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()
