"""Weights over time, at known epochs and at the end (epoch = ∞, which validation uses)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.objectives import Constant, Controlled, Controller, Cyclic, Schedule, WarmUp
from narrows.parts import Part, build, part_of


@pytest.mark.parametrize(
    "schedule, epoch, wanted",
    [
        (Constant(4.0), 0.0, 4.0),
        (Constant(4.0), math.inf, 4.0),
        (WarmUp(40, 2.0), 0.0, 0.0),
        (WarmUp(40, 2.0), 10.0, 0.5),
        (WarmUp(40, 2.0), 40.0, 2.0),
        (WarmUp(40, 2.0), 41.0, 2.0),
        (WarmUp(40, 2.0), math.inf, 2.0),
        (Cyclic(10, 0.5, 2.0), 0.0, 0.0),
        (Cyclic(10, 0.5, 2.0), 2.5, 1.0),
        (Cyclic(10, 0.5, 2.0), 5.0, 2.0),
        (Cyclic(10, 0.5, 2.0), 9.9, 2.0),
        (Cyclic(10, 0.5, 2.0), 10.0, 0.0),
        (Cyclic(10, 0.5, 2.0), 12.5, 1.0),
        (Cyclic(10, 0.5, 2.0), math.inf, 2.0),
    ],
)
def test_values_at_known_epochs(schedule: Schedule, epoch: float, wanted: float) -> None:
    assert schedule.weight(epoch) == pytest.approx(wanted)


@pytest.mark.parametrize("schedule", [Constant(3.0), WarmUp(7, 3.0), Cyclic(7, 0.3, 3.0)])
@given(epoch=st.floats(0, 1e6))
def test_a_weight_stays_between_zero_and_its_value(schedule: Schedule, epoch: float) -> None:
    assert isinstance(schedule, Schedule)
    assert 0 <= schedule.weight(epoch) <= 3.0


def test_what_cannot_work_is_refused_when_built() -> None:
    with pytest.raises(ValueError, match="a warm-up lasts more than 0 epochs; we got 0"):
        WarmUp(0)
    for period, rise in ((0, 0.5), (10, 0), (10, 1.5)):
        with pytest.raises(ValueError, match=r"needs period > 0 and rise in \(0, 1\]; we got per"):
            Cyclic(period, rise)


def test_a_controller_is_known_by_its_state() -> None:
    assert isinstance(Controlled(), Schedule) and isinstance(Controlled(), Controller)
    assert not isinstance(Constant(), Controller)


def test_a_controlled_weight_begins_at_its_least_and_ignores_the_epoch() -> None:
    weight = Controlled(target=5.0, least=0.25)
    assert [weight.weight(epoch) for epoch in (0.0, 7.5, math.inf)] == [0.25] * 3
    weight.observe(50.0)
    assert weight.weight(0.0) == weight.weight(math.inf) > 0.25


def test_one_observation_is_the_formula() -> None:
    weight = Controlled(target=5.0, proportional=0.2, integral=0.01, least=0.1)
    for kl, errors in ((6.0, -1.0), (7.5, -3.5), (4.0, -2.5)):
        weight.observe(kl)
        proportional = 0.2 / (1 + math.exp(5.0 - kl))
        assert weight.weight(0.0) == pytest.approx(proportional - 0.01 * errors + 0.1)


@given(kls=st.lists(st.floats(0, 1e6), max_size=30))
def test_a_controlled_weight_stays_between_its_ends(kls: list[float]) -> None:
    weight = Controlled(target=5.0, integral=0.01, least=0.5, value=3.0)
    for kl in kls:
        weight.observe(kl)
        assert 0.5 <= weight.weight(0.0) <= 3.0


def test_a_controller_is_a_part_with_its_arguments_and_without_its_state() -> None:
    weight = build("schedule", Part("controlled", {"target": 7.0}))
    weight.observe(100.0)
    arguments = part_of(weight).arguments
    assert arguments == {
        "target": 7.0,
        "proportional": 0.01,
        "integral": 0.0001,
        "least": 0.0,
        "value": 1.0,
        "first": None,
        "rise": 0.15,
        "every": 5000,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": 0.0},
        {"target": math.nan},
        {"proportional": -0.1},
        {"integral": -0.1},
        {"least": -0.1},
        {"least": 1.0},
    ],
)
def test_a_controller_that_cannot_work_is_refused_when_built(wrong: dict[str, float]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=rf"needs target > 0, gains .* we got .*{name}={value}"):
        Controlled(**wrong)
