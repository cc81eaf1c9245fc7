"""Demo: a small model of any pictures, and one page that shows what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from .. import files
from ..figures import Picture, Section, comparison, picture_grid, report_page
from ..images import open_source
from ..images.inputs import Pictures
from ..images.inputs import pictures as read_pictures
from ..progress import Progress, stage
from ..randomness import Draws
from ..recipes import conv_vae
from ..results import Result
from .evaluate import ModelEvaluation, evaluate
from .reconstruct import reconstruct
from .train import Training, train

__all__ = ["Demo", "demo"]

VALUES = 12_000_000  # that the demo trains on per "minute": about that on two cores


@dataclass(frozen=True, repr=False)
class Demo(Result):
    """A model, how good it is, and a page of pictures.

    Attributes:
        training: the model, its run's folder and its pictures.
        evaluation: it beside PCA and the mean picture.
        page: the file that shows them.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "demo"
    training: Training
    evaluation: ModelEvaluation
    page: Path
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """Where the page and the model are, and the numbers."""
        numbers = self.evaluation.measures.rows()
        return {"page": str(self.page), "model": str(self.training.folder), "numbers": numbers}

    def table(self) -> Any:
        """That of the evaluation."""
        return self.evaluation.table()

    def figures(self) -> dict[str, Any]:
        """Those of the training."""
        return self.training.figures()


def demo(
    pictures: Pictures = "digits",
    to: Path | str = "narrows-demo",
    *,
    epochs: float | None = None,
    next_commands: Sequence[str] = (),
    report: str = "auto",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Demo:
    """Train a small variational autoencoder, try it, and write a page that shows what came out.

    Args:
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        to: the folder of the page; a model of an earlier demo there stays as it is.
        epochs: passes over the pictures; None: what fits a minute on two cores.
        next_commands: what the page proposes to do next.
        report: as of ``narrows.fit``.
        seed: of every draw.
        device, progress: see :func:`narrows.fit`, :mod:`narrows.progress`.

    Raises:
        NoImages: nothing can be read.
    """
    alone = isinstance(pictures, (str, Path))
    with stage(progress, "reading pictures") as step:
        images: Any = open_source(pictures, progress=step) if alone else read_pictures(pictures)
    recipe = conv_vae(images.shape, 16 if min(images.shape[1:]) < 16 else 64).with_(batch_size=32)
    named = {"pictures": str(pictures)} if alone else {}
    training = train(
        images, recipe, to=fresh(Path(to) / "model"), seed=seed, device=device, report=report,
        epochs=epochs or _affordable(images.shape, len(images)), facts=named,
    )  # fmt: skip
    judged = evaluate(training.model, images, seed=seed, progress=progress)
    page = Path(to) / "report.html"
    name = Path(pictures).name or str(pictures) if alone else "these pictures"
    sections = _sections(training, judged, name, seed)
    if next_commands:
        commands = "\n".join(next_commands)
        sections.append(Section("Commands to try next", commands=commands))
    files.write_text(page, report_page(f"What an autoencoder made of {name}", sections))
    return Demo(training, judged, page, judged.notes, getattr(images, "skipped", ()))


def fresh(folder: Path) -> Path:
    """A folder name that holds no run yet: demos never overwrite one another's models."""
    number, chosen = 1, folder
    while (chosen / "recipe.toml").exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-{number}")
    return chosen


def _affordable(shape: tuple[int, ...], n: int) -> float:
    """As many passes as about half a minute on two cores allows, at least one batch's worth."""
    return max(1.0, min(60.0, round(15 * VALUES / (shape[0] * shape[1] * shape[2] * n))))


def _sections(training: Training, judged: ModelEvaluation, name: str, seed: int) -> list[Section]:
    """What the page shows."""
    model, source = training.model, judged.judged.images
    few = source.batch(torch.arange(min(8, len(source)))).cpu()
    result = reconstruct(model, few, progress=False)
    new, between = _decoded(model, few, seed)
    shape = "×".join(map(str, model.shape[1:]))
    kinds = {"validation": "that were kept to choose its weights by", "training": "of the training"}
    sheet = comparison(result.pictures.numpy(), result.reconstructions.numpy())
    sections = [
        Section(
            text=f"{len(training.fitted):,} pictures of {name} at {shape} pixels went into a "
            f"variational autoencoder that has {model.code_shape[0]} numbers to describe each. "
            f"It was judged on {len(source):,} pictures "
            f"{kinds.get(judged.judged.name, 'that it has not seen')}.",
        ),
        Section(
            "Reconstruction",
            "Each picture, the same after its passage through the code, and where they differ.",
            pictures=[Picture(sheet, alt="Pictures above their reconstructions and error maps")],
        ),
        Section(
            "Is that good?",
            "Compared with principal components, as many numbers per picture, and the mean picture. "
            "Higher PSNR and SSIM are better; each is a mean over the pictures.",
            table=_rows(judged),
        ),
    ]
    if between is not None:
        walk = Picture(between, alt="Pictures that change into another", crisp=True)
        text = (
            "The first and the last picture of a row are reconstructions; between them the "
            "code moves in a straight line."
        )
        sections.append(Section("From one picture to another", text, pictures=[walk]))
    drawn = Picture(new, alt="Pictures decoded from random codes", crisp=True)
    losses = Picture(training.figures()["losses"], alt="Loss curves")
    return [
        *sections,
        Section("New pictures", "Decoded from random codes.", pictures=[drawn]),
        Section(
            "Training",
            "Loss in nats per picture; the best epoch by validation is the one kept.",
            pictures=[losses],
        ),
    ]


def _decoded(model: Any, few: torch.Tensor, seed: int) -> tuple[Any, Any]:
    """Grids of pictures decoded from random codes, and from codes between two pictures."""
    with model.evaluating():
        codes = model.encode(few).z
        draws = Draws(seed).normal("demo", (24, *model.code_shape))
        new = model.decode(draws.to(model.device)).cpu()
        share = torch.linspace(0, 1, 9)[:, None]
        between = [
            model.decode(((1 - share) * codes[i] + share * codes[i + 1]).to(model.device)).cpu()
            for i in range(0, min(6, len(codes) - 1), 2)
        ]
    walk = picture_grid(torch.cat(between).numpy(), columns=9) if between else None
    return picture_grid(new.numpy(), columns=8), walk


def _rows(judged: ModelEvaluation) -> list[dict[str, Any]]:
    """The table of the evaluation as rows, without what is not known."""
    columns = judged.table().columns
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return [{title: cell for title, cell in row.items() if cell is not None} for row in rows]
