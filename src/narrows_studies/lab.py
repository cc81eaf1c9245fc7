"""A lab: pictures by name, models trained once, and how large everything is.

experiment ──► lab.images("mnist") ──► lab.model(recipe, images, seed=…) ──► Trained
                                        └─ kept by recipe, pictures and seed: the experiments of
                                           a document share their models, and a run that was
                                           stopped goes on
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor

from narrows import files
from narrows.autoencoder import Autoencoder
from narrows.images import Images, Masked, named, named_masks
from narrows.images.named import named_folder
from narrows.locks import locked
from narrows.parts import part_of
from narrows.priors import Prior, fit_prior, load_prior, prior_for, save_prior, stored_priors
from narrows.training import Recipe, fit, history_of

from .verdicts import Curve

__all__ = ["SCALES", "Lab", "Scale", "Trained", "across", "few", "places", "through"]

Scale = Literal["small", "paper"]
SCALES = get_args(Scale)
TINY = 96  # pictures
T = TypeVar("T")


@dataclass(frozen=True)
class Trained:
    """A model, the folder of its run, how long its training took, and its lines of metrics."""

    model: Autoencoder
    folder: Path
    seconds: float
    records: list[dict[str, Any]]

    @property
    def curve(self) -> Curve:
        """The last phase's loss against the seconds of training, of the pictures held out where there are some."""
        points, seconds = [], 0.0
        for line in self.records:
            seconds += line["seconds"]
            if line["phase"] == self.records[-1]["phase"]:
                points.append((seconds, line.get("validation_loss", line["loss"])))
        return points


class Lab:
    """Where experiments run.

    Args:
        folder: for trained models.
        scale: ``small`` fits two cores in minutes, ``paper`` is the document's own size and epochs.
        tiny: 96 pictures and one epoch of everything, by the networks and sizes of the scale: it
            shows that the code runs, and finds nothing.
        seeds: of trainings, one row's number each; the first one's pictures are shown.
        device: ``auto``, ``cpu``, ``cuda``, …
        report: as ``fit`` takes it.
        named: where pictures come from, as ``images.named``.
        named_masks: where pictures with masks come from, as ``images.named_masks``.
        named_folder: where the files of a named set lie.
    """

    def __init__(
        self,
        folder: Path | str,
        scale: Scale = "small",
        *,
        tiny: bool = False,
        seeds: tuple[int, ...] = (0, 1),
        device: str = "auto",
        report: str = "auto",
        named: Callable[..., Any] = named,
        named_masks: Callable[..., Masked] = named_masks,
        named_folder: Callable[[str], Path] = named_folder,
    ) -> None:
        self.folder, self.scale, self.tiny, self.seeds = Path(folder), scale, tiny, seeds
        self.device, self.report = device, report
        self._named, self._named_masks, self._named_folder = named, named_masks, named_folder
        self._sets: dict[tuple[Any, ...], Any] = {}
        self.seconds = 0.0  # of all trainings that were asked for, whenever they were
        self.curves: dict[str, Curve] = {}  # of the first seed of each recipe that was asked for
        self._curved: set[str] = set()

    def of(self, *, small: T, paper: T) -> T:
        """One or the other, by the scale."""
        return paper if self.scale == "paper" else small

    def images(
        self, name: str, split: str | None = None, *, limit: int | None = None, **asked: Any
    ) -> Any:
        """A named set or one part of it, the first ``limit`` of it; ``asked`` as ``images.named``.

        Raises:
            Unavailable: it is not on this machine: which, where it was looked for, how to get it.
        """
        key = (name, split, *sorted(asked.items()))
        if key not in self._sets:
            self._sets[key] = self._named(name, split=split, **asked)
        found = self._sets[key]
        most = min(len(found), math.inf if limit is None else limit)
        if self.tiny:
            most = min(most, TINY)
        return found if most == len(found) else found.select(torch.arange(int(most)))

    def masked(self, name: str, split: str, size: tuple[int, int]) -> Masked:
        """One part of a named set of pictures with masks.

        Raises:
            Unavailable: it is not on this machine: which, where it was looked for, how to get it.
        """
        return self._named_masks(name, split, size)

    def folder_of(self, name: str) -> Path:
        """The files of a named set, for pictures of many sizes.

        Raises:
            Unavailable: it is not on this machine: which, where it was looked for, how to get it.
        """
        return self._named_folder(name)

    def place(self, name: str, *about: str) -> Path:
        """The folder of what is trained once: its name, and all that makes it what it is."""
        return self.folder / f"{name}-{files.fingerprint(*about)[:10]}"

    def model(
        self,
        recipe: Recipe,
        images: Any,
        *,
        validation: Any = None,
        minutes: float | None = None,
        seed: int = 0,
        begin: Autoencoder | None = None,
    ) -> Trained:
        """The model of a recipe, trained now or before.

        Args:
            minutes: of training instead of the recipe's length.
            begin: trained instead of a new one of the recipe; its recipe is the one that counts.
        """
        chosen = recipe.with_(epochs=1.0) if self.tiny else recipe
        about = [chosen.fingerprint, _content(images), str(seed)]
        if validation is not None:
            about.append(_content(validation))
        minutes = None if self.tiny else minutes
        if minutes is not None:
            about.append(f"{minutes:g} minutes")
        if begin is not None:
            about.append(begin.fingerprint())
        folder = self.place(recipe.name, *about)
        start: Recipe | Autoencoder = chosen
        if begin is not None:
            start = begin
            start.recipe = chosen
        with locked(
            self.folder / ".at" / folder.name
        ):  # an experiment beside this one may be at it
            model = fit(
                start,
                images,
                minutes=minutes,
                validation=validation,
                to=folder,
                resume=True,
                seed=seed,
                device=self.device,
                report=self.report,
            )
        lines = history_of(folder)
        seconds = sum(line["seconds"] for line in lines)
        self.seconds += seconds
        trained = Trained(model, folder, seconds, lines)
        if chosen.fingerprint not in self._curved:
            self._curved.add(chosen.fingerprint)
            name, number = chosen.name, 1
            while name in self.curves:
                number += 1
                name = f"{chosen.name} ({number})"
            self.curves[name] = trained.curve
        return trained

    def forget_curves(self) -> None:
        """Another experiment begins."""
        self.curves.clear()
        self._curved.clear()

    def prior(
        self, trained: Trained, images: Any, kind: str, *, seed: int = 0, **arguments: Any
    ) -> Prior:
        """A prior fitted to a model's codes of pictures, now or before; ``arguments`` are its own."""
        if kind == "normal":
            return prior_for(trained.model, kind)
        if self.tiny and kind in ("flow", "caption-flow", "autoregressive"):
            arguments |= {"steps": 2}
        if kind in stored_priors(trained.folder):
            known = load_prior(trained.model, trained.folder, kind)
            own = part_of(known).arguments
            if all(own.get(key) == value for key, value in arguments.items()):
                return known
        fitted = fit_prior(trained.model, images, kind, seed=seed, **arguments)
        save_prior(fitted, trained.model, trained.folder)
        return fitted


def few(images: Any, n: int | None = None) -> Tensor:
    """The first n pictures or all, (n, C, H, W)."""
    x: Tensor = images.batch(torch.arange(min(len(images), len(images) if n is None else n)))
    return x


def across(images: Any, n: int) -> Tensor:
    """n pictures from all through a set, which may be in an order, or all, (n, C, H, W)."""
    x: Tensor = images.batch(places(len(images), n))
    return x


def places(count: int, n: int) -> Tensor:
    """n positions of ``count`` at even distances, from the first to the last, or all of them."""
    return torch.linspace(0, count - 1, min(n, count)).round().long()


def through(model: Autoencoder, x: Tensor) -> Tensor:
    """Exact values through a model, also beyond [0, 1]: ``reconstruct`` would round them."""
    with model.evaluating():
        out: Tensor = model(x.to(model.device)).cpu()
    return out


def _content(images: Any) -> str:
    """A name for pictures, of any source."""
    if isinstance(images, Images):
        return images.fingerprint
    some = few(images, 64)
    head = f"{type(images).__name__} {len(images)} x {tuple(images.shape)}"
    return files.fingerprint(head, some.contiguous().cpu().numpy().tobytes())
