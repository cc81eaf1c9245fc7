"""Burda et al. 2016: the log-likelihood of binarised digits under a variational autoencoder, and more samples in its bound."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from narrows.figures import picture_rows
from narrows.images.corruptions import Binarise
from narrows.measures import importance_log_likelihood
from narrows.randomness import Draws
from narrows.recipes import burda_2016_iwae, burda_2016_vae, tucker_2019_dreg
from narrows.training import Recipe

from .experiment import Document, Finding, Row, by_name, experiment
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["DOCUMENT", "LIKELIHOOD", "SET", "WHOLE", "Likelihoods", "extent", "likelihoods"]

SET = "mnist"
PUBLISHED = -86.76  # table 1: VAE, one stochastic layer, k = 1
CLOSE = 0.5  # nats
EPOCHS, SEEN, JUDGED, SAMPLES = 8.0, 20_000, 1_000, 500  # of the small scale
ALONE = "each pixel on its own"


def judge_likelihood(rows: Sequence[Row]) -> Verdict:
    """Within half a nat of the published value, or above it."""
    return verdict_of(rows[0].mean > PUBLISHED - CLOSE)


@experiment(
    "table 1",
    title="Log-likelihood of binarised digits",
    claim="A variational autoencoder with one stochastic layer of 50 units gives test digits "
    f"{PUBLISHED:.2f} nats.",
    data=(SET,),
    judge=judge_likelihood,
)
def table_1(lab: Lab) -> Finding:
    """Importance-sampled on test pictures binarised by one seed, beside pixels each on its own."""
    train = lab.images(SET, "train", limit=lab.of(small=SEEN, paper=None))
    test = lab.images(SET, "test", limit=lab.of(small=JUDGED, paper=None))
    samples = 2 if lab.tiny else lab.of(small=SAMPLES, paper=5_000)
    recipe = burda_2016_vae()
    if lab.scale != "paper":
        recipe = recipe.with_(epochs=EPOCHS)
    found = []
    shown: list[Any] = [("test digits", few(test, 10))]
    for seed in lab.seeds:
        model = lab.model(recipe, train, seed=seed).model
        likelihood = importance_log_likelihood(
            model, test, samples=samples, seed=1, augmentation=Binarise()
        )
        found.append(float(likelihood.mean()))
        if seed == lab.seeds[0]:
            shown.append(("their means", model.reconstruct(few(test, 10))))
    rows = [
        Row(
            "log p(x) of a test digit",
            found,
            f"{PUBLISHED:.2f}",
            {ALONE: alone(train, test)},
            "nats",
            "higher",
        )
    ]
    words = (
        f"Test digits have {statistics.fmean(found):.2f} nats (theirs {PUBLISHED:.2f}), by {samples:,} draws a "
        f"picture; with each pixel on its own they have {rows[0].baselines[ALONE]:.1f}."
    )
    small = (
        f"At the small scale {EPOCHS:g} passes over {SEEN:,} pictures, {JUDGED:,} test pictures and {SAMPLES} "
        "draws of each."
    )
    paper = "1,400 passes in batches of 200 where theirs are 3,280 in batches of 20."
    return Finding(
        judge_likelihood(rows),
        words,
        {"Test digits and what the model makes of them": picture_rows(shown)},
        rows,
        (lab.of(small=small, paper=paper),),
    )


def alone(train: Any, test: Any) -> float:
    """The log-likelihood of binarised test pictures in nats, each pixel by its own mean of the training."""
    share = few(train).mean(0).clamp(1e-4, 1 - 1e-4)
    x = few(test)
    binary = Binarise()(x, Draws(1, 0))
    return float(torch.where(binary > 0.5, share.log(), (1 - share).log()).flatten(1).sum(1).mean())


# ---- models beside one another -------------------------------------------------------------------------------

LIKELIHOOD = "log p(x) of a test digit"
FEWER, PASSES, FEWER_DRAWS, DRAWS = 2_000, 5.0, 100, 1_000  # the last of the paper scale
KS = (1, 5, 50)
BY_K = {1: "-86.76", 5: "-85.54", 50: "-84.78"}  # table 1: IWAE, one stochastic layer
GAIN = 1.98  # nats, of k = 50 over k = 1


@dataclass(frozen=True)
class Likelihoods:
    """What trained models give test digits: a value for each seed by the model's name."""

    nats: Mapping[str, Sequence[float]]
    minutes: Mapping[str, Sequence[float]]
    weights: Mapping[str, int]
    alone: float

    def rows(self, published: Mapping[str, str]) -> list[Row]:
        """A row for each model and measure; ``published`` by the model's name."""
        beside = {ALONE: self.alone}
        return [
            *(
                Row(
                    f"{name}: {LIKELIHOOD}", nats, published.get(name, ""), beside, "nats", "higher"
                )
                for name, nats in self.nats.items()
            ),
            *(Row(f"{name}: training", each, unit="min") for name, each in self.minutes.items()),
            *(Row(f"{name}: weights", [count]) for name, count in self.weights.items()),
        ]


def likelihoods(lab: Lab, recipes: Mapping[str, Recipe], passes: float = PASSES) -> Likelihoods:
    """Train every recipe with every seed, for ``passes`` at the small scale, and judge it on test digits."""
    train = lab.images(SET, "train", limit=lab.of(small=FEWER, paper=None))
    test = lab.images(SET, "test", limit=lab.of(small=JUDGED, paper=None))
    samples = 2 if lab.tiny else lab.of(small=FEWER_DRAWS, paper=DRAWS)
    nats: dict[str, list[float]] = {}
    minutes: dict[str, list[float]] = {}
    weights = {}
    for name, recipe in recipes.items():
        chosen = recipe if lab.scale == "paper" else recipe.with_(epochs=passes)
        for seed in lab.seeds:
            trained = lab.model(chosen, train, seed=seed)
            found = importance_log_likelihood(
                trained.model, test, samples=samples, seed=1, augmentation=Binarise()
            )
            nats.setdefault(name, []).append(round(float(found.mean()), 3))
            minutes.setdefault(name, []).append(round(trained.seconds / 60, 1))
        weights[name] = sum(weight.numel() for weight in trained.model.parameters())
    return Likelihoods(nats, minutes, weights, alone(train, test))


def extent(lab: Lab, passes: float = PASSES) -> str:
    """How much is trained and judged."""
    small = (
        f"At the small scale {passes:g} passes over {FEWER:,} pictures, {JUDGED:,} test pictures and {FEWER_DRAWS} draws "
        "of each."
    )
    return lab.of(small=small, paper=WHOLE)


WHOLE = (
    f"100 passes in batches of 100, and {DRAWS:,} draws of each test picture; minutes are of one thread that shared its "
    "core."
)


def judge_samples(rows: Sequence[Row]) -> Verdict:
    """More samples are better each time, by theirs from one to fifty, and fifty come to what is published."""
    one, five, fifty = (by_name(rows)[f"{_named(k)}: {LIKELIHOOD}"].mean for k in KS)
    return verdict_of(five > one, fifty > five, fifty - one >= GAIN, fifty > -84.78 - CLOSE)


@experiment(
    "importance weights",
    title="More samples in the bound",
    claim="Trained with the importance-weighted bound of more samples, the same network gives test digits more: "
    f"-86.76 nats for k = 1, -85.54 for k = 5, -84.78 for k = 50, which is {GAIN} more than for one.",
    data=(SET,),
    judge=judge_samples,
)
def importance_weights(lab: Lab) -> Finding:
    """The same network and training for every number of samples."""
    found = likelihoods(lab, {_named(k): burda_2016_iwae(samples=k) for k in KS})
    rows = found.rows({_named(k): value for k, value in BY_K.items()})
    return Finding(
        judge_samples(rows),
        _gain(rows),
        {},
        rows,
        (extent(lab), SHORTER),
    )


SHORTER = (
    "Theirs are 3,280 passes in batches of 20, and 5,000 draws. The training's numbers (batch, rate) were chosen with "
    "10,000 training pictures held out and are the same for every k."
)


def _named(k: int) -> str:
    return f"k = {k}"


def _gain(rows: Sequence[Row]) -> str:
    mean = {k: by_name(rows)[f"{_named(k)}: {LIKELIHOOD}"].mean for k in KS}
    said = ", ".join(f"k = {k} {nats:.2f} nats" for k, nats in mean.items())
    return f"Test digits: {said}. k = 50 lies {mean[50] - mean[1]:.2f} nats above k = 1 (theirs {GAIN})."


PLAIN, DOUBLY = "k = 50", "k = 50, doubly reparameterised"
AHEAD = 0.2  # nats


def judge_doubly(rows: Sequence[Row]) -> Verdict:
    """With every seed the doubly reparameterised gradient is better by a fifth of a nat than the other on average."""
    row = by_name(rows)
    plain, doubly = (row[f"{name}: {LIKELIHOOD}"] for name in (PLAIN, DOUBLY))
    return verdict_of(min(doubly.ours) >= plain.mean + AHEAD)


@experiment(
    "doubly reparameterised",
    title="A gradient of the bound with less noise",
    claim="The doubly reparameterised gradient (Tucker et al. 2019) leads to a higher likelihood than the bound's own: with "
    f"k = 50 by at least {AHEAD} nats after as many passes, with every seed.",
    data=(SET,),
    judge=judge_doubly,
)
def doubly_reparameterised(lab: Lab) -> Finding:
    """The network with fifty samples, by both gradients."""
    recipes = {PLAIN: burda_2016_iwae(samples=50), DOUBLY: tucker_2019_dreg(samples=50)}
    rows = likelihoods(lab, recipes).rows({})
    row = by_name(rows)
    plain, doubly = (row[f"{name}: {LIKELIHOOD}"].mean for name in (PLAIN, DOUBLY))
    words = f"Test digits: {PLAIN} {plain:.2f} nats, {DOUBLY} {doubly:.2f}."
    how = "The margin is ours; theirs are digits binarised once, and other networks."
    return Finding(judge_doubly(rows), words, {}, rows, (extent(lab), how))


DOCUMENT = Document(
    "burda-2016",
    "Importance Weighted Autoencoders",
    "Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, 2016",
    "International Conference on Learning Representations",
    (table_1, importance_weights, doubly_reparameterised),
)
