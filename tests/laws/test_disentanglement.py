"""Measures of disentanglement on codes whose score is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from narrows.measures import Disentanglement, disentanglement
from narrows.measures.disentanglement import (
    beta_vae_score,
    dci,
    factor_vae_score,
    information,
    mig,
    sap,
)

SIZES = (3, 5, 8, 4)
N = 3000


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def factors() -> np.ndarray:
    return np.stack([draws(k).integers(size, size=N) for k, size in enumerate(SIZES)], 1)


def noise(units: int, seed: int = 9) -> np.ndarray:
    return draws(seed).normal(size=(N, units))


def even() -> np.ndarray:
    """The factors with mean 0 and variance 1."""
    rows = factors().astype(float)
    return (rows - rows.mean(0)) / rows.std(0)


def turned(angle: float) -> np.ndarray:
    """The factors' planes 0-1 and 2-3 turned by an angle; a residue of 1e-17 would stand on a bin's edge."""
    cos, sin = math.cos(angle), math.sin(angle)
    return (even() @ np.kron(np.eye(2), np.array([[cos, -sin], [sin, cos]]))).round(9)


def test_the_factors_themselves_have_full_marks_with_and_without_units_of_noise() -> None:
    assert min(disentanglement(factors(), factors()).numbers().values()) > 0.99
    with_noise = np.hstack([factors(), noise(4)])
    assert min(disentanglement(with_noise, factors()).numbers().values()) > 0.98


@pytest.mark.parametrize("codes", [np.full((N, 5), 0.3), noise(6)], ids=["constant", "noise"])
def test_codes_that_say_nothing_have_none(codes: np.ndarray) -> None:
    found = disentanglement(codes, factors())
    assert found.mig < 0.01 and found.sap < 0.01
    assert found.dci.disentanglement < 0.03 and found.dci.completeness < 0.03
    assert found.dci.informativeness < 0.01
    # chance: 1/F of the scores that are shares of right answers
    assert found.factor_vae == pytest.approx(found.chance, abs=0.06)
    assert found.beta_vae == pytest.approx(found.chance, abs=0.06)


def test_two_units_for_each_factor_cost_what_asks_for_one() -> None:
    found = disentanglement(np.hstack([factors(), factors()]), factors())
    assert found.mig == 0 and found.sap == pytest.approx(0, abs=1e-12)
    # the entropy of two equal shares among eight units
    assert found.dci.completeness == pytest.approx(1 - math.log(2) / math.log(8), abs=0.04)
    assert found.dci.disentanglement > 0.99
    assert found.factor_vae == found.beta_vae == 1


def test_one_unit_for_two_factors_costs_what_asks_for_one_factor() -> None:
    known = factors()
    mixed = np.stack([known[:, 0] * 100 + known[:, 1], known[:, 2], known[:, 3]], 1)
    assert dci(mixed, known).completeness > 0.95
    # half of what the trees need is of a unit that says two factors equally: D = 1 − log 2 / log 4
    assert dci(mixed, known).disentanglement == pytest.approx(0.75, abs=0.03)
    assert factor_vae_score(mixed, known) < 0.85


def test_a_turn_costs_the_more_the_farther_and_a_quarter_nothing() -> None:
    none, some, most, quarter = (
        disentanglement(turned(angle), factors()).numbers()
        for angle in (0, math.pi / 8, math.pi / 4, math.pi / 2)
    )
    for name in ("mig", "sap", "disentanglement", "completeness"):
        assert none[name] > 0.99 and none[name] > some[name] + 0.1 > most[name] + 0.2, name
    assert quarter == pytest.approx(none, abs=0.01)
    # these two see variances, which a turn of 45 degrees mixes: the one falls, the other need not
    assert most["factor_vae"] < 0.8 and some["beta_vae"] > 0.95
    assert most["informativeness"] > 0.95  # and what can be told stays


def test_the_gap_of_r_squared_of_a_turn_is_the_difference_of_squared_cosines() -> None:
    angle = 0.3
    wanted = math.cos(angle) ** 2 - math.sin(angle) ** 2
    assert sap(turned(angle), factors()) == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize(
    "change",
    [
        lambda codes: 3 - 2 * codes[:, [2, 0, 3, 1]],
        lambda codes: codes * np.array([0.2, 1, -3, 0.5]),
        lambda codes: 1 + codes * 1e-7,  # steps that a tree would take for none
    ],
    ids=["order and sign", "scale of each", "scale of all"],
)
def test_what_does_not_count(change: Callable[[np.ndarray], np.ndarray]) -> None:
    codes = turned(0.2) + 0.3 * noise(4)
    wanted = disentanglement(codes, factors()).numbers()
    assert all(0.4 < value for value in wanted.values()) and wanted["mig"] < 0.9
    assert disentanglement(change(codes), factors()).numbers() == pytest.approx(wanted, abs=0.04)


def test_a_monotone_map_changes_nothing_for_trees_and_much_for_lines_and_equal_bins() -> None:
    codes = turned(0.2) + 0.1 * noise(4)
    bent = np.exp(3 * codes)
    before, after = dci(codes, factors()), dci(bent, factors())
    assert after == pytest.approx(before, abs=0.01)
    assert sap(bent, factors()) < sap(codes, factors()) - 0.05
    assert mig(bent, factors()) < mig(codes, factors()) - 0.05
    # thresholds of a category are not moved by it either
    every = range(len(SIZES))
    assert sap(bent, factors(), categorical=every) == pytest.approx(
        sap(codes, factors(), categorical=every), abs=1e-9
    )


def test_forests_do_not_count_what_they_gain_by_telling_neighbours_apart() -> None:
    """A unit that tells 40 values roughly, and five that tell nothing: of classes, a tree's gain is
    nearly all in the last splits, which any unit gives."""
    draw = draws(3)
    known = np.stack([draw.integers(40, size=N), draw.integers(4, size=N)], 1)
    codes = np.hstack([known + [2, 0.1] * draw.normal(size=(N, 2)), noise(5)])
    found = dci(codes, known)
    assert found.disentanglement > 0.9 and found.completeness > 0.9
    # noise of 2 steps beside the variance of 40
    assert found.informativeness == pytest.approx(1 - 0.5 * 4 / (40**2 / 12), abs=0.02)


def test_a_categorical_factor_is_predicted_by_thresholds_whatever_its_order() -> None:
    codes, known = factors(), factors()
    codes[:, 1] = np.array([2, 4, 0, 3, 1])[known[:, 1]]  # the same names in another order
    by_line = sap(codes, known)
    assert dci(codes, known, categorical=[1]) == pytest.approx((1, 1, 1), abs=0.01)
    by_thresholds = sap(codes, known, categorical=[1])
    # a gap of 1 for three factors, of 1 − 1/5 for the one of five values
    assert by_thresholds == pytest.approx((3 + 0.8) / 4, abs=0.02)
    assert by_line < 0.85 < by_thresholds


def test_information_is_that_of_a_known_channel() -> None:
    known = np.stack([np.arange(N) % 2, np.arange(N) // 2 % 4], 1)
    flipped = known[:, 0] ^ (draws().random(N) < 0.1)
    told = information(np.stack([flipped, np.zeros(N)], 1), known)
    wanted = 1 + 0.1 * math.log2(0.1) + 0.9 * math.log2(0.9)  # of a binary symmetric channel
    assert told[0, 0] == pytest.approx(wanted, abs=0.03)
    assert told[0, 1] < 0.01 and not told[1].any()


def test_twenty_bins_cannot_tell_forty_values_in_full() -> None:
    known = np.stack([np.arange(8000) % 40, np.arange(8000) // 40 % 2], 1)
    told = information(known, known)
    assert told[0, 0] == pytest.approx(math.log(20) / math.log(40), abs=1e-6)
    assert told[1, 1] == pytest.approx(1)
    assert mig(known, known) == pytest.approx((math.log(20) / math.log(40) + 1) / 2, abs=1e-6)


def test_a_silent_unit_gets_no_votes() -> None:
    """A unit of tiny noise that is least at chance would take them from those that speak."""
    silent = np.hstack([factors().astype(float), 1e-3 * noise(6)])
    assert factor_vae_score(silent, factors()) == 1
    assert factor_vae_score(silent[:, 4:], factors()) < 0.35


def test_pictures_drawn_from_those_at_hand_score_as_pictures_made_for_each_vote() -> None:
    """What the papers do: fix a factor, draw the others anew. Ours draws among N pictures."""
    draw = draws(5)
    mixing = np.linalg.qr(draw.normal(size=(4, 4)))[0] @ np.diag([1, 1, 1, 0.5])
    scale = factors().std(0)

    def codes(steps: np.ndarray) -> np.ndarray:
        return steps / scale @ mixing + 0.5 * draw.normal(size=steps.shape)

    deviation = codes(factors()).std(0)
    votes = np.zeros((2, 4, 4), np.int64)
    for number in range(8000):
        k = draw.integers(4)
        steps = np.stack([draw.integers(size, size=100) for size in SIZES], 1)
        steps[:, k] = steps[0, k]
        votes[number % 2, (codes(steps) / deviation).var(0).argmin(), k] += 1
    wanted = votes[1][np.arange(4), votes[0].argmax(1)].sum() / 4000
    ours = [factor_vae_score(codes(factors()), factors(), seed=seed) for seed in range(5)]
    assert 0.4 < wanted < 0.95
    assert np.mean(ours) == pytest.approx(wanted, abs=0.04)


def test_the_seed_makes_the_numbers_and_codes_of_any_shape_are_rows() -> None:
    codes = turned(0.6) + noise(4)
    first, again = (disentanglement(codes, factors(), seed=1) for _ in range(2))
    assert first.numbers() == again.numbers()
    assert beta_vae_score(codes, factors(), seed=2) != first.beta_vae
    folded = disentanglement(codes.reshape(N, 1, 2, 2), factors(), seed=1)
    assert folded.numbers() == first.numbers()
    assert isinstance(first, Disentanglement) and first.information.shape == (4, 4)
    assert first.pictures == N and first.chance == 0.25
    assert list(first.numbers()) == [
        *("mig", "disentanglement", "completeness", "informativeness", "sap"),
        *("factor_vae", "beta_vae"),
    ]


@pytest.mark.parametrize(
    "codes, known, said",
    [
        (factors()[:10], factors(), r"\(10, 4\) and \(3000, 4\)"),
        (np.full((N, 2), np.nan), factors(), "3,000 of 3,000 codes are NaN"),
        (noise(2), factors()[:, :1], "two factors or more"),
        (noise(2), np.ones((N, 2)), "factor 0 has one value among 3,000"),
        (noise(2), np.stack([factors()[:, 0], np.arange(N)], 1), "factor 1 has a value that a"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    codes: np.ndarray, known: np.ndarray, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        disentanglement(codes, known)
    with pytest.raises(ValueError, match="columns 0 to 3; we got 4"):
        sap(noise(2), factors(), categorical=[4])


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    disentanglement(even(), factors(), progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 5) for i in range(1, 6)]
