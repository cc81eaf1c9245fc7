"""Learning rates over a phase: how they start, how they end, and that they never leave [0, 1]."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.training.rates import RATES, rate

ENDS = {
    "constant": (1.0, 1.0),
    "cosine": (1.0, 0.0),
    "linear": (1.0, 0.0),
    "one-cycle": (0.04, 0.0),
    "burda": (1.0, 0.1),
}


def test_every_rate_is_here() -> None:
    assert ENDS.keys() == RATES.keys()


@pytest.mark.parametrize("name", RATES)
def test_ends(name: str) -> None:
    start, end = ENDS[name]
    assert rate(name)(0.0) == pytest.approx(start)
    assert rate(name)(1.0) == pytest.approx(end, abs=1e-9)


@pytest.mark.parametrize("name", RATES)
@given(fraction=st.floats(0, 1))
def test_a_factor_lies_between_nothing_and_one(name: str, fraction: float) -> None:
    assert 0 <= rate(name)(fraction) <= 1


def test_the_highest_rate_is_reached() -> None:
    assert rate("one-cycle")(0.1) == pytest.approx(1.0)
    for name in RATES:
        assert max(rate(name)(i / 1000) for i in range(1001)) == pytest.approx(1.0)


def test_burda_goes_down_in_stages_of_three_to_the_i() -> None:
    factor = rate("burda")
    passes = 0
    for stage in range(8):
        for within in (0, 3**stage - 1):
            at = (passes + within + 0.5) / 3280
            assert factor(at) == pytest.approx(10 ** (-stage / 7)), (stage, within)
        passes += 3**stage
    assert passes == 3280


def test_halfway() -> None:
    assert rate("linear")(0.5) == pytest.approx(0.5)
    assert rate("cosine")(0.5) == pytest.approx(0.5)
    assert rate("cosine")(1 / 3) == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)))


def test_an_unknown_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of constant, cosine, .*; we got 'step'"):
        rate("step")
