from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.images import Images, Source, Splits, Sprites, evaluation_split, split


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 4, 4), dtype=np.uint8)


def names(part: Images | None) -> set[str]:
    return set() if part is None else set(part.ids)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.sampled_from(
        [(0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0), (0.1, 0.1, 0.8)]
    ),
    st.integers(0, 5),
)
def test_parts_are_disjoint_complete_and_train_is_never_empty(n, fractions, seed):
    images = Images(noise(n))
    parts = split(images, fractions, seed=seed)
    found = [names(part) for part in parts]
    assert sum(map(len, found)) == n and set.union(*found) == set(images.ids)
    assert found[0]
    asked = [fraction > 0 for fraction in fractions]
    if n >= sum(asked):
        assert [bool(part) for part in found] == asked
    assert all(not part for part, wanted in zip(found, asked, strict=True) if not wanted)


def test_sizes_are_near_the_fractions_and_another_seed_divides_otherwise():
    images = Images(noise(4000))
    parts = split(images)
    assert [len(part) for part in parts] == pytest.approx([3200, 400, 400], abs=70)
    assert names(split(images).test) == names(parts.test) != names(split(images, seed=1).test)
    two = split(images, validation=0.25)
    assert two.test is None and len(two.validation) == pytest.approx(1000, abs=100)


def test_a_picture_keeps_its_side_when_others_come():
    pixels = noise(500)
    few, many = split(Images(pixels[:300])), split(Images(pixels[::-1].copy()))
    side = {
        row.tobytes(): name for name, part in many._asdict().items() for row in part.pixels.numpy()
    }
    for name, part in few._asdict().items():
        assert all(side[row.tobytes()] == name for row in part.pixels.numpy())


def test_identical_pictures_stand_on_one_side():
    images = Images(np.concatenate([noise(100)] * 3))
    for part in split(images):
        counts = np.unique(part.pixels.numpy().reshape(len(part), -1), axis=0, return_counts=True)[
            1
        ]
        assert set(counts.tolist()) == {3}


def test_nobody_is_in_two_parts():
    groups = np.random.default_rng(0).integers(0, 60, 600)
    parts = split(Images(noise(600), groups=groups))
    people = [set(part.groups.tolist()) for part in parts]
    assert sum(map(len, people)) == len(set(groups.tolist()))


def test_the_official_split_stands_and_validation_comes_out_of_train():
    official = np.array(["train"] * 900 + ["test"] * 100)
    images = Images(noise(1000), split=official)
    parts = split(images)
    assert names(parts.test) == {str(i) for i in range(900, 1000)}
    assert len(parts.validation) == pytest.approx(100, abs=35)
    assert set(parts.train.split) == set(parts.validation.split) == {"train"}
    official = ["validation"] * 50 + ["train"] * 850 + ["test"] * 100
    parts = split(Images(noise(1000), split=official))
    assert [len(part) for part in parts] == [850, 50, 100]


def test_the_part_to_be_judged_on():
    assert evaluation_split(Splits("a", "b", "c")) == ("test", "c")
    assert evaluation_split(Splits("a", "b")) == ("validation", "b")
    assert (
        evaluation_split(Splits("a")) == evaluation_split(Splits("a", "b"), "all") == ("all", None)
    )
    assert evaluation_split(Splits("a", "b", "c"), "train") == ("train", "a")
    with pytest.raises(ValueError, match="these pictures have no test part"):
        evaluation_split(Splits("a"), "test")
    with pytest.raises(ValueError, match="a part is train, validation, test or all; we got 'val'"):
        evaluation_split(Splits("a"), "val")


def test_other_sources_are_divided_by_index():
    parts = split(Sprites())
    assert sum(map(len, parts)) == 737_280
    assert len(parts.test) == pytest.approx(73_728, rel=0.03)
    assert isinstance(parts.test, Source)
    assert parts.test.batch(torch.tensor([0, 1])).shape == (2, 1, 64, 64)
    assert not set(parts.train.indices.tolist()) & set(parts.test.indices.tolist())


def test_sixty_thousand_pictures_take_no_time():
    images = Images(np.random.default_rng(0).integers(0, 256, (60_000, 1, 28, 28), dtype=np.uint8))
    start = time.perf_counter()
    split(images)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.1, 0.1), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5), (0.5, 0.5)]
)
def test_fractions_that_cannot_be(fractions):
    with pytest.raises(ValueError, match="fractions must be three|train must have a share"):
        split(Images(noise(4)), fractions)
