"""What must hold of anomaly_scores: uniform p-values, the rate asked for, scikit-learn's area, and a
score that is the picture's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from kinds import of_each_kind
from scipy.stats import kstest
from sklearn.metrics import average_precision_score, roc_auc_score

import narrows as nw
from narrows.applications import FalseAlarms, decide, mean_rank
from narrows.measures import scorer
from narrows.measures.anomaly_scores import (
    SCORES,
    anomaly_scores,
    by_model,
    input_complexity,
    supported,
)
from narrows.measures.calibration import discoveries, p_values
from narrows.measures.detection import detection

SHAPE = (1, 13, 11)
pytestmark = pytest.mark.filterwarnings("ignore:a SegNet ladder decodes without:UserWarning")


def noise(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


# ---- calibration ---------------------------------------------------------------------------------


def test_p_values_of_held_out_normals_are_uniform() -> None:
    # p-values of one calibration set depend on one another: each comes from a set of its own
    draws = noise(2000, 200)
    found = np.array([p_values(row[1:], row[:1])[0] for row in draws])
    assert set(np.round(found * 200).astype(int)) <= set(range(1, 201))
    assert kstest(found, "uniform").pvalue > 0.05
    strange = np.array([p_values(row[1:], row[:1] + 0.3)[0] for row in draws])
    assert kstest(strange, "uniform").pvalue < 1e-6  # and the test would see it


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_false_alarm_rate_is_the_one_asked_for(rate: float) -> None:
    rule, alarms = FalseAlarms(rate), []
    for seed in range(200):
        drawn = noise(1199, seed=seed)
        alarms.append(decide({"s": drawn[:199]}, {"s": drawn[199:]}, rule).is_outlier.mean())
    # the rate of one calibration set is a Beta(rate · 200, …) draw: 200 of them average to rate
    deviation = np.sqrt(rate * (1 - rate) / 201 / 200)
    assert abs(np.mean(alarms) - rate) < 4 * deviation


def test_a_mixture_of_scores_keeps_the_rate() -> None:
    found = []
    for seed in range(150):
        drawn = noise(3, 1499, seed=seed)
        drawn[1] += drawn[0]  # scores of one picture depend on one another
        known = {str(i): row[:499] for i, row in enumerate(drawn)}
        asked = {str(i): row[499:] for i, row in enumerate(drawn)}
        found.append(decide(known, asked, FalseAlarms(0.05)).is_outlier.mean())
    assert abs(np.mean(found) - 0.05) < 0.003


def test_false_discoveries_are_as_rare_as_asked() -> None:
    shares = []
    for seed in range(200):
        drawn = noise(1600, seed=seed)
        strange = np.arange(600) < 60
        p = p_values(drawn[:1000], drawn[1000:] + 4 * strange)
        called = discoveries(p, 0.1)
        shares.append((called & ~strange).sum() / max(1, called.sum()))
    assert 0.06 < np.mean(shares) < 0.1 + 0.01


def test_every_increasing_change_of_a_score_leaves_verdicts_alone() -> None:
    known, asked = noise(300), noise(100, seed=1)
    plain = decide({"s": known}, {"s": asked}, FalseAlarms(0.05))
    bent = decide({"s": np.exp(3 * known)}, {"s": np.exp(3 * asked)}, FalseAlarms(0.05))
    assert np.array_equal(plain.is_outlier, bent.is_outlier)
    assert np.array_equal(plain.p_values, bent.p_values)
    assert np.array_equal(plain.is_outlier, plain.p_values <= 0.05)
    two = {"a": known, "b": known[::-1].copy()}
    ranks = mean_rank(two, {"a": asked, "b": asked})
    assert np.allclose(ranks, mean_rank({k: np.exp(v) for k, v in two.items()}, {"a": np.exp(asked), "b": np.exp(asked)}))  # fmt: skip


def test_area_and_average_precision_are_scikit_learns_and_a_count_of_pairs() -> None:
    truth = np.arange(400) % 10 == 0
    scores = np.round(noise(400) + truth, 1)  # with ties
    found = detection(scores, truth)
    assert found.auroc == roc_auc_score(truth, scores)
    assert found.average_precision == average_precision_score(truth, scores)
    mine, theirs = scores[truth][:, None], scores[~truth][None]
    pairs = (mine > theirs).mean() + 0.5 * (mine == theirs).mean()
    assert found.auroc == pytest.approx(pairs, abs=1e-12)
    under = np.trapezoid(found.hits, found.false_alarms)
    assert found.auroc == pytest.approx(under, abs=1e-12)


# ---- scores --------------------------------------------------------------------------------------


NAMES = of_each_kind("mlp-vae", "conv-vae", "pca-autoencoder", "vincent-2010-classifier")


@pytest.fixture(params=NAMES)
def model(request, narrow) -> nw.Autoencoder:
    found: nw.Autoencoder = narrow(request.param, SHAPE)
    return found


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-5, atol=1e-5 * max(1e-3, float(np.abs(a).max()))))


def test_scores_do_not_depend_on_the_batch_or_the_order(model, monkeypatch) -> None:
    monkeypatch.setattr("narrows.measures.anomaly_scores.STEPS", 3)
    x = torch.rand(11, *SHAPE, generator=torch.Generator().manual_seed(0))
    x = (x * 255).round() / 255
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    given = {"background": input_complexity(), "samples": 3}
    names = supported(model)
    found = anomaly_scores(model, x, names, **given)
    assert {name.split("/")[0] for name in found} == set(names)
    for other, places in (
        (anomaly_scores(model, x, names, batch_size=5, **given), torch.arange(11)),
        (anomaly_scores(model, x[order], names, **given), order),
        (anomaly_scores(model, x[3:4], names, **given), torch.tensor([3])),
    ):
        for name, values in found.items():
            assert values.dtype == torch.float64 and bool(torch.isfinite(values).all())
            beside = (
                found["elbo"] if name == "likelihood-regret" else values
            )  # a difference of two of these
            within = 1e-5 * float(beside.abs().max())
            apart = (values[places] - other[name]).abs() - 1e-5 * values[places].abs()
            assert float(apart.max()) <= within, name


def test_scores_of_codes_do_not_depend_on_the_order(digits) -> None:
    torch.manual_seed(0)
    model = nw.recipes.mlp_vae((1, 8, 8)).build().eval()
    ask = scorer(
        model, ("knn", "lof", "local-excess", "cosine-knn", "kl"), digits.select(range(400))
    )
    x = digits.select(range(400, 500))
    whole, turned = ask(x), ask(x.select(range(99, -1, -1)))
    one = ask(x.select([7]))
    assert list(whole) == ["knn", "lof", "local-excess", "cosine-knn", "kl"]
    for name, values in whole.items():
        assert close(values, turned[name][::-1]) and close(values[7:8], one[name])


def test_the_ratio_of_a_model_to_itself_is_nothing(digits) -> None:
    torch.manual_seed(0)
    model = nw.recipes.mlp_vae((1, 8, 8)).build().eval()
    same = by_model(model, samples=4)
    found = anomaly_scores(
        model, digits.select(range(30)), ("likelihood-ratio",), background=same, samples=4
    )
    assert torch.allclose(
        found["likelihood-ratio"], torch.zeros(30, dtype=torch.float64), atol=1e-4
    )


def test_likelihood_bounds_get_tighter(digits) -> None:
    torch.manual_seed(0)
    model = nw.recipes.mlp_vae((1, 8, 8)).build().eval()
    x = digits.select(range(60))
    found = anomaly_scores(model, x, ("elbo", "likelihood", "kl", "reconstruction"), samples=64)
    assert found["likelihood"].mean() < found["elbo"].mean()
    assert (found["kl"] >= 0).all()
    assert torch.allclose(
        found["reconstruction"],
        ((x.batch(torch.arange(60)) - model.reconstruct(x)) ** 2).mean((1, 2, 3)).double(),
        atol=1e-6,
    )
    assert set(SCORES) - {"llr"} == set(supported(model))


def blind(model: nw.Autoencoder) -> nw.Autoencoder:
    """The model with a way up that says the same whatever the code."""
    with torch.no_grad():
        for weight in model.bottleneck.tail.parameters():
            weight.zero_()
    return model.eval()


def test_no_picture_regrets_the_best_posterior(digits) -> None:
    torch.manual_seed(0)
    model = blind(nw.recipes.mlp_vae((1, 8, 8), widths=(32,)).build())
    x = digits.select(range(16))
    found = anomaly_scores(model, x, ("likelihood-regret", "kl"), samples=4)
    # the best posterior of such a model is its prior: what is regretted is the KL
    assert (found["likelihood-regret"] > 0.5 * found["kl"]).all()
    assert (found["likelihood-regret"] <= found["kl"] * (1 + 1e-4)).all()
    with torch.no_grad():
        for weight in model.bottleneck.head.parameters():
            weight.zero_()
    assert (
        float(
            anomaly_scores(model, x, ("likelihood-regret",), samples=4)["likelihood-regret"]
            .abs()
            .max()
        )
        < 1e-4
    )


def test_regret_is_never_below_nothing_and_leaves_the_model_alone(digits) -> None:
    torch.manual_seed(0)
    model = nw.recipes.sonderby_2016_ladder_vae((1, 8, 8), 4, widths=(16, 16, 8, 8)).build().eval()
    before = model.fingerprint()
    found = anomaly_scores(
        model, digits.select(range(30)), ("likelihood-regret", "elbo"), samples=2
    )
    assert (found["likelihood-regret"] > 0).all() and model.fingerprint() == before
    assert all(weight.grad is None for weight in model.parameters())


def test_regret_is_of_the_best_step_and_not_of_the_last(digits, monkeypatch) -> None:
    """More steps never regret less, also where the steps are so long that most make it worse."""
    torch.manual_seed(0)
    model = nw.recipes.mlp_vae((1, 8, 8), 4, widths=(16,)).build().eval()
    x = digits.select(range(30))
    monkeypatch.setattr("narrows.measures.anomaly_scores.STRIDE", 3.0)
    found = []
    for steps in range(6):
        monkeypatch.setattr("narrows.measures.anomaly_scores.STEPS", steps)
        found.append(
            anomaly_scores(model, x, ("likelihood-regret",), samples=4)["likelihood-regret"]
        )
    assert float(found[0].abs().max()) == 0
    assert all(bool((more >= less).all()) for less, more in itertools.pairwise(found))
    assert any(bool((more == less).any()) for less, more in itertools.pairwise(found[1:]))


def test_latents_that_follow_their_priors_know_nothing_of_their_own(digits) -> None:
    torch.manual_seed(0)
    model = nw.recipes.sonderby_2016_ladder_vae((1, 8, 8), 4, widths=(16, 16, 8, 8)).build().eval()
    x = digits.select(range(30))
    assert float(anomaly_scores(model, x, ("llr",))["llr"].abs().max()) > 0.1
    (stage,) = model.bottleneck.stages
    with torch.no_grad():  # a prior so narrow that nothing moves it
        last = list(stage.prior.parameters())[-1]
        last[len(last) // 2 :] = -100
    found = anomaly_scores(model, x, ("llr",))["llr"]
    assert float(found.abs().max()) < 1e-3
