"""A claim of one's own: a file says which models, pictures and measure; it is run and judged as a document's are.

claim = "The default reconstructs digits better than the model of the course."
pictures = "digits"                              a named set, a folder, an archive
models = ["pca-autoencoder", "mlp-autoencoder"]  recipes or recipe.toml files; the first is the claim's
measure = "psnr"
baselines = ["pca", "mirrored-pca"]              of as many numbers as the first model's code
code_size = 16                                   of every recipe by name
minutes = 0.5                                    or epochs; left out: as the recipes say
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from narrows import files
from narrows.applications import evaluate_classifier, extract_features, fit_classifier
from narrows.errors import BadFile
from narrows.figures import picture_rows
from narrows.images import as_source, open_source, split
from narrows.measures import Pca, mean_picture, psnr, squared_error, ssim
from narrows.measures.baselines import to_fit_pca
from narrows.near import meant
from narrows.recipes import adjusted
from narrows.training import Recipe
from narrows.training.length import lasting

from .experiment import Document, Experiment, Finding, Row
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["BASELINES", "MEASURES", "Claim", "document_of", "judge_best", "read_claim"]

PARTS = (0.7, 0.1, 0.2)  # to train on, to choose the weights by, to judge on
SHOWN = 8


@dataclass(frozen=True)
class Measure:
    """What is compared: of pictures x (N, C, H, W) and their reconstructions, or of codes and labels.

    Attributes:
        better: which way.
        unit: of its numbers.
        of_pictures: (x, reconstructions) → a number; None where it is of codes.
        classifier: the kind that reads the main label from codes (``narrows.applications.classify``).
    """

    better: Literal["lower", "higher"]
    unit: str = ""
    of_pictures: Callable[[Tensor, Tensor], float] | None = None
    classifier: str = ""


MEASURES: Mapping[str, Measure] = {
    "psnr": Measure("higher", "dB", lambda x, back: float(psnr(x, back).mean())),
    "ssim": Measure("higher", "", lambda x, back: float(ssim(x, back).mean())),
    "squared-error": Measure("lower", "", lambda x, back: float(squared_error(x, back).mean())),
    "linear-accuracy": Measure("higher", "", None, "linear"),
    "knn-accuracy": Measure("higher", "", None, "knn"),
}


@dataclass(frozen=True)
class Baseline:
    """What needs no network: pictures (N, C, H, W) back from as many numbers, and those numbers."""

    reconstruct: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor]


def _itself(x: Tensor) -> Tensor:
    return x


def _pca(train: Any, k: int, which: str) -> Baseline:
    source = to_fit_pca(train)[which]
    pca = Pca.fit(source, min(k, Pca.most(source)))
    return Baseline(lambda x: pca.reconstruct(x).clamp(0, 1), pca.encode)


def _mean(train: Any, k: int) -> Baseline:
    mean = mean_picture(train)
    return Baseline(lambda x: mean.expand_as(x), _itself)


BASELINES: Mapping[str, Callable[[Any, int], Baseline]] = {
    "pca": lambda train, k: _pca(train, k, "PCA"),
    "mirrored-pca": lambda train, k: _pca(train, k, "PCA of mirrored pictures"),
    "pixels": lambda train, k: Baseline(_itself, _itself),
    "mean-picture": _mean,
}
OF_CODES, OF_PICTURES = {"pixels"}, {"mean-picture"}  # baselines of one kind of measure only


@dataclass(frozen=True)
class Claim:
    """What a file says.

    Attributes:
        claim: in a sentence.
        pictures: a named set, or where they are.
        models: recipes by name or by file; the first is said to be the best.
        measure: of ``MEASURES``.
        baselines: of ``BASELINES``.
        code_size: of the recipes that are named; None leaves it to them.
        minutes, epochs: of every training; None leaves it to the recipes.
        size: height and width of pictures out of a folder, in pixels.
    """

    claim: str
    pictures: str
    models: tuple[str, ...]
    measure: str
    baselines: tuple[str, ...] = ("pca",)
    code_size: int | None = None
    minutes: float | None = None
    epochs: float | None = None
    size: int | None = None


def read_claim(path: Path | str) -> Claim:
    """A claim out of its file.

    Raises:
        BadFile: it is not there, not TOML, or a name or number in it is none: one sentence with what is near.
    """
    path = Path(path)
    said = files.load_toml(path)
    known = {field.name for field in fields(Claim)}
    if unknown := sorted(said.keys() - known):
        raise BadFile(
            f"{path}: {unknown[0]!r} is nothing that a claim says{meant(unknown[0], known)}"
        )
    for name in ("claim", "pictures", "models", "measure"):
        if name not in said:
            raise BadFile(f"{path}: a claim needs {name!r}; narrows_studies.claims shows one")
    for name, kinds in (("claim", str), ("pictures", str), ("measure", str)):
        if not isinstance(said[name], kinds) or not said[name].strip():
            raise BadFile(f"{path}: {name!r} is a text; we got {said[name]!r}")
    for name in ("models", "baselines"):
        if name in said and not _names(said[name]):
            raise BadFile(f"{path}: {name!r} is a list of names; we got {said[name]!r}")
        if name in said:
            said[name] = tuple(said[name])
    if not said["models"]:
        raise BadFile(f"{path}: a claim needs a model")
    if len(said["models"]) + len(said.get("baselines", ("pca",))) < 2:
        raise BadFile(f"{path}: a claim needs another model or a baseline to be judged beside")
    for name in ("code_size", "size", "minutes", "epochs"):
        number = said.get(name)
        whole = name in ("code_size", "size")
        right = type(number) is int if whole else type(number) in (int, float)
        if number is not None and not (right and 0 < number < math.inf):
            raise BadFile(f"{path}: {name!r} is a number above 0; we got {number!r}")
    if "minutes" in said and "epochs" in said:
        raise BadFile(f"{path}: minutes or epochs, not both")
    for kind, names, there in (
        ("measure", (said["measure"],), MEASURES),
        ("baseline", said.get("baselines", ()), BASELINES),
    ):
        for name in names:
            if name not in there:
                near = meant(name, there) or f"; there are {', '.join(there)}"
                raise BadFile(f"{path}: there is no {kind} {name!r}{near}")
    claim = Claim(**said)
    reads_codes = MEASURES[claim.measure].of_pictures is None
    if idle := sorted((OF_PICTURES if reads_codes else OF_CODES) & set(claim.baselines)):
        raise BadFile(f"{path}: {idle[0]!r} is no baseline of {claim.measure}")
    return claim


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def judge_best(rows: Sequence[Row]) -> Verdict:
    """The first row is better than every other one and than every baseline."""
    first, *others = rows
    beside = [row.mean for row in others] + list(first.baselines.values())
    if first.better == "lower":
        return verdict_of(*(first.mean < value for value in beside))
    return verdict_of(*(first.mean > value for value in beside))


def document_of(claim: Claim, name: str) -> Document:
    """A document with this one experiment.

    Args:
        name: of the claim, for its folder.
    """

    def run(lab: Lab) -> Finding:
        """Trains the models, and measures them and the baselines on pictures that none of them saw."""
        return _found(claim, lab)

    title = claim.claim.rstrip(".")
    short = title if len(title) <= 60 else f"{title[:57].rstrip()} …"
    command = f"narrows reproduce --claim {name}.toml"
    one = Experiment(("claim",), short, claim.claim, (), run, (), judge_best, repr(claim), command)
    return Document(name, short, "Your own claim", f"{name}.toml", (one,))


def _found(claim: Claim, lab: Lab) -> Finding:
    images = as_source(open_source(claim.pictures, size=claim.size))
    parts = split(images, PARTS, seed=0)
    measure = MEASURES[claim.measure]
    if measure.of_pictures is None and getattr(images, "label", None) is None:
        raise ValueError(
            f"{claim.measure} reads a label from codes, and {claim.pictures} has none: name a folder per class"
        )
    x = few(parts.test)
    values: dict[str, list[float]] = {}
    shown: list[tuple[str, Tensor]] = [("held out", x[:SHOWN])]
    numbers = 0
    for name in claim.models:
        recipe = _recipe(claim, name, parts.train.shape)
        for seed in lab.seeds:
            model = lab.model(recipe, parts.train, validation=parts.validation, seed=seed).model
            numbers = numbers or math.prod(model.code_shape)
            ours = Baseline(model.reconstruct, lambda y, m=model: m.encode(y).z.flatten(1))  # type: ignore[misc]
            values.setdefault(name, []).append(_measured(measure, ours, parts, x))
            if seed == lab.seeds[0]:
                shown.append((name, model.reconstruct(x[:SHOWN])))
    beside = {}
    for name in claim.baselines:
        made = BASELINES[name](parts.train, numbers)
        beside[name] = _measured(measure, made, parts, x)
        shown.append((name, made.reconstruct(x[:SHOWN])))
    rows = [
        Row(name, each, "", beside if name == claim.models[0] else {}, measure.unit, measure.better)
        for name, each in values.items()
    ]
    unit = f" {measure.unit}" if measure.unit else ""
    said = [f"{name} {statistics.fmean(each):.4g}{unit}" for name, each in values.items()]
    said += [f"{name} {value:.4g}{unit}" for name, value in beside.items()]
    words = f"{claim.measure} of {len(x):,} held-out pictures: {', '.join(said)}."
    return Finding(
        judge_best(rows), words, {"Held-out pictures through each": picture_rows(shown)}, rows
    )


def _recipe(claim: Claim, name: str, shape: Sequence[int]) -> Recipe:
    own = name.endswith(".toml")
    changes = {"code_size": claim.code_size} if claim.code_size is not None and not own else {}
    return lasting(adjusted(name, shape, changes), claim.epochs, claim.minutes)


def _measured(measure: Measure, model: Baseline, parts: Any, x: Tensor) -> float:
    if measure.of_pictures is not None:
        return measure.of_pictures(x, model.reconstruct(x))
    known, asked = (
        extract_features(lambda y: model.encode(y).flatten(1), part)
        for part in (parts.train, parts.test)
    )
    probe = fit_classifier(known, parts.train.label, measure.classifier, choose=False)
    return float(evaluate_classifier(probe, asked, parts.test.label).accuracy)
