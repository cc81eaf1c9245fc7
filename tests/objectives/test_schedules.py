"""Weights over time, at known epochs and at the end (epoch = ∞, which validation uses)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.objectives import Constant, Cyclic, Schedule, WarmUp


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
