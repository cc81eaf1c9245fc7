"""How usual a picture is among others, by codes alone: what needs neither their files nor a decision.

codes (N, D) ──half──► normal codes ──k nearest──► scores of the other half, of M asked ones ──► p-values (M,)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..measures.calibration import p_values
from ..measures.code_distances import Knn
from ..randomness import permutation
from .embedding import code_rows

__all__ = ["Usualness", "usualness"]

Array = np.ndarray[Any, Any]

MOST = 4000  # codes that are drawn
FEWEST = 40


class Usualness(NamedTuple):
    """Of M codes.

    Attributes:
        scores: mean distances to the k nearest normal codes, (M,).
        p_values: how often one of the others lies at least as far from them, (M,) in (0, 1].
        others: how many those are.
    """

    scores: Array
    p_values: Array
    others: int


def usualness(codes: Any, asked: Any, *, k: int = 5, seed: int = 0) -> Usualness:
    """Split-conformal p-values of codes among others (Papadopoulos et al. 2002; Bates et al. 2023).

    Args:
        codes: (N, D), of which 4,000 are drawn; half of them are what nearness is to.
        asked: (M, D).
        k: neighbours.
        seed: of the draw.

    Raises:
        ValueError: fewer than forty codes, or asked ones of another size.
    """
    rows, more = code_rows(codes), code_rows(asked)
    if len(rows) < FEWEST:
        raise ValueError(
            f"what is usual is learnt from at least {FEWEST} pictures; we got {len(rows)}"
        )
    if more.shape[1] != rows.shape[1]:
        raise ValueError(
            f"these are codes of {rows.shape[1]} numbers; we got ones of {more.shape[1]}"
        )
    drawn = permutation(seed, "usualness", len(rows))[:MOST].numpy()
    half = len(drawn) // 2
    distance = Knn(k).fit(rows[drawn[:half]])
    scores = distance.score(more)
    return Usualness(
        scores, p_values(distance.score(rows[drawn[half:]]), scores), len(drawn) - half
    )
