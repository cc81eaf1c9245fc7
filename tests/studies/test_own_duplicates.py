"""Pairs are counted rightly, and the four hashes are those of their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from narrows_studies.own_duplicates import WAYS, hashes, judged, within


def test_precision_and_recall_of_pairs() -> None:
    files = 2 * len(WAYS)
    whole = within([range(5), range(5, 10)])
    assert len(whole) == 20
    assert set(judged(whole, files).values()) == {1.0}
    assert judged(set(), files)["F1"] == 0
    found = judged(
        whole - {(0, 3)} | {(4, 5)}, files
    )  # a cropped copy lost, a pair of two photographs
    assert found["precision"] == found["recall"] == pytest.approx(19 / 20)
    assert found["cropped copies found"] == 0.5 and found["resized copies found"] == 1


def test_hashes_of_a_picture_whose_bits_are_known() -> None:
    left = np.zeros((64, 64), np.uint8)
    left[:, :32] = 200
    found = hashes(Image.fromarray(left))
    half = np.tile(np.arange(8) < 4, (8, 1))
    assert (found["ahash"] == half).all() and (found["whash"] == half).all()
    rising = hashes(Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))))
    assert rising["dhash"].all()
    assert rising["phash"].sum() <= 32  # above the median of its own coefficients


def test_a_hash_of_a_brighter_and_smaller_copy_is_near() -> None:
    random = np.random.default_rng(0).normal(120, 30, (8, 8))
    image = Image.fromarray(random.clip(0, 220).astype(np.uint8)).resize((128, 96))
    copy = image.resize((80, 60)).point(lambda value: min(255, round(1.1 * value)))
    first, second = hashes(image), hashes(copy)
    assert all((first[name] != second[name]).sum() <= 8 for name in first)
    other = hashes(image.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    assert all((first[name] != other[name]).sum() > 12 for name in first)
