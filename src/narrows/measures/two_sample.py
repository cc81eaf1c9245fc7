"""Real or drawn? How often a classifier is right about pictures that it has not seen (a two-sample test).

real rows ──┬─ half: known ─────┐
drawn rows ─┼─ half: known ─────┴─► nearest neighbours ──► accuracy on the other halves ──► p-value
            └─ the other halves ──────────────────────────┘
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..randomness import permutation

__all__ = ["TwoSampleTest", "two_sample_test"]

FEWEST = 8  # rows of each set


@dataclass(frozen=True)
class TwoSampleTest:
    """What a classifier makes of two sets.

    Attributes:
        accuracy: the share of the held-out rows that it sorts into their set: ½ if nothing tells the
            sets apart, 1 if every row does.
        p_value: how often one that guesses does as well (binomial, one-sided).
        tested: how many rows were held out, half of them of each set.
    """

    accuracy: float
    p_value: float
    tested: int

    def __str__(self) -> str:
        of = f"of {self.tested:,} held-out rows, p = {self.p_value:.2g}"
        return f"a classifier tells the sets apart in {self.accuracy:.1%} {of}"


def two_sample_test(real: Any, drawn: Any, *, seed: int = 0) -> TwoSampleTest:
    """Whether two sets of features come from one distribution (C2ST, Lopez-Paz & Oquab 2017, §3).

    Of each set as many rows as the smaller one has; half of them are known, the others are sorted by
    their √n nearest known ones, n of these (their C2ST-KNN). Features are z-scored first. A small
    p-value says that the sets differ; a large one that this classifier found no difference in so few.

    Args:
        real, drawn: (N, F) and (M, F), an array or a tensor each.
        seed: of the halves.

    Raises:
        ValueError: not two arrays of rows of one length, numbers that are not finite, or fewer than
            eight rows.
    """
    from scipy.stats import binom
    from sklearn.neighbors import KNeighborsClassifier

    a, b = (np.asarray(torch.as_tensor(x).detach().cpu().double()) for x in (real, drawn))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1:] != b.shape[1:] or min(a.size, b.size) == 0:
        raise ValueError(
            "features of real and of drawn pictures, (N, F) and (M, F), were wanted; "
            f"we got {a.shape} and {b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("the features hold NaN or infinite numbers")
    n = min(len(a), len(b)) // 2
    if 2 * n < FEWEST:
        raise ValueError(
            f"a two-sample test takes {FEWEST} rows of each set; we got {len(a)} and {len(b)}"
        )
    sides = [
        rows[permutation(seed, f"two-sample {name}", len(rows)).numpy()[: 2 * n]]
        for name, rows in (("real", a), ("drawn", b))
    ]
    known = np.concatenate([rows[:n] for rows in sides])
    asked = np.concatenate([rows[n:] for rows in sides])
    centre, width = known.mean(0), known.std(0)
    width[width == 0] = 1.0
    k = math.isqrt(2 * n) | 1  # odd, so that no vote is a draw
    judge = KNeighborsClassifier(k, algorithm="brute")
    judge.fit((known - centre) / width, np.repeat([0, 1], n))
    right = int((judge.predict((asked - centre) / width) == np.repeat([0, 1], n)).sum())
    return TwoSampleTest(right / (2 * n), float(binom.sf(right - 1, 2 * n, 0.5)), 2 * n)
