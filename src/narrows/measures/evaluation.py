"""How good a model is on pictures that it was not trained on, with baselines for each number.

    pictures ──augmentation──► x ──corruption──► x̃        both as in the recipe, with fixed draws
    x ──model──► x̂     x ──PCA, as many values or bits──► x̂     the mean picture of the training

One pass over the pictures; every measure is kept per picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..bottlenecks.quantised import Quantised
from ..images import Mapped, Source, as_source
from ..images.corruptions import Corruption  # importing it also lists the corruptions
from ..parts import Part, build
from ..randomness import Draws
from .baselines import CodedPca, Pca, mean_picture, to_fit_pca
from .likelihoods import elbo_terms, importance_of_batch
from .pictures import psnr, squared_error, ssim

__all__ = ["Evaluation", "bits_of_code", "evaluate", "pca_baselines"]

Array = np.ndarray[Any, Any]

MODEL = "model"
MEASURES = ("mse", "psnr", "ssim")


@dataclass(frozen=True)
class Evaluation:
    """Measures of N pictures, each an array (N,).

    Attributes:
        n: N.
        mse, psnr, ssim: of the model's reconstructions; ssim is empty below 3×3 pixels.
        elbo, kl: in nats, of a model with a prior; else None.
        log_likelihood: in nats, by importance sampling, where samples were asked for; else None.
        others: the same three measures of each baseline and corruption, by name.
        samples: S of the log-likelihood; 0 without.
        notes: what a reader of the numbers has to know.
    """

    n: int
    mse: Array
    psnr: Array
    ssim: Array
    elbo: Array | None = None
    kl: Array | None = None
    log_likelihood: Array | None = None
    others: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    samples: int = 0
    notes: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """A row for the model and for each baseline: means, and deviations over the pictures."""
        all_of_them = {MODEL: {name: getattr(self, name) for name in MEASURES}, **self.others}
        return [
            {"name": name, **_summary({m: measured[m] for m in MEASURES})}
            for name, measured in all_of_them.items()
        ]

    def nats(self) -> dict[str, float]:
        """Means and deviations of what is in nats per picture; empty without a prior."""
        values = {name: getattr(self, name) for name in ("elbo", "kl", "log_likelihood")}
        return _summary({name: value for name, value in values.items() if value is not None})

    def document(self) -> dict[str, Any]:
        """The numbers for machines, without those per picture."""
        return {
            "pictures": self.n,
            "rows": self.rows(),
            "nats": self.nats(),
            "samples": self.samples,
            "notes": list(self.notes),
        }


def _summary(measured: Mapping[str, Array]) -> dict[str, float]:
    summary = {}
    for name, values in measured.items():
        if len(values):
            summary[name] = float(values.mean(dtype=np.float64))
            summary[f"{name}_deviation"] = float(values.std(dtype=np.float64))
    return summary


def evaluate(
    model: Autoencoder,
    images: Any,
    *,
    train: Any = None,
    samples: int = 0,
    seed: int = 0,
    augmentation: Corruption | Part | None = None,
    views: Corruption | Part | None = None,
    batch_size: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure a model on pictures.

    Reconstructions are made of mean codes, and every one, a baseline's too, is cut to [0, 1] as a
    file of it would be. The augmentation of the recipe's last phase (``binarise``) is applied to
    the pictures first; where that phase has a corruption, the model is also measured on corrupted
    pictures, against the clean ones.

    Args:
        images: the pictures to measure on: a source or an array.
        train: those that the model was trained on, for the baselines; None leaves them out.
        samples: S of the importance-sampled log-likelihood; 0 leaves it out.
        seed: of every draw.
        augmentation: instead of the recipe's.
        views: with them, PCA of mirrored pictures and PCA of views of the pictures stand beside too.
        batch_size: pictures at a time.
        progress: called with (done, total) pictures.

    Raises:
        ValueError: pictures of another shape than the model's, or samples for a model without a
            prior.
    """
    source = _fitting(model, images)
    generative = model.bottleneck.generative
    phase = _last_phase(model)
    written = augmentation if augmentation is not None else getattr(phase, "augmentation", None)
    augment: Corruption | None = None if written is None else build("corruption", written)
    corrupt: Corruption | None = None
    if getattr(phase, "corruption", None) is not None:
        corrupt = build("corruption", phase.corruption)
    notes: list[str] = []
    baselines: dict[str, Callable[[Tensor], Tensor]] = {}
    if train is None:
        notes.append("no baselines: they are fitted on the training pictures, which were not given")
    else:
        fitted = _fitting(model, train)
        baselines, said = pca_baselines(model, fitted, views, augment, seed)
        notes += said
        mean = mean_picture(_augmented(fitted, augment, seed))
        baselines["mean picture"] = lambda x: mean.expand_as(x)
    if augment is not None:
        notes.append(
            f"the pictures went through {_named(written)} first, with draws of seed {seed}"
        )
    if corrupt is not None:
        notes.append(f"corrupted: {_named(phase.corruption)}, with draws of seed {seed}")
    if min(source.shape[1:]) < 3:
        notes.append("no ssim: it needs pictures of at least 3×3")

    measured = _Measured()
    with model.evaluating():
        for number, start in enumerate(range(0, len(source), batch_size)):
            stop = min(start + batch_size, len(source))
            draws = Draws(seed, number)
            x = source.batch(torch.arange(start, stop)).to(model.device)
            x = x if augment is None else augment(x, draws)
            measured.add(MODEL, x, model(x))
            if corrupt is not None:
                corrupted = corrupt(x, draws)
                measured.add("corrupted input", x, corrupted)
                measured.add("model on corrupted input", x, model(corrupted))
            on_processor = x.cpu()
            for name, reconstruct in baselines.items():
                measured.add(name, on_processor, reconstruct(on_processor))
            if generative:
                log_px, kl = elbo_terms(model, x, 1, draws)
                measured.keep("elbo", log_px - kl)
                measured.keep("kl", kl)
            if samples:
                measured.keep("log_likelihood", importance_of_batch(model, x, samples, draws))
            if progress is not None:
                progress(stop, len(source))
    return measured.evaluation(len(source), samples, tuple(notes))


class _Measured:
    """The measures of the batches so far."""

    def __init__(self) -> None:
        self.pictures: dict[str, dict[str, list[Tensor]]] = {}
        self.nats: dict[str, list[Tensor]] = {}

    def add(self, name: str, x: Tensor, x_hat: Tensor) -> None:
        x_hat = x_hat.clamp(0, 1)
        kept = self.pictures.setdefault(name, {measure: [] for measure in MEASURES})
        kept["mse"].append(squared_error(x, x_hat).cpu())
        kept["psnr"].append(psnr(x, x_hat).cpu())
        if min(x.shape[2:]) >= 3:
            kept["ssim"].append(ssim(x, x_hat).cpu())

    def keep(self, name: str, values: Tensor) -> None:
        self.nats.setdefault(name, []).append(values.cpu())

    def evaluation(self, n: int, samples: int, notes: tuple[str, ...]) -> Evaluation:
        pictures = {
            name: {measure: _joined(values) for measure, values in kept.items()}
            for name, kept in self.pictures.items()
        }
        nats = {name: _joined(values) for name, values in self.nats.items()}
        own = pictures.pop(MODEL)
        return Evaluation(n, **own, **nats, others=pictures, samples=samples, notes=notes)


def _joined(values: list[Tensor]) -> Array:
    return torch.cat(values).numpy() if values else np.zeros(0, np.float32)


def _augmented(source: Source, change: Corruption | None, seed: int) -> Source:
    """A source seen through an augmentation; one set of positions always gives the same pictures."""
    if change is None:
        return source

    def changed(x: Tensor, indices: Tensor) -> Tensor:
        return change(x, replace(Draws(seed, int(indices[0])), stream=-1)) if len(indices) else x

    return Mapped(source, changed)


def bits_of_code(model: Autoencoder) -> int | None:
    """The bits of a code of entries of a book, each of as many; None of a code of numbers."""
    if not isinstance(model.bottleneck, Quantised):
        return None
    with torch.no_grad():
        z = torch.zeros(1, *model.code_shape, device=model.device)
        entries = model.bottleneck.nearest(z).numel()
    return math.floor(entries * math.log2(model.bottleneck.entries))


def pca_baselines(
    model: Autoencoder,
    train: Any,
    views: Corruption | Part | None = None,
    augmentation: Corruption | None = None,
    seed: int = 0,
) -> tuple[dict[str, Callable[[Tensor], Tensor]], list[str]]:
    """PCA with as many values as a code, or of a quantised code with as many bits.

    Args:
        train: the pictures that the model was trained on.
        views: with them also of the mirrored pictures, and of views of them.
        augmentation: what the pictures go through first.
        seed: of every draw.

    Returns:
        What reconstructs pictures (N, C, H, W), by its name; and what a reader has to know.
    """
    source, bits, values = as_source(train), bits_of_code(model), math.prod(model.code_shape)
    sources: Mapping[str, Source] = {"PCA": source}
    if views is not None:
        sources = to_fit_pca(source, build("corruption", views), seed)
    found: dict[str, Callable[[Tensor], Tensor]] = {}
    notes = []
    for kind, several in sources.items():
        fitted = _augmented(several, augmentation, seed)
        if bits is None:
            pca = Pca.fit(fitted, min(values, Pca.most(fitted)), seed=seed)
            name = f"{kind}, {len(pca)} {'value' if len(pca) == 1 else 'values'}"
            found[name] = pca.reconstruct
        else:
            coded = CodedPca.fit(fitted, bits, seed=seed)
            pca, name = coded.pca, f"{kind}, {bits:,} {'bit' if bits == 1 else 'bits'}"
            found[name] = coded.reconstruct
        notes += _of_fit(name, pca, len(source), values if bits is None else 0)
    return found, notes


def _of_fit(name: str, pca: Pca, pictures: int, values: int) -> list[str]:
    """What a reader has to know of how PCA was fitted."""
    notes = []
    if pca.fitted_on < pca.of or "views" in name:
        of = f"of the {pca.of:,}" if "views" not in name else f"views of the {pictures:,}"
        notes.append(f"{name}: fitted on {pca.fitted_on:,} {of} training pictures")
    if len(pca) < values:
        features = math.prod(pca.shape)
        what = (
            f"pictures of {features:,} values" if len(pca) == features else f"{pca.of:,} pictures"
        )
        notes.append(f"{name}: a code has {values:,}, but {what} have no more components")
    return notes


def _fitting(model: Autoencoder, images: Any) -> Source:
    source = as_source(images)
    if tuple(source.shape) != tuple(model.shape):
        raise ValueError(
            f"this model takes pictures of shape {tuple(model.shape)}; we got {tuple(source.shape)}"
        )
    return source


def _last_phase(model: Autoencoder) -> Any:
    phases = getattr(model.recipe, "phases", ())
    return phases[-1] if phases else None


def _named(change: Any) -> str:
    if isinstance(change, Part):
        numbers = ", ".join(f"{key}={value}" for key, value in change.arguments.items())
        return f"{change.name} ({numbers})" if numbers else change.name
    return getattr(change, "__name__", type(change).__name__.lower())
