"""Writes the tables of equations in docs/concepts.md, one for each document: `python docs/equations.py`.

A row names code by its place: ``objectives.Elbo`` is a public name of ``narrows.objectives``,
``likelihood/mse`` a listed part, ``recipe/mlp-vae`` a recipe. What is not there is refused.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import NamedTuple

from narrows.parts import listed

PAGE = Path(__file__).with_name("concepts.md")
BEGIN, END = "<!-- equations: written by `python docs/equations.py` -->", "<!-- equations end -->"


class Row(NamedTuple):
    """An equation: its number or its formula, what it says, and the code that does it."""

    equation: str
    says: str
    code: tuple[str, ...]


TABLES: dict[str, tuple[Row, ...]] = {
    "Canziani 2020, Introduction to autoencoders (its equations have no numbers)": (
        Row("h = f(W_h x + b_h), x̂ = g(W_x h + b_x)", "one rung, down and up", ("networks.DenseRung", "ladder/dense")),
        Row("W_x = W_hᵀ", "tied weights, with which PCA can be represented", ("networks.DenseRung", "measures.Pca")),
        Row("L = 1/m Σ ℓ(x, x̂)", "the loss of a set is the mean over its pictures", ("objectives.Objective",)),
        Row("−Σ x log x̂ + (1 − x) log(1 − x̂)", "cross-entropy, for binary pixels", ("objectives.Bernoulli", "likelihood/bernoulli")),
        Row("½‖x − x̂‖²", "for real pixels; a Gaussian of variance 1", ("objectives.Gaussian", "likelihood/gaussian")),
        Row("‖∇ₓ h‖² added to the loss (fig. 18)", "an encoder that small changes do not move", ("objectives.Contractive", "penalty/contractive", "recipe/rifai-2011-contractive")),
        Row("img · noise", "dropped pixels, from which the whole is to come back", ("corruption/dropout-mask", "recipe/canziani-2020-denoising")),
    ),
    "Kovenko & Bogach 2020, Autoencoders' applications related to images": (
        Row("1", "mean squared error; here summed over a picture", ("likelihood/mse", "measures.squared_error")),
        Row("2", "mean absolute error; here summed", ("objectives.Laplace", "likelihood/mae")),
        Row("3", "(1 − α) code₁ + α code₂, decoded", ("applications.linear", "morph")),
        Row("4", "E log p(x\\|t) − KL(q ‖ p)", ("objectives.Elbo", "bound/elbo", "measures.elbo")),
        Row("5", "log p of a Gaussian, the sign before log σ² corrected; σ² fixed, learnt or σ²(t)", ("objectives.Gaussian", "objectives.GaussianLearnt", "objectives.GaussianDecoded", "recipe/kovenko-2020-vae-decoded-variance")),
        Row("6", "KL(q ‖ p); as printed it is its negative", ("bottlenecks.kl_to_standard_normal",)),
        Row("7", "the same of Gaussians in closed form; as printed it is its negative", ("bottlenecks.kl_to_standard_normal", "bottleneck/gaussian")),
        Row("8", "β before the KL, which grows from 0 to 1", ("objectives.Elbo", "schedule/warm-up", "recipe/kovenko-2020-vae-warm-up")),
    ),
    "Theivaprakasham 2021, Applications of variational autoencoders": (
        Row("3.1", "the posterior p(z\\|x), which q approximates", ("Autoencoder.posterior",)),
        Row("3.2", "p(x) as an integral over z; here by importance samples", ("measures.importance_log_likelihood",)),
        Row("3.3, 3.9", "q is to be near p(z\\|x)", ("objectives.Elbo",)),
        Row("3.4–3.6", "the KL of two distributions, and of q and p(z\\|x)", ("bottlenecks.kl_to_standard_normal", "bottlenecks.log_normal")),
        Row("3.7", "KL(q ‖ p(z\\|x)) + ELBO = log p(x); `tests/laws/test_elbo.py` checks it", ("measures.elbo", "measures.importance_log_likelihood")),
        Row("3.8, 3.10", "the ELBO, whose negative is minimised", ("objectives.Elbo", "Autoencoder.loss")),
    ),
    "Lingrand 2021, Autoencoder (a course; its equations have no numbers)": (
        Row("covariance = E Λ Eᵀ", "principal components", ("measures.Pca",)),
        Row("z = μ + σ ⊙ ε", "a draw that gradients pass", ("bottlenecks.Gaussian", "recipe/lingrand-2021-vae")),
        Row("784 · mean squared error", "a Gaussian of variance ½", ("likelihood/mse",)),
        Row("−½ Σ (1 + log σ² − μ² − σ²)", "the KL; the course draws with σ = exp of the same output, here it is log σ² in both", ("bottlenecks.kl_to_standard_normal",)),
        Row("β · KL", "the β-VAE (Higgins et al. 2017)", ("objectives.Elbo", "schedule/constant", "recipe/lingrand-2021-beta-vae")),
    ),
    "Ray & Hannon 2022, Recursively trained autoencoders (without numbered equations)": (
        Row("each pair of layers has its own loss", "recursive training", ("scheme/recursive", "recipe/ray-2022-recursive")),
        Row("one loss at the picture", "the stacked autoencoder it is compared with", ("scheme/end-to-end", "recipe/ray-2022-stacked")),
        Row("one batch normalisation for both ways (§4.3)", "shared between a pair of layers", ("networks.Ladder", "recipe/ray-2022-recursive-shared-norm")),
    ),
}  # fmt: skip


def resolved(name: str) -> object:
    """The public object that a row names.

    Raises:
        LookupError: there is none, or it is not public.
    """
    kind, slash, part = name.partition("/")
    if slash and kind == "recipe":
        from narrows.recipes import listed as recipes

        return recipes()[part]
    if slash:
        return listed(kind)[part]
    package, dot, attribute = name.partition(".")
    if package[0].isupper() or not dot:  # of narrows itself: a class, a method of it, a verb
        found: object = getattr(importlib.import_module("narrows"), package, None)
        if found is None:
            raise LookupError(f"narrows has no public name {package}")
        if dot and not hasattr(found, attribute):
            raise LookupError(f"narrows.{package} has no {attribute}")
        return getattr(found, attribute) if dot else found
    module = importlib.import_module(f"narrows.{package}")
    if attribute not in module.__all__:
        raise LookupError(f"narrows.{package} has no public name {attribute}")
    return getattr(module, attribute)


def shown(name: str) -> str:
    """A name as the page has it, with a link where the reference has a page of it."""
    kind, slash, part = name.partition("/")
    if slash and kind == "recipe":
        return f"recipe [`{part}`](recipes.md#{part})"
    if slash:
        return f"{kind} `{part}`"
    package, dot, _ = name.partition(".")
    page = package if dot and not package[0].isupper() else "narrows"
    return f"[`{name}`](api/{page}.md)"


def tables() -> str:
    """All of them, a heading each."""
    pieces = []
    for title, rows in TABLES.items():
        pieces += [f"### {title}", "", "| equation | says | code |", "| --- | --- | --- |"]
        for row in rows:
            for name in row.code:
                resolved(name)
            pieces.append(f"| {row.equation} | {row.says} | {', '.join(map(shown, row.code))} |")
        pieces.append("")
    return "\n".join(pieces).rstrip()


def page(text: str) -> str:
    """The page's text with the tables of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE}")
