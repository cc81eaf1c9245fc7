"""Fit a prior to a model's codes, so that it can generate, and judge it on codes it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..bottlenecks import Quantised
from ..images import captions
from ..images.inputs import Pictures, evenly
from ..images.views import Subset
from ..priors import Prior, PriorEvaluation, compare, fit_prior, prior_for, save_prior
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from ..training import Portion, located
from .opening import opened_images, opened_model, run_of

__all__ = ["PriorFit", "fit_after_training", "prior"]

# of the mixture that every training ends with, so that it takes seconds
FEWEST, MOST = 20, 4000  # codes that it is fitted to
VALUES = 50_000_000  # pixels of the pictures that are encoded for it
AXES = 256  # directions of a longer code that it lies in
LONGEST = 65_536  # numbers of a code


@dataclass(frozen=True, repr=False)
class PriorFit(Result):
    """A prior that was fitted, and how it compares with simpler ones.

    Attributes:
        prior: the fitted one.
        kind: its name.
        rows: it, simpler ones and training codes, each judged on the same codes.
        fitted: the pictures whose codes it was fitted to, a Source.
        judged: those that it was judged on, and what is known of them: ``held-out``,
            ``validation``, ``training`` or ``seen``.
        file: where it was stored; None where it was not.
        words: that a prior of captions knows.
        example: a text that it knows.
        notes: what has to be said.
    """

    name: ClassVar[str] = "prior"
    prior: Prior
    kind: str
    rows: Sequence[PriorEvaluation]
    fitted: Any
    judged: Portion
    file: Path | None = None
    words: Sequence[str] = ()
    example: str = ""
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """The numbers of every row."""
        words = {"words": list(self.words)} if self.words else {}
        return {
            "prior": self.kind,
            "file": None if self.file is None else str(self.file),
            "fitted_on": len(self.fitted),
            "judged_on": self.judged.name,
            "rows": [vars(row) for row in self.rows],
            "notes": list(self.notes),
            **words,
        }

    def table(self) -> Table:
        """Nats per code (more is better) and discrepancy (less is better) of each."""
        columns: dict[str, list[Any]] = {
            f"{self.judged.name} codes": [row.name for row in self.rows],
            "nats per code": [row.nats for row in self.rows],
            "discrepancy": [row.discrepancy for row in self.rows],
        }
        note = (
            "(nats: more is better; discrepancy: 0 on average for the codes' own distribution, and "
            "so now and then less)"
        )
        return Table(columns, digits={"nats per code": 2, "discrepancy": 4}, notes=[note])


def prior(
    model: Any,
    pictures: Pictures,
    kind: str = "mixture",
    *,
    arguments: Mapping[str, Any] | None = None,
    to: Path | str | None = None,
    limit: int | None = 20_000,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> PriorFit:
    """Fit a prior to the codes of pictures, and store it beside the model.

    It is fitted to pictures that the model was trained on and judged on others; see
    :meth:`narrows.training.RunSplit.fitting`.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: best those of the training, all of them.
        kind: ``gaussian``, ``mixture``, ``flow``; ``autoregressive`` for codes of entries;
            ``caption-flow`` for text-to-image.
        arguments: numbers of the prior, such as ``{"components": 10}``.
        to: the folder to store it in; None: the model's, where it has one.
        limit: fit to at most so many pictures, evenly spread.
        seed: of the fit.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: a kind or an argument that does not fit the model, or ``normal``, of which
            nothing is fitted.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.prior(model, images[:200], "gaussian").prior.sample(4, seed=0).shape
        torch.Size([4, 8])
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1; we got {limit}")
    loaded = opened_model(model, device)
    prior_for(loaded, kind, **arguments or {})  # refuses now, before anything is read
    if kind == "normal":
        raise ValueError(
            "nothing of the prior 'normal' is fitted: run `narrows generate MODEL --prior normal`"
        )
    images = opened_images(loaded, pictures, progress=progress)
    split = run_of(loaded).split(images)
    notes = [*getattr(images, "notes", ()), *([split.note] if split.note else [])]
    fitting, judged = split.fitting(0.1, seed)
    if len(judged) < 2:
        judged = Portion(fitting, "training")
        notes.append("fewer than 2 other pictures: it is judged on the codes it was fitted to")
    fitting = evenly(fitting, limit)
    with stage(progress, f"fitting {kind}") as step:
        fitted: Any = fit_prior(loaded, fitting, kind, seed=seed, progress=step, **arguments or {})
    folder = to or (located(model) if isinstance(model, (str, Path)) else run_of(loaded).folder)
    file = None
    if folder is not None:
        file = save_prior(fitted, loaded, folder, fitted_on=len(fitting), seed=seed)
    rows = compare(loaded, fitted, fitting, judged.images, seed=seed)
    words, example = (), ""
    if kind == "caption-flow":
        said = captions(Subset(fitting, range(min(len(fitting), 100))), seed=seed)
        words = fitted.words
        example = next((each[0] for each in said if each[0]), " ".join(words[:1]))
    return PriorFit(fitted, kind, rows, fitting, judged, file, words, example, notes)


def fit_after_training(
    model: Any, images: Any, folder: Path | str, *, seed: int = 0, progress: Progress = None
) -> str:
    """Fit a mixture to codes of the training and store it: what ``generate`` draws from by default.

    It is fitted to at most 4,000 codes, of codes above 256 numbers in principal axes. Entries of a code
    book have another kind of prior, and codes of more numbers than the picture (of a denoiser, say) are
    not there to be drawn: they get none here.

    Args:
        images: the pictures of the training.

    Returns:
        Why there is none; empty where there is one.
    """
    size = math.prod(model.code_shape)
    if isinstance(model.bottleneck, Quantised) or size > math.prod(model.shape):
        return ""
    if len(images) < FEWEST:
        return (
            f"no prior was fitted to the codes of {counted(len(images), 'picture')}: that needs at "
            f"least {FEWEST}; generate has little to draw from"
        )
    if size > LONGEST:
        return (
            f"no prior was fitted to codes of {size:,} numbers, which is too many to generate from"
        )
    most = min(MOST, max(FEWEST, VALUES // math.prod(model.shape), 1), max(256, 2**24 // size))
    few = evenly(images, max(FEWEST, most))
    arguments = {} if size <= AXES else {"axes": min(AXES, 2**22 // size)}
    try:
        with stage(progress, "fitting a prior") as step:
            fitted = fit_prior(model, few, "mixture", seed=seed, progress=step, **arguments)
    except ValueError as error:  # codes that are not finite
        return f"no prior was fitted to the codes: {error}"
    save_prior(fitted, model, folder, fitted_on=len(few), seed=seed)
    return ""
