"""NearDuplicates: made copies are found and other pictures are not, whatever codes say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.applications import near_duplicates as module
from narrows.applications.close_codes import AUGMENTATIONS, augmented
from narrows.applications.near_duplicates import (
    SIDE,
    best_threshold,
    near_duplicates,
    signatures,
    turned,
)
from narrows.measures.registration import Looks


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Sixty smooth pictures uint8 (3, 40, 60) of which the first twelve have four copies each."""
    coarse = torch.rand(60, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(coarse, (40, 60), mode="bicubic")
    found = [each.numpy() for each in (30 + 180 * large.clamp(0, 1)).byte()]
    return found + [augmented(each, name) for each in found[:12] for name in AUGMENTATIONS]


def whole(groups) -> set[frozenset[int]]:
    return {frozenset([each.keeper, *each.others]) for each in groups}


def test_copies_are_found_and_others_are_not(pictures) -> None:
    small = signatures(pictures)
    assert small.shape == (108, 3, SIDE, SIDE) and small.dtype == np.uint8
    found = near_duplicates(small, examples=pictures[:24])
    assert whole(found.groups) == {
        frozenset([i, *range(60 + 4 * i, 64 + 4 * i)]) for i in range(12)
    }
    assert all(found.threshold.found(name) > 0.9 for name in AUGMENTATIONS)
    for group in found.groups:
        assert group.keeper < 12 and max(group.distances) <= found.threshold.distance
        assert group.distances == sorted(group.distances)
    assert found.threshold.apart > found.threshold.distance
    again = np.argsort(np.random.default_rng(0).permutation(108))  # another order of the same
    mixed = near_duplicates(
        small[again], threshold=found.threshold.distance, order=np.argsort(again)
    )
    assert {frozenset(again[list(each)].tolist()) for each in whole(mixed.groups)} == whole(
        found.groups
    )


def test_codes_propose_pairs_that_looks_decide(pictures) -> None:
    small = signatures(pictures)
    none = np.full((108, 1), -1)
    near = none.copy()
    near[0], near[5] = 60, 40  # a copy, and another picture
    kept = near_duplicates(small, near, threshold=0.1)
    assert whole(kept.groups) == whole(near_duplicates(small, none, threshold=0.1).groups)


def test_equal_pictures_are_one_group_and_few_are_none(pictures) -> None:
    many = signatures([pictures[0]] * 500)
    (group,) = near_duplicates(many, threshold=0.0).groups
    assert group.keeper == 0 and len(group.others) == 499
    assert near_duplicates(many[:0], threshold=0.1).groups == []
    assert near_duplicates(many[:1], threshold=0.1).groups == []


def test_what_is_refused(pictures) -> None:
    with pytest.raises(ValueError, match="pictures to make examples of"):
        near_duplicates(signatures(pictures[:3]))
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a difference of at least 0"):
            near_duplicates(signatures(pictures[:3]), threshold=wrong)


@pytest.mark.parametrize("duplicates", [0, 30, 3000])
def test_the_threshold_is_near_the_best_there_is(duplicates: int) -> None:
    draw = np.random.default_rng(0)
    made = draw.gamma(4, 0.01, 400)  # mostly below 0.08
    copies = draw.gamma(4, 0.01, duplicates)
    others = 0.6 * draw.random(20_000) ** (1 / 6)  # six dimensions
    chosen = best_threshold(made, np.concatenate([copies, others]))
    if not duplicates:
        assert (others <= chosen).sum() <= 2
        return

    def measure(t: float) -> float:
        right = (copies <= t).sum()
        return float(2 * right / (duplicates + right + (others <= t).sum()))

    best = max(measure(t) for t in np.linspace(0.005, 0.3, 200))
    assert measure(chosen) > best - 0.03


def test_where_nothing_else_is_near_all_made_copies_count() -> None:
    assert best_threshold(np.linspace(0, 0.1, 50), np.zeros(0)) == pytest.approx(0.1)
    assert best_threshold(np.zeros(5), np.zeros(3)) == 0.0


def test_half_the_size_rules_no_duplicate_out(pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """The groups are those of all pairs compared at full size, turned copies among them."""
    draw = np.random.default_rng(2)
    several = [*pictures, *(each[:, ::-1, ::-1].copy() for each in pictures[12:24])]
    several += [np.ascontiguousarray(each.transpose(0, 2, 1)) for each in pictures[24:30]]
    for _ in range(200):  # alike, and no copies
        one, other = draw.choice(60, 2, replace=False)
        several.append((0.62 * pictures[one] + 0.38 * pictures[other]).astype(np.uint8))
    small = signatures(several)
    found = near_duplicates(small, examples=pictures[:24])
    monkeypatch.setattr(module, "SAMPLE", 0)
    ruled = near_duplicates(small, examples=pictures[:24])
    assert len(ruled.pairs) < len(found.pairs)
    monkeypatch.setattr(module, "_rough_reach", lambda reach: np.inf)
    everything = near_duplicates(small, examples=pictures[:24])
    assert len(everything.pairs) >= len(found.pairs)
    assert everything.groups == ruled.groups == found.groups and len(found.groups) >= 30
    assert everything.turns == ruled.turns == found.turns
    assert everything.threshold.distance == ruled.threshold.distance == found.threshold.distance


@pytest.mark.parametrize("turn", range(8))
def test_turned_looks_are_looks_of_turned_pictures(pictures, turn: int) -> None:
    looks = Looks.of(torch.from_numpy(signatures(pictures[:5])))
    there = module._turned(looks, np.full(5, turn))
    fresh = Looks.of(turned(looks.pictures, turn))
    assert torch.equal(there.pictures, fresh.pictures)
    assert torch.allclose(there.solve, fresh.solve, atol=1e-4 * float(fresh.solve.abs().max()))
