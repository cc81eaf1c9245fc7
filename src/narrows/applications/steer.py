"""Steer: change one thing about a picture by moving its code.

pictures, and the same transformed by t ──encode──► z, z_t ──least squares──► a direction d
                                                                 a picture's z + t d ──decode──►

Jahanian et al. 2020 walk so through the codes of a generator (Canziani 2020, figs. 5-8); here both
ends of a step are encoded, so the direction is a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..figures import picture_rows
from ..images.inputs import Pictures, evenly
from ..images.transforms import Transform
from ..images.walk import natural
from ..measures import psnr
from ..measures.attributes import ATTRIBUTES, change
from ..parts import Part, build, listed
from ..progress import Progress, stage
from ..randomness import permutation
from ..results import Result
from ..tables import Table, counted
from .decoding import Decode, decoder
from .opening import joined_notes, opened_autoencoder, opened_images, run_of

__all__ = [
    "Direction",
    "EffectSize",
    "Map",
    "Proximity",
    "Steered",
    "Steering",
    "effects_of_steering",
    "effects_of_transform",
    "explained",
    "fit_to_labels",
    "fit_to_transform",
    "probe",
    "proximity",
    "read_off_codes",
    "steer",
    "steer_codes",
]

Steering = Callable[[Tensor, Tensor], Tensor]
SHARES = (-1.0, -0.5, 0.5, 1.0)  # of its reach, at which a transform is seen
RIDGE = 1e-2  # of a map, per picture and in units of the codes' own variance
LARGEST_MAP = 512  # numbers of a code up to which a map is fitted
JUDGED = 200  # pictures that effects are measured on
STEPS = 7
SHOWN = 8  # pictures on the strip


@dataclass(frozen=True)
class Direction:
    """z + t d: the same step from everywhere.

    Attributes:
        vector: d (*code), the step of amount 1.
    """

    vector: Tensor

    def __call__(self, z: Tensor, amounts: Tensor) -> Tensor:
        """z (B, *code), amounts (T,) → (T, B, *code)."""
        t = amounts.to(z).reshape(-1, *[1] * z.ndim)
        return z + t * self.vector


@dataclass(frozen=True)
class Map:
    """z + t (A z + d): a step that depends on where it begins.

    Attributes:
        matrix: A (D, D), of flattened codes.
        vector: d (*code).
    """

    matrix: Tensor
    vector: Tensor

    def __call__(self, z: Tensor, amounts: Tensor) -> Tensor:
        """z (B, *code), amounts (T,) → (T, B, *code)."""
        t = amounts.to(z).reshape(-1, *[1] * z.ndim)
        step = (z.flatten(1) @ self.matrix.T).reshape(z.shape) + self.vector
        return z + t * step


def fit_to_transform(
    codes: Callable[[Tensor], Tensor],
    pictures: Tensor,
    transform: Transform,
    *,
    as_map: bool = False,
) -> Direction | Map:
    """Learn from pictures (N, C, H, W) and the same transformed what the transform does to codes.

    d minimises Σ ‖z_t − z − t d‖² over pictures and over t = ±½ and ±1 of the transform's reach. A
    map's A is found with it, by ridge regression.

    Args:
        codes: pictures to z (N, *code), such as ``lambda x: model.encode(x).z``.

    Raises:
        ValueError: fewer than 2 pictures.
    """
    if len(pictures) < 2:
        raise ValueError(f"a direction is fitted to 2 pictures or more; we got {len(pictures)}")
    z = codes(pictures).double()
    amounts = [share * transform.reach for share in SHARES]
    squares = sum(t * t for t in amounts)
    pull = torch.zeros_like(z)
    for t in amounts:
        moved = codes(transform(pictures, torch.full((len(pictures),), t)))
        pull += t * (moved.double() - z)
    steps = pull / squares  # each picture's own least squares, (N, *code)
    mean = steps.mean(0)
    if not as_map:
        return Direction(mean.float())
    rows = z.flatten(1)
    centred, targets = rows - rows.mean(0), (steps - mean).flatten(1)
    gram = centred.T @ centred
    gram += RIDGE * gram.diagonal().mean().clamp_min(1e-12) * torch.eye(len(gram))
    matrix = torch.linalg.solve(gram, centred.T @ targets).T
    offset = mean - (matrix @ rows.mean(0)).reshape(mean.shape)
    return Map(matrix.float(), offset.float())


def fit_to_labels(z: Tensor, values: Tensor) -> Direction:
    """The step in code that goes with a step of 1 in a number known of each picture.

    Cov(z, y) / Var(y). For a class, with y of 1 inside and 0 outside, it is the difference of the
    two means.

    Args:
        z: (N, *code).
        values: y (N,).

    Raises:
        ValueError: all values are the same.
    """
    y = values.double()
    y = y - y.mean()
    variance = y.square().mean()
    if not float(variance) > 0:
        raise ValueError("a direction needs pictures with different labels; all of these have one")
    centred = (z - z.mean(0)).double().flatten(1)
    vector = (y @ centred) / len(y) / variance
    return Direction(vector.reshape(z.shape[1:]).float())


def steer_codes(decode: Decode, steering: Steering, z: Tensor, amounts: Tensor) -> Tensor:
    """Pictures of codes z (B, *code) steered by each amount (T,): (T, B, C, H, W).

    Amount 0 gives the reconstructions.

    Raises:
        ValueError: an amount that is not finite.
    """
    if not bool(torch.isfinite(amounts).all()):
        raise ValueError(f"amounts must be finite numbers; we got {amounts.tolist()}")
    pictures: Tensor = decode(steering(z, amounts).flatten(0, 1))
    return pictures.reshape(len(amounts), len(z), *pictures.shape[1:])


@dataclass(frozen=True)
class EffectSize:
    """What a step of some amount did to an attribute of pictures.

    Attributes:
        attribute: its name.
        change: mean change, in the attribute's unit.
        deviation: of the change over the pictures.
        size: the mean change in standard deviations of the attribute over the pictures.
    """

    attribute: str
    change: float
    deviation: float
    size: float


@dataclass(frozen=True)
class Proximity:
    """How near steered pictures come to those really transformed: mean PSNR in dB, of ± an amount.

    Attributes:
        steered: of the steered codes' pictures.
        unmoved: of the reconstructions, the baseline of steering.
        ceiling: of the transformed pictures' own reconstructions, the most that a model can show.
    """

    steered: float
    unmoved: float
    ceiling: float


def proximity(
    codes: Callable[[Tensor], Tensor],
    decode: Decode,
    steering: Steering,
    transform: Transform,
    pictures: Tensor,
    amount: float,
) -> Proximity:
    """Compare steering with the transform on pictures (N, C, H, W) that it was not fitted to."""
    amounts = torch.tensor([-amount, amount])
    z = codes(pictures)
    real = torch.cat([transform(pictures, t.expand(len(pictures))) for t in amounts])
    steered = steer_codes(decode, steering, z, amounts).flatten(0, 1)
    still = decode(z).repeat(2, 1, 1, 1)
    shown = (steered, still, decode(codes(real)))
    return Proximity(*(float(psnr(real, x.clamp(0, 1)).mean()) for x in shown))


Measures = dict[str, Callable[[Tensor], Tensor]]


def effects_of_steering(
    decode: Decode, steering: Steering, z: Tensor, amount: float, more: Measures | None = None
) -> list[EffectSize]:
    """What steering codes z (B, *code) by an amount does to every attribute there is.

    The change is half of that from −amount to +amount.

    Args:
        more: other attributes than ``ATTRIBUTES``, such as a label's regression.
    """
    low, high = steer_codes(decode, steering, z, torch.tensor([-amount, amount]))
    return _effects(low, high, decode(z), more)


def effects_of_transform(
    transform: Transform, pictures: Tensor, amount: float, more: Measures | None = None
) -> list[EffectSize]:
    """The same of the transform itself, on pictures (N, C, H, W): what steering would ideally do."""
    low, high = (transform(pictures, torch.full((len(pictures),), t)) for t in (-amount, amount))
    return _effects(low, high, pictures, more)


def _effects(low: Tensor, high: Tensor, at: Tensor, more: Measures | None) -> list[EffectSize]:
    found = []
    for name, measure in {**ATTRIBUTES, **(more or {})}.items():
        moved = (change(name, measure(low), measure(high)) / 2).double()
        own = measure(at).double()
        spread = float(own.std()) if len(own) > 1 else math.nan
        deviation = float(moved.std()) if len(moved) > 1 else math.nan
        size = float(moved.mean()) / spread if spread > 0 else math.nan
        found.append(EffectSize(name, float(moved.mean()), deviation, size))
    return found


def probe(pictures: Tensor, values: Tensor) -> tuple[Callable[[Tensor], Tensor], float]:
    """A label read off pixels by ridge regression, and its R² on a half that it was not fitted to.

    It knows nothing of codes, so that it can say whether steering changed the label.
    """
    from sklearn.linear_model import RidgeCV

    def rows(x: Tensor) -> Any:
        side = (min(32, x.shape[2]), min(32, x.shape[3]))
        return torch.nn.functional.adaptive_avg_pool2d(x, side).flatten(1).double().numpy()

    half = len(pictures) // 2
    order = permutation(
        0, "steer/probe", len(pictures)
    )  # files are often sorted by what is asked for
    x, y = rows(pictures)[order.numpy()], values.double()[order].numpy()
    ridge = RidgeCV(alphas=[0.1, 1.0, 10.0, 100.0, 1000.0])
    score = float(ridge.fit(x[:half], y[:half]).score(x[half:], y[half:]))
    ridge.fit(x, y)
    return lambda shown: torch.from_numpy(ridge.predict(rows(shown))), score


def read_off_codes(z: Tensor, values: Tensor, held: Tensor, truth: Tensor) -> float | None:
    """R² of a number by ridge regression on codes, on codes that it was not fitted to; 0 is what its
    mean would have. None where it has one value only."""
    from sklearn.linear_model import RidgeCV

    if len(truth) < 2 or float(truth.double().std()) == 0:
        return None
    x, other = (rows.flatten(1).double().numpy() for rows in (z, held))
    ridge = RidgeCV(alphas=[10.0**power for power in range(-2, 5)]).fit(x, values.double().numpy())
    return float(ridge.score(other, truth.double().numpy()))


def explained(
    codes: Callable[[Tensor], Tensor],
    steering: Steering,
    transform: Transform,
    pictures: Tensor,
    amount: float,
) -> float:
    """R² of the steps that codes of pictures (N, C, H, W) really make under ± an amount of a transform.

    1 − Σ‖z_t − z − step‖² / Σ‖z_t − z‖²: 1 where steering goes where the transform does, 0 where it had
    better stay.
    """
    z, amounts = codes(pictures), torch.tensor([-amount, amount])
    gone = torch.stack([codes(transform(pictures, t.expand(len(pictures)))) for t in amounts])
    missed = (gone - steering(z, amounts)).double().square().sum()
    return float(1 - missed / (gone - z).double().square().sum().clamp_min(1e-30))


@dataclass(frozen=True, repr=False)
class Steered(Result):
    """Pictures steered, and what steering does to others that it was not fitted to.

    Attributes:
        by: the transform or the label.
        amount: the largest, in ``unit``.
        unit: of the amount.
        amounts: of each step, (T,), from −amount to amount.
        pictures: what was given, (N, C, H, W) in [0, 1].
        steered: each at every amount, (N, T, C, H, W) in [0, 1].
        transformed: the pictures' own pixels transformed, (N, T, C, H, W); None of a label.
        steering: what moves a code.
        effects: on every attribute.
        ideal: the same of the transform itself; none of a label.
        proximity: how near steered pictures come to transformed ones; None of a label.
        probe_r2: how well the label is read off pixels, of a half held out; None of a transform.
        r2: of pictures that it was not fitted to: how well the label is read off codes, see
            ``read_off_codes``, or how much of a transform's step is steered, see ``explained``.
        fitted: the pictures that it was fitted to, a Source.
        judged: those that the effects were measured on, a Source.
        judged_on: what these are: ``held-out``, ``validation``, ``training`` or ``seen`` by the model.
        ids: N names.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "steered"
    by: str
    amount: float
    unit: str
    amounts: Tensor
    pictures: Tensor
    steered: Tensor
    transformed: Tensor | None
    steering: Steering
    effects: Sequence[EffectSize]
    ideal: Sequence[EffectSize]
    proximity: Proximity | None
    probe_r2: float | None
    fitted: Any
    judged: Any
    judged_on: str
    r2: float | None = None
    ids: Sequence[str] = ()
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """Effects, and how near they come to the transform's own."""
        document: dict[str, Any] = {"by": self.by, "pictures": list(self.ids)}
        if self.proximity is not None:
            document["nearness"] = vars(self.proximity)
        if self.probe_r2 is not None:
            document["probe_r2"] = self.probe_r2
        document["r2"] = self.r2
        return document | {
            "amount": self.amount,
            "unit": self.unit,
            "effects": [_plain(effect) for effect in self.effects],
            "of_the_transform": [_plain(effect) for effect in self.ideal],
            "fitted_on": len(self.fitted),
            "judged_on": self.judged_on,
            "judged": len(self.judged),
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }

    @property
    def nothing(self) -> str:
        """Why this is no finding, in a sentence; empty where it is one."""
        if self.r2 is not None and self.r2 <= 0:
            if self.probe_r2 is None:
                return (
                    f"there is no direction of {self.by} in these codes: on {self._judged} the step that "
                    f"was learnt has R² {self.r2:.2f}, and staying has 0"
                )
            return (
                f"there is no direction of {self.by} in these codes: read off them it has R² "
                f"{self.r2:.2f} on {self._judged}, and its mean has 0"
            )
        if self.probe_r2 is not None and self.probe_r2 <= 0:
            return (
                f"what steering does to {self.by} cannot be measured: read off pixels it has held-out "
                f"R² {self.probe_r2:.2f}, and its mean has 0; learn it from more pictures (--fit-on)"
            )
        return ""

    @property
    def _judged(self) -> str:
        return (
            f"{len(self.judged):,} {self.judged_on} picture{'s' if len(self.judged) != 1 else ''}"
        )

    def table(self) -> Table:
        """What steering did to each attribute, and what the transform itself does; empty where there is
        no such direction."""
        if self.nothing:
            return Table({})
        effects = sorted(self.effects, key=lambda effect: effect.attribute != self.by)
        ideal = {effect.attribute: _moved(effect) for effect in self.ideal}
        columns: dict[str, list[Any]] = {"": [effect.attribute for effect in effects]}
        columns["change"] = [_moved(effect) for effect in effects]
        columns["effect size"] = [_signed(effect.size, 2) for effect in effects]
        if ideal:
            columns["of the transform itself"] = [ideal[effect.attribute] for effect in effects]
        explained = "(effect size: in standard deviations of the attribute over the pictures)"
        return Table(columns, notes=[explained])

    def figures(self) -> dict[str, Any]:
        """Each picture at every amount, and its pixels transformed."""
        rows: list[tuple[str, Any]] = []
        for place, id_ in enumerate(self.ids[:SHOWN]):
            rows.append((f"{id_}: code", self.steered[place]))
            if self.transformed is not None:
                rows.append(("pixels", self.transformed[place]))
        captions = [f"{t:+.3g}".replace("-", "−") if t else "0" for t in self.amounts.tolist()]
        return {"steered": picture_rows(rows, captions, corner=self.by)}

    def __str__(self) -> str:
        if self.nothing:
            return self.nothing
        lines = [
            f"steering by {self.by} {self.amount:+.3g} {self.unit}, on {self._judged} that it was not "
            "fitted to:",
            str(self.table()),
        ]
        if self.proximity is not None:
            near = self.proximity
            lines.append(
                f"PSNR with pictures really transformed: {near.steered:.2f} dB steered, "
                f"{near.unmoved:.2f} not steered, {near.ceiling:.2f} transformed and reconstructed"
            )
        if self.probe_r2 is not None:
            lines.append(
                f"{self.by} is read off pixels by ridge regression, held-out R² {self.probe_r2:.2f}"
                + ("" if self.r2 is None else f"; off codes {self.r2:.2f}")
            )
        elif self.r2 is not None:
            lines.append(
                f"of the steps that codes make under it, the one learnt has R² {self.r2:.2f}"
            )
        return "\n".join(lines)


def steer(
    model: Any,
    pictures: Pictures,
    *,
    by: str,
    amount: float | None = None,
    fit_on: Pictures | None = None,
    straight: bool = False,
    fit_size: int = 2000,
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Steered:
    """Move pictures' codes along a direction learnt from other pictures, and measure what changes.

    For a transform the direction is learnt from pictures and the same pictures transformed; for a
    label from what the codes of pictures with and without it differ in. It is fitted to pictures of
    the model's training and measured on others, as far as the model knows them apart.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: what is steered: anything that :func:`narrows.images.inputs.pictures` reads.
        by: ``brightness``, ``rotation``, ``shift-x``, ``shift-y``, ``zoom``; or a label of
            ``fit_on``: a number (``age``) or a class (``hair=blonde``).
        amount: the strip goes from −amount to +amount; None: by what is steered.
        fit_on: pictures to learn it from; None: those of the training, if the run names them.
        straight: the same step from every code instead of a map.
        fit_size: learn from at most so many of them, evenly spread.
        limit: steer at most so many pictures, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: no such transform, label or class, an amount that is not finite, or a model that
            does not say what it was trained on and no ``fit_on``.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.steer(model, images[:2], by="zoom", amount=0.2, fit_on=images[:200]).pictures.shape
        torch.Size([2, 1, 8, 8])
    """
    if amount is not None and not math.isfinite(amount):
        raise ValueError(f"an amount is a finite number; we got {amount}")
    if fit_size < 2:
        raise ValueError(f"fit_size is at least 2; we got {fit_size}")
    autoencoder = opened_autoencoder(model, device)
    run = run_of(autoencoder)
    what = run.facts.get("pictures") if fit_on is None else fit_on
    if what is None:
        raise ValueError(
            "this model does not say what it was trained on: name pictures with --fit-on (fit_on=)"
        )
    images = opened_images(autoencoder, pictures, limit=limit, progress=progress)
    learnt = opened_images(autoencoder, what, progress=progress)
    parts = run.split(learnt)
    train, portion = parts.fitting()
    train, judged = evenly(train, fit_size), evenly(portion.images, JUDGED)
    given, x, held = (s.batch(torch.arange(len(s))).cpu() for s in (images, train, judged))
    decode = decoder(autoencoder)

    def codes(x: Tensor) -> Tensor:
        z: Tensor = autoencoder.encode(x).z
        return z

    score: float | None
    r2: float | None
    with stage(progress, f"learning {by}") as step:
        if by in listed("transform"):
            transform = build("transform", Part(by))
            amount, unit = transform.reach if amount is None else amount, transform.unit
            as_map = not straight and math.prod(autoencoder.code_shape) <= LARGEST_MAP
            steering: Steering = fit_to_transform(codes, x, transform, as_map=as_map)
            effects = effects_of_steering(decode, steering, codes(held), amount)
            ideal = effects_of_transform(transform, held, amount)
            near = proximity(codes, decode, steering, transform, held, amount)
            score, r2, notes = None, explained(codes, steering, transform, held, amount), []
        else:
            transform, ideal, near = None, [], None
            values, known = _values(train, by)
            notes = _unknown(by, known)
            x, values = x[known], values[known]
            amount, unit = _label_amount(values) if amount is None else amount, f"of {by}"
            steering = fit_to_labels(codes(x), values)
            read, score = probe(x, values)
            effects = effects_of_steering(decode, steering, codes(held), amount, {by: read})
            truth, also = _values(judged, by, strict=False)
            r2 = read_off_codes(codes(x), values, codes(held)[also], truth[also])
        step(1, 1)
    amounts = torch.arange(-(STEPS // 2), STEPS // 2 + 1) * (amount / (STEPS // 2))
    steered = steer_codes(decode, steering, codes(given), amounts).transpose(0, 1)
    real = None
    if transform is not None:
        real = torch.stack([transform(one.expand(STEPS, -1, -1, -1), amounts) for one in given])
    return Steered(
        by, amount, unit, amounts, given, steered, real, steering, effects, ideal, near, score,
        train, judged, portion.name, r2,
        list(getattr(images, "ids", [str(i) for i in range(len(images))])),
        [*joined_notes(images, learnt, parts), *notes],
        tuple(getattr(images, "skipped", ())),
    )  # fmt: skip


def _values(source: Any, by: str, *, strict: bool = True) -> tuple[Tensor, Tensor]:
    """The numbers (N,) of a column, or 1 and 0 inside and outside of a class; and where they are known.

    Args:
        strict: some of these pictures have to be of the class.
    """
    columns = {
        **(getattr(source, "metadata", None) or {}),
        **(getattr(source, "labels", None) or {}),
    }
    column, equals, wanted = by.partition("=")
    if column not in columns:
        known = f" or a label of the pictures ({', '.join(columns)})" if columns else ""
        none = "" if columns else "; the pictures that it is learnt from have no labels"
        raise ValueError(
            f"by is one of {', '.join(listed('transform'))}{known}; we got {by!r}{none}"
        )
    texts = np.array([_class(value) for value in np.asarray(columns[column]).tolist()])
    known_rows = torch.from_numpy(texts != "")
    if equals:
        classes = sorted(set(texts[texts != ""].tolist()), key=natural)
        if _class(wanted) not in classes and strict:
            raise ValueError(
                f"{column} has no class {wanted!r}, only {', '.join(classes[:12])}"
                f"{' …' if len(classes) > 12 else ''}"
            )
        return torch.from_numpy(texts == _class(wanted)).double(), known_rows
    try:
        numbers = torch.tensor([float(text) if text else 0.0 for text in texts.tolist()]).double()
    except ValueError as error:
        raise ValueError(
            f"{column} is no number: name one of its classes, such as "
            f"{column}={next(text for text in texts.tolist() if text)}"
        ) from error
    return numbers, known_rows & torch.isfinite(numbers)


def _class(value: Any) -> str:
    """A label as people write it: 1.0, which one empty cell makes of 1, is 1; no value is empty."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    whole = math.isfinite(number) and number.is_integer() and text == f"{number:.1f}"
    return f"{number:.0f}" if whole else text


def _unknown(by: str, known: Tensor) -> list[str]:
    """A note on pictures whose label is not known.

    Raises:
        ValueError: it is known of fewer than two.
    """
    left = len(known) - int(known.sum())
    if len(known) - left < 2:
        raise ValueError(f"{by} is known of {len(known) - left} pictures; a direction takes two")
    which = "which is" if left == 1 else "which are"
    return [f"{by} is not known of {counted(left)}, {which} left out"] if left else []


def _label_amount(values: Tensor) -> float:
    """One class to the other, or two standard deviations of a number."""
    two = len(set(values.tolist())) == 2
    return float(values.max() - values.min() if two else 2 * values.std())


def _plain(effect: EffectSize) -> dict[str, Any]:
    """As JSON has it: what one picture alone cannot tell is null."""
    return {key: None if value != value else value for key, value in vars(effect).items()}


def _moved(effect: EffectSize) -> str:
    return f"{effect.change:+.3f} ± {effect.deviation:.3f}"


def _signed(value: float, digits: int) -> str | None:
    return None if math.isnan(value) else f"{value:+.{digits}f}"
