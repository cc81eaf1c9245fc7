"""Train: pictures of any kind in, a model and a folder that speaks for itself out.

pictures ──opened──► split ──fit──► model, beside it: losses, reconstructions of pictures kept for
                                    validation, and a card
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from ..autoencoder import Autoencoder
from ..defaults import RECIPE
from ..figures import comparison, loss_curves
from ..figures import save as save_figure
from ..images import Images, open_source, split
from ..images.arrays import fitted
from ..images.inputs import Pictures
from ..images.inputs import pictures as read_pictures
from ..measures.collapse import collapse_note
from ..progress import Progress, stage
from ..recipes import adjusted
from ..results import Result
from ..training import Portion, Recipe, run_info, write_model_card
from ..training import fit as fit_model
from ..training.length import lasting
from ..training.reporting import Reporter, reporter
from .reconstruct import SHOWN, Reconstructions, reconstruct

__all__ = ["Training", "run_folder", "train"]

JUDGED = 1000  # pictures that the card's numbers are of


@dataclass(frozen=True, repr=False)
class Training(Result):
    """A trained model, and what its pictures look like through it.

    Attributes:
        model: with its best weights, and its ``run``.
        fitted: the pictures that it was trained on, a Source.
        judged: those that the numbers are of: of ``validation``, or of ``training`` where none were
            kept.
        reconstructions: of at most 1,000 of them.
        folder: of the run; None where it is in memory only.
        skipped: (file, reason) of what could not be read.
        notes: what was guessed or rescaled in reading.
    """

    name: ClassVar[str] = "training"
    model: Autoencoder
    fitted: Any
    judged: Portion
    reconstructions: Reconstructions
    folder: Path | None = None
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """What the model is and how long it took, MSE per pixel and PSNR in dB."""
        info = {} if self.folder is None else run_info(self.folder)
        return {
            **info,
            "evaluated": self.judged.name,
            "mse": float(self.reconstructions.mse.mean()),
            "psnr": float(self.reconstructions.psnr.mean()),
            "skipped": [list(item) for item in self.skipped],
            "notes": list(self.notes),
        }

    def figures(self) -> dict[str, Any]:
        """Reconstructions of a dozen, and the loss by epoch."""
        few = (self.reconstructions.pictures, self.reconstructions.reconstructions)
        history = self.model.run.history if self.model.run is not None else []
        return {
            "reconstructions": comparison(*(x[:SHOWN].numpy() for x in few)),
            "losses": loss_curves(history),
        }

    def __str__(self) -> str:
        where = "" if self.folder is None else f", in {self.folder}"
        return (
            f"trained on {len(self.fitted):,} pictures{where}: mean PSNR "
            f"{self.reconstructions.psnr.mean():.2f} dB on {len(self.reconstructions.mse):,} "
            f"pictures ({self.judged.name})"
        )


def train(
    pictures: Pictures,
    recipe: str | Recipe = RECIPE,
    *,
    to: Path | str | None = None,
    size: int | tuple[int, int] | None = None,
    mode: str | None = None,
    fit: str = "crop",
    center_crop: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    code_size: int | None = None,
    changes: Mapping[str, Any] | None = None,
    validation: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    resume: bool = False,
    checkpoint_seconds: float = 60.0,
    report: str | Reporter | Sequence[str | Reporter] = "auto",
    facts: Mapping[str, Any] | None = None,
    progress: Progress = None,
) -> Training:
    """Train an autoencoder on pictures.

    How pictures became inputs, and which ones were trained on, stay with the model: no verb has to be
    told again. A set's official test part is left alone.

    Args:
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        recipe: a name of ``narrows.recipes.listed()``, the file of a recipe, or a ``Recipe``.
        to: a folder for the run, its card and pictures; None keeps nothing on disk.
        size: height and width in pixels; None takes 64 for a folder, otherwise what pictures have.
        mode: ``gray`` or ``rgb``; None takes RGB for a folder, otherwise what pictures have.
        fit: how a picture meets the size: ``crop``, ``pad`` or ``stretch``.
        center_crop: take the central square of so many pixels first.
        epochs, minutes: the length, instead of the recipe's; one of them.
        code_size: instead of the recipe's.
        changes: of other numbers of the recipe, such as ``{"batch_size": 64}``, or
            ``{"mirror": False}`` where mirrored pictures are none; see
            :func:`narrows.recipes.adjusted`.
        validation: the share of the training pictures that is kept to choose the weights by; 0: none.
        seed: of the split and of every draw.
        device, precision, resume, checkpoint_seconds, report: as of ``narrows.fit``.
        facts: what else the run's file shall say, such as the command.
        progress: while files are read; see :mod:`narrows.progress`.

    Raises:
        ValueError: no such recipe, or a number that it has not.
        NoImages: nothing can be read.
        RunExists, Diverged, Interrupted: as ``narrows.fit`` does.
    """
    with stage(progress, "reading pictures") as step:
        images = _opened(pictures, size, mode, fit, center_crop, step)
    changed = dict(changes or {}) | ({} if code_size is None else {"code_size": code_size})
    if isinstance(recipe, Recipe):
        if changed:
            raise ValueError("changes and code_size are of a recipe by name; change it before")
        chosen = recipe
    else:
        chosen = adjusted(recipe, images.shape, changed)
    chosen = lasting(chosen, epochs, minutes)
    parts = split(images, validation=validation, seed=seed)
    described = getattr(images, "description", f"{len(images):,} items")
    shown = reporter(report)
    shown.say(described)
    named = {"pictures": str(pictures)} if isinstance(pictures, (str, Path)) else {}
    named |= {"trained_on": f"{len(parts.train):,} of {described}", **(facts or {})}
    model = fit_model(
        chosen, parts.train, validation=parts.validation, to=to, resume=resume, seed=seed,
        device=device, precision=precision, checkpoint_seconds=checkpoint_seconds,
        report=shown, facts=named,
    )  # fmt: skip
    judged = Portion(parts.train, "training")
    if parts.validation is not None:
        judged = Portion(parts.validation, "validation")
    collapsed = collapse_note(model, judged.images)
    some = judged.images.batch(torch.arange(min(JUDGED, len(judged))))
    result = Training(
        model, parts.train, judged, reconstruct(model, some.cpu(), progress=False),
        None if to is None else Path(to), getattr(images, "skipped", ()),
        [*getattr(images, "notes", ()), *([collapsed] if collapsed else [])],
    )  # fmt: skip
    if to is not None:
        _leave(result, Path(to), [collapsed] if collapsed else [])
    return result


def run_folder(recipe: str, pictures: Path | str) -> Path:
    """Where a run goes that nobody named a folder for: ``runs/RECIPE-PICTURES``."""
    name = Recipe.load(Path(recipe)).name if recipe.endswith(".toml") else recipe
    return Path("runs") / f"{name}-{Path(pictures).resolve().stem or 'pictures'}"


def _opened(
    what: Pictures, size: Any, mode: str | None, fit: str, center_crop: int | None, step: Any
) -> Any:
    """Pictures of any kind, brought to what was asked for."""
    if isinstance(what, (str, Path)):
        return open_source(what, size, mode, fit, center_crop, step)
    images = read_pictures(what, progress=step)
    if size is None and mode is None and center_crop is None:
        return images
    if not isinstance(images, Images):
        raise ValueError(f"a {type(images).__name__} has its own size; leave size and mode out")
    return fitted(images, size, mode, fit, center_crop)


def _leave(result: Training, folder: Path, notes: Sequence[str]) -> None:
    """Loss curves, reconstructions and the card at a run's end."""
    for name, figure in result.figures().items():
        save_figure(figure, folder / f"{name}.png")
    row = {
        "pictures": f"{len(result.reconstructions.mse):,} {result.judged.name}",
        "MSE per pixel": float(result.reconstructions.mse.mean()),
        "PSNR (dB)": float(result.reconstructions.psnr.mean()),
    }
    write_model_card(folder, [row], f"{result.judged.name} pictures", notes)
