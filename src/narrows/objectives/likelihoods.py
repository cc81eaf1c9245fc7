"""Likelihoods p(x|z): they read the ladder's raw output, and are the only place where it is read.

    raw (…, C, H, W) ──mean──►     pictures in [0, 1]
    raw, x           ──log_prob──► nats per picture (…,): summed over C, H, W

Everything is in nats per image (sum over pixels), so a weight of 1 on the KL is the ELBO.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import Part, part

__all__ = ["Bernoulli", "Gaussian", "Laplace", "Likelihood", "mean_absolute", "mean_squared"]

OUTPUTS = ("sigmoid", "identity", "tanh")


@runtime_checkable
class Likelihood(Protocol):
    """A distribution over pictures whose parameters are the ladder's raw output."""

    def mean(self, raw: Tensor) -> Tensor:
        """raw (…, C, H, W) → the mean picture."""
        ...

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z) in nats per picture: raw (…, B, C, H, W), x (B, C, H, W) → (…, B)."""
        ...


def _link(output: str, raw: Tensor) -> Tensor:
    raw = raw.float()
    if output == "sigmoid":
        return torch.sigmoid(raw)
    if output == "tanh":  # (−1, 1) of the network is [0, 1] of the pictures
        return 0.5 * (torch.tanh(raw) + 1)
    return raw


def _check(output: str, width: float, what: str) -> None:
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(OUTPUTS)}; we got {output!r}")
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"{what} must be a positive number; we got {width}")


def _per_picture(each: Tensor) -> Tensor:
    return each.sum((-3, -2, -1))


@part("likelihood", "gaussian")
class Gaussian(nn.Module):
    """Independent Gaussians of one fixed variance (Kovenko & Bogach 2020, eq. 5, sign corrected).

    log p = −Σ (x − x̂)² / 2σ² − ½ N log 2πσ², N = C·H·W. Canziani's ½‖x − x̂‖² is σ² = 1.

    Args:
        variance: σ², in squared units of [0, 1] pixels.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
    """

    part: Part

    def __init__(self, variance: float = 1.0, output: str = "sigmoid") -> None:
        super().__init__()
        _check(output, variance, "a variance")
        self.variance, self.output = variance, output

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return _link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        constant = 0.5 * math.log(2 * math.pi * self.variance) * math.prod(x.shape[-3:])
        squares = _per_picture((x - self.mean(raw)).square())
        return squares * (-0.5 / self.variance) - constant


@part("likelihood", "laplace")
class Laplace(nn.Module):
    """Independent Laplace distributions: log p = −Σ |x − x̂| / b − N log 2b.

    Args:
        scale: b, in units of [0, 1] pixels.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
    """

    part: Part

    def __init__(self, scale: float = 1.0, output: str = "sigmoid") -> None:
        super().__init__()
        _check(output, scale, "a scale")
        self.scale, self.output = scale, output

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return _link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        constant = math.log(2 * self.scale) * math.prod(x.shape[-3:])
        return -_per_picture((x - self.mean(raw)).abs()) / self.scale - constant


@part("likelihood", "bernoulli")
class Bernoulli(nn.Module):
    """Independent Bernoulli pixels with the raw output as logits: log p = Σ x·l − softplus(l).

    For pixels between 0 and 1 this is the cross-entropy, no longer a normalised density.
    """

    part: Part

    def mean(self, raw: Tensor) -> Tensor:
        """The probability of a white pixel, (…, C, H, W)."""
        return torch.sigmoid(raw.float())

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        raw = raw.float()
        each = F.binary_cross_entropy_with_logits(raw, x.expand_as(raw), reduction="none")
        return -_per_picture(each)


@part("likelihood", "mse")
def mean_squared(output: str = "sigmoid") -> Gaussian:
    """Summed squared error by its other name: a Gaussian of variance ½ (plus its constant)."""
    return Gaussian(0.5, output)


@part("likelihood", "mae")
def mean_absolute(output: str = "sigmoid") -> Laplace:
    """Summed absolute error by its other name: a Laplace of scale 1 (plus its constant)."""
    return Laplace(1.0, output)
