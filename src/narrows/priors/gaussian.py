"""Priors that are one Gaussian: the standard one, and the one that the codes have."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from ..bottlenecks import log_normal
from ..files import misfit
from ..parts import Part, part
from ..randomness import Draws
from .prior import Prior, Progress, checked_rows

__all__ = [
    "FLOOR",
    "AggregateGaussian",
    "Normal",
    "Scale",
    "blank",
    "log_gaussian_full",
    "restored",
]

# added to the variance of each standardised unit, so that units that never move do no harm
FLOOR = 1e-6


class Scale:
    """Mean and standard deviation of each unit, (D,) float64: codes to and from a common size."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        self.mean, self.deviation = mean, deviation

    @staticmethod
    def of(rows: Tensor) -> Scale:
        """That of rows (N, D); a unit that never moves keeps its size."""
        deviation = rows.std(0, correction=0)
        still = deviation <= 1e-9 * (1 + rows.mean(0).abs())
        return Scale(rows.mean(0), torch.where(still, torch.ones_like(deviation), deviation))

    def __call__(self, rows: Tensor) -> Tensor:
        """(N, D) → standardised."""
        return (rows.to(self.mean) - self.mean) / self.deviation

    def back(self, rows: Tensor) -> Tensor:
        """The inverse."""
        out: Tensor = self.mean + rows.to(self.mean) * self.deviation
        return out

    @property
    def log_volume(self) -> Tensor:
        """Σ log deviation: what a standardised log-density loses."""
        return self.deviation.log().sum()


def log_gaussian_full(rows: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """log N(z; μ, L Lᵀ) in nats of rows (N, D), L lower triangular (D, D): (N,)."""
    solved: Tensor = torch.linalg.solve_triangular(factor, (rows - mean).T, upper=False)
    constant = factor.diagonal().log().sum() + 0.5 * len(mean) * math.log(2 * math.pi)
    out: Tensor = -0.5 * solved.square().sum(0) - constant
    return out


def restored(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[Tensor]:
    """The tensors of those names, shapes and kinds, in that order.

    A ``deviation`` has to be positive.

    Args:
        wanted: may lie on the meta device; see ``blank``.

    Raises:
        ValueError: others are there, or numbers that are not finite.
    """
    if reason := misfit(state, wanted):
        raise ValueError(f"the tensors of such a prior were wanted: {reason}")
    if "deviation" in state and not bool((state["deviation"] > 0).all()):
        raise ValueError("a deviation is not positive")
    return [state[name] for name in wanted]


def blank(*shape: int) -> Tensor:
    """A float64 tensor of that shape without content, to compare with."""
    return torch.empty(shape, dtype=torch.float64, device="meta")


@part("prior", "normal")
class Normal(Prior):
    """The standard normal N(0, I), which a variational model is trained towards; nothing is fitted.

    Args:
        size: D, numbers of a code.
    """

    part: Part
    takes = "codes"

    def __init__(self, size: int) -> None:
        self.size = size

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """Nothing to do."""
        return self

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """(n, D)."""
        return Draws(seed).normal("prior", (n, self.size))

    def log_prob(self, codes: Tensor) -> Tensor:
        """(N,)."""
        return log_normal(codes.double())

    @property
    def spread(self) -> tuple[Tensor, Tensor]:
        """0 and 1."""
        return torch.zeros(self.size), torch.ones(self.size)

    def state(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> Self:
        """Nothing to read."""
        restored(state, {})
        return self


@part("prior", "gaussian")
class AggregateGaussian(Prior):
    """One Gaussian with the codes' mean and covariance: the simplest fit of the aggregate posterior.

    Args:
        size: D, numbers of a code.
    """

    part: Part
    takes = "codes"
    scale: Scale
    factor: Tensor

    def __init__(self, size: int) -> None:
        self.size = size

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """The maximum of the likelihood, (N, D), N at least 2; see ``FLOOR``."""
        rows = checked_rows(codes, 2, self.size)
        self.scale = Scale.of(rows)
        even = self.scale(rows)
        covariance = even.T @ even / len(even)
        self.factor = torch.linalg.cholesky(covariance + FLOOR * torch.eye(self.size))
        return self

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """(n, D)."""
        noise = Draws(seed).normal("prior", (n, self.size)).double()
        return self.scale.back(noise @ self.factor.T).float()

    def log_prob(self, codes: Tensor) -> Tensor:
        """(N,)."""
        even = self.scale(codes)
        zero = torch.zeros(self.size, dtype=even.dtype)
        return log_gaussian_full(even, zero, self.factor) - self.scale.log_volume

    @property
    def spread(self) -> tuple[Tensor, Tensor]:
        """Those of the codes."""
        even = self.factor.square().sum(1).sqrt()
        return self.scale.mean.float(), (self.scale.deviation * even).float()

    def state(self) -> dict[str, Tensor]:
        """Mean, deviation (D,) and the covariance's factor (D, D), of standardised codes."""
        scale = self.scale
        return {"mean": scale.mean, "deviation": scale.deviation, "factor": self.factor}

    def restore(self, state: dict[str, Tensor]) -> Self:
        """From those."""
        d = self.size
        mean, deviation, factor = restored(
            state, {"mean": blank(d), "deviation": blank(d), "factor": blank(d, d)}
        )
        self.scale, self.factor = Scale(mean, deviation), factor
        return self
