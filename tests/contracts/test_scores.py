"""What every listed score promises: higher is more anomalous, and nothing but the picture counts.

One small model of faint digits has all of them: it has a prior, and latents at two levels. Digits of
full contrast that lie on their side are anomalies to anybody.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import narrows as nw
from narrows.measures import scorer
from narrows.measures.code_distances import DISTANCES
from narrows.measures.scoring import KNOWN
from narrows.parts import Part

Scores = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def scored(digits) -> tuple[Scores, Scores]:
    """Every score of 100 faint digits that the model has not seen, and of 100 anomalies."""
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    bright = digits.pixels[order[:700]]
    faint = (bright.float() * 0.4).byte()
    recipe = nw.recipes.sonderby_2016_ladder_vae((1, 8, 8), 4, widths=(64, 32, 16, 16)).with_(
        epochs=12,
        batch_size=50,
        learning_rate=5e-3,
        likelihood=Part("gaussian", {"variance": 0.02}),
    )
    options = {"device": "cpu", "precision": "float32", "report": "quiet"}
    model = nw.fit(recipe, faint[:600], seed=1, **options)
    ask = scorer(model, KNOWN, faint[:600], samples=4)
    return ask(faint[600:]), ask(bright[600:].rot90(1, (2, 3)))


def test_every_score_is_given(scored) -> None:
    for found in scored:
        assert {name.split("/")[0] for name in found} == set(KNOWN)
        for name, values in found.items():
            assert values.shape == (100,) and values.dtype == np.float64, name
            assert np.isfinite(values).all(), name


@pytest.mark.parametrize("name", KNOWN)
def test_higher_is_more_anomalous(scored, name: str) -> None:
    """The area under the ROC; a score of the wrong sign has less than a half."""
    normal, anomalous = (found[name] for found in scored)
    truth = np.repeat([0, 1], [len(normal), len(anomalous)])
    assert roc_auc_score(truth, np.concatenate([normal, anomalous])) > 0.7


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_tells_other_digits_from_the_normal_ones(digits, name: str) -> None:
    """Without a trained model: codes of random weights do."""
    torch.manual_seed(0)
    model = nw.recipes.mlp_autoencoder((1, 8, 8), 8, widths=(32,)).build().eval()
    is_one = np.asarray(digits.label).astype(str) == "1"
    ones, others = (digits.select(np.flatnonzero(part).tolist()) for part in (is_one, ~is_one))
    ask = scorer(model, (name,), ones.select(range(100)))
    normal, anomalous = ask(ones.select(range(100, len(ones))))[name], ask(others)[name]
    truth = np.repeat([0, 1], [len(normal), len(anomalous)])
    assert roc_auc_score(truth, np.concatenate([normal, anomalous])) > 0.6
