"""A variance that the decoder gives: the density is torch's, known noise is found, nothing overflows."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import distributions as dist

import narrows as nw
from narrows.measures import bits_per_dimension
from narrows.objectives import Gaussian, GaussianDecoded
from narrows.objectives.learnt import LEAST
from narrows.parts import Part

SHAPE = (1, 6, 5)
NOISE = torch.where(torch.arange(5) < 2, 0.02, 0.15).expand(SHAPE)  # of the left, and of the right


def noisy(grey: torch.Tensor, deviation: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Grey pictures (N, C, H, W) with noise whose deviation is known."""
    source = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(grey), *SHAPE, generator=source)
    return ((grey + deviation * noise).clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("each", ["pixel", "picture"])
def test_the_density_is_that_of_torch(each: str) -> None:
    source = torch.Generator().manual_seed(0)
    raw = torch.randn(2, 3, 2, 6, 5, generator=source)
    x = torch.rand(3, *SHAPE, generator=source)
    likelihood = GaussianDecoded(0.05, each=each)
    deviation = (0.5 * likelihood.log_variance(raw)).exp()
    assert deviation.shape == ((2, 3, 1, 6, 5) if each == "pixel" else (2, 3, 1, 1, 1))
    wanted = dist.Normal(torch.sigmoid(raw[:, :, :1]), deviation).log_prob(x).sum((-3, -2, -1))
    assert torch.allclose(likelihood.log_prob(raw, x), wanted, rtol=1e-5)
    level = torch.cat([raw[:, :, :1], torch.zeros_like(raw[:, :, :1])], 2)
    fixed = Gaussian(0.05).log_prob(raw[:, :, :1], x)
    assert torch.allclose(likelihood.log_prob(level, x), fixed, rtol=1e-5)


@pytest.mark.parametrize("each", ["pixel", "picture"])
def test_the_likeliest_variance_is_the_mean_squared_error_of_known_noise(each: str) -> None:
    x = noisy(torch.full((500, 1, 1, 1), 0.5), NOISE.expand(500, *SHAPE))
    likelihood = GaussianDecoded(each=each, output="identity")
    raw = torch.full((2, 6, 5), 0.1).requires_grad_()
    mover = torch.optim.LBFGS([raw], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        mover.zero_grad()
        value = -likelihood.log_prob(raw.expand(500, -1, -1, -1), x).mean() / 30
        value.backward()
        return value

    mover.step(loss)
    found = likelihood.log_variance(raw.detach()).exp()
    errors = x.var(0, correction=0)
    wanted = errors if each == "pixel" else errors.mean().reshape(1, 1, 1)
    assert torch.allclose(found, wanted, rtol=0.02)
    if each == "pixel":
        assert torch.allclose(found.sqrt(), NOISE, rtol=0.15)


def test_a_decoder_gives_each_kind_of_picture_its_noise() -> None:
    """Dark pictures are quiet and bright ones loud: σ(t) says so, and the ELBO is the pictures' entropy."""
    bright = (torch.arange(600) % 2 == 0).reshape(-1, 1, 1, 1)
    deviation = torch.where(bright, 0.1, 0.02)
    x = noisy(torch.where(bright, 0.7, 0.3), deviation)
    recipe = nw.Recipe(
        "decoded",
        Part("dense", {"shape": SHAPE, "widths": (32,)}),
        Part("gaussian", {"size": 1}),
        Part("gaussian-decoded"),
        (nw.Phase(learning_rate=0.02, batch_size=200, precision="float32"),),
    )
    model = nw.fit(recipe, x, epochs=80, seed=0, device="cpu", report="quiet")
    with model.evaluating():
        found = (0.5 * model.likelihood.log_variance(model.raw(model.posterior(x)))).exp()
        nats = float(model.loss(noisy(torch.where(bright, 0.7, 0.3), deviation, 1), samples=4))
    assert float(found[bright[:, 0, 0, 0]].median()) == pytest.approx(0.1, rel=0.15)
    assert float(found[~bright[:, 0, 0, 0]].median()) == pytest.approx(0.02, rel=0.25)
    # no code has fewer nats than the noise has, and the one bit that says which kind it is
    entropy = 15 * float((2 * math.pi * math.e * deviation[:2].square()).log().mean()) + math.log(2)
    assert entropy - 0.5 < nats < entropy + 3
    wanted = 8 + nats / 30 / math.log(2)
    assert bits_per_dimension(-nats, SHAPE) == pytest.approx(wanted)


@pytest.mark.parametrize("size", [1.0, 50.0, 1e4, 1e30])
def test_values_and_gradients_stay_finite(size: float) -> None:
    x = torch.rand(4, *SHAPE)
    for sign in (-1.0, 1.0):
        raw = torch.full((4, 2, 6, 5), sign * size, requires_grad=True)
        likelihood = GaussianDecoded(output="sigmoid")
        found = likelihood.log_prob(raw, x)
        (slope,) = torch.autograd.grad(found.sum(), raw)
        assert bool(torch.isfinite(found).all()) and bool(torch.isfinite(slope).all())
        assert float(likelihood.log_variance(raw.detach()).min()) >= math.log(LEAST) - 1e-5


def test_only_ladders_that_give_two_numbers_take_it() -> None:
    made = nw.recipes.adjusted("conv-vae", (3, 16, 16), {"likelihood": "gaussian-decoded"}).build()
    assert made.raw(torch.zeros(2, *made.code_shape)).shape == (2, 6, 16, 16)
    assert made.decode(torch.zeros(2, *made.code_shape)).shape == (2, 3, 16, 16)
    sentence = "'gaussian-decoded' reads 2 numbers of the decoder .* 'linear-residual' gives 1"
    with pytest.raises(ValueError, match=sentence):
        nw.recipes.adjusted("pca-vae", (1, 8, 8), {"likelihood": "gaussian-decoded"}).build()
    with pytest.raises(ValueError, match="gives one number for each value; we got 2"):
        tied = {"likelihood": "gaussian-decoded", "ladder.tied": "true"}
        nw.recipes.adjusted("mlp-vae", (1, 8, 8), tied).build()
    for wrong, sentence in (
        ({"each": "row"}, "a variance is of each pixel or of each picture; we got 'row'"),
        ({"variance": 1e-7}, "above that of rounding to 8 bits"),
    ):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            GaussianDecoded(**wrong)
