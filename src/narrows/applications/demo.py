"""Demo: a small model of any pictures, and one page that shows what it can do with them.

pictures ──train──► model ──exhibits──► what beats its alternative is shown, the rest is named
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from .. import files
from ..defaults import DEMO
from ..errors import NarrowsError
from ..figures import Picture, Section, comparison, report_page
from ..images import open_source
from ..images.inputs import Pictures
from ..images.inputs import pictures as read_pictures
from ..progress import Progress, stage
from ..recipes import conv_vae, pca_vae
from ..results import Result
from .evaluate import ModelEvaluation, evaluate
from .exhibits import (
    Exhibit,
    bytes_of_each,
    copies_found,
    hole_mended,
    mapped,
    medoids,
    morphed,
    plane_of_codes,
)
from .export import export
from .onnx_files import available
from .reconstruct import reconstruct
from .train import Training, train

__all__ = ["Demo", "demo"]

SECONDS = 24  # of training on one quiet core; the rest of the first minute is for the page
PER_PICTURE, PER_VALUE = (
    2e-3,
    3.65e-7,
)  # seconds of a training step there, measured at 28 and 64 pixels
BETWEEN = 6  # pictures that the live page morphs between
SMALL = 16  # pixels of a side, below which an encoder that is free from the start is better


@dataclass(frozen=True, repr=False)
class Demo(Result):
    """A model, how good it is, and a page of what it does.

    Attributes:
        training: the model, its run's folder and its pictures.
        evaluation: it beside PCA and the mean picture.
        page: the file that shows them.
        exhibits: what was tried, shown where it is better than its alternative.
        missing: (name, reason) of what cannot be shown on this machine or of these pictures.
        live: the file that runs the decoder in a browser; None without the extra ``export``.
        seconds: that all of it took.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "demo"
    training: Training
    evaluation: ModelEvaluation
    page: Path
    exhibits: Sequence[Exhibit] = ()
    missing: Sequence[tuple[str, str]] = ()
    live: Path | None = None
    seconds: float = 0.0
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """Where the page and the model are, and the numbers."""
        return {
            "page": str(self.page),
            "live": None if self.live is None else str(self.live),
            "model": str(self.training.folder),
            "seconds": round(self.seconds, 1),
            "numbers": self.evaluation.measures.rows(),
            "exhibits": [
                {
                    "name": each.name,
                    "ours": each.ours,
                    "against": each.against,
                    "other": each.other,
                    "better": each.better,
                }
                for each in self.exhibits
            ],
            "missing": [list(each) for each in self.missing],
        }

    def table(self) -> Any:
        """That of the evaluation."""
        return self.evaluation.table()

    def figures(self) -> dict[str, Any]:
        """Those of the training."""
        return self.training.figures()


def demo(
    pictures: Pictures = "clothes",
    to: Path | str = DEMO,
    *,
    epochs: float | None = None,
    next_commands: Sequence[str] = (),
    report: str = "auto",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Demo:
    """Train a small variational autoencoder, try it, and write a page that shows what came out.

    Only what is better than the obvious alternative, measured on these very pictures, is shown as an
    achievement; the page names what is not.

    Args:
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        to: the folder of the page; a model of an earlier demo there stays as it is.
        epochs: passes over the pictures; None: what takes less than half a minute.
        next_commands: what the page proposes to do next.
        report: as of ``narrows.fit``.
        seed: of every draw.
        device, progress: see :func:`narrows.fit`, :mod:`narrows.progress`.

    Raises:
        NoImages: nothing can be read.
    """
    began = time.monotonic()
    alone = isinstance(pictures, (str, Path))
    with stage(progress, "reading pictures") as step:
        images: Any = open_source(pictures, progress=step) if alone else read_pictures(pictures)
    named = {"pictures": str(pictures)} if alone else {}
    recipe = pca_vae(images.shape)
    if min(images.shape[1:]) < SMALL:
        recipe = conv_vae(images.shape, 16).with_(batch_size=32)
    training = train(
        images, recipe.with_(patience=None), to=fresh(Path(to) / "model"), seed=seed,
        device=device, report=report, epochs=epochs or _affordable(images), facts=named,
    )  # fmt: skip
    judged = evaluate(training.model, images, seed=seed, progress=progress)
    exhibits, missing = _exhibits(training.model, images, judged, seed, progress)
    page = Path(to) / "report.html"
    name = Path(pictures).name or str(pictures) if alone else "these pictures"
    seconds = time.monotonic() - began
    sections = [
        _opening(training, judged, name, seconds),
        *(each.section for each in exhibits if each.better is not False),
        *_numbers(training, judged, exhibits, missing),
    ]
    if next_commands:
        commands = "\n".join(next_commands)
        text = (
            f"One command; for as many pictures as these about {max(1, round(seconds / 60))} min."
        )
        sections.append(Section("Your folder", text, commands=commands))
    title = f"What an autoencoder made of {name}"
    files.write_text(page, report_page(title, sections))
    live = _live(training.model, images, page.with_name("live.html"), seed)
    return Demo(
        training, judged, page, exhibits, missing, live, seconds, judged.notes, getattr(images, "skipped", ())
    )  # fmt: skip


def _live(model: Any, images: Any, path: Path, seed: int) -> Path | None:
    """A page with the decoder in it, where the packages for that are installed."""
    if not available():
        return None
    few = images.batch(torch.tensor(medoids(images, min(BETWEEN, len(images)))))
    return export(model, "html", path, pictures=few, seed=seed, progress=False).path


def fresh(folder: Path) -> Path:
    """A folder name that holds no run yet: demos never overwrite one another's models."""
    number, chosen = 1, folder
    while (chosen / "recipe.toml").exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-{number}")
    return chosen


def _affordable(images: Any) -> float:
    """As many passes as fit: by pictures and not by the clock, so that a busy machine trains as well."""
    each: float = PER_PICTURE + PER_VALUE * math.prod(images.shape)
    return max(0.1, round(SECONDS / each / len(images), 1))


def _exhibits(
    model: Any, images: Any, evaluation: ModelEvaluation, seed: int, progress: Progress
) -> tuple[list[Exhibit], list[tuple[str, str]]]:
    """What can be shown of these pictures, and why the rest cannot."""
    judged, fitted = evaluation.judged.images, evaluation.fitted
    makers: dict[str, Callable[[], Exhibit]] = {
        "mending a hole": partial(hole_mended, model, judged, fitted, seed, progress),
        "a plane of codes": partial(plane_of_codes, model, images, seed),
        "a map": partial(mapped, model, images, seed, progress),
        "finding copies": partial(copies_found, images, seed, progress),
        "a morph": partial(morphed, model, images, fitted, seed),
        "a few bytes": partial(bytes_of_each, model, judged, fitted, seed, progress),
    }
    shown, missing = [], []
    for name, make in makers.items():
        try:
            shown.append(make())
        except (NarrowsError, ValueError) as error:
            missing.append((name, str(error)))
    return shown, missing


def _opening(training: Training, judged: ModelEvaluation, name: str, seconds: float) -> Section:
    shape = "×".join(map(str, reversed(training.model.shape[1:])))
    kinds = {
        "validation": "that were kept to choose its weights by",
        "training": "of the training",
    }
    return Section(
        text=f"{len(training.fitted):,} pictures of {name} at {shape} pixels went into a variational "
        f"autoencoder that has {training.model.code_shape[0]} numbers to describe each. All of it, "
        f"this page included, took {seconds:.0f} seconds on this machine.\n\nEverything below is "
        "measured beside the obvious alternative on these pictures, and shown only where it is "
        f"better: on {len(judged.judged):,} pictures "
        f"{kinds.get(judged.judged.name, 'that it has not seen')}."
    )


def _numbers(
    training: Training,
    judged: ModelEvaluation,
    exhibits: Sequence[Exhibit],
    missing: Sequence[tuple[str, str]],
) -> list[Section]:
    """Reconstructions, the table, the losses, and what is not shown: folded, for who wants to know."""
    source = judged.judged.images
    few = source.batch(torch.tensor(medoids(source, min(8, len(source))))).cpu()
    result = reconstruct(training.model, few, progress=False)
    sheet = comparison(result.pictures.numpy(), result.reconstructions.numpy())
    sections = [
        Section(
            "How good are the reconstructions?",
            "Beside principal components, as many numbers per picture, and the mean picture. Higher "
            "PSNR and SSIM are better; each is a mean over the pictures.",
            table=judged.rows(),
            pictures=[Picture(sheet, alt="Pictures above their reconstructions and error maps")],
            folded=True,
        ),
        Section(
            "How was it trained?",
            "Loss in nats per picture; the best by validation is the one kept.",
            pictures=[Picture(training.figures()["losses"], alt="Loss curves")],
            folded=True,
        ),
    ]
    worse = [f"{each.verdict()} (not better)" for each in exhibits if each.better is False]
    unshown = [*worse, *(f"{name}: {reason}" for name, reason in missing)]
    if unshown:
        sections.append(Section("What is not shown?", "\n\n".join(unshown), folded=True))
    return sections
