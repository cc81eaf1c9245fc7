"""Trellis-coded quantisation: two coarse quantisers whose union is fine, and the cheapest path through them.

    even  …  −4Δ      −2Δ       0       2Δ      4Δ …      value of k: 2 k Δ
    odd   …      −3Δ       −Δ   0   Δ       3Δ     …      value of k: (2 k − sgn k) Δ

Which of the two takes a number is told by the parities of the numbers before it, so a reader knows it
for nothing; a writer chooses all numbers of a chain together (Marcellin & Fischer 1990; the four states
are those of Versatile Video Coding, H.266 §7.3.11.11). With a state of two bits (b₁ b₀) and the parity p,
b₁' = p ⊕ b₀, b₀' = b₁, and b₁ is the quantiser: so of number t it is p_{t−1} ⊕ p_{t−3} ⊕ ….
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["CHAIN", "cheapest", "multiples", "quantiser_of"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CHAIN = 256  # numbers; each chain begins in the same state, and chains are chosen side by side
STATES = 4
# of each state the two that lead to it, the parity of the number on the way being told by the first
BEFORE = ((0, 1), (2, 3), (0, 1), (2, 3))


def quantiser_of(numbers: Ints) -> Ints:
    """Which quantiser takes each of the numbers k (…, M), 0 or 1, in their order."""
    found = np.zeros_like(numbers)
    for start in range(0, numbers.shape[-1], CHAIN):
        parity = numbers[..., start : start + CHAIN] & 1
        for first in (0, 1):
            told = np.bitwise_xor.accumulate(parity[..., first:-1:2], axis=-1)
            found[..., start + first + 1 : start + CHAIN : 2] = told
    return found


def multiples(numbers: Ints, quantiser: Ints | int) -> Ints:
    """What the numbers k (…) of the quantisers (…) stand for, in Δ."""
    found: Ints = 2 * numbers - quantiser * np.sign(numbers)
    return found


def cheapest(
    exact: Floats, least: Ints, most: Ints, price: Callable[[Ints, Ints, int], Floats]
) -> Ints:
    """The numbers k (N, M) that cost the least in all: squared errors in Δ and ``price``.

    Of each quantiser the two nearest numbers and 0 are tried (the Viterbi algorithm).

    Args:
        exact: (N, M) in Δ.
        least, most: (M,) bounds of the numbers; 0 is within.
        price: numbers k (N, B), units (B,) and a quantiser → (N, B).
    """
    count, units = exact.shape
    chains = -(-units // CHAIN)
    length = min(units, CHAIN)
    places = np.arange(chains) * CHAIN
    total = np.full((STATES, count, chains), np.inf)
    total[0] = 0
    came = np.zeros((length, STATES, count, chains), np.int8)
    chosen = np.zeros((length, 2, 2, count, chains), np.int32)  # by quantiser and parity
    for at in range(length):
        mine = places + at
        if mine[-1] >= units:  # the last chain has ended
            mine = mine[:-1]
        here = len(mine)
        x, low, high = exact[:, mine], least[mine], most[mine]
        costs = np.empty((2, 2, count, here))
        for quantiser in (0, 1):
            lower = np.floor((x + quantiser * np.sign(x)) / 2).astype(np.int64)
            zero = np.zeros_like(lower)
            tried = [lower.clip(low, high), (lower + 1).clip(low, high), zero]
            errors = [(x - multiples(k, quantiser)) ** 2 + price(k, mine, quantiser) for k in tried]
            # of two neighbours each has a parity; at an end, or where 0 is cheaper, take that
            for parity in (0, 1):
                best, taken = np.full((count, here), np.inf), zero
                for k, error in zip(tried, errors, strict=True):
                    better = ((k & 1) == parity) & (error < best)
                    best, taken = np.where(better, error, best), np.where(better, k, taken)
                costs[quantiser, parity] = best
                chosen[at, quantiser, parity, :, :here] = taken
        after = total.copy()
        for state, (one, other) in enumerate(BEFORE):
            # b₁' = p ⊕ b₀: from the first of the two, whose b₀ is 0, p is b₁'
            first = total[one, :, :here] + costs[one >> 1, state >> 1]
            second = total[other, :, :here] + costs[other >> 1, 1 - (state >> 1)]
            came[at, state, :, :here] = second < first
            after[state, :, :here] = np.minimum(first, second)
        total = after
    state = total.argmin(0)
    found = np.zeros((count, units), np.int64)
    rows = np.arange(count)[:, None]
    before = np.array(BEFORE)
    for at in reversed(range(length)):
        here = chains if places[-1] + at < units else chains - 1
        columns = np.arange(here)
        now = state[:, :here]
        other = came[at, now, rows, columns]
        earlier = before[now, other]
        parity = (now >> 1) ^ (earlier & 1)
        found[:, places[:here] + at] = chosen[at, earlier >> 1, parity, rows, columns]
        state[:, :here] = earlier
    return found
