"""Distances from normal codes, against the same written out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from narrows.measures.code_distances import (
    DISTANCES,
    CodeDistance,
    CosineKnn,
    Knn,
    LocalExcess,
    LocalOutlierFactor,
    Mahalanobis,
)


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def others() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32) * 2


def pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(((a[:, None].astype(np.float64) - b[None]) ** 2).sum(2))


def test_neighbours_written_out(codes, others) -> None:
    found = Knn(5).fit(codes).score(others)
    assert np.allclose(found, np.sort(pairs(others, codes), 1)[:, :5].mean(1), rtol=1e-5)


def test_own_scores_leave_a_code_out_of_its_own_neighbours(codes) -> None:
    wanted = np.sort(pairs(codes, codes), 1)[:, 1:6].mean(1)
    assert np.allclose(Knn(5).fit(codes).own_scores(), wanted, rtol=1e-5)


@pytest.mark.parametrize("n", [6, 64, 65, 5000])
def test_the_nearest_are_those_of_all_pairs_in_blocks_far_from_the_origin(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(2)
    rows = (100 + draw.normal(size=(n, 6))).astype(np.float32)
    asked = (100 + draw.normal(size=(33, 6))).astype(np.float32)
    monkeypatch.setattr("narrows.measures.code_distances._AT_ONCE", 16 * n)  # not all at once
    distances, places = Knn(5).fit(rows).nearest(asked)
    away = pairs(asked, rows)
    assert (places == np.argsort(away, 1, kind="stable")[:, :5]).all()
    assert np.allclose(distances, np.sort(away, 1)[:, :5], rtol=1e-12)
    few = np.repeat(rows[:1], 9, 0)  # equal codes: none but itself is left out
    assert (Knn(5).fit(few).own_scores() == 0).all()


def test_directions_written_out_do_not_care_how_far_a_code_lies(codes, others) -> None:
    origin = np.arange(6.0)

    def turned(rows: np.ndarray) -> np.ndarray:
        seen = rows - origin
        return seen / np.linalg.norm(seen, axis=1, keepdims=True)

    fitted = CosineKnn(4, origin).fit(codes)
    wanted = np.sort(pairs(turned(others), turned(codes)), 1)[:, :4].mean(1)
    assert np.allclose(fitted.score(others), wanted, rtol=1e-4)
    assert np.allclose(fitted.score(origin + 3 * (others - origin)), wanted, rtol=1e-4)
    assert np.allclose(
        CosineKnn(4).fit(codes).score(others), CosineKnn(4).fit(codes).score(9 * others)
    )
    assert np.isfinite(fitted.score(origin[None])).all()
    with pytest.raises(ValueError, match="codes of 2 numbers were wanted.* we got 6"):
        CosineKnn(4, origin[:2]).fit(codes)


def test_the_local_outlier_factor_written_out(codes, others) -> None:
    k, own = 7, pairs(codes, codes)
    np.fill_diagonal(own, np.inf)

    def density(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        near = np.argsort(distances, 1)[:, :k]
        reach = np.maximum(np.take_along_axis(distances, near, 1), radius[near])
        return 1 / reach.mean(1), near

    radius = np.sort(own, 1)[:, k - 1]
    of_normals, _ = density(own)
    of_others, near = density(pairs(others, codes))
    wanted = of_normals[near].mean(1) / of_others
    assert np.allclose(LocalOutlierFactor(k).fit(codes).score(others), wanted, rtol=1e-4)


def test_mahalanobis_does_not_care_for_units(codes, others) -> None:
    found = Mahalanobis().fit(codes).score(others)
    plain = np.linalg.inv(np.cov(codes.T, bias=True))
    centred = others - codes.mean(0)
    wanted = np.einsum("nd,de,ne->n", centred, plain, centred)
    assert np.corrcoef(found, wanted)[0, 1] > 0.99
    assert np.isfinite(Mahalanobis().fit(codes[:4]).score(others)).all()  # fewer than dimensions


@pytest.mark.parametrize("make", DISTANCES.values())
def test_what_all_distances_promise(make, codes, others) -> None:
    fitted = make().fit(torch.from_numpy(codes))
    assert isinstance(fitted, CodeDistance)
    found = fitted.score(others)
    assert found.shape == (40,) and found.dtype == np.float64
    assert fitted.own_scores().shape == (300,)
    if make is not CosineKnn:
        assert fitted.score(np.full((1, 6), 30.0))[0] > fitted.own_scores().max()
    one_by_one = np.concatenate([fitted.score(row[None]) for row in others])
    assert np.allclose(found, one_by_one, rtol=1e-5)
    with pytest.raises(ValueError, match="codes of 6 numbers were wanted.* we got 5"):
        fitted.score(others[:, :5])
    corrupted = others.copy()
    corrupted[3, 2] = np.nan
    with pytest.raises(ValueError, match="1 of 40 codes hold NaN"):
        fitted.score(corrupted)


@pytest.mark.parametrize("make", [Knn, LocalOutlierFactor, CosineKnn])
def test_fewer_pictures_than_neighbours(make, codes) -> None:
    with pytest.raises(ValueError, match="needs more than 20 normal codes; we got 20"):
        make(20).fit(codes[:20])
    with pytest.raises(ValueError, match="neighbours are at least 1; we got 0"):
        make(0)


def test_excess_is_beside_the_errors_of_alike_codes(codes, others) -> None:
    # errors grow with the first number of the code, as with brightness
    grown, asked = np.exp(codes[:, 0]), np.exp(others[:, 0])
    fitted = LocalExcess(5).fit(codes, grown)
    near = np.argsort(pairs(others, codes), 1)[:, :5]
    wanted = np.log(asked) - np.log(grown)[near].mean(1)
    assert np.allclose(fitted.score(others, asked), wanted, atol=1e-6)
    assert np.allclose(fitted.score(others, 2 * asked) - fitted.score(others, asked), np.log(2))
    assert np.isfinite(fitted.score(others, 0 * asked)).all()
    assert np.allclose(
        LocalExcess(5).fit(codes, 7 * grown).score(others, 7 * asked), wanted, atol=1e-6
    )
    with pytest.raises(ValueError, match="neighbours are at least 1; we got 0"):
        LocalExcess(0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_many_queries_take_no_more_memory_than_a_few():
    """Small pieces kept between large ones that are freed would leave 16 MB of holes a round."""

    def held() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    codes = np.random.default_rng(0).normal(size=(60_000, 64)).astype(np.float32)
    near = Knn(5).fit(codes)
    near.score(codes[:300])
    before = held()
    near.score(codes[:5_000])  # 73 rounds
    assert held() - before < 3e8
