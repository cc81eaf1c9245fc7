"""Evaluate: a model's numbers beside those of principal components and the mean picture.

pictures ──run.split──┬─► those trained on: the baselines are fitted to them
                      └─► those held out ──model, baselines──► MSE, PSNR, SSIM, ELBO, log p(x)
                                        └─(of known factors)─► what single units tell
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch

from ..images import known_factors
from ..images.inputs import Pictures, are_files, evenly
from ..images.patches import patches
from ..measures import Disentanglement, Evaluation, Pca
from ..measures import evaluate as measure
from ..measures.collapse import collapse_note
from ..measures.sample_distance import SampleDistance
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, spread
from ..training import Portion
from .beside_pca import best_of, conclusion, unfair, views_of
from .disentangle import FEWEST, LARGEST, baseline_encoders, disentangle
from .generate import generate
from .inference import Inference, check_searchable, inference
from .opening import opened_images, opened_model, run_of

__all__ = ["Drawn", "Inference", "ModelEvaluation", "evaluate"]

UNITS = {
    "mig": "MIG",
    "disentanglement": "DCI: disentangled",
    "completeness": "complete",
    "informativeness": "informative",
    "sap": "SAP",
    "factor_vae": "FactorVAE score",
    "beta_vae": "β-VAE score",
}
NATS = {"elbo": "ELBO", "kl": "KL", "log_likelihood": "log p(x)"}


@dataclass(frozen=True)
class Drawn:
    """Pictures drawn from a prior beside as many real ones.

    Attributes:
        pictures, prior: how many, and of which.
        frechet, floor: their Fréchet distance to real pictures, and that of other real ones.
        told, told_p: how often a classifier is right whether a picture is real or drawn (½ where nothing
            tells), and how often one that guesses is as right; see :func:`narrows.measures.two_sample_test`.
    """

    pictures: int
    prior: str
    frechet: float
    floor: float
    told: float
    told_p: float

    def __str__(self) -> str:
        return (
            f"{self.pictures:,} pictures drawn (prior: {self.prior}): Fréchet distance {self.frechet:.2f} "
            f"(other real pictures: {self.floor:.2f}); a classifier says real or drawn rightly in "
            f"{self.told:.1%} (p = {self.told_p:.2g}; 50% where nothing tells)"
        )


@dataclass(frozen=True, repr=False)
class ModelEvaluation(Result):
    """How good a model is on pictures.

    Attributes:
        measures: per picture, of the model and of each baseline.
        judged: the pictures that they are of, and what is known of them: ``held-out``,
            ``validation``, ``training``, ``seen`` or ``all``.
        fitted: the training pictures that baselines were fitted to, a Source; None without.
        units: how well single units tell the factors of which pictures are made, of the model and of
            other encoders; None where no factors are known, none where ``unmeasured`` says why.
        unmeasured: why single units were not measured; empty where they were.
        conclusion: how the reconstructions compare with those of the best PCA, in a sentence; empty
            where that is no fair rival, which a note explains, or there is none.
        drawn: how far pictures drawn from its prior are from these; None where none were asked for.
        inference: what the encoder loses beside a search for each code; None where it was not asked for.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "evaluation"
    measures: Evaluation
    judged: Portion
    fitted: Any = None
    units: Mapping[str, Disentanglement] | None = None
    unmeasured: str = ""
    conclusion: str = ""
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    drawn: Drawn | None = None
    inference: Inference | None = None

    def document(self) -> dict[str, Any]:
        """The numbers, without those per picture."""
        document = {"evaluated": self.judged.name, **self.measures.document()}
        document["conclusion"] = self.conclusion
        document["notes"] = list(self.notes)
        document["skipped"] = [list(item) for item in self.skipped]
        if self.drawn is not None:
            document["drawn"] = asdict(self.drawn)
        if self.inference is not None:
            document["inference"] = asdict(self.inference)
        if self.units is not None:
            rows = [{"name": name, **each.numbers()} for name, each in self.units.items()]
            why = [self.unmeasured] if self.unmeasured else []
            document["units"] = {"rows": rows, "notes": why}
            for one in list(self.units.values())[:1]:
                document["units"] |= {"pictures": one.pictures, "chance": one.chance}
        return document

    def table(self) -> Table:
        """Each mean with its standard deviation over the pictures."""
        rows = self.measures.rows()
        columns: dict[str, list[Any]] = {"": [row["name"] for row in rows]}
        for key, title, digits in (
            ("mse", "MSE per pixel", 5),
            ("psnr", "PSNR (dB)", 2),
            ("ssim", "SSIM", 3),
        ):
            columns[title] = [
                spread(row.get(key), row.get(f"{key}_deviation"), digits) for row in rows
            ]
        return Table(columns)

    def rows(self) -> list[dict[str, Any]]:
        """The table as rows, without what is not known."""
        columns = self.table().columns
        rows = [
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        ]
        return [{title: cell for title, cell in row.items() if cell is not None} for row in rows]

    def nats_table(self) -> Table:
        """What is in nats per picture; without rows of a model without a prior."""
        nats = self.measures.nats()
        titles = NATS | {"log_likelihood": f"log p(x), {self.measures.samples} samples"}
        there = [key for key in titles if key in nats]
        return Table(
            {
                "": [titles[key] for key in there],
                "nats per picture": [
                    spread(nats[key], nats[f"{key}_deviation"], 2) for key in there
                ],
            }
        )

    def units_table(self) -> Table:
        """What single units tell of the factors, for the model and other encoders."""
        rows = [{"": name, **each.numbers()} for name, each in (self.units or {}).items()]
        notes = [
            f"(what single units tell of the factors of {one.pictures:,} pictures; without any "
            f"knowledge the last two are {one.chance:.2f})"
            for one in list((self.units or {}).values())[:1]
        ]
        return Table.of_rows(rows, {"": "", **UNITS}, notes=notes)

    def __str__(self) -> str:
        tables = [self.table(), self.nats_table(), self.units_table()]
        said = [str(table) for table in tables if len(table)]
        said.insert(
            1, f"(mean ± standard deviation over {self.measures.n:,} pictures: {self.judged.name})"
        )
        said += [str(each) for each in (self.drawn, self.inference) if each is not None]
        text = "\n\n".join(said).replace("\n\n(mean", "\n(mean", 1)
        return f"{text}\n\n{self.conclusion}" if self.conclusion else text


def evaluate(
    model: Any,
    pictures: Pictures,
    *,
    split: str | None = None,
    samples: int = 0,
    draws: int = 0,
    searched: int = 0,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> ModelEvaluation:
    """Measure reconstruction (MSE per pixel, PSNR, SSIM) and, of a model with a prior, the ELBO.

    The pictures are those that the model has not seen, else those that chose its weights; see
    :meth:`narrows.training.RunSplit.evaluation`. PCA with as many numbers as the code (or bits, of a
    quantised one) and the mean picture, fitted to the pictures of the training, stand beside: PCA of
    these, of their mirror images too, and of views of them, the recipe's or the default's. Where it is
    known what pictures are made of (sprites), so does how well single units tell it. A model of patches
    is measured on patches of the files, cut as for its training.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: best all those of the training and its test.
        split: evaluate on these: ``train`` (those trained on), ``validation``, ``test`` (new ones) or
            ``all``.
        samples: importance samples per picture for log p(x) (Burda et al. 2016); 0 leaves it out.
        draws: draw so many pictures from the prior, as ``generate`` does, and compare them with as many
            real ones (fewer where there are not twice as many): by the Fréchet distance, and by a
            classifier that tells them apart; 0 leaves it out.
        searched: search the codes of so many of the pictures by gradients, and say what the encoder's one
            pass loses beside them (:class:`Inference`); 0 leaves it out.
        limit: evaluate at most so many, evenly spread.
        seed: of every draw.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: none of the pictures is of that part, samples or draws for a model without a prior, or
            codes searched that have no gradient.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.evaluate(model, images).measures.psnr.shape
        (1797,)
    """
    loaded = opened_model(model, device)
    run = run_of(loaded)
    if searched:  # before minutes are spent
        check_searchable(loaded)
    if run.preprocessing is not None and run.preprocessing.patches and are_files(pictures):
        how = run.preprocessing
        with stage(progress, "cutting patches") as step:
            images: Any = patches(
                pictures, how.size, how.mode or "rgb", seed=run.seed, progress=step
            )
    else:
        images = opened_images(loaded, pictures, progress=progress)
    parts = run.split(images)
    whole = parts.evaluation(split)
    judged = Portion(evenly(whole.images, limit), whole.name)
    fitted = parts.part("trained") if parts.known else None
    with stage(progress, "evaluating") as step:
        found = measure(
            loaded, judged.images, train=fitted, samples=samples, seed=seed,
            views=views_of(loaded), progress=step,
        )  # fmt: skip
    read = getattr(images, "notes", ())
    mean_kl = None if found.kl is None else float(found.kl.mean())
    collapsed = collapse_note(loaded, judged.images, mean_kl)
    notes = [note for note in (*read, parts.note, *found.notes, collapsed) if note]
    units, unmeasured = None, ""
    if known_factors(whole.images) is not None:
        units, unmeasured = _units(loaded, whole.images, fitted, seed, progress)
        notes += [unmeasured] if unmeasured else []
    skipped = getattr(images, "skipped", ())
    concluded = ""
    best = best_of({name: each["psnr"] for name, each in found.others.items()})
    if best is not None and (why := unfair(loaded, Pca.most(fitted))):
        notes.append(f"no comparison with PCA: {why}")
    elif best is not None:
        concluded = conclusion(found.psnr, best[1], judged.name, best[0], loaded)
    drawn = None
    if draws:
        with stage(progress, "drawing"):
            drawn = drawn_beside_real(loaded, images, draws, seed)
    inferred = None
    if searched:
        some = evenly(judged.images, searched)
        x = some.batch(torch.arange(len(some)))
        with stage(progress, "searching codes") as step:
            inferred = inference(loaded, x, seed=seed, progress=step)
    return ModelEvaluation(
        found, judged, fitted, units, unmeasured, concluded, notes, skipped, drawn, inferred
    )


def drawn_beside_real(model: Any, real: Any, draws: int, seed: int = 0) -> Drawn:
    """Pictures drawn from a model's prior beside real ones, by :class:`narrows.measures.SampleDistance`.

    Raises:
        ValueError: the model has no prior, or there are too few pictures.
    """
    distance = SampleDistance.of(evenly(real, 2 * draws), seed)
    made = generate(model, len(distance), seed=seed, progress=False)
    pictures = made.pictures.clamp(0, 1).cpu()
    test = distance.told(pictures, seed)
    return Drawn(
        len(distance), made.prior, distance(pictures), distance.floor, test.accuracy, test.p_value
    )


def _units(
    model: Any, judged: Any, fitted: Any, seed: int, progress: Progress
) -> tuple[dict[str, Disentanglement], str]:
    """How well single units tell the factors, or why that is not measured."""
    size = math.prod(model.code_shape)
    if size > LARGEST or len(judged) < FEWEST:
        why = f"codes have at most {LARGEST} numbers and {FEWEST:,} pictures are held out"
        return {}, f"single units are measured where {why}; here {size:,} and {len(judged):,}"
    if fitted is None:
        return {}, "single units are measured where PCA can be fitted to pictures of the training"
    encoders = baseline_encoders(model, fitted, seed=seed)
    with stage(progress, "measuring units") as step:
        return disentangle(encoders, judged, seed=seed, progress=step), ""
