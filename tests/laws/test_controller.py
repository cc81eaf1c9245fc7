"""The PI controller of a KL on a toy plant: it reaches its target, stays, and goes on exactly."""

from __future__ import annotations

import itertools
import json

import pytest

from narrows.objectives import Controlled


class Plant:
    """A KL that follows the weight β with a lag: in the end it is 60 / (1 + strength · β)."""

    def __init__(self, strength: float = 10.0, lag: float = 20.0) -> None:
        self.kl, self.strength, self.lag = 0.0, strength, lag

    def step(self, weight: float) -> float:
        self.kl += (60.0 / (1 + self.strength * weight) - self.kl) / self.lag
        return self.kl


def run(weight: Controlled, plant: Plant, steps: int) -> list[float]:
    kls = []
    for _ in range(steps):
        kls.append(plant.step(weight.weight(0.0)))
        weight.observe(kls[-1])
    return kls


@pytest.mark.parametrize("target", [10.0, 20.0, 45.0])
@pytest.mark.parametrize("lag", [1.0, 20.0, 100.0])
def test_the_kl_reaches_its_target_and_stays(target: float, lag: float) -> None:
    weight = Controlled(target=target)
    kls = run(weight, Plant(lag=lag), 6000)
    assert max(abs(kl - target) for kl in kls[4000:]) < 0.01 * target
    assert weight.weight(0.0) == pytest.approx((60.0 / target - 1) / 10.0, rel=0.02)


def test_a_target_out_of_reach_leaves_the_weight_at_its_end() -> None:
    low, high = Controlled(target=1.0), Controlled(target=80.0)
    run(low, Plant(), 4000)
    run(high, Plant(), 4000)
    assert (low.weight(0.0), high.weight(0.0)) == (1.0, 0.0)


@pytest.mark.parametrize("long", [1500, 50_000])
def test_the_sum_does_not_wind_up(long: int) -> None:
    """After however long at an end, the weight leaves it at once when the KL passes its target."""
    weight = Controlled(target=20.0)
    for _ in range(long):
        weight.observe(50.0)
    assert weight.weight(0.0) == 1.0
    for _ in range(200):
        weight.observe(10.0)
    assert weight.weight(0.0) == pytest.approx(0.8, abs=0.015)
    for _ in range(long):
        weight.observe(10.0)
    assert weight.weight(0.0) == 0.0
    for _ in range(200):
        weight.observe(30.0)
    assert weight.weight(0.0) == pytest.approx(0.2, abs=0.015)


def test_restored_it_goes_on_exactly() -> None:
    whole, first, second = (Controlled(target=20.0) for _ in range(3))
    through, plant = Plant(), Plant()
    wanted = run(whole, through, 300)
    begun = run(first, plant, 123)
    second.restore(json.loads(json.dumps(first.state())))
    assert list(itertools.chain(begun, run(second, plant, 177))) == wanted
    assert second.state() == whole.state()


def test_a_target_that_grows_in_steps_takes_the_kl_along() -> None:
    weight, plant = Controlled(target=30.0, first=10.0, rise=5.0, every=3000), Plant()
    for wanted in (10.0, 15.0, 20.0, 25.0, 30.0, 30.0):
        assert weight.wanted == wanted
        kls = run(weight, plant, 3000)
        assert kls[-1] == pytest.approx(wanted, rel=0.05)


def test_a_growing_target_goes_on_exactly() -> None:
    asked = {"target": 20.0, "first": 5.0, "rise": 1.0, "every": 700}
    whole, plant = Controlled(**asked), Plant()
    wanted = run(whole, plant, 4000)
    first, again, plant = Controlled(**asked), Controlled(**asked), Plant()
    before = run(first, plant, 1500)
    again.restore(json.loads(json.dumps(first.state())))
    assert before + run(again, plant, 2500) == wanted


@pytest.mark.parametrize("wrong", [{"first": 30.0}, {"first": 0.0}, {"first": 1.0, "rise": 0.0}])
def test_a_target_that_cannot_grow_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a target grows from first"):
        Controlled(target=20.0, **wrong)
