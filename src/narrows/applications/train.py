"""Train: pictures of any kind in, a model and a folder that speaks for itself out.

pictures ──opened──► split ──fit──► model, beside it: losses, reconstructions of pictures kept for
                                    validation, and a card
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..defaults import RECIPE
from ..figures import comparison, loss_curves, picture_rows
from ..figures import save as save_figure
from ..images import split
from ..images.inputs import Pictures
from ..images.inputs import pictures as read_pictures
from ..images.patches import patches as cut_patches
from ..images.variety import varied
from ..images.views import Items
from ..measures.collapse import collapse_note
from ..parts import build, named
from ..processes import number
from ..progress import Progress, stage
from ..randomness import Draws
from ..recipes import adjusted
from ..results import Result
from ..tables import counted
from ..training import Portion, Recipe, Run, located, run_info, write_model_card
from ..training import fit as fit_model
from ..training.length import lasting, patient
from ..training.phases import recipe_of
from ..training.reporting import Reporter, Unfailing, reporter
from ..training.standing import Standing
from .beside_pca import conclusion, linear
from .opening import opened_as, opened_autoencoder, run_of
from .prior import fit_after_training
from .purpose import recipe_of_purpose, standing, standings
from .reconstruct import SHOWN, Reconstructions, reconstructed
from .size import sufficient_code_size

__all__ = ["Training", "run_folder", "train"]

FEW = 50  # pictures, below which a model is warned of
JUDGED = 1000  # pictures that the card's numbers are of
SEEN = 8  # pictures whose views are shown
CODES_ONLY = (
    "its codes alone were trained: what its decoder makes of them means nothing; for index, search, "
    "classify and map"
)


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
        standing: beside methods without a model, where it was trained for a verb.
        conclusion: how the reconstructions compare with PCA's, as many numbers a picture; empty where
            that is no fair rival.
        standings: how it does what any verb may ask of it, beside what needs no model; the verbs quote
            them.
    """

    name: ClassVar[str] = "training"
    model: Autoencoder
    fitted: Any
    judged: Portion
    reconstructions: Reconstructions
    folder: Path | None = None
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    standing: Standing | None = None
    conclusion: str = ""
    standings: Sequence[Standing] = ()

    def document(self) -> dict[str, Any]:
        """What the model is and how long it took, MSE per pixel and PSNR in dB."""
        info = {} if self.folder is None else run_info(self.folder)
        return {
            **info,
            "evaluated": self.judged.name,
            "mse": float(self.reconstructions.mse.mean()),
            "psnr": float(self.reconstructions.psnr.mean()),
            "conclusion": self.conclusion,
            "skipped": [list(item) for item in self.skipped],
            "notes": list(self.notes),
            "standings": [one.document() for one in self.standings],
            **({} if self.standing is None else {self.standing.purpose: self.standing.rows}),
        }

    def figures(self) -> dict[str, Any]:
        """Reconstructions of a dozen that differ, the loss by epoch, and views where it trained with any."""
        some = varied(self.reconstructions.pictures, SHOWN)
        few = (self.reconstructions.pictures, self.reconstructions.reconstructions)
        history = self.model.run.history if self.model.run is not None else []
        shown = {
            "losses": loss_curves(history),
            **self._views(self.reconstructions.pictures[some[:SEEN]]),
        }
        if self.codes_only:  # there is nothing to see of what it makes
            return shown
        beside = self.reconstructions.beside(some)
        return {
            "reconstructions": comparison(*(x[some].numpy() for x in few), beside=beside),
            **shown,
        }

    @property
    def measured(self) -> dict[str, Any]:
        """What ``run.toml`` keeps of the reconstructions: how many pictures, which, and their means."""
        return {
            "pictures": len(self.reconstructions.mse),
            "of": self.judged.name,
            "mse": float(self.reconstructions.mse.mean()),
            "psnr": float(self.reconstructions.psnr.mean()),
        }

    @property
    def codes_only(self) -> bool:
        """Whether nothing was trained to decode: every phase ends at the code."""
        return _codes_only(self.model)

    def _views(self, x: Tensor) -> dict[str, Any]:
        """Pictures x (N, C, H, W) above what training made of them; nothing where it took them as they are."""
        phases = recipe_of(self.model).phases
        made = [phase.views for phase in phases if phase.views is not None]
        if self.codes_only:  # what they are told from are corruptions
            made = [phase.corruption for phase in phases if phase.corruption is not None]
        if not made:
            return {}
        change = build("corruption", made[-1])
        rows = [("picture", x.numpy())]
        rows += [(f"view {i}", change(x, Draws(0, i)).numpy()) for i in range(1, 4)]
        return {"views": picture_rows(rows)}

    def __str__(self) -> str:
        where = "" if self.folder is None else f", in {self.folder}"
        if self.standing is not None:
            return f"{self.standing.table()}\n{self.standing.said}"
        if self.codes_only:
            return f"trained on {len(self.fitted):,} pictures{where}: {self.conclusion}"
        return (
            f"trained on {len(self.fitted):,} pictures{where}: mean PSNR "
            f"{self.reconstructions.psnr.mean():.2f} dB on {len(self.reconstructions.mse):,} "
            f"pictures ({self.judged.name})" + (f"\n{self.conclusion}" if self.conclusion else "")
        )


def train(
    pictures: Pictures,
    recipe: str | Recipe | None = None,
    *,
    for_: str | None = None,
    patches: bool = False,
    to: Path | str | None = None,
    from_: Autoencoder | Path | str | None = None,
    size: int | tuple[int, int] | None = None,
    mode: str | None = None,
    fit: str = "crop",
    center_crop: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    patience: int | None = None,
    code_size: int | str | None = None,
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

    A run in a folder ends with a mixture fitted to its codes, which ``generate`` draws from.

    Args:
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        recipe: a name of ``narrows.recipes.listed()``, the file of a recipe, or a ``Recipe``; None:
            ``pca-vae``, or that of ``from_``, or what ``for_`` chooses.
        for_: a verb that the model is to be for, which chooses the recipe: ``denoise``, ``upscale``,
            ``inpaint`` or ``restore``. At the end it is compared with what needs no model.
        patches: train on pieces of the pictures, which are read at their own size: what comes of it
            takes pictures of any size.
        to: a folder for the run, its card and pictures; None keeps nothing on disk.
        from_: a model, or its folder, whose weights this one begins with. It reads pictures in the
            same way, and what that model has seen counts as seen.
        size: height and width in pixels; None takes 64 for a folder, otherwise what pictures have.
        mode: ``gray`` or ``rgb``; None takes RGB for a folder, otherwise what pictures have.
        fit: how a picture meets the size: ``crop``, ``pad`` or ``stretch``.
        center_crop: take the central square of so many pixels first.
        epochs, minutes: the length, instead of the recipe's; one of them. With ``resume``, a run that
            was shorter, finished or not, goes on.
        patience: validations without a better one before training stops; 0: it never stops early.
            None: what the recipe says, else 8 or a quarter of all, whichever is more; recipes that
            follow a paper train to the end.
        code_size: instead of the recipe's; ``auto``: what PCA needs for 95 % of the variance that 256
            components explain of the validation pictures.
        changes: of other numbers of the recipe, such as ``{"batch_size": 64}``, or
            ``{"mirror": False}`` where mirrored pictures are none; see
            :func:`narrows.recipes.adjusted`.
        validation: the share of the training pictures that is kept to choose the weights by; 0: none.
        seed: of the split and of every draw.
        device, precision, resume, checkpoint_seconds, report: as of ``narrows.fit``.
        facts: what else ``local.toml`` of the run shall say, such as the command.
        progress: while files are read; see :mod:`narrows.progress`.

    Raises:
        ValueError: no such recipe, a number that it has not, pictures of other than 1 or 3 channels, or
            a model of ``from_`` that does not fit them.
        NoImages: nothing can be read.
        RunExists, Diverged, Interrupted: as ``narrows.fit`` does.

    Examples:
        >>> import tempfile
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = nw.train(images, "mlp-vae", to=f"{folder}/run", epochs=0.2, report="quiet")
        >>> found.model.shape
        (1, 8, 8)
    """
    if isinstance(code_size, str) and code_size != "auto":
        raise ValueError(f"code_size is a whole number or auto; we got {code_size!r}")
    wanted = code_size if code_size != "auto" else None
    changed: dict[str, Any] = dict(changes or {}) | (
        {} if wanted is None else {"code_size": wanted}
    )
    earlier = None if from_ is None else opened_autoencoder(from_, "cpu")
    if for_ is not None:
        recipe = recipe_of_purpose(for_, recipe)
        changed |= {"patches": True} if patches else {}
    with stage(progress, "reading pictures") as step:
        if earlier is not None:
            _check_as_read(size, mode, fit, center_crop)
        if patches:
            side = size or (64 if earlier is None else earlier.preprocessing.size)
            images: Any = cut_patches(pictures, side, mode or "rgb", seed=seed, progress=step)
        elif earlier is None:
            images = opened_as(pictures, size, mode, fit, center_crop, step)
        else:
            images = read_pictures(pictures, earlier.preprocessing, progress=step)
    if images.shape[0] not in (1, 3):
        raise ValueError(
            "pictures have 1 or 3 channels, gray or RGB, which is what every verb shows and writes; "
            f"these have {images.shape[0]}: keep 1 or 3 of them, or train on them with narrows.fit from "
            "Python, where encode and decode take any number"
        )
    if recipe is None:
        recipe = RECIPE if earlier is None else recipe_of(earlier)
    if code_size == "auto" and (earlier is not None or isinstance(recipe, Recipe)):
        raise ValueError("code_size auto is for a recipe by name; a model or a recipe has its own")
    if isinstance(recipe, Recipe) and changed and earlier is None:
        raise ValueError("changes and code_size are of a recipe by name; change it before")
    parts = split(images, validation=validation, seed=seed)
    shown = Unfailing(reporter(report))
    if code_size == "auto":
        changed["code_size"], chosen_by = sufficient_code_size(parts.train, parts.validation, seed)
        shown.say(chosen_by)
    chosen = lasting(adjusted(recipe, images.shape, changed), epochs, minutes)
    if patience is not None or parts.validation is not None:
        chosen = patient(chosen, patience)
    described = getattr(images, "description", f"{len(images):,} items")
    shown.say(described)
    notes = list(getattr(images, "notes", ()))
    if _alike(parts.train):
        notes.append("all pictures are alike: a model of them learns that one, and nothing else")
        shown.say(f"note: {notes[-1]}")
    known = {"pictures": str(pictures)} if isinstance(pictures, (str, Path)) else {}
    if earlier is not None:
        place = f"{from_}, " if isinstance(from_, (str, Path)) else ""
        known["begun_from"] = f"{place}{recipe_of(earlier).name} {earlier.fingerprint()}"
    known |= {"trained_on": f"{len(parts.train):,} of {described}", **(facts or {})}
    model = fit_model(
        chosen if earlier is None else _begun(chosen, earlier), parts.train,
        epochs=epochs, minutes=minutes, validation=parts.validation, to=to, resume=resume, seed=seed,
        device=device, precision=precision, checkpoint_seconds=checkpoint_seconds,
        report=shown, facts=known,
    )  # fmt: skip
    if number() > 0:  # of several processes the first measures, writes and says
        to = None
    judged = Portion(parts.train, "training")
    if parts.validation is not None:
        judged = Portion(parts.validation, "validation")
    bare = _codes_only(model)
    collapsed = None if bare else collapse_note(model, judged.images)
    some = judged.images.batch(torch.arange(min(JUDGED, len(judged))))
    if to is not None and for_ is None and not bare:  # what restores is no model to draw from
        no_prior = fit_after_training(model, parts.train, to, seed=seed, progress=progress)
        notes += [no_prior] if no_prior else []
    if len(parts.train) < FEW:
        notes.append(
            f"{counted(len(parts.train))} to train on: a model of so few knows these and hardly any other"
        )
    through = reconstructed(model, Items(some.cpu()), progress=False)
    pca = None if for_ is not None or bare else linear(model, parts.train, through.pictures, seed)
    through = dataclasses.replace(through, pca=pca)
    beside = () if bare or number() > 0 else _standings(model, judged, parts.train, seed)
    shown_of = None
    if for_ is not None:
        shown_of = next((one for one in beside if one.purpose == for_), None) or standing(
            model, for_, judged.images, parts.train, judged.name, seed
        )
    concluded = CODES_ONLY if bare else ""
    if pca is not None:
        concluded = conclusion(through.psnr, pca.psnr, judged.name, pca.name, model)
    result = Training(
        model, parts.train, judged, through,
        None if to is None else Path(to), getattr(images, "skipped", ()),
        [*notes, *([collapsed] if collapsed else []), *(model.run.notes if model.run is not None else ())],
        shown_of, concluded, beside,
    )  # fmt: skip
    if model.run is not None:
        if not bare:
            model.run.facts["measured"] = result.measured
            if result.conclusion:
                model.run.facts["beside_pca"] = result.conclusion
        if to is not None:
            model.run.save(Path(to), local=True)
    if to is not None:
        said = [f"{one.purpose}: {one.note}" for one in beside if one.note]
        _leave(result, Path(to), [*([collapsed] if collapsed else []), *said])
    return result


def _alike(source: Any) -> bool:
    """Whether two or more pictures are one, as far as some of them tell."""
    x = source.batch(torch.linspace(0, len(source) - 1, min(64, len(source))).long())
    return len(x) > 1 and bool((x == x[:1]).all())


def _standings(model: Autoencoder, judged: Portion, train: Any, seed: int) -> tuple[Standing, ...]:
    """Measured within a tenth of the time that the training took, and kept with its run."""
    run = model.run
    if run is None:
        return ()
    seconds = sum(float(epoch["seconds"]) for epoch in run.history)
    found = standings(model, judged.images, train, judged.name, seed, seconds)
    run.standings = found
    return found


def _codes_only(model: Autoencoder) -> bool:
    return all(named(phase.scheme) == "encoder" for phase in recipe_of(model).phases)


def run_folder(recipe: str | None, pictures: Path | str, from_: Path | str | None = None) -> Path:
    """Where a run goes that nobody named a folder for: ``runs/RECIPE-PICTURES``."""
    if recipe is None and from_ is not None:
        recipe = str(Path(located(from_)) / "recipe.toml")
    name = recipe or RECIPE
    name = Recipe.load(Path(name)).name if name.endswith(".toml") else name
    return Path("runs") / f"{name}-{Path(pictures).resolve().stem or 'pictures'}"


def _check_as_read(size: Any, mode: str | None, fit: str, center_crop: int | None) -> None:
    if size is not None or mode is not None or fit != "crop" or center_crop is not None:
        raise ValueError(
            "a model reads pictures as it was trained to, and so does one that begins with its "
            "weights: leave out size, gray, fit and center-crop"
        )


def _begun(recipe: Recipe, earlier: Autoencoder) -> Autoencoder:
    """A model of the recipe with an earlier one's weights and all that it has seen.

    Raises:
        ValueError: the weights are those of another model.
    """
    model = recipe.build()
    wanted, got = (
        {name: tuple(tensor.shape) for name, tensor in one.state_dict().items()}
        for one in (model, earlier)
    )
    other = [
        name for name in sorted(wanted.keys() | got.keys()) if wanted.get(name) != got.get(name)
    ]
    if other:
        raise ValueError(
            f"{recipe.name} cannot begin with the weights of that {recipe_of(earlier).name}: "
            f"{other[0]} is {got.get(other[0], 'not there')} and has to be "
            f"{wanted.get(other[0], 'absent')}; leave the recipe out to train on by the model's own"
        )
    model.load_state_dict(earlier.state_dict())
    model.auxiliary.update(earlier.auxiliary)
    before = run_of(earlier)
    model.run = Run(before.preprocessing, before.seen)
    return model


def _leave(result: Training, folder: Path, notes: Sequence[str]) -> None:
    """Loss curves, reconstructions and the card at a run's end."""
    figures = result.figures()
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    if result.codes_only:
        write_model_card(folder, [], result.judged.name, [*notes, result.conclusion], figures)
        return
    row = {
        "pictures": f"{len(result.reconstructions.mse):,} {result.judged.name}",
        "MSE per pixel": float(result.reconstructions.mse.mean()),
        "PSNR (dB)": float(result.reconstructions.psnr.mean()),
    }
    write_model_card(folder, [row], f"{result.judged.name} pictures", notes, figures)
