"""Outliers of digits: what is scored against what, and which pictures are called what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications.outliers import outliers
from narrows.images.contents import content_keys
from narrows.measures.code_distances import DISTANCES
from narrows.measures.scoring import codes_of
from narrows.tables import Table


@pytest.fixture(scope="module")
def digits() -> Any:
    return nw.images.named("digits")


@pytest.fixture(scope="module")
def model(digits: Any) -> Any:
    """Trained on the first thousand digits, of which a tenth chose the weights."""
    recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=6, widths=(64,)).with_(epochs=20)
    return nw.fit(recipe, digits.select(range(1000)), validation=0.1, report="quiet")


@pytest.fixture(scope="module")
def odd(digits: Any) -> np.ndarray:
    """Twelve digits that the model has not seen, and six of them as negatives."""
    pixels = digits.pixels.numpy()[1500:1512]
    return np.concatenate([pixels, 255 - pixels[:6]])


def as_images(pixels: np.ndarray) -> Any:
    return nw.images.Images(torch.from_numpy(pixels))


def test_distances_are_fitted_to_the_training_and_thresholds_to_held_out(
    digits: Any, model: Any, odd: np.ndarray
) -> None:
    """Done again by hand: codes of the pictures of the training, and of others."""
    result = outliers(model, odd, normal=digits, score="knn", false_alarms=0.02, progress=False)
    seen = model.run.seen
    keys = content_keys(digits)
    trained = digits.select(np.flatnonzero(np.isin(keys, seen["train"])))
    others = np.concatenate([seen["train"], seen["validation"], content_keys(as_images(odd))])
    new = digits.select(np.flatnonzero(~np.isin(keys, others)))
    distance = DISTANCES["knn"]().fit(codes_of(model, trained))
    normal = distance.score(codes_of(model, new))
    assert result.judged.name == "held-out" and len(result.fitted) == len(trained)
    np.testing.assert_allclose(result.normal["knn"], normal)
    np.testing.assert_allclose(result.scores["knn"], distance.score(codes_of(model, odd)))
    assert result.threshold == np.sort(normal)[-int(0.02 * (len(normal) + 1))]


def test_new_normal_pictures_in_question_do_not_judge_themselves(digits: Any, model: Any) -> None:
    options = {"normal": digits, "score": "reconstruction", "progress": False}
    itself = outliers(model, digits, **options, false_alarms=0.02)
    assert itself.judged.name == "validation"
    few = outliers(model, digits.select(range(900, 1100)), **options)
    assert few.judged.name == "held-out" and len(few.judged) == 797 - 100


def test_known_anomalies_are_found_and_measured(digits: Any, model: Any, odd: np.ndarray) -> None:
    result = outliers(
        model, odd[:12], normal=digits, anomalies=odd[12:], false_alarms=0.05, progress=False,
        score=["lof", "cosine-knn", "pca-residual"],
    )  # fmt: skip
    assert result.by == "mean-rank" and result.truth.tolist() == 12 * [False] + 6 * [True]
    assert result.is_outlier[12:].sum() >= 4 and result.detection["lof"].auroc == 1
    assert not result.is_outlier[:12].any() and set(result.order[:4].tolist()) <= set(range(12, 18))
    assert {"anomalies", "histogram", "detection"} == set(result.figures())
    assert isinstance(result.table(), Table) and len(result.table()) == 11
    found = f"of the anomalies {result.is_outlier[12:].mean():.1%} were found"
    assert found in str(result) and "normal pictures (held-out)" in str(result)


def test_scores_of_an_encoder_that_does_not_decode(digits: Any, odd: np.ndarray) -> None:
    """PCA in a model's place: it has codes and nothing else."""

    class Pca:
        shape, code_shape = (1, 8, 8), (8,)
        preprocessing = nw.images.Preprocessing((1, 8, 8))

        def __init__(self) -> None:
            self.pca = nw.measures.Pca.fit(digits, 8)

        def fingerprint(self) -> str:
            return "pca"

        def encode(self, images: Any) -> torch.Tensor:
            return self.pca.encode(images.batch(torch.arange(len(images))))

    result = outliers(Pca(), odd, normal=digits, false_alarms=0.02, progress=False)
    assert list(result.scores) == ["cosine-knn"] and result.judged.name == "seen"
    assert result.is_outlier[12:].sum() >= 4 and not result.is_outlier[:12].any()
    assert set(result.figures()) == {"anomalies", "histogram"}
    with pytest.raises(ValueError, match="the scores of this model are knn"):
        outliers(Pca(), odd, normal=digits, score="reconstruction", progress=False)


def test_a_limit_is_of_each_and_files_lie_in_one_folder(
    digits: Any, model: Any, odd: np.ndarray, tmp_path: Path
) -> None:
    result = outliers(
        model, odd, normal=digits, quantile=0.9, limit=15, neighbours=5, progress=False
    )
    assert len(result.ids) == len(result.judged) == len(result.fitted) == 15
    written = result.save(tmp_path)
    names = {"anomalies.png", "histogram.png", "outliers.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert written["document"] == str(tmp_path / "outliers.json")


def test_others_are_judged_as_if_they_had_been_there(
    digits: Any, model: Any, odd: np.ndarray
) -> None:
    """The threshold and the scores do not move: some pictures first, the others later, or all at once."""
    whole = outliers(model, odd, normal=digits.select(range(1500)), progress=False)
    first = outliers(model, odd[:10], normal=digits.select(range(1500)), progress=False)
    later = first.judge(as_images(odd[10:]))
    for name, values in whole.scores.items():
        np.testing.assert_allclose(later.scores[name], values[10:], rtol=1e-6)
    assert later.threshold == whole.threshold and later.rule == whole.rule
    np.testing.assert_allclose(later.p_values, whole.p_values[10:])
    assert later.is_outlier.tolist() == whole.is_outlier[10:].tolist()
    more = first.extended(as_images(odd[10:]))
    assert len(more.ids) == len(more.images) == len(odd) and more.by == whole.by
    np.testing.assert_allclose(more.scores[more.by], whole.scores[whole.by], rtol=1e-6)
    assert more.order.tolist() == whole.order.tolist()
    np.testing.assert_allclose(more.images.batch(torch.arange(len(odd))), odd / 255, atol=1e-6)
