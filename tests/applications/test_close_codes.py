"""Duplicates: every near pair is found, each group has its keeper, and thresholds are made of examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import narrows.applications.close_codes as module
from narrows.applications.close_codes import (
    AUGMENTATIONS,
    augmented,
    close_groups,
    close_pairs,
    nearest_pairs,
    threshold_of,
)


@given(
    n=st.integers(0, 70), size=st.integers(1, 6), threshold=st.floats(0, 3),
    shift=st.sampled_from([0.0, 300.0]), seed=st.integers(0, 4),
)  # fmt: skip
def test_pairs_are_those_of_all_distances(n, size, threshold, shift, seed) -> None:
    draw = np.random.default_rng(seed)
    codes = (draw.normal(size=(n, size)) + shift).astype(np.float32)
    leaf = module._LEAF
    module._LEAF = 8
    try:
        a, b, distances = close_pairs(codes, threshold)
    finally:
        module._LEAF = leaf
    away = codes[:, None].astype(np.float64) - codes[None]
    every = np.sqrt((away**2).sum(2))
    first, second = np.nonzero(np.triu(every <= threshold, 1))
    assert np.array_equal(a, first) and np.array_equal(b, second)
    assert np.allclose(distances, every[first, second])


@pytest.mark.parametrize("many, leaf", [(50, 512), (1 << 20, 512), (50, 8), (1 << 20, 2)])
def test_the_nearest_pairs_are_those_of_all_distances(many, leaf, monkeypatch) -> None:
    monkeypatch.setattr(module, "_MANY", many)
    monkeypatch.setattr(module, "_LEAF", leaf)
    codes = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    a, b, distances = nearest_pairs(codes, 2, 0.9)
    every = np.linalg.norm(codes[:, None].astype(np.float64) - codes[None], axis=2)
    np.fill_diagonal(every, np.inf)
    two = {
        (min(i, j), max(i, j))
        for i, row in enumerate(every)
        for j in np.argsort(row)[:2].tolist()
        if row[j] <= 0.9
    }
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == two and len(a) == len(two)
    assert np.allclose(distances, every[a, b])


def test_a_group_has_a_keeper_that_all_are_near_to() -> None:
    codes = np.array([[0.0], [1.0], [2.0], [10.0], [10.5], [30.0], [0.0]])
    groups = close_groups(codes, 1.0)
    assert [(g.keeper, g.others, g.distances) for g in groups] == [
        (0, [6, 1], [0.0, 1.0]),  # 2 is near to 1 alone
        (3, [4], [0.5]),
    ]
    best = close_groups(codes, 1.0, order=np.array([1, 6, 5, 4, 3, 2, 0]))
    assert [(g.keeper, g.others) for g in best] == [(1, [6, 2, 0]), (4, [3])]
    assert close_groups(codes[:0], 1.0) == []
    assert close_groups(codes[[0, 3]], 1.0) == []


@pytest.mark.parametrize("seed", range(3))
def test_keepers_are_apart_and_nobody_is_in_two_groups(seed: int) -> None:
    codes = np.random.default_rng(seed).normal(size=(300, 2)).astype(np.float32)
    codes[250:] = codes[:50]
    groups = close_groups(codes, 0.3)
    others = [row for group in groups for row in group.others]
    rows = others + [group.keeper for group in groups]
    assert len(rows) == len(set(rows))
    left = np.delete(codes, others, 0)
    assert close_groups(left, 0.3) == []
    for group in groups:
        away = np.linalg.norm(codes[group.others] - codes[group.keeper], axis=1)
        assert np.allclose(away, group.distances, atol=1e-6) and (away <= 0.3 + 1e-6).all()


def test_ten_thousand_equal_pictures_are_one_group() -> None:
    groups = close_groups(np.ones((10_000, 8)), 0.0)
    assert len(groups) == 1 and len(groups[0].others) == 9999 and groups[0].keeper == 0


def test_a_threshold_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a distance of at least 0"):
            close_groups(np.zeros((3, 2)), wrong)
    monkeypatch.setattr(module, "MOST_PAIRS", 100)
    with pytest.raises(ValueError, match="more than 100 pairs .* choose a smaller threshold"):
        close_groups(np.arange(60.0)[:, None], 50.0)


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth picture uint8 (3, 40, 60)."""
    y, x = np.mgrid[:40, :60]
    waves = np.stack([np.sin(x / 9 + y / 13), np.cos(x / 7), np.sin(y / 8)])
    return (120 + 80 * waves).astype(np.uint8)


def test_made_duplicates_are_alike_and_not_the_same(picture: np.ndarray) -> None:
    shapes = {"resized": (3, 28, 42)}
    for name in AUGMENTATIONS:
        made = augmented(picture, name)
        assert made.dtype == np.uint8 and made.shape == shapes.get(name, picture.shape)
        if name != "resized":
            away = np.abs(made.astype(float) - picture).mean()
            assert 0 < away < 25, name
        assert augmented(picture[:1], name).shape == (1, *made.shape[1:])
    with pytest.raises(ValueError, match="altered by recompressed, .*; we got 'burnt'"):
        augmented(picture, "burnt")


def test_a_threshold_finds_nine_of_ten_of_them(picture: np.ndarray) -> None:
    def encode(pictures) -> np.ndarray:
        return np.array([[each.mean(), each.std()] for each in pictures])

    pictures = [
        np.clip(picture.astype(int) + shift, 0, 255).astype(np.uint8)
        for shift in range(-60, 60, 10)
    ]
    free = threshold_of(pictures, encode, 1e9)
    every = np.concatenate(list(free.made.values()))
    assert set(free.made) == set(AUGMENTATIONS) and 0.88 <= (every <= free.distance).mean() <= 0.92
    assert free.found("resized") == 1 and 0 < free.found("brightened") < 1
    assert free.found("brightened", free.distance * 0.5) == 0
    assert threshold_of(pictures, encode, 1.0).distance == 0.5
    with pytest.raises(ValueError, match="we got none"):
        threshold_of([], encode, 1.0)
