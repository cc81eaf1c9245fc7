"""The evaluation of a model beside its baselines."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from narrows.autoencoder import Autoencoder
from narrows.measures import Evaluation, Pca, evaluate, importance_log_likelihood, psnr
from narrows.parts import Part
from narrows.training import Phase, Recipe


def untrained(bottleneck: str = "gaussian", size: int = 4, **phase) -> Autoencoder:
    torch.manual_seed(0)
    recipe = Recipe(
        "test",
        Part("dense", {"shape": (1, 8, 8), "widths": (16,)}),
        Part(bottleneck, {"size": size}),
        Part("bernoulli"),
        (Phase(), Phase(**phase)),
    )
    return recipe.build().eval()


def test_the_rows_are_the_model_pca_and_the_mean(digits):
    model = untrained()
    found = evaluate(model, digits[1500:], train=digits[:1500])
    assert isinstance(found, Evaluation) and found.n == 297
    rows = found.rows()
    assert [row["name"] for row in rows] == ["model", "PCA, 4 values", "mean picture"]
    assert all(
        {"mse", "psnr", "ssim", "mse_deviation", "psnr_deviation"} <= row.keys() for row in rows
    )
    x = torch.from_numpy(digits[1500:]) / 255
    assert rows[0]["psnr"] == pytest.approx(
        psnr(x, model.reconstruct(digits[1500:])).mean().item(), abs=1e-4
    )
    # the baselines are of the training pictures
    wanted = psnr(x, Pca.fit(digits[:1500], 4).reconstruct(x).clamp(0, 1))
    assert rows[1]["psnr"] == pytest.approx(wanted.mean().item(), abs=1e-3)
    assert rows[1]["psnr"] > rows[2]["psnr"]
    for name in ("mse", "psnr", "ssim", "elbo", "kl"):
        assert getattr(found, name).shape == (297,)
    assert found.log_likelihood is None and found.notes == ()


def test_without_training_pictures_there_are_no_baselines_and_it_says_so(digits):
    found = evaluate(untrained(), digits[:20])
    assert [row["name"] for row in found.rows()] == ["model"]
    assert "no baselines" in found.notes[0]


def test_the_likelihood_is_above_the_elbo_and_the_document_is_json(digits):
    found = evaluate(untrained(), digits[:50], samples=64, seed=2)
    assert found.log_likelihood.mean() > found.elbo.mean()
    assert np.allclose(
        found.log_likelihood, importance_log_likelihood(untrained(), digits[:50], 64, seed=2)
    )
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert document["pictures"] == 50 and document["samples"] == 64
    assert document["nats"]["elbo"] == pytest.approx(found.elbo.mean(), rel=1e-5)


def test_a_model_without_a_prior_has_no_nats(digits):
    found = evaluate(untrained("point"), digits[:20])
    assert found.nats() == {} and found.elbo is None
    with pytest.raises(ValueError, match="needs a model with a prior"):
        evaluate(untrained("point"), digits[:20], samples=5)


def test_the_last_phases_augmentation_is_applied_to_all_alike(digits):
    model = untrained(augmentation=Part("binarise"))
    found = evaluate(model, digits[:100], train=digits[100:600], seed=1)
    again = evaluate(model, digits[:100], train=digits[100:600], seed=1)
    other = evaluate(model, digits[:100], train=digits[100:600], seed=2)
    assert found.rows() == again.rows() != other.rows()
    assert any(note.startswith("the pictures went through binarise") for note in found.notes)
    plain = evaluate(untrained(), digits[:100], train=digits[100:600])
    assert found.rows()[2]["mse"] > plain.rows()[2]["mse"]  # a binary pixel is further from a mean


def test_a_denoising_model_is_measured_on_corrupted_pictures_too(digits):
    model = untrained("point", corruption=Part("gaussian-noise", {"sigma": 0.1}))
    found = evaluate(model, digits[:50])
    assert [row["name"] for row in found.rows()] == [
        "model",
        "corrupted input",
        "model on corrupted input",
    ]
    # noise of σ 0.1 has 20 dB before it is cut to [0, 1], and some more after
    assert 20 < found.rows()[1]["psnr"] < 23
    assert any("sigma=0.1" in note for note in found.notes)


def test_pca_is_capped_and_says_so(digits):
    found = evaluate(untrained(size=100), digits[:30], train=digits[30:200])
    assert found.rows()[1]["name"] == "PCA, 64 values"
    assert any("a code has 100, but pictures of 64 values" in note for note in found.notes)
    found = evaluate(untrained(size=20), digits[:30], train=digits[30:40])
    assert found.rows()[1]["name"] == "PCA, 10 values"
    assert any("a code has 20, but 10 pictures" in note for note in found.notes)


def test_other_shapes_are_refused_and_progress_is_told(digits):
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\); we got \(3, 8, 8\)"):
        evaluate(untrained(), np.zeros((2, 3, 8, 8), np.uint8))
    told = []
    evaluate(
        untrained(), digits[:50], batch_size=20, progress=lambda done, n: told.append((done, n))
    )
    assert told == [(20, 50), (40, 50), (50, 50)]


def test_the_model_is_left_in_the_mode_it_was_in(digits):
    model = untrained().train()
    evaluate(model, digits[:10])
    assert model.training
