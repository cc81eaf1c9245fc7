"""Scores by name: which a model has, what they are fitted to, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.measures.anomaly_scores import anomaly_scores, supported
from narrows.measures.code_distances import CosineKnn, LocalExcess
from narrows.measures.scoring import FITTED, codes_of, needs_normals, scorer

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.rand(60, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    torch.manual_seed(0)
    return nw.recipes.mlp_autoencoder(SHAPE, 4, widths=(8,)).build().eval()


def test_excess_joins_errors_and_codes(model, pictures) -> None:
    normal, asked = pictures[:50], pictures[50:]
    found = scorer(model, ("local-excess",), normal, neighbours=3)(asked)
    assert list(found) == ["local-excess"]  # the error that it is made of was not asked for
    errors = [anomaly_scores(model, x)["reconstruction"] for x in (normal, asked)]
    fitted = LocalExcess(3).fit(codes_of(model, normal), errors[0])
    assert np.allclose(found["local-excess"], fitted.score(codes_of(model, asked), errors[1]))


def test_directions_are_seen_from_a_black_picture(model, pictures) -> None:
    found = scorer(model, ("cosine-knn",), pictures[:50])(pictures[50:])
    black = codes_of(model, torch.zeros(1, *SHAPE))[0]
    fitted = CosineKnn(5, black).fit(codes_of(model, pictures[:50]))
    assert np.allclose(found["cosine-knn"], fitted.score(codes_of(model, pictures[50:])))


@pytest.mark.parametrize("name", FITTED)
def test_what_is_fitted_needs_normals(model, name) -> None:
    assert needs_normals((name,)) and not needs_normals(("reconstruction",))
    with pytest.raises(ValueError, match=f"the scores {name} are fitted to normal pictures"):
        scorer(model, (name,))


def test_only_a_hierarchy_has_a_score_of_its_levels(model, pictures) -> None:
    torch.manual_seed(0)
    flat = nw.recipes.mlp_vae(SHAPE, 4, widths=(8,)).build()
    deep = nw.recipes.sonderby_2016_ladder_vae(SHAPE, 4, widths=(8, 8, 8, 8)).build()
    assert supported(model) == ("reconstruction", "features", "sap")
    assert supported(deep) == (*supported(flat), "llr")
    with pytest.raises(ValueError, match="'llr' needs a model with latents at several"):
        anomaly_scores(flat, pictures, ("llr",))
    with pytest.raises(ValueError, match="needs a model with a prior"):
        anomaly_scores(model, pictures, ("llr",))
    with pytest.raises(ValueError, match="needs a model with a prior"):
        anomaly_scores(model, pictures, ("likelihood-regret",))
