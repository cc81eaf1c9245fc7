"""Learning rates over a phase: a factor of the phase's rate at a fraction of its way, 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["RATES", "rate"]


def _constant(fraction: float) -> float:
    return 1.0


def _cosine(fraction: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * fraction))


def _linear(fraction: float) -> float:
    return 1 - fraction


def _one_cycle(fraction: float, rise: float = 0.1) -> float:
    """Up from 1/25 in a tenth of the way, then down a cosine to zero (Smith & Topin 2019)."""
    if fraction < rise:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * fraction / rise))
    return _cosine((fraction - rise) / (1 - rise))


def _thirds(fraction: float) -> float:
    """Burda et al. 2016, §5: stage i of 3^i passes at 10^(−i/7), i = 0 … 7, 3,280 passes in all."""
    passes, stage, end = fraction * 3280, 0, 1
    while passes >= end and stage < 7:
        stage += 1
        end += 3**stage
    return float(10 ** (-stage / 7))


RATES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
    "one-cycle": _one_cycle,
    "burda": _thirds,
}


def rate(name: str) -> Callable[[float], float]:
    """The schedule of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in RATES:
        raise ValueError(
            f"learning_rate_schedule must be one of {', '.join(RATES)}; we got {name!r}"
        )
    return RATES[name]
