"""Search by codes: exact is NumPy's, the index finds the share that it promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.applications.search import combined
from narrows.collection import About, Collection, nearest


def sorted_all(codes: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    away = queries[:, None].astype(np.float64) - codes[None]
    distances = np.sqrt((away**2).sum(2))
    order = np.argsort(distances, 1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, 1)


@given(
    n=st.integers(1, 60), size=st.integers(1, 9), k=st.integers(1, 70), block=st.integers(1, 30),
    shift=st.sampled_from([0.0, 1e3]), seed=st.integers(0, 5),
)  # fmt: skip
def test_nearest_is_a_sort_of_all_distances(n, size, k, block, shift, seed) -> None:
    draw = np.random.default_rng(seed)
    codes = (draw.normal(size=(n, size)) + shift).astype(np.float32)
    queries = (draw.normal(size=(4, size)) + shift).astype(np.float32)
    places, distances = nearest((codes[a : a + block] for a in range(0, n, block)), queries, k)
    order, expected = sorted_all(codes, queries, k)
    assert np.array_equal(places, order)
    assert np.allclose(distances, expected, rtol=1e-12)


def test_a_duplicate_is_found_at_distance_0_and_the_first_of_equals_first() -> None:
    draw = np.random.default_rng(0)
    codes = draw.normal(size=(500, 16)).astype(np.float32) + 100
    codes[400] = codes[123]
    places, distances = nearest([codes[:300], codes[300:]], codes[[400, 7]], 2)
    assert places[0].tolist() == [123, 400] and distances[0].tolist() == [0, 0]
    assert places[1, 0] == 7 and distances[1, 0] == 0


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collection, np.ndarray]:
    """12,000 codes in 60 clusters, indexed."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(60, 16)) * 3
    codes = (centres[draw.integers(60, size=12_000)] + draw.normal(size=(12_000, 16))).astype("f4")
    made = Collection.create(tmp_path_factory.mktemp("large") / "c", About("f", "m", (16,)))
    for low in range(0, len(codes), 3000):
        part = codes[low : low + 3000]
        places = range(low, low + len(part))
        made.add({"id": [str(i) for i in places], "code": part, "width": list(places)})
    made.commit()
    made.optimize()
    return made, codes


def recall(found: np.ndarray, order: np.ndarray) -> float:
    names = order.astype(str)
    hits = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), names.tolist(), strict=True))
    return hits / order.size


def test_exact_search_is_numpys(large) -> None:
    made, codes = large
    queries = codes[::400] + np.float32(0.1)
    order, expected = sorted_all(codes, queries, 10)
    found = made.search(queries, 10, exact=True)
    assert found.exact and np.array_equal(found.ids, order.astype(str).astype(object))
    assert np.allclose(found.distances, expected, rtol=1e-9)
    some = np.flatnonzero(np.arange(len(codes)) < 700)
    order, expected = sorted_all(codes[some], queries, 10)
    found = made.search(queries, 10, where="width < 700")
    assert found.exact and np.array_equal(found.ids, order.astype(str).astype(object))


def test_the_index_finds_what_it_promises(large) -> None:
    made, codes = large
    draw = np.random.default_rng(1)
    queries = codes[draw.integers(len(codes), size=200)] + draw.normal(size=(200, 16)) * 0.3
    found = made.search(queries.astype(np.float32), 10)
    order, expected = sorted_all(codes, queries.astype(np.float32), 10)
    assert not found.exact
    assert recall(found.ids, order) >= 0.99
    assert (np.diff(found.distances, axis=1) >= 0).all()
    one = made.search(queries[0].astype(np.float32), 10)
    assert np.array_equal(one.ids[0], found.ids[0])
    filtered = made.search(queries[:50].astype(np.float32), 10, where="width % 10 > 0")
    kept = np.flatnonzero(np.arange(len(codes)) % 10 > 0)
    order = kept[sorted_all(codes[kept], queries[:50].astype(np.float32), 10)[0]]
    assert not filtered.exact and recall(filtered.ids, order) >= 0.99


def test_the_index_finds_what_it_promises_where_codes_have_no_clusters(tmp_path: Path) -> None:
    """A ball of codes is the hard case: neighbours lie in many cells, and few visits miss them."""
    draw = np.random.default_rng(0)
    codes = draw.normal(size=(10_400, 12)).astype(np.float32)
    made = Collection.create(tmp_path / "c", About("f", "m", (12,)))
    made.add({"id": [str(i) for i in range(len(codes))], "code": codes})
    made.commit()
    made.optimize()
    queries = codes[:200] + draw.normal(size=(200, 12)).astype(np.float32) * 0.3
    order, _ = sorted_all(codes, queries, 10)
    found = made.search(queries, 10)
    assert not found.exact and recall(found.ids, order) >= 0.99
    assert made.about.probes > 4  # the fewest that are tried would not do
    assert recall(made._in_cells(queries, 10, None, 4).ids, order) < 0.9


def test_the_index_is_refreshed_and_what_is_new_is_found_before(large) -> None:
    made, codes = large
    new = np.full((900, 16), 50, np.float32) + np.arange(900, dtype=np.float32)[:, None]
    made.add({"id": [f"new{i}" for i in range(900)], "code": new})
    assert made.search(new[0], 1).ids[0, 0] == "new0"
    assert made._tail() == 900
    made.optimize()
    assert made._tail() == 0
    assert made.search(new[7], 1).ids[0, 0] == "new7"
    assert made.delete([f"new{i}" for i in range(900)]) == 900


def test_more_neighbours_than_pictures(tmp_path: Path) -> None:
    made = Collection.create(tmp_path / "c", About("f", "m", (2,)))
    empty = made.search(np.zeros((3, 2)), 5)
    assert empty.ids.shape == (3, 0)
    made.add({"id": ["a", "b"], "code": [[0, 0], [3, 4]]})
    found = made.search(np.zeros(2), 5)
    assert found.ids.tolist() == [["a", "b"]] and found.distances.tolist() == [[0, 5]]
    for wrong, words in (
        (np.zeros(3), "have 2 numbers"),
        ([np.nan, 0], "NaN"),
        ([[[0, 0]]], "2 n"),
    ):
        with pytest.raises(ValueError, match=words):
            made.search(np.asarray(wrong))
    with pytest.raises(ValueError, match="at least 1; we got 0"):
        made.search(np.zeros(2), 0)


def test_the_weights_of_a_sum_add_up_to_one() -> None:
    draw = np.random.default_rng(0)
    likes, minus = draw.normal(size=(3, 5)), draw.normal(size=(1, 5))
    assert np.allclose(combined(likes[:1]), likes[0])
    assert np.allclose(combined(likes), likes.mean(0))
    assert np.allclose(combined(likes[:2], minus), likes[0] + likes[1] - minus[0])
    shift = np.ones(5)
    assert np.allclose(combined(likes + shift, minus + shift), combined(likes, minus) + shift)
    with pytest.raises(ValueError, match="we got 1 and 1"):
        combined(likes[:1], minus)
