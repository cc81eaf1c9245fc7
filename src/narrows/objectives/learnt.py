"""Likelihoods that learn how wide they are.

    fixed σ² ──► its choice decides how much a code may hold, as 1/β does
    learnt   ──► a weight log σ², or log s, moved by its gradient
    optimal  ──► σ² of the batch, the one that makes it likeliest
    decoded  ──► σ²(t), a second output of the decoder: per value, or one for a picture

A width that follows the error weighs reconstruction against the KL by itself (Rybkin, Daniilidis &
Levine 2021).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import Part, part
from ..processes import averaged
from .likelihoods import Likelihood, check, link, log_gaussian, per_picture
from .step import Step

__all__ = ["GaussianDecoded", "GaussianLearnt", "GaussianOptimal", "Logistic"]

LEVELS = 256
LEAST = 1 / (12 * (LEVELS - 1) ** 2)  # the variance of rounding to 8 bits


@part("likelihood", "gaussian-learnt")
class GaussianLearnt(Likelihood):
    """Independent Gaussians of one variance for all pixels, which is a weight (Rybkin et al. 2021).

    log p = −Σ (x − x̂)² / 2σ² − ½ N log 2πσ². Its gradient vanishes where σ² is the mean squared
    error. Adam moves log σ² by about the learning rate in a step, so begin near the end:
    a variance from 0.1 to 0.01 takes 2,300 steps at 0.001, and ``gaussian-optimal`` none.

    Args:
        variance: σ² at the beginning, in squared units of [0, 1] pixels.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
    """

    part: Part

    def __init__(self, variance: float = 0.1, output: str = "sigmoid") -> None:
        super().__init__()
        check(output, variance, "a variance")
        self.log_variance = nn.Parameter(torch.tensor(math.log(variance)))
        self.output = output

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        squares = per_picture((x - self.mean(raw)).square())
        variance = self.log_variance.exp()
        return log_gaussian(squares, variance, self.log_variance, math.prod(x.shape[-3:]))


@part("likelihood", "gaussian-optimal")
class GaussianOptimal(Likelihood):
    """Gaussians of the variance that makes the batch likeliest (optimal σ-VAE, Rybkin et al. 2021).

    In training σ² is the mean squared error over all pictures, samples and pixels of the batch, and
    −log p is then ½ N (log 2πσ² + 1) on average: the gradient goes through σ², as that of
    ½ N log MSE. In evaluation σ² is the running mean of those variances; it is part of the model.

    σ² is at least that of rounding to 8 bits, 1 / (12 · 255²): an error below it is none that
    stored pixels could show. The authors' code cuts log σ softly at −6 instead, which is wider.

    Args:
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
        momentum: share of the newest batch in the running mean; the first 1 / momentum batches
            count equally.
    """

    part: Part
    variance: Tensor
    batches: Tensor

    def __init__(self, output: str = "sigmoid", momentum: float = 0.1) -> None:
        super().__init__()
        check(output, momentum, "a momentum")
        if momentum > 1:
            raise ValueError(f"a momentum is a share, at most 1; we got {momentum}")
        self.output, self.momentum = output, momentum
        self.register_buffer("variance", torch.tensor(1.0))
        self.register_buffer("batches", torch.tensor(0))

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B); changes no state."""
        squares = per_picture((x - self.mean(raw)).square())
        size = math.prod(x.shape[-3:])
        variance = _optimal(squares, size) if self.training else self.variance
        return log_gaussian(squares, variance, variance.log(), size)

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Let the running variance follow that of a training step."""
        if step.output is None:
            return
        squares = per_picture((step.target - self.mean(step.output)).square())
        self.batches += 1
        share = (1 / self.batches).clamp(min=self.momentum)
        variance = _optimal(squares, math.prod(step.target.shape[-3:]))
        self.variance.lerp_(variance, share)


@part("likelihood", "gaussian-decoded")
class GaussianDecoded(Likelihood):
    """Gaussians whose variance the decoder gives with the mean (Kovenko & Bogach 2020, eq. 5, sign corrected).

    log p = −Σ (x − μ(t))² / 2σ²(t) − ½ Σ log 2πσ²(t), as Kingma & Welling 2014 (appendix C.2) have it and
    Kovenko & Bogach, who fix σ², have not. The raw output is (…, 2C, H, W): C channels of the mean, then
    C of log σ², to which that of ``variance`` is added; for ``each="picture"`` its mean over the picture
    counts.

    σ² never falls below that of rounding to 8 bits, 1 / (12 · 255²), which a soft step keeps: pixels
    that never change would be infinitely likely otherwise. Ladders: ``conv`` and ``dense``.

    Args:
        variance: σ² where the raw output is 0, in squared units of [0, 1] pixels.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
        each: ``pixel`` for a variance of each value, ``picture`` for one of each picture.
    """

    part: Part
    outputs = 2

    def __init__(self, variance: float = 0.1, output: str = "sigmoid", each: str = "pixel") -> None:
        super().__init__()
        check(output, variance, "a variance")
        if each not in ("pixel", "picture"):
            raise ValueError(f"a variance is of each pixel or of each picture; we got {each!r}")
        if variance <= LEAST:
            raise ValueError(
                f"a variance is above that of rounding to 8 bits, {LEAST:.3g}; we got {variance}"
            )
        self.variance, self.output, self.each = variance, output, each

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return link(self.output, raw.chunk(2, -3)[0])

    def log_variance(self, raw: Tensor) -> Tensor:
        """log σ²(t), (…, C, H, W), or (…, 1, 1, 1) of a picture."""
        found = raw.chunk(2, -3)[1].float()
        if self.each == "picture":
            found = found.mean((-3, -2, -1), keepdim=True)
        floor = math.log(LEAST)
        above = math.log(self.variance) - floor  # softplus(b) with softplus(its inverse) = above
        return floor + F.softplus(found + above + math.log(-math.expm1(-above)))

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        log_variance = self.log_variance(raw)
        squares = (x - self.mean(raw)).square() * (-log_variance).exp()
        return -0.5 * per_picture(squares + log_variance + math.log(2 * math.pi))


def _optimal(squares: Tensor, size: int) -> Tensor:
    """Squared errors of pictures of ``size`` values, (…,) → the variance that fits them best."""
    return (averaged(squares.mean()) / size).clamp(min=LEAST)


@part("likelihood", "logistic")
class Logistic(Likelihood):
    """8-bit pixels as bins of a logistic distribution (Kingma et al. 2016, eq. 14).

    log P(k) = log [σ((x + δ − x̂) / s) − σ((x − δ − x̂) / s)], x = k / 255, δ = ½ / 255; the first
    bin begins at −∞ and the last ends at ∞ (Salimans et al. 2017, §2.1), so the 256 sum to 1. The
    source has bins from x to x + 1/256 without open ends.

    These are probabilities, not densities: a Gaussian's log p compares with log P + N log 255, and
    −log P / (N log 2) are bits per value. A pixel between two levels counts as the nearer one.

    Args:
        scale: s at the beginning, one weight for all pixels, in units of [0, 1] pixels. See
            ``gaussian-learnt`` for how fast it moves; the standard deviation is 1.8 s.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
    """

    part: Part

    def __init__(self, scale: float = 0.1, output: str = "sigmoid") -> None:
        super().__init__()
        check(output, scale, "a scale")
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.output = output

    def mean(self, raw: Tensor) -> Tensor:
        """x̂, the mean picture before bins are made of it, (…, C, H, W)."""
        return link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log P(x|z), (…, B).

        With a and b the ends of a bin, σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a)): three logarithms
        that neither overflow nor cancel, the last one the same for all bins.
        """
        level = (x.float() * (LEVELS - 1)).round().clamp(0, LEVELS - 1)
        first, last = level == 0, level == LEVELS - 1
        shrink = (-self.log_scale).exp()
        centre = (level / (LEVELS - 1) - self.mean(raw)) * shrink
        half = 0.5 / (LEVELS - 1) * shrink
        below_top = F.logsigmoid(centre + half).masked_fill(last, 0.0)
        above_bottom = F.logsigmoid(half - centre).masked_fill(first, 0.0)
        width = torch.where(first | last, 0.0, torch.log(-torch.expm1(-2 * half)))
        return per_picture(below_top + above_bottom + width)
