"""Likelihoods p(x|z): they read the ladder's raw output, and are the only place where it is read.

    raw (…, C, H, W) ──mean──►     pictures in [0, 1]
    raw, x           ──log_prob──► nats per picture (…,): summed over C, H, W

Everything is in nats per image (sum over pixels), so a weight of 1 on the KL is the ELBO. Those
here have no weights; the ones that learn how wide they are stand in ``learnt``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import Part, part

if TYPE_CHECKING:
    from .step import Step

__all__ = ["Bernoulli", "Gaussian", "Laplace", "Likelihood", "mean_absolute", "mean_squared"]

OUTPUTS = ("sigmoid", "identity", "tanh")
ROUNDING = 1e-3  # a blur of white is white but for its rounding


class Likelihood(nn.Module, ABC):
    """A distribution over pictures whose parameters are the ladder's raw output.

    Attributes:
        bounded: whether it takes pixels in [0, 1] alone.
        outputs: how many numbers of the raw output it reads for each value of a picture.
    """

    bounded: bool = False
    outputs: int = 1

    @abstractmethod
    def mean(self, raw: Tensor) -> Tensor:
        """raw (…, C, H, W), or ``outputs`` times as many channels → the mean picture (…, C, H, W)."""

    @abstractmethod
    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z) in nats per picture: raw (…, B, C, H, W), x (B, C, H, W) → (…, B)."""

    def look(self, x: Tensor) -> None:  # noqa: B027  # most fit any pixels
        """Check pixels (B, C, H, W).

        Raises:
            ValueError: it does not fit such pixels.
        """

    def after_step(self, step: Step) -> None:  # noqa: B027  # most have no state
        """Follow a training step that was taken, without gradients."""


def link(output: str, raw: Tensor) -> Tensor:
    """The raw output as the mean picture, (…, C, H, W) float32."""
    raw = raw.float()
    if output == "sigmoid":
        return torch.sigmoid(raw)
    if output == "tanh":  # (−1, 1) of the network is [0, 1] of the pictures
        return 0.5 * (torch.tanh(raw) + 1)
    return raw


def check(output: str, width: float, what: str) -> None:
    """That there is such an output, and that a width (by its name ``what``) is positive.

    Raises:
        ValueError: it is not so.
    """
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(OUTPUTS)}; we got {output!r}")
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"{what} must be a positive number; we got {width}")


def per_picture(each: Tensor) -> Tensor:
    """(…, C, H, W) → its sum over each picture, (…,)."""
    return each.sum((-3, -2, -1))


def log_gaussian(
    squares: Tensor, variance: float | Tensor, log_variance: float | Tensor, size: int
) -> Tensor:
    """log p of ``size`` values whose squared errors sum to ``squares`` (…,): (…,) in nats.

    −Σ (x − x̂)² / 2σ² − ½ N (log 2π + log σ²), one variance for all.
    """
    constant = 0.5 * size * (math.log(2 * math.pi) + log_variance)
    return squares * (-0.5 / variance) - constant


@part("likelihood", "gaussian")
class Gaussian(Likelihood):
    """Independent Gaussians of one fixed variance (Kovenko & Bogach 2020, eq. 5, sign corrected).

    log p = −Σ (x − x̂)² / 2σ² − ½ N log 2πσ², N = C·H·W. Canziani's ½‖x − x̂‖² is σ² = 1.

    Args:
        variance: σ², in squared units of [0, 1] pixels.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
    """

    part: Part

    def __init__(self, variance: float = 1.0, output: str = "sigmoid") -> None:
        super().__init__()
        check(output, variance, "a variance")
        self.variance, self.output = variance, output

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        squares = per_picture((x - self.mean(raw)).square())
        size = math.prod(x.shape[-3:])
        return log_gaussian(squares, self.variance, math.log(self.variance), size)


@part("likelihood", "laplace")
class Laplace(Likelihood):
    """Independent Laplace distributions: log p = −Σ |x − x̂| / b − N log 2b.

    Args:
        scale: b, in units of [0, 1] pixels.
        output: ``sigmoid``, ``tanh`` (mapped to [0, 1]) or ``identity``.
    """

    part: Part

    def __init__(self, scale: float = 1.0, output: str = "sigmoid") -> None:
        super().__init__()
        check(output, scale, "a scale")
        self.scale, self.output = scale, output

    def mean(self, raw: Tensor) -> Tensor:
        """The mean picture, (…, C, H, W)."""
        return link(self.output, raw)

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B)."""
        constant = math.log(2 * self.scale) * math.prod(x.shape[-3:])
        return -per_picture((x - self.mean(raw)).abs()) / self.scale - constant


@part("likelihood", "bernoulli")
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels with the raw output as logits: log p = Σ x·l − softplus(l).

    For pixels between 0 and 1 this is the cross-entropy, no longer a normalised density; outside
    the loss has no lower end, so such pixels are refused.
    """

    part: Part
    bounded = True

    def __init__(self) -> None:
        super().__init__()
        self._looked = False

    def mean(self, raw: Tensor) -> Tensor:
        """The probability of a white pixel, (…, C, H, W)."""
        return torch.sigmoid(raw.float())

    def log_prob(self, raw: Tensor, x: Tensor) -> Tensor:
        """log p(x|z), (…, B).

        Pixels are looked at in every call on the processor. On an accelerator that would make each
        step wait for the device, so there only the first call looks: noise that leaves [0, 1] does
        so in the first batch.

        Raises:
            ValueError: pixels outside [0, 1].
        """
        if x.numel() and (x.device.type == "cpu" or not self._looked):
            self.look(x)
            self._looked = True
        raw = raw.float()
        each = F.binary_cross_entropy_with_logits(raw, x.expand_as(raw), reduction="none")
        return -per_picture(each)

    def look(self, x: Tensor) -> None:
        """Check pixels.

        Raises:
            ValueError: some are outside [0, 1].
        """
        least, most = (float(end) for end in torch.aminmax(x.detach()))
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise ValueError(
                f"the likelihood 'bernoulli' needs pixels in [0, 1]; we got {least:.3g} to "
                f"{most:.3g}: clip what the augmentation makes, or use 'gaussian', which fits any"
            )


@part("likelihood", "mse")
def mean_squared(output: str = "sigmoid") -> Gaussian:
    """Summed squared error: a Gaussian of variance ½ (plus its constant)."""
    return Gaussian(0.5, output)


@part("likelihood", "mae")
def mean_absolute(output: str = "sigmoid") -> Laplace:
    """Summed absolute error: a Laplace of scale 1 (plus its constant)."""
    return Laplace(1.0, output)
