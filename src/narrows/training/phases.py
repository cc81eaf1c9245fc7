"""What a training is, as data: a recipe names the parts of a model and the phases that train it.

Recipe
├── ladder, bottleneck, likelihood     parts of the model
└── phases                             one after the other, each its own optimiser and schedule
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import html
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .. import files
from ..autoencoder import Autoencoder
from ..errors import BadFile
from ..images import ageing as _ageing
from ..images import corruptions as _corruptions  # lists them as parts
from ..objectives import Objective
from ..parts import Part, as_part, build, named, part_of
from ..randomness import Draws
from . import beginnings as _beginnings
from . import boltzmann as _boltzmann
from . import domains as _domains
from . import restorers as _restorers
from . import schemes as _schemes
from .words import model_in_words, training_in_words

__all__ = [
    "MOST_PIECES", "Phase", "Recipe", "as_frozen", "at_most", "check", "freeze", "frozen_in", "objective_of", "prepared", "recipe_of",
]  # fmt: skip

assert (
    _ageing and _beginnings and _boltzmann and _corruptions and _domains and _restorers and _schemes
)

VERSION = 2
ENOUGH = 10_000  # pictures that need no views
KEPT = ("best", "last")
MOST = 1e9  # epochs, steps and minutes of a phase
MOST_PHASES = 100
MOST_PIECES = 2500  # modules and weights of a model: what takes a second to describe
_PART_FIELDS = ("begin", "bound", "augmentation", "views", "corruption", "scheme")


@dataclass(frozen=True)
class Phase:
    """One stretch of training.

    Attributes:
        begin: what the weights are before the first step (``mirrored-pca``); None leaves them.
        frozen: names of modules or weights of the model that stay as they are, such as
            ``ladder.rungs.0.linear``.
        epochs: passes over the pictures; 2.5 is allowed.
        steps: the length instead of epochs, whatever the number of pictures; 0 ends as it begins.
        minutes: the length instead of either. Two such runs are not the same to the byte.
        batch_size: pictures per step; ``auto`` goes by how many there are.
        optimizer: ``adam``, ``adamw``, ``adamax``, ``muon`` or ``sgd``.
        learning_rate: its highest value.
        learning_rate_schedule: ``constant``, ``cosine``, ``one-cycle``, ``linear``; see ``rates``.
        weight_decay, epsilon: of the optimiser.
        momentum: of the optimiser's mean of gradients; None is its own. A game wants little.
        grad_clip_norm: largest norm of a player's gradient; None leaves it as it is.
        bound: what makes the loss.
        penalties: what is added to it.
        augmentation: changes the pictures before anything else; input and target alike.
        views: changes training pictures, input and target alike, in place of pictures that a small
            set lacks: each with the probability 10,000 / N, at most 1. Validation sees them as they
            are.
        corruption: changes the input only (denoising).
        scheme: how the forward pass goes: a scheme, by its name or as a part.
        samples: S, codes drawn per picture.
        ema_decay: decay of the running average of the weights that validation and the end use.
        patience: validations without a better one before the phase stops early.
        keep: the weights that the phase leaves: those with the ``best`` validation loss, or its
            ``last``, where the loss is no yardstick because a game is played for something else.
        precision: ``auto``, ``float32`` or ``bfloat16``.

    A part may also be given as an object. One whose class is not listed (a penalty of your own, or a
    function of a step as a penalty) is trained as it is; only saving asks for its part.

    Examples:
        >>> import narrows as nw
        >>> nw.Phase(epochs=3, optimizer="adamw", learning_rate=3e-4).epochs
        3.0
    """

    begin: Part | None = None
    frozen: tuple[str, ...] = ()
    epochs: float = 20.0
    steps: int | None = None
    minutes: float | None = None
    batch_size: int | str = 128
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    learning_rate_schedule: str = "one-cycle"
    weight_decay: float = 0.0
    epsilon: float = 1e-8
    momentum: float | None = None
    grad_clip_norm: float | None = None
    bound: Part = field(default_factory=lambda: Part("elbo"))
    penalties: tuple[Any, ...] = ()
    augmentation: Part | None = None
    views: Part | None = None
    corruption: Part | None = None
    scheme: Part = field(default_factory=lambda: Part("end-to-end"))
    samples: int = 1
    ema_decay: float | None = None
    patience: int | None = None
    keep: str = "best"
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in _PART_FIELDS:
            value = getattr(self, name)
            if value is not None:  # a name alone is a part without arguments
                known = Part(value) if isinstance(value, str) else as_part(value)
                object.__setattr__(self, name, known)
        object.__setattr__(self, "penalties", tuple(map(as_part, self.penalties)))
        object.__setattr__(self, "frozen", tuple(self.frozen))
        _check_kinds(self)
        object.__setattr__(self, "epochs", float(self.epochs))
        if not self.epochs > 0:
            raise ValueError(f"epochs must be more than 0; we got {self.epochs}")
        if self.steps is not None and self.steps < 0:
            raise ValueError(f"steps must be 0 or more; we got {self.steps}")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be more than 0; we got {self.minutes}")
        by_number = self.batch_size == "auto"
        if not by_number and (not isinstance(self.batch_size, int) or self.batch_size < 1):
            raise ValueError(f"batch_size is at least 1, or auto; we got {self.batch_size}")
        if self.samples < 1:
            raise ValueError(
                "batch_size and samples are at least 1; "
                f"we got {self.batch_size} and {self.samples}"
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be more than 0; we got {self.learning_rate}")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie between 0 and 1; we got {self.ema_decay}")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1; we got {self.momentum}")
        if self.keep not in KEPT:
            raise ValueError(f"keep must be {' or '.join(KEPT)}; we got {self.keep!r}")

    def document(self) -> dict[str, Any]:
        """The phase as TOML values, without those that are the default."""
        plain: dict[str, Any] = {}
        default = Phase()
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if value == getattr(default, f.name) and f.name not in ("epochs", "batch_size"):
                continue
            if f.name in _PART_FIELDS and value is not None:
                value = part_of(value)
                named_only = f.name == "scheme" and not value.arguments
                value = value.name if named_only else value.document()
            elif f.name == "frozen":
                value = list(value)
            elif f.name == "penalties":
                value = [part_of(p).document() for p in value]
            if value is not None:
                plain[f.name] = value
        return plain

    @staticmethod
    def read(document: Mapping[str, Any]) -> Phase:
        """The inverse of ``document``."""
        known = {f.name for f in dataclasses.fields(Phase)}
        unknown = [key for key in document if key not in known]
        if unknown:
            raise ValueError(
                f"a phase has no {', '.join(unknown)}; it has {', '.join(sorted(known))}"
            )
        values = dict(document)
        for name in _PART_FIELDS:
            if name in values and not isinstance(values[name], str):
                values[name] = Part.read(values[name])
        if "penalties" in values:
            values["penalties"] = tuple(Part.read(p) for p in values["penalties"])
        return Phase(**values)


# what a value may be, and which fields of a phase hold such
_KINDS: dict[str, tuple[type | tuple[type, ...], tuple[str, ...]]] = {
    "a number": (
        (int, float, np.floating, np.integer),
        ("epochs", "minutes", "learning_rate", "weight_decay", "epsilon", "momentum",
         "grad_clip_norm", "ema_decay"),
    ),
    "a whole number": ((int, np.integer), ("steps", "samples", "patience")),
    "a name": (str, ("optimizer", "learning_rate_schedule", "keep", "precision")),
}  # fmt: skip


_OPTIONAL = ("minutes", "steps", "patience", "momentum", "grad_clip_norm", "ema_decay")


def _check_kinds(phase: Phase) -> None:
    """Refuse values of a phase that are of the wrong kind, or beyond all bounds."""
    for kind, (types, names) in _KINDS.items():
        for name in names:
            value: Any = getattr(phase, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, types) or isinstance(value, bool):
                raise ValueError(f"{name} must be {kind}; we got {value!r}")
            most = MOST if name in ("epochs", "steps", "minutes") else 1e300
            size: Any = 0 if kind == "a name" else value
            if not abs(size) <= most:
                raise ValueError(f"{name} must be finite and at most {most:g}; we got {value}")
    if not all(isinstance(name, str) for name in phase.frozen):
        raise ValueError(f"frozen must hold names of modules; we got {phase.frozen!r}")


@dataclass(frozen=True, repr=False)
class Recipe:
    """A model and its training as data; ``recipe.toml`` beside the weights is one written down.

    Attributes:
        name: such as ``conv-vae``.
        ladder, bottleneck, likelihood: parts of the model.
        phases: how it is trained.
        source: the paper and page or equation that it follows, where there is one.

    A part may also be given as an object. One whose class is not listed is copied into every model
    that is built; only saving asks for its part.

    Examples:
        >>> import narrows as nw
        >>> recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=2).with_(epochs=5)
        >>> recipe.name, recipe.phases[0].epochs
        ('mlp-vae', 5.0)
        >>> recipe.build().code_shape
        (2,)
    """

    name: str
    ladder: Part
    bottleneck: Part
    likelihood: Part
    phases: tuple[Phase, ...] = (Phase(),)
    source: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.phases) <= MOST_PHASES:
            raise ValueError(
                f"a recipe needs 1 to {MOST_PHASES} phases; we got {len(self.phases) or 'none'}"
            )
        for name in ("ladder", "bottleneck", "likelihood"):
            object.__setattr__(self, name, as_part(getattr(self, name)))

    def in_words(self) -> dict[str, str]:
        """What it says, a line each: for which pictures, the model, the training, the source."""
        lines = {
            "pictures": "×".join(map(str, self.shape)),
            "model": model_in_words(self),
            "training": training_in_words(self),
        }
        return lines | ({"source": self.source} if self.source else {})

    def __repr__(self) -> str:
        lines = [f"{key:8}  {text}" for key, text in self.in_words().items()]
        return "\n  ".join([f"Recipe {self.name}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{key}</th><td style='text-align: left'>{html.escape(text)}</td></tr>"
            for key, text in self.in_words().items()
        )
        return f"<table><caption>{html.escape(self.name)}</caption>{rows}</table>"

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the pictures that its model takes."""
        if not isinstance(self.ladder, Part):
            return self.ladder.shape
        return tuple(self.ladder.arguments["shape"])

    def build(self) -> Autoencoder:
        """The untrained model; its weights are drawn from torch's generator as it stands.

        Raises:
            ValueError: parts that do not fit one another, or a model larger than the memory.
        """
        parts = (self.ladder, self.bottleneck, self.likelihood)
        if not all(isinstance(one, Part) for one in parts):  # one is built, and no outline
            model = Autoencoder(*map(_own, parts))
            check(model, self.phases)
            model.recipe = self
            return model
        try:
            with torch.random.fork_rng(), torch.device("meta"), _Undrawn(), at_most(MOST_PIECES):
                outline = Autoencoder(*parts)
                check(outline, self.phases)
        except (TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise ValueError(
                f"the parts of this recipe cannot be built: {str(error) or type(error).__name__}"
            ) from error
        if torch.get_default_device().type == "meta":
            model = outline
        else:
            _check_memory(outline)
            model = Autoencoder(*parts)
        model.recipe = self
        return model

    def with_(self, **changes: Any) -> Recipe:
        """Another recipe: numbers of the phases (``epochs=5`` changes them all) or whole parts.

        A length takes the place of another: ``epochs`` that of ``steps`` and ``minutes``.

        Raises:
            ValueError: no such number.
        """
        own = {f.name for f in dataclasses.fields(Recipe)}
        of_phase = {f.name for f in dataclasses.fields(Phase)}
        unknown = [key for key in changes if key not in own | of_phase]
        if unknown:
            raise ValueError(
                f"a recipe has no {', '.join(unknown)}; it has {', '.join(sorted(own | of_phase))}"
            )
        mine = {key: value for key, value in changes.items() if key in own}
        theirs = {key: value for key, value in changes.items() if key not in own}
        if "epochs" in theirs:
            theirs = {"steps": None, "minutes": None, **theirs}
        elif "steps" in theirs:
            theirs = {"minutes": None, **theirs}
        changed = dataclasses.replace(self, **mine)
        if not theirs:
            return changed
        phases = tuple(dataclasses.replace(phase, **theirs) for phase in changed.phases)
        return dataclasses.replace(changed, phases=phases)

    def document(self) -> dict[str, Any]:
        """The recipe as TOML values."""
        return {
            "version": VERSION,
            "name": self.name,
            **({"source": self.source} if self.source else {}),
            "ladder": part_of(self.ladder).document(),
            "bottleneck": part_of(self.bottleneck).document(),
            "likelihood": part_of(self.likelihood).document(),
            "phases": [phase.document() for phase in self.phases],
        }

    @property
    def fingerprint(self) -> str:
        """Sixteen digits that change with any part or number."""
        import tomli_w

        return files.fingerprint(tomli_w.dumps(self.document()))

    @property
    def model_fingerprint(self) -> str:
        """Sixteen digits that change with what the model is, and not with how it is trained."""
        import tomli_w

        whole = self.document()
        model = {name: whole[name] for name in ("ladder", "bottleneck", "likelihood")}
        return files.fingerprint(tomli_w.dumps(model))

    def save(self, path: Path | str) -> None:
        """Write ``recipe.toml``."""
        files.save_toml(path, self.document(), f"A recipe of Narrows; version {VERSION}.")

    @staticmethod
    def load(path: Path | str) -> Recipe:
        """Read ``recipe.toml``.

        Raises:
            BadFile: it is missing, damaged, foreign, or from a newer version.
        """
        document = files.load_toml(path)
        version = document.pop("version", None)
        if not isinstance(version, int) or isinstance(version, bool):
            raise BadFile(f"{path} is no recipe of Narrows: it has no version number")
        if version > VERSION:
            raise BadFile(
                f"{path} is a recipe of version {version}; this Narrows reads up to version "
                f"{VERSION}: install a newer one"
            )
        if version < VERSION:
            raise BadFile(
                f"{path} is a recipe of version {version}, from before its words changed; this Narrows "
                f"reads version {VERSION}: train the model again"
            )
        known = {f.name for f in dataclasses.fields(Recipe)}
        if unknown := sorted(document.keys() - known):
            raise BadFile(
                f"{path} is no recipe that can be followed: it has {', '.join(unknown)[:100]}, and a "
                f"recipe has {', '.join(sorted(known))}"
            )
        try:
            phases = document["phases"]
            if not isinstance(phases, list) or not all(isinstance(p, dict) for p in phases):
                raise ValueError("phases must be tables, [[phases]]")
            recipe = Recipe(
                name=str(document["name"]),
                ladder=Part.read(document["ladder"]),
                bottleneck=Part.read(document["bottleneck"]),
                likelihood=Part.read(document["likelihood"]),
                phases=tuple(Phase.read(phase) for phase in phases),
                source=str(document.get("source", "")),
            )
            if len(recipe.shape) != 3 or not all(type(n) is int and n > 0 for n in recipe.shape):
                raise ValueError(
                    "the shape of its pictures is three whole numbers (C, H, W); "
                    f"we got {recipe.shape}"
                )
        except KeyError as error:
            raise BadFile(f"{path} is no whole recipe: {error} is missing") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadFile(
                f"{path} is no recipe that can be followed: {str(error)[:300]}"
            ) from error
        return recipe

    @staticmethod
    def of(model: Autoencoder, *phases: Phase) -> Recipe:
        """The recipe of a model built by hand."""
        ladder, bottleneck, likelihood = map(
            as_part, (model.ladder, model.bottleneck, model.likelihood)
        )
        return Recipe("by-hand", ladder, bottleneck, likelihood, phases or (Phase(),))


def recipe_of(model: Autoencoder) -> Recipe:
    """The recipe that a model came with, else the one that its parts make."""
    return model.recipe if isinstance(model.recipe, Recipe) else Recipe.of(model)


def check(model: Autoencoder, phases: Sequence[Phase]) -> None:
    """Check a model's parts against those of its phases.

    Raises:
        ValueError: two of them do not fit; the sentence names both, and what would fit.
    """
    for phase in phases:
        build("scheme", phase.scheme).check(model)
        if phase.begin is not None:
            build("begin", phase.begin).check(model, phase)
        frozen_in(model, phase)
        prepared(phase, training_on=1)  # refuses what is no corruption
        if phase.augmentation is not None and model.likelihood.bounded:
            with torch.device("cpu"):  # what the augmentation makes of two pictures
                x = Draws().uniform("check", (2, *model.shape))
                model.likelihood.look(prepared(phase)(x, Draws())[0])
        for term in objective_of(phase, model).terms:
            term.check(model)


def objective_of(phase: Phase, model: Autoencoder) -> Objective:
    """The bound and penalties of a phase, built for a model: with modules of their own, if any."""
    shapes = {
        "shape": model.shape,
        "code_shape": model.code_shape,
        "narrowest": model.ladder.narrowest,
    }
    return Objective(_own(phase.bound), [_own(one) for one in phase.penalties], **shapes)


def _own(part: Any) -> Any:
    """A part, or a copy of an object: training moves it, and a recipe stays as it was written."""
    return part if isinstance(part, Part) else copy.deepcopy(part)


class _Undrawn(TorchFunctionMode):
    """Draws no weights: an outline's have no values, and to draw them takes most of its time."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def at_most(pieces: int) -> Iterator[None]:
    """Refuse to build, in this thread, a model of more modules and weights than that.

    Raises:
        ValueError: it has more; what is built by then took about a second.
    """
    from torch.nn.modules import module as hooks

    mine, left = threading.get_ident(), pieces

    def count(*_: Any) -> None:
        nonlocal left
        left -= threading.get_ident() == mine
        if left < 0:
            raise ValueError(
                f"it asks for a model of more than {pieces:,} modules and weights; use fewer rungs"
            )

    registering = (
        hooks.register_module_module_registration_hook(count),
        hooks.register_module_parameter_registration_hook(count),
    )
    try:
        yield
    finally:
        for handle in registering:
            handle.remove()


def _check_memory(outline: Autoencoder) -> None:
    """Weights, gradients and two moments have to fit; pictures and activations come on top."""
    numbers = sum(p.numel() for p in outline.parameters())
    needed = 16 * numbers
    there = files.memory()
    if needed > there:
        raise ValueError(
            f"the ladder {named(outline.ladder)!r} with the bottleneck "
            f"{named(outline.bottleneck)!r} has {numbers:,} weights, whose training takes "
            f"{needed / 2**30:,.0f} GiB; this machine has {there / 2**30:,.0f}: use a smaller code, "
            "or a ladder with more rungs"
        )


def frozen_in(model: nn.Module, phase: Phase) -> list[nn.Module | nn.Parameter]:
    """The modules and weights of a model that stay as they are in a phase.

    Raises:
        ValueError: there is none of such a name.
    """
    found: list[nn.Module | nn.Parameter] = []
    modules, weights = dict(model.named_modules()), dict(model.named_parameters())
    for name in phase.frozen:
        one = modules.get(name) if name else None
        one = weights.get(name) if one is None else one
        if one is None:
            raise ValueError(
                f"a phase freezes {name!r}, which this model has not; it has "
                f"{', '.join(sorted(weights)[:8])}, …"
            )
        found.append(one)
    return found


def freeze(model: nn.Module, phase: Phase, before: Sequence[Phase] = ()) -> None:
    """Keep what a phase freezes from moving, and let what only the phases ``before`` froze move again."""
    for earlier in before:
        for one in frozen_in(model, earlier):
            one.requires_grad_(True)
    for one in frozen_in(model, phase):
        one.requires_grad_(False)


def as_frozen(recipe: Recipe, model: nn.Module) -> Recipe:
    """The recipe with every weight frozen that is so in a model built by hand."""
    held = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    phases = []
    for phase in recipe.phases:
        known = {id(w) for one in frozen_in(model, phase) for w in _weights(one)}
        own = {name for name, weight in model.named_parameters() if id(weight) in known}
        phases.append(dataclasses.replace(phase, frozen=(*phase.frozen, *sorted(held - own))))
    return dataclasses.replace(recipe, phases=tuple(phases))


def _weights(one: nn.Module | nn.Parameter) -> list[nn.Parameter]:
    return [one] if isinstance(one, nn.Parameter) else list(one.parameters())


def prepared(
    phase: Phase, training_on: int = 0
) -> Callable[[Tensor, Draws], tuple[Tensor, Tensor]]:
    """What a phase makes of pictures (B, C, H, W) and draws: the target, and the input.

    Views are for training only, on so many pictures.
    """
    share = ENOUGH / training_on if training_on else 0.0
    views, augmentation, corruption = (
        None if part is None else build("corruption", part)
        for part in (phase.views if share else None, phase.augmentation, phase.corruption)
    )

    def prepare(x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        if views is not None:
            u = draws.uniform("views", (len(x), 1, 1, 1), x.device)
            x = views(x, draws) if share >= 1 else torch.where(u < share, views(x, draws), x)
        target = x if augmentation is None else augmentation(x, draws)
        return target, target if corruption is None else corruption(target, draws)

    return prepare
