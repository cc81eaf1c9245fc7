"""Verdicts of the experiments beside the documents' figures are functions of their rows: on tables made up for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from narrows_studies import Row
from narrows_studies import kovenko_units as kovenko
from narrows_studies import lingrand_softmax as lingrand
from narrows_studies import own_old_photos as old
from narrows_studies import ray_search as ray
from narrows_studies import theivaprakasham_control as control


def rows(values: dict[str, float | Sequence[float]]) -> list[Row]:
    return [Row(k, [v] if isinstance(v, int | float) else v) for k, v in values.items()]


ACTIVE = {
    f"units in use, {name}": count
    for name, count in (
        (kovenko.CLASSIC, 40), (kovenko.SLOW, 50), (kovenko.NORM, 41), (kovenko.WARM, 60),
    )
}  # fmt: skip
LONGER = {
    f"{what}, {times:g} times the epochs": value
    for what, values in (
        ("Fréchet distance", (40, 30, 20, 10)),
        ("sharpness ÷ that of real faces", (0.1, 0.2, 0.3, 0.4)),
    )
    for times, value in zip(kovenko.TIMES, values, strict=True)
}
POOLING = {
    f"{level}, {name}, {angle:g}°": value
    for level in ("level 0", "level 1", "level 2", "code")
    for angle in kovenko.ANGLES
    for name, value in ((kovenko.POOLED, 0.7), (kovenko.STRIDED, 0.5))
}
SEARCH = {f"squared error, {ray.BEST}": 90.0, f"squared error, {ray.PLAIN}": 100.0}
SEEDS = {
    f"squared error, {ray.STACKED}": [100.0, 101.0, 99.0],
    f"squared error, {ray.RECURSIVE}": [90.0, 91.0, 89.0],
    f"squared error, {ray.RUNGS}": [80.0, 82.0],
}
CONTROL = {
    f"{control.NAMES[1]}: {control.MIG}": 0.2,
    f"{control.NAMES[2]}: {control.MIG}": 0.18,
    f"{control.NAMES[1]}: {control.ERROR}": 60.0,
    f"{control.NAMES[2]}: {control.ERROR}": 40.0,
}
SOFTMAX = {
    f"accuracy, {name}, {count:,} labels": value
    for count in (1000, 20_000)
    for name, value in ((lingrand.FIRST, 0.8), (lingrand.BOTH, 0.8))
}
CASES: list[tuple[Callable[[Sequence[Row]], str], dict, dict, str]] = [
    (kovenko.judge_active, ACTIVE, {}, "holds"),
    (kovenko.judge_active, ACTIVE, {f"units in use, {kovenko.SLOW}": 40}, "holds in part"),
    (kovenko.judge_active, ACTIVE, {f"units in use, {kovenko.WARM}": 41}, "holds in part"),
    (kovenko.judge_longer, LONGER, {}, "holds"),
    (kovenko.judge_longer, LONGER, {"Fréchet distance, 2 times the epochs": 21}, "holds in part"),
    (kovenko.judge_longer, LONGER, dict.fromkeys(LONGER, 1.0), "does not hold"),
    (kovenko.judge_pooling, POOLING, {}, "holds"),
    (kovenko.judge_pooling, POOLING, {f"code, {kovenko.POOLED}, 10°": 0.4}, "holds in part"),
    (kovenko.judge_pooling, POOLING, {k: 0.4 for k in POOLING if kovenko.POOLED in k}, "does not hold"),
    (ray.judge_search, SEARCH, {}, "holds"),
    (ray.judge_search, SEARCH, {f"squared error, {ray.BEST}": 100.0}, "does not hold"),
    (ray.judge_seeds, SEEDS, {}, "holds"),
    (ray.judge_seeds, SEEDS, {f"squared error, {ray.RECURSIVE}": [98.0, 110.0, 88.0]}, "holds in part"),
    (ray.judge_seeds, SEEDS, {f"squared error, {ray.STACKED}": [70.0, 71.0]}, "does not hold"),
    (control.judge_controlled, CONTROL, {}, "holds"),
    (control.judge_controlled, CONTROL, {f"{control.NAMES[2]}: {control.MIG}": 0.1}, "holds in part"),
    (control.judge_controlled, CONTROL, {f"{control.NAMES[2]}: {control.ERROR}": 61.0}, "holds in part"),
    (lingrand.judge_softmax_first, SOFTMAX, {}, "holds"),
    (
        lingrand.judge_softmax_first, SOFTMAX,
        {f"accuracy, {lingrand.FIRST}, 1,000 labels": 0.7}, "holds in part",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "changed", "verdict"),
    [
        (20.0, {}, "holds"),
        (19.4, {}, "holds in part"),  # above the linear one, not by two decibels above the sequence
        (20.0, {old.LINEAR: 20.1}, "holds in part"),
        (18.0, {}, "does not hold"),
    ],
)
def test_old_pictures_are_judged_against_the_sequence_and_the_rest(ours, changed, verdict) -> None:
    beside = {old.SEQUENCE: 17.5, old.LINEAR: 19.0, old.GIVEN: 16.0, **changed}
    table = [Row(old.NEARER, [ours], "", beside), Row(f"{old.NEARER} without", [0.0], "", beside)]
    assert old.judge_old(table) == verdict


@pytest.mark.parametrize(("judge", "table", "changed", "verdict"), CASES)
def test_a_verdict_follows_its_rows(judge, table, changed, verdict) -> None:
    assert judge(rows({**table, **changed})) == verdict
