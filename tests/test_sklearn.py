"""The estimators: scikit-learn's own checks, all of them, and what its checks do not look at."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import narrows as nw
from narrows.sklearn import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
)

ESTIMATORS = (AutoencoderTransformer, AutoencoderOutlierDetector, AutoencoderClassifier)


@pytest.fixture(autouse=True)
def one_thread():
    """More threads than cores that are free would make the small models slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits_rows():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X[:600], y[:600], random_state=0)


@parametrize_with_checks([AutoencoderTransformer()])
def test_scikit_learns_own_checks(estimator, check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it one check is left out
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([AutoencoderOutlierDetector(), AutoencoderClassifier()])
def test_scikit_learns_own_checks_of_the_others(
    estimator, check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_the_same_seed_gives_the_same_codes_and_another_others() -> None:
    X = load_iris().data
    first, again, other = (
        AutoencoderTransformer(2, epochs=5, random_state=seed).fit_transform(X)
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_codes_come_back_as_rows_in_their_own_range() -> None:
    X = load_iris().data * 1000 - 3000
    fitted = AutoencoderTransformer(3, random_state=0).fit(X)
    back = fitted.inverse_transform(fitted.transform(X))
    left = ((X - back) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()
    assert left < 0.02  # of the variance; PCA with two components leaves 0.022
    assert fitted.score(X) == pytest.approx(fitted.score_samples(X).mean())


def test_what_lies_outside_the_range_of_fit_stays_outside() -> None:
    X = np.random.default_rng(0).uniform(2, 5, (200, 3))
    fitted = AutoencoderOutlierDetector(random_state=0).fit(X)
    near, far = np.full((1, 3), 3.5), np.full((1, 3), 50.0)
    assert fitted.predict(np.r_[near, far]).tolist() == [1, -1]


def test_pictures_in_every_shape(digits_rows) -> None:
    X, _, _, _ = digits_rows
    pictures = (X / 16 * 255).round().astype(np.uint8).reshape(-1, 8, 8)
    settings = {"code_size": 8, "epochs": 2, "random_state": 0}
    flat = AutoencoderTransformer(shape=(1, 8, 8), **settings).fit(pictures.reshape(-1, 64))
    deep = AutoencoderTransformer(**settings).fit(pictures)
    assert flat.n_features_in_ == deep.n_features_in_ == 64
    codes = flat.transform(pictures.reshape(-1, 64))
    assert codes.shape == (len(X), 8)
    assert np.array_equal(codes, deep.transform(pictures))
    assert np.array_equal(codes, deep.transform(pictures[:, None]))
    assert np.array_equal(codes, deep.transform(pictures[..., None]))
    assert flat.inverse_transform(codes).shape == (len(X), 64)
    back = deep.inverse_transform(codes)
    assert back.shape == (len(X), 1, 8, 8)
    assert 100 < back.max() <= 255.01 and back.min() > -0.01
    assert deep.model_.recipe.name == "conv-autoencoder"


def test_a_pipeline_under_a_grid_search(digits_rows) -> None:
    X, X_test, y, y_test = digits_rows
    chain = make_pipeline(
        AutoencoderTransformer(epochs=15, random_state=0),
        StandardScaler(),
        LogisticRegression(max_iter=2000),
    )
    grid = {"autoencodertransformer__code_size": [2, 16]}
    search = GridSearchCV(chain, grid, cv=2).fit(X, y)
    assert search.best_params_ == {"autoencodertransformer__code_size": 16}
    assert search.score(X_test, y_test) > 0.8
    alone = GridSearchCV(
        AutoencoderTransformer(epochs=5, random_state=0), {"code_size": [1, 8]}, cv=2
    ).fit(X)
    assert alone.best_params_ == {"code_size": 8}  # by the mean of score_samples


def test_set_output() -> None:
    X = load_iris().data
    made = AutoencoderTransformer(2, epochs=1, random_state=0).set_output(transform="pandas")
    frame = made.fit_transform(X)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["autoencodertransformer0", "autoencodertransformer1"]


@pytest.mark.parametrize("make", ESTIMATORS)
def test_copies_and_pickles_answer_the_same(make, tmp_path: Path) -> None:
    import joblib

    X, y = load_iris(return_X_y=True)
    fitted = make(epochs=2, random_state=0).fit(X, y)
    answer = "transform" if make is AutoencoderTransformer else "decision_function"
    wanted = getattr(fitted, answer)(X)
    joblib.dump(fitted, tmp_path / "estimator.joblib")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "estimator.joblib")):
        assert np.array_equal(getattr(copy, answer)(X), wanted)
    again = clone(fitted)
    assert not hasattr(again, "model_") and again.get_params() == fitted.get_params()


def test_the_model_can_be_kept_the_way_of_narrows(tmp_path: Path) -> None:
    X = load_iris().data
    fitted = AutoencoderClassifier(epochs=2, random_state=0).fit(X, load_iris().target)
    nw.save(fitted.model_, tmp_path)
    read = nw.load(tmp_path)
    fitted.model_ = read
    assert fitted.predict_proba(X).shape == (150, 3)


def test_a_classifier_learns_digits(digits_rows) -> None:
    X, X_test, y, y_test = digits_rows
    fitted = AutoencoderClassifier(epochs=20, random_state=0).fit(X, y)
    assert fitted.score(X_test, y_test) > 0.9
    assert fitted.classes_.tolist() == list(range(10))
    names = np.array([f"digit {i}" for i in range(10)])
    named = clone(fitted).fit(X, names[y])
    assert np.array_equal(named.predict(X_test), names[fitted.predict(X_test)])
    assert np.allclose(named.predict_proba(X_test).sum(1), 1)
    begun = AutoencoderClassifier(epochs=20, pretraining=False, random_state=0)
    assert cross_val_score(begun, X, y, cv=2).mean() > 0.7


def test_a_recipe_with_a_softmax_is_followed(digits_rows) -> None:
    X, X_test, y, y_test = digits_rows
    settings = {"shape": (1, 8, 8), "recipe": "lingrand-2021-classifier", "random_state": 0}
    made = AutoencoderClassifier(epochs=10, batch_size=16, learning_rate=3e-3, **settings)
    fitted = made.fit(X[y < 4], y[y < 4])
    phases = fitted.model_.recipe.phases
    assert [phase.bound.name for phase in phases] == ["elbo"] * 4 + ["softmax"]
    assert phases[-1].bound.arguments["classes"] == 4
    assert fitted.score(X_test[y_test < 4], y_test[y_test < 4]) > 0.8
    made.set_params(pretraining=False, epochs=1).fit(X[y < 4], y[y < 4])
    assert len(made.model_.recipe.phases) == 1


def test_pyods_names(digits_rows) -> None:
    X, X_test, _, _ = digits_rows
    fitted = AutoencoderOutlierDetector(0.07, epochs=5, random_state=0).fit(X)
    assert np.array_equal(fitted.labels_, (fitted.decision_scores_ > fitted.threshold_).astype(int))
    assert fitted.labels_.sum() == round(0.07 * len(X))
    assert np.allclose(fitted.decision_scores_, -fitted.score_samples(X))
    assert fitted.threshold_ == pytest.approx(np.percentile(fitted.decision_scores_, 93))
    assert np.array_equal(fitted.predict(X) == -1, fitted.labels_ == 1)
    strange = np.r_[X_test[:20], np.random.default_rng(0).uniform(0, 16, (20, 64))]
    for method in ("linear", "unify"):
        chance = fitted.predict_proba(strange, method)
        assert chance.shape == (40, 2) and np.allclose(chance.sum(1), 1)
        assert chance[20:, 1].min() >= chance[:20, 1].max() > 0
    assert np.allclose(
        fitted.predict_proba(X)[:, 1],
        (fitted.decision_scores_ - fitted.decision_scores_.min()) / np.ptp(fitted.decision_scores_),
    )


@pytest.mark.parametrize(
    "scored_by", ["reconstruction", "features", "knn", "lof", "cosine-knn", "mahalanobis"]
)
def test_every_score_sees_noise_among_digits(digits_rows, scored_by: str) -> None:
    X, X_test, _, _ = digits_rows
    made = AutoencoderOutlierDetector(0.05, scored_by=scored_by, epochs=20, random_state=0)
    fitted = made.fit(X)
    noise = np.random.default_rng(0).permuted(X_test, axis=1)
    assert (fitted.predict(noise) == -1).mean() > 0.5
    assert (fitted.predict(X_test) == -1).mean() < 0.25
    one = fitted.score_samples(X_test[:1])
    assert np.array_equal(one, fitted.score_samples(X_test[::-1])[-1:])


@pytest.mark.parametrize("scored_by", ["kl", "elbo", "likelihood"])
def test_scores_of_a_prior(digits_rows, scored_by: str) -> None:
    X, X_test, _, _ = digits_rows
    made = AutoencoderOutlierDetector(
        scored_by=scored_by, recipe="mlp-vae", epochs=3, random_state=0
    )
    fitted = made.fit(X)
    scores = fitted.score_samples(X_test)
    assert np.array_equal(scores[::-1], fitted.score_samples(X_test[::-1]))
    assert np.isfinite(fitted.score_samples(X_test * 100)).all()  # cut for the Bernoulli


def test_elbo_of_a_variational_transformer(digits_rows) -> None:
    X, _, _, _ = digits_rows
    plain = AutoencoderTransformer(4, recipe="mlp-vae", epochs=1, random_state=0).fit(X)
    longer = clone(plain).set_params(epochs=10).fit(X)
    assert longer.score(X) > plain.score(X)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"code_size": 0}, "code_size must be at least 1; we got 0"),
        ({"shape": (1, 3, 3)}, r"we got \(1, 3, 3\) for rows of 4 values"),
        ({"recipe": "mlp-vea"}, "did you mean mlp-vae"),
        ({"recipe": "vincent-2010-stacked", "code_size": 3}, "takes no code_size"),
        ({"recipe": nw.recipes.mlp_vae((1, 1, 4)), "code_size": 3}, "a code size of its own"),
        ({"recipe": nw.recipes.mlp_vae((1, 1, 5))}, r"takes pictures of shape \(1, 1, 5\)"),
    ],
)
def test_wrong_settings(settings, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AutoencoderTransformer(**settings).fit(load_iris().data)


def test_wrong_questions() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"contamination must be in \(0, 0.5\]; we got 0.6"):
        AutoencoderOutlierDetector(0.6).fit(X)
    with pytest.raises(ValueError, match="one of reconstruction, features, sap, knn, lof"):
        AutoencoderOutlierDetector(scored_by="kl", epochs=1).fit(X)
    with pytest.raises(ValueError, match="at least 2 classes; we got 1 class"):
        AutoencoderClassifier(epochs=1).fit(X, np.zeros(150))
    detector = AutoencoderOutlierDetector(epochs=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="method is 'linear' or 'unify'; we got 'odd'"):
        detector.predict_proba(X, "odd")
    transformer = AutoencoderTransformer(2, epochs=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"codes \(N, 2\) were wanted; we got \(150, 4\)"):
        transformer.inverse_transform(X)
    pictures = np.zeros((3, 4, 4), np.uint8)
    wide = AutoencoderTransformer(2, epochs=1, random_state=0).fit(pictures)
    with pytest.raises(ValueError, match=r"fitted to pictures of \(1, 4, 4\); we got \(1, 2, 8\)"):
        wide.transform(pictures.reshape(3, 2, 8))
