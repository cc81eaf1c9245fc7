"""What measures of generated pictures take, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.measures import density_coverage, frechet_distance, nearest_rows, precision_recall

A, B = torch.randn(2, 90, 4, generator=torch.Generator().manual_seed(0))


def test_arrays_and_tensors_of_any_precision_are_taken() -> None:
    for measure in (frechet_distance, precision_recall, density_coverage):
        wanted = measure(A, B[:60])
        assert measure(A.numpy(), np.asarray(B[:60], np.float64)) == pytest.approx(wanted)


def test_answers_do_not_depend_on_how_rows_are_batched(monkeypatch) -> None:
    whole = precision_recall(A, B), density_coverage(A, B[:70])
    monkeypatch.setattr("narrows.measures.generation.VALUES", 7 * 90)
    assert (precision_recall(A, B), density_coverage(A, B[:70])) == whole


def test_features_far_from_0_lose_nothing() -> None:
    assert precision_recall(A.double() + 1e5, B.double() + 1e5) == precision_recall(A, B)
    assert density_coverage(A.double() * 1e6, B.double() * 1e6) == density_coverage(A, B)


def test_refusals_say_what_came() -> None:
    with pytest.raises(ValueError, match=r"\(N, F\) and \(M, F\), .* \(90, 4\) and \(90, 3\)"):
        precision_recall(A, B[:, :3])
    with pytest.raises(ValueError, match=r"were wanted; we got \(90,\) and \(90, 4\)"):
        frechet_distance(A[:, 0], B)
    with pytest.raises(ValueError, match=r"\(0, 4\)"):
        density_coverage(A, B[:0])
    with pytest.raises(ValueError, match="of 4 features needs more than 4 rows; we got 4: take"):
        frechet_distance(A, B[:4])
    with pytest.raises(ValueError, match="we got k=0 and 90 and 90 rows"):
        precision_recall(A, B, 0)
    with pytest.raises(ValueError, match="we got k=5 and 90 and 5 rows"):
        density_coverage(A, B[:5])
    with pytest.raises(ValueError, match="NaN or infinite"):
        frechet_distance(A, B.log())


def test_a_copy_of_a_real_row_is_nearest_to_it_at_distance_0() -> None:
    away, at = nearest_rows(torch.cat([A[7:9], A[20:21] + 1e-3]), A)
    assert at.tolist() == [7, 8, 20]
    assert away.tolist()[:2] == [0, 0]
    assert float(away[2]) == pytest.approx(2e-3, rel=1e-3)  # √4 · 10⁻³
    wanted = torch.cdist(B.double(), A.double()).min(1)
    away, at = nearest_rows(B, A)
    assert torch.allclose(away, wanted.values)
    assert torch.equal(at, wanted.indices)
