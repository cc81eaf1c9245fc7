"""Which options of a recipe reconstruct these pictures best, by successive halving, PCA among the arms.

9 arms ──22 s each──► the best 3 ──67 s more──► the best ──200 s more──► its recipe and its run
   │  each an ordinary run, which goes on                    │
   └── all judged on the pictures kept for validation ◄──────┴── PCA, of views too, of as many numbers
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import files
from ..autoencoder import Autoencoder
from ..defaults import RECIPE
from ..errors import BadFile, Diverged, Interrupted, RunExists
from ..figures import lines
from ..images import split
from ..images.contents import content_keys
from ..images.inputs import Pictures
from ..images.views import Subset
from ..measures import psnr
from ..measures.evaluation import bits_of_code, pca_baselines
from ..parts import named, part_of
from ..progress import Progress, stage
from ..randomness import Draws, permutation
from ..recipes import adjusted
from ..recipes.named import value_of
from ..results import Result, json_text
from ..tables import Table, counted
from ..training import Recipe, load, select_device
from ..training import fit as fit_model
from ..training.length import lasting, timed_by
from ..training.phases import prepared
from ..training.reporting import Reporter, Unfailing, reporter
from .beside_pca import best_of, conclusion, difference, views_of
from .opening import opened_as

__all__ = ["Arm", "Tuning", "tune"]

KEPT = 3  # one arm of so many is left after a round
JUDGED = 1000  # validation pictures
RATES = (1 / 3, 1.0, 3.0)  # times a recipe's learning rate, where no options are named
AUTOMATIC = ("auto", 16, 128)  # batch sizes in place of an automatic one
WARM = 256  # pictures
ROUNDS, BEST = "rounds.json", "best.toml"
EVERY = "every arm diverged: try lower learning rates, or set grad_clip_norm"


@dataclass(frozen=True)
class Arm:
    """One recipe of those that were compared.

    Attributes:
        name: its number and, where several were named, its recipe: that of its folder too.
        changes: what it has other than its recipe, by the option's name.
        recipe: of its own length, not that of the search.
        seconds: that it was trained for by the end of each round that it was in, (R,).
        psnr: the mean over the validation pictures then, in dB, (R,); NaN where it diverged.
    """

    name: str
    changes: Mapping[str, Any]
    recipe: Recipe
    seconds: Sequence[float] = ()
    psnr: Sequence[float] = ()

    @property
    def said(self) -> str:
        """``conv-vae, learning_rate 0.003``."""
        options = [f"{key} {_shown(value)}" for key, value in self.changes.items()]
        return ", ".join([self.recipe.name, *options])


@dataclass(frozen=True, repr=False)
class Tuning(Result):
    """Arms and what came of them.

    Attributes:
        arms: the best first: those that stayed longer before the others, then by their last PSNR.
        baselines: name → (mean PSNR in dB, seconds of the fit) of PCA with as many numbers as a code.
        model: of the best arm, with its ``run``.
        recipe: of the best arm, of its own length.
        conclusion: how the best arm and the best PCA compare; begins with ``PCA wins here`` where it does.
        trained, judged: pictures of the trainings, and those that arms were compared on.
        clock: what the seconds are of: ``processor`` or ``wall``.
        folder: of all runs; None where it is in memory only.
    """

    name: ClassVar[str] = "tune"
    arms: Sequence[Arm]
    baselines: Mapping[str, tuple[float, float]]
    model: Autoencoder
    conclusion: str
    trained: int
    judged: int
    clock: str
    folder: Path | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def best(self) -> Arm:
        """The first."""
        return self.arms[0]

    @property
    def recipe(self) -> Recipe:
        """Of the best arm."""
        return self.best.recipe

    def document(self) -> dict[str, Any]:
        """Every arm with its curve, every baseline, and how they compare."""
        return {
            "best": self.best.name,
            "conclusion": self.conclusion,
            "clock": self.clock,
            "trained": self.trained,
            "judged": self.judged,
            "arms": [
                {
                    "name": arm.name,
                    "recipe": arm.recipe.name,
                    "changes": dict(arm.changes),
                    "seconds": list(arm.seconds),
                    "psnr": [None if math.isnan(value) else value for value in arm.psnr],
                }
                for arm in self.arms
            ],
            "baselines": [
                {"name": name, "psnr": value, "seconds": seconds}
                for name, (value, seconds) in self.baselines.items()
            ],
            "folder": None if self.folder is None else str(self.folder),
        }

    def table(self) -> Table:
        """PSNR after each round, the best first; PCA where it belongs among those of the last round."""
        rounds = max(len(arm.psnr) for arm in self.arms)
        rows: list[tuple[float, list[Any]]] = []
        for arm in self.arms:
            own = [*arm.psnr, *[None] * (rounds - len(arm.psnr))]
            key = len(arm.psnr) * 1e3 + (-1e2 if math.isnan(arm.psnr[-1]) else arm.psnr[-1])
            rows.append((key, [arm.name, arm.said, f"{arm.seconds[-1]:.1f}", *own]))
        for name, (value, seconds) in self.baselines.items():
            rows.append(
                (rounds * 1e3 + value, ["", name, f"{seconds:.1f}", *[None] * (rounds - 1), value])
            )
        cells = [row for _, row in sorted(rows, key=lambda each: each[0], reverse=True)]
        titles = ["arm", "recipe", "seconds", *(f"PSNR {i}, dB" for i in range(1, rounds + 1))]
        return Table({t: [row[i] for row in cells] for i, t in enumerate(titles)}, digits=2)

    def __str__(self) -> str:
        of = f"validation PSNR of {counted(self.judged)} after each round, {self.trained:,} trained on"
        return f"{self.table()}\n{of}\n{self.conclusion}"

    def figures(self) -> dict[str, Any]:
        """PSNR against the seconds of training, of every arm and of every baseline."""
        end = max(arm.seconds[-1] for arm in self.arms)
        curves: dict[str, tuple[Any, Any]] = {
            f"{arm.name}: {arm.said}": (arm.seconds, arm.psnr) for arm in self.arms
        }
        curves |= {
            name: ((0.0, end), (value, value)) for name, (value, _) in self.baselines.items()
        }
        return {
            "tune": lines(
                {"PSNR on validation pictures, dB": curves}, f"{self.clock} seconds of training"
            )
        }


def tune(
    pictures: Pictures,
    recipe: str | Recipe | Sequence[str] | None = None,
    *,
    options: Mapping[str, Sequence[Any] | str] | None = None,
    minutes: float = 10.0,
    arms: int = 9,
    to: Path | str | None = None,
    resume: bool = False,
    size: int | tuple[int, int] | None = None,
    mode: str | None = None,
    fit: str = "crop",
    code_size: int | None = None,
    changes: Mapping[str, Any] | None = None,
    validation: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    report: str | Reporter | Sequence[str | Reporter] = "auto",
    progress: Progress = None,
) -> Tuning:
    """Search the options of a recipe by successive halving, with PCA of as many numbers beside them.

    The arms of a round get equal seconds, and the best third goes on (Jamieson & Talwalkar 2016); each round
    takes an equal share of the minutes. An arm is judged by the mean PSNR of what its weights that are best
    by validation make of validation pictures; an official test part is left alone. The weights, the arm and
    the comparison with PCA rest on the same validation pictures, so ``evaluate`` the best model on
    others for the last word. The code size is the recipe's or the one given, unless ``options`` has it: a
    larger code reconstructs better, so that search is of another question.

    Every arm is an ordinary run, which goes on in the next round. ``best.toml`` is the best one's recipe, to be
    trained as long as that says.

    Args:
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        recipe: a name of ``narrows.recipes.listed()``, several of them, or a ``Recipe``; None: ``pca-vae``.
        options: name → values to try, of what :func:`narrows.recipes.adjusted` changes; text is read as TOML. None: a third, once and
            three times the recipe's learning rate, and half, once and twice its batch size.
        minutes: for all arms together: of the processor, all its threads counted, or on an accelerator of the
            wall's clock. Fitting PCA comes on top.
        arms: most combinations; of more, so many are drawn, each recipe as it is among them.
        to: a folder for the runs; None keeps nothing on disk.
        resume: go on with the search that is there.
        size, mode, fit: how files become pictures of one shape, as of ``train``.
        code_size: of all arms.
        changes: of other numbers of all arms.
        validation: the share of the training pictures that arms are compared on.
        seed: of the split, of the combinations drawn, and of every training.
        device, precision, report: as of ``narrows.fit``.
        progress: while files are read; see :mod:`narrows.progress`.

    Raises:
        ValueError: fewer than two arms, an option that a recipe has not, no picture for validation, or
            arms that would be judged on different things.
        NoImages: nothing can be read.
        RunExists: ``to`` holds a search and ``resume`` is not set.
        BadFile: the search there is another one, or damaged.
        Diverged: every arm did.
        Interrupted: Ctrl-C; the search goes on with ``resume``.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")[:200]
        >>> found = nw.tune(
        ...     images, "mlp-autoencoder", options={"learning_rate": [1e-3, 1e-2]}, minutes=0.02,
        ...     report="quiet",
        ... )
        >>> len(found.arms), found.recipe.name  # two, and the recipe as it is
        (3, 'mlp-autoencoder')
    """
    if not (minutes > 0 and math.isfinite(minutes)):
        raise ValueError(f"minutes is a number above 0; we got {minutes}")
    with stage(progress, "reading pictures") as step:
        images = opened_as(pictures, size, mode, fit, progress=step)
    fixed = dict(changes or {}) | ({} if code_size is None else {"code_size": code_size})
    wanted = _arms(recipe, tuple(images.shape), options, fixed, arms, seed)
    parts = split(images, validation=validation, seed=seed)
    if parts.validation is None:
        raise ValueError(
            f"arms are compared on validation pictures, and a share of {validation:g} of "
            f"{counted(len(images))} leaves none"
        )
    shown = Unfailing(reporter(report))
    search = _Search(wanted, parts.train, parts.validation, seed, device, precision, report, shown)
    place = (
        tempfile.TemporaryDirectory(prefix="narrows-tune-")
        if to is None
        else contextlib.nullcontext(str(to))
    )
    with place as folder:
        result = search.run(Path(folder), 60.0 * minutes, resume)
        if to is None:
            result.model.run.folder = None
    result = dataclasses.replace(
        result,
        folder=None if to is None else Path(to),
        notes=[*getattr(images, "notes", ()), *result.notes],
        skipped=getattr(images, "skipped", ()),
    )
    if to is not None:
        result.recipe.save(Path(to) / BEST)
        result.save(Path(to))
    return result


def _arms(
    recipes: str | Recipe | Sequence[str] | None,
    shape: tuple[int, ...],
    options: Mapping[str, Sequence[Any] | str] | None,
    changes: Mapping[str, Any],
    most: int,
    seed: int,
) -> list[Arm]:
    """Every combination, or so many of them, as recipes.

    Raises:
        ValueError: there are fewer than two, or a recipe has not what is to be changed.
    """
    names = (
        [recipes or RECIPE] if recipes is None or isinstance(recipes, (str, Recipe)) else recipes
    )
    found: list[Arm] = []
    for each in names:
        if isinstance(each, Recipe) and changes:
            raise ValueError("changes and code_size are of a recipe by name; change it before")
        own = adjusted(each, shape, changes)
        grid = _usual(own) if options is None else {k: value_of(v) for k, v in options.items()}
        for key, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                raise ValueError(f"an option has a list of values to try; {key} has {values!r}")
        combined = [dict(zip(grid, v, strict=True)) for v in itertools.product(*grid.values())]
        others = [one for one in combined if adjusted(each, shape, {**changes, **one}) != own]
        rows = permutation(seed, "arms", len(others))[: max(0, most // len(names) - 1)]
        for one in ({}, *(others[i] for i in sorted(rows.tolist()))):
            made = adjusted(each, shape, {**changes, **one})
            found.append(Arm(f"{len(found) + 1:02d}-{made.name}", one, made))
    if len(found) < 2:
        raise ValueError("a search needs two arms or more; name more values, or more recipes")
    return found


def _usual(recipe: Recipe) -> dict[str, Sequence[Any]]:
    """What is tried where nothing was named."""
    phase = recipe.phases[-1]
    size = phase.batch_size
    batches = AUTOMATIC if isinstance(size, str) else sorted({max(1, size // 2), size, 2 * size})
    rates = [float(f"{phase.learning_rate * step:.3g}") for step in RATES]
    return {"learning_rate": rates, "batch_size": batches}


def _rounds(count: int, seconds: float) -> list[tuple[int, float]]:
    """Arms of each round, and the seconds that each of them has had by its end."""
    left = [count]
    while left[-1] > 1:
        left.append(math.ceil(left[-1] / KEPT))
    ends = itertools.accumulate(seconds / len(left) / each for each in left)
    return list(zip(left, ends, strict=True))


class _Search:
    """Arms, the pictures, and how they are trained and judged."""

    def __init__(
        self,
        arms: Sequence[Arm],
        train: Any,
        validation: Any,
        seed: int,
        device: str,
        precision: str,
        report: str | Reporter | Sequence[str | Reporter],
        shown: Reporter,
    ) -> None:
        self.arms, self.train, self.validation, self.seed = list(arms), train, validation, seed
        self.options: dict[str, Any] = {"device": device, "precision": precision, "report": report}
        self.shown = shown
        self.on_processor = select_device(device, precision).device.type == "cpu"
        with torch.random.fork_rng():
            self.models = [arm.recipe.build() for arm in arms]  # refuses now what cannot be built
        self.target, self.given = self._pictures()

    def _pictures(self) -> tuple[Tensor, Tensor]:
        """What is to come out and what goes in, (N, C, H, W) each: as the last phase has them.

        Raises:
            ValueError: arms have nothing that comes out, or not the same.
        """
        phases = [arm.recipe.phases[-1] for arm in self.arms]
        if any(named(phase.scheme) == "encoder" for phase in phases):
            raise ValueError(
                "arms are compared by their reconstructions, and one trains codes alone"
            )
        asked = {
            tuple(None if one is None else str(part_of(one).document()) for one in (p.augmentation, p.corruption))
            for p in phases
        }  # fmt: skip
        if len(asked) > 1:
            raise ValueError(
                "arms are compared on the same pictures, and these change them in different ways before they "
                "go in: give all of them the same augmentation and corruption"
            )
        rows = torch.linspace(0, len(self.validation) - 1, min(JUDGED, len(self.validation))).long()
        target, given = prepared(phases[0])(self.validation.batch(rows).cpu(), Draws(self.seed))
        return target, given

    def run(self, folder: Path, seconds: float, resume: bool) -> Tuning:
        """Every round that is left, and what came of all."""
        rounds = _rounds(len(self.arms), seconds)
        log = _Log(folder / ROUNDS, self._asked(rounds), resume)
        if len(log.rows) < sum(count for count, _ in rounds):
            self._warm_up()
        left = self.arms
        for number, (count, end) in enumerate(rounds):
            best = sorted(left, key=_rank, reverse=True)[:count]
            left = [arm for arm in left if arm in best and _rank(arm) >= (0, 0.0)]
            done = []
            for arm in left:
                known = log.of(number, arm.name)
                if known is None:
                    self.shown.say(
                        f"round {number + 1} of {len(rounds)}, arm {arm.name}: {arm.said}"
                    )
                    known = self._judged(arm, folder, rounds[0][1], end)
                    log.add(number, arm.name, known)
                done.append(
                    dataclasses.replace(arm, seconds=(*arm.seconds, end), psnr=(*arm.psnr, known))
                )
            left = done
            latest = {arm.name: arm for arm in done}
            self.arms = [latest.get(arm.name, arm) for arm in self.arms]
        return self._found(folder)

    def _warm_up(self) -> None:
        """A step of each recipe, so that what is done once in a process is not in the first arm's seconds."""
        some = Subset(self.train, torch.arange(min(len(self.train), WARM)).numpy())
        for recipe in {arm.recipe.name: arm.recipe for arm in self.arms}.values():
            with contextlib.suppress(Diverged):
                fit_model(
                    recipe.with_(steps=1, begin=None), some, validation=some, seed=self.seed,
                    **self.options | {"report": "quiet"},
                )  # fmt: skip

    def _asked(self, rounds: Sequence[tuple[int, float]]) -> dict[str, Any]:
        """What makes this search the one it is."""
        keys = (content_keys(source).tobytes() for source in (self.train, self.validation))
        return {
            "arms": {arm.name: arm.recipe.fingerprint for arm in self.arms},
            "rounds": [[count, end] for count, end in rounds],
            "pictures": files.fingerprint(*keys),
            "seed": self.seed,
        }

    def _judged(self, arm: Arm, folder: Path, first: float, end: float) -> float:
        """Mean PSNR of an arm after so many seconds; NaN where it diverged."""
        recipe = lasting(arm.recipe, None, first / 60)
        last = recipe.phases[-1]
        longer = dataclasses.replace(last, minutes=(last.minutes or 0.0) + (end - first) / 60)
        recipe = recipe.with_(phases=(*recipe.phases[:-1], longer))
        run = folder / arm.name
        if _spent(run) >= 60 * (longer.minutes or 0.0):  # a step took longer than a round
            return float(self._psnr(load(run)).mean())
        timed = timed_by(time.process_time) if self.on_processor else contextlib.nullcontext()
        try:
            with timed:
                model = fit_model(
                    recipe, self.train, validation=self.validation, to=run, resume=True,
                    seed=self.seed, **self.options,
                )  # fmt: skip
        except Diverged as error:
            self.shown.say(f"arm {arm.name} is out: {error}")
            return math.nan
        except Interrupted as error:
            raise Interrupted(
                f"stopped in arm {arm.name}; {folder} is up to date: the same command with --resume goes on "
                "from here, as tune(…, resume=True) does",
                error.signal,
            ) from error
        return float(self._psnr(model).mean())

    def _psnr(self, model: Autoencoder) -> Tensor:
        return psnr(self.target, model.reconstruct(self.given).clamp(0, 1))

    def _found(self, folder: Path) -> Tuning:
        """The arms in order, the baselines, and how the best ones compare."""
        arms = sorted(self.arms, key=_rank, reverse=True)
        if _rank(arms[0]) < (0, 0.0):
            raise Diverged(EVERY)
        model = load(folder / arms[0].name)
        ours = self._psnr(model)
        of_size = {(each.code_shape, bits_of_code(each)): each for each in (*self.models, model)}
        baselines: dict[str, tuple[float, float]] = {}
        said, notes = "", []
        for each in of_size.values():
            began = time.process_time()
            made, told = pca_baselines(each, self.train, views_of(each), seed=self.seed)
            fitting = (time.process_time() - began) / len(made)
            rows = {n: psnr(self.target, back(self.given).clamp(0, 1)) for n, back in made.items()}
            baselines |= {n: (float(values.mean()), fitting) for n, values in rows.items()}
            notes += [one for one in told if one not in notes]
            best = best_of(rows)
            if each is model and best is not None:
                said = conclusion(ours, best[1], "validation", best[0], model)
                said = f"PCA wins here: {said}" if difference(ours, best[1]) < 0 else said
        if len(of_size) > 1:
            notes.append("codes differ in size, and a larger one reconstructs better by itself")
        return Tuning(
            arms, baselines, model, said, len(self.train), len(self.target),
            "processor" if self.on_processor else "wall", notes=notes,
        )  # fmt: skip


class _Log:
    """What was measured of each arm after each round, in a file that a search goes on with.

    Raises:
        RunExists: it is there and ``resume`` is not set.
        BadFile: it is damaged, or of another search.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any], resume: bool) -> None:
        self.path, self.asked = path, json.loads(json.dumps(asked))
        self.rows: dict[str, float | None] = {}
        if not path.exists():
            self._write()
            return
        if not resume:
            raise RunExists(
                f"{path.parent} already holds a search; add --resume (resume=True) to go on with it, or name "
                "another folder"
            )
        try:
            with files.failing(path):
                read = json.loads(path.read_text("utf-8"))
            before, rows = read["asked"], dict(read["psnr"])
            if not all(value is None or type(value) is float for value in rows.values()):
                raise ValueError("a PSNR is a number")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadFile(
                f"{path} is no log of a search, or damaged: name another folder"
            ) from error
        if before != self.asked:
            differ = [key for key, value in self.asked.items() if before.get(key) != value]
            raise BadFile(
                f"{path.parent} holds another search ({', '.join(differ)} differ): resume it with the same "
                "pictures and options, or name another folder"
            )
        self.rows = rows

    def of(self, number: int, arm: str) -> float | None:
        """The PSNR of an arm after a round, NaN where it diverged; None where it is not known yet."""
        if (key := f"{number} {arm}") not in self.rows:
            return None
        return math.nan if (known := self.rows[key]) is None else known

    def add(self, number: int, arm: str, psnr: float) -> None:
        """Write one down."""
        self.rows[f"{number} {arm}"] = None if math.isnan(psnr) else psnr
        self._write()

    def _write(self) -> None:
        files.write_text(self.path, json_text({"asked": self.asked, "psnr": self.rows}))


def _rank(arm: Arm) -> tuple[int, float]:
    """How far an arm came, and its PSNR there; one that diverged comes last."""
    if not arm.psnr:
        return 0, 0.0
    return (-1, 0.0) if math.isnan(arm.psnr[-1]) else (len(arm.psnr), arm.psnr[-1])


def _spent(run: Path) -> float:
    """Seconds of the last phase of a run that came to its end; 0 of any other."""
    path = run / "checkpoint.safetensors"
    if not path.exists():
        return 0.0
    known = files.load_tensors(path)[1]
    return float(known.get("spent", 0.0)) if known.get("finished") else 0.0


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
