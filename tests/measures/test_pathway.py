"""RaPP's scores on models whose answer is known: linear ones, where NAP is a Mahalanobis distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.measures.anomaly_scores import anomaly_scores
from narrows.measures.pathway import Nap, pathway_differences
from narrows.measures.scoring import scorer
from narrows.parts import Part

SHAPE = (1, 3, 4)


@pytest.fixture(scope="module")
def linear() -> nw.Autoencoder:
    """12 → 8 → 3 and back, without an activation."""
    torch.manual_seed(0)
    ladder = Part("dense", {"shape": SHAPE, "widths": (8,), "activation": "identity"})
    bottleneck, likelihood = Part("point", {"size": 3}), Part("gaussian", {"output": "identity"})
    return nw.Autoencoder(ladder, bottleneck, likelihood).eval()


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *SHAPE), generator=source) / 255


def test_sap_is_the_summed_squared_distance_of_all_levels(linear) -> None:
    x = pictures(7)
    levels = linear.ladder.descend(x).levels + [linear.posterior(x).z]
    x_hat = linear(x)
    again = linear.ladder.descend(x_hat).levels + [linear.posterior(x_hat).z]
    wanted = sum((a - b).flatten(1).square().sum(1) for a, b in zip(levels, again, strict=True))
    found = anomaly_scores(linear, x, ("sap",))["sap"]
    assert torch.allclose(found.float(), wanted, rtol=1e-5)
    assert pathway_differences(linear, x).shape == (7, 12 + 8 + 3)


def test_nap_of_a_linear_model_is_the_mahalanobis_distance_of_its_residual(linear) -> None:
    """Levels that are linear in x − x̂ add nothing, however they are scaled: V Σ⁻¹ takes them out."""
    normal, asked = pictures(400), pictures(50, seed=1)
    errors = [(x - linear(x)).flatten(1).detach().double().numpy() for x in (normal, asked)]
    centre, inverse = errors[0].mean(0), np.linalg.pinv(np.cov(errors[0].T, bias=True), rcond=1e-6)
    away = errors[1] - centre
    wanted = np.einsum("ni,ij,nj->n", away, inverse, away)
    nap = Nap().fit(linear, normal)
    assert nap.directions == 12
    assert np.allclose(nap.score(asked), wanted, rtol=1e-3)
    assert nap.score(normal).mean() == pytest.approx(nap.directions, rel=1e-6)


def test_products_and_covariances_of_differences_give_one_answer(linear, monkeypatch) -> None:
    normal, asked = pictures(20), pictures(5, seed=1)
    plain = Nap().fit(linear, normal)
    monkeypatch.setattr("narrows.measures.pathway.WIDEST", 20)
    other = Nap().fit(linear, normal)
    assert plain.directions == other.directions == 10  # half as many as pictures
    assert np.allclose(plain.score(asked), other.score(asked), rtol=1e-3)


def test_nap_by_name_is_fitted_to_normal_pictures(linear) -> None:
    normal, asked = pictures(60), pictures(5, seed=1)
    found = scorer(linear, ("nap", "sap"), normal)(asked)
    assert list(found) == ["nap", "sap"]
    assert np.array_equal(found["nap"], Nap().fit(linear, normal).score(asked))
    with pytest.raises(ValueError, match="two normal pictures or more; we got 1"):
        Nap().fit(linear, normal[:1])
