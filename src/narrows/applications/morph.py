"""Morph: from one picture to another through the codes between theirs.

code_1 ──┐
         ├─ (1 − α) code_1 + α code_2 ──decode──► a frame      (Kovenko & Bogach 2020, eq. 3)
code_2 ──┘
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..figures import ANIMATED, picture_rows, save_animation, side_by_side
from ..images.inputs import Pictures
from ..measures import sharpness
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from ..training.standing import MODEL
from .decoding import Decode, decoder
from .opening import opened_autoencoder, opened_images
from .restored import standing_notes

__all__ = [
    "BLENDS", "Decodings", "Morph", "decodings", "half_way", "linear", "morph", "morph_codes",
    "sample_posterior", "spherical",
]  # fmt: skip

DRAWN = 12  # decodings of a picture that are shown

Blend = Callable[[Tensor, Tensor, Tensor], Tensor]


def linear(first: Tensor, second: Tensor, alpha: Tensor) -> Tensor:
    """(1 − α) first + α second, of shape (F, …) for α (F,); at 0 and 1 the ends to the last bit."""
    a = alpha.reshape(-1, *[1] * first.ndim)
    out: Tensor = (1 - a) * first + a * second
    return out


def spherical(first: Tensor, second: Tensor, alpha: Tensor) -> Tensor:
    """Along the great circle, (F, …) for α (F,): sin((1 − α)θ) / sin θ · first + sin(αθ) / sin θ · second.

    θ is the angle between the two (Shoemake 1985). The length of draws of a normal prior is nearly
    always √D, and this way keeps it. Where both point the same way or opposite ways, and there is
    no circle or no single one, it is the straight line.
    """
    a = alpha.double().reshape(-1, *[1] * first.ndim)
    one, two = first.double().flatten(), second.double().flatten()
    cosine = (one @ two) / (one.norm() * two.norm()).clamp_min(1e-30)
    angle = cosine.clamp(-1, 1).arccos()
    sine = angle.sin()
    if sine < 1e-6 or float(one.norm() * two.norm()) == 0:
        return linear(first, second, alpha)
    weights = [(share * angle).sin() / sine for share in (1 - a, a)]
    out: Tensor = weights[0].to(first.dtype) * first + weights[1].to(first.dtype) * second
    return out


BLENDS: dict[str, Blend] = {"linear": linear, "spherical": spherical}


@dataclass(frozen=True, repr=False)
class Morph(Result):
    """Frames from the first picture to the last.

    Attributes:
        frames: (F, C, H, W) in [0, 1].
        fade: the same mixtures of the pictures' own pixels, (F, C, H, W), to stand beside.
        alphas: (F,), from 0 at the first picture to 1 at the last.
        uneven, fade_uneven: the largest change from frame to frame over the mean one; 1 is even.
        sharpness, fade_sharpness: the energy of edges half-way between two pictures, relative to
            that of the two pictures that it is between, averaged; a fade of two drawings that share
            no line has half of it.
        blend: how codes were mixed.
        ids: of the pictures that it goes through.
        skipped, notes: as of every result.
    """

    name: ClassVar[str] = "morph"
    frames: Tensor
    fade: Tensor
    alphas: Tensor
    uneven: float
    fade_uneven: float
    sharpness: float
    fade_sharpness: float
    blend: str = "linear"
    ids: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """Where the frames are, how sharp and how even."""
        return {
            "pictures": list(self.ids),
            "frames": len(self.frames),
            "alphas": self.alphas.tolist(),
            "sharpness_half_way": self.sharpness,
            "fade_sharpness_half_way": self.fade_sharpness,
            "uneven": self.uneven,
            "fade_uneven": self.fade_uneven,
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """Codes and pixels: how sharp half-way, how even from frame to frame."""
        columns: dict[str, list[Any]] = {
            "": ["codes", "pixels"],
            "sharpness half-way": [self.sharpness, self.fade_sharpness],
            "largest step / mean": [self.uneven, self.fade_uneven],
        }
        explained = "(sharpness: energy of the edges compared with that of the two ends)"
        return Table(columns, digits=2, notes=[explained])

    def figures(self) -> dict[str, Any]:
        """The frames as a strip, their fade below."""
        captions = [f"{alpha:.3g}" for alpha in self.alphas.tolist()]
        rows = [(f"codes, {self.blend}", self.frames), ("pixels", self.fade)]
        return {"morph": picture_rows(rows, captions, corner="α")}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The strip and the document to a folder; or the film alone to a .webp or a .gif."""
        path = Path(folder)
        if path.suffix.lower() in ANIMATED:
            film = side_by_side(self.frames, self.fade, names=("codes", "pixels"))
            return {"morph": str(save_animation(film, path))}
        return super().save(path)

    def __str__(self) -> str:
        return f"{counted(len(self.frames), 'frame')}\n{self.table()}"


def morph(
    model: Any,
    pictures: Pictures,
    *,
    frames: int = 9,
    alpha: Sequence[float] | None = None,
    blend: str = "linear",
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Morph:
    """Mix the codes of pictures, in their order, and show the fade of their pixels as well.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: two or more: anything that :func:`narrows.images.inputs.pictures` reads.
        frames: how many, at equal distances, both ends among them.
        alpha: these shares of the way instead, each in [0, 1].
        blend: ``linear`` or ``spherical``; the fade is always linear.
        limit: at most so many pictures, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Returns:
        Its ``save("a.webp")`` writes an animation.

    Raises:
        ValueError: fewer than 2 pictures or frames, an unknown blend, or an alpha outside [0, 1].
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.morph(model, images[:2], frames=5).frames.shape
        torch.Size([5, 1, 8, 8])
    """
    autoencoder = opened_autoencoder(model, device)
    images = opened_images(autoencoder, pictures, limit=limit, progress=progress)
    x = images.batch(torch.arange(len(images))).cpu()
    with stage(progress, "decoding") as step:
        made = morph_codes(
            decoder(autoencoder), autoencoder.encode(images).z, x,
            frames=frames, alphas=alpha, blend=blend, progress=step,
        )  # fmt: skip
    read = _read(images)
    read["notes"] = [*read["notes"], *standing_notes(autoencoder, "morph")]
    return dataclasses.replace(made, ids=_ids(images), **read)


def _ids(images: Any) -> list[str]:
    return list(getattr(images, "ids", [str(i) for i in range(len(images))]))


def _read(images: Any) -> dict[str, Any]:
    """What reading left out or changed."""
    return {"skipped": getattr(images, "skipped", ()), "notes": getattr(images, "notes", ())}


def morph_codes(
    decode: Decode,
    codes: Tensor,
    pictures: Tensor,
    *,
    frames: int = 60,
    alphas: Sequence[float] | None = None,
    blend: str = "linear",
    **options: Any,
) -> Morph:
    """Go from code to code, in equal stretches, and decode what lies between.

    Args:
        decode: codes to pictures; gets ``options``.
        codes: (M, *code), M at least 2; of a hierarchy its base.
        pictures: the pictures themselves, (M, C, H, W) in [0, 1]: what is faded.
        frames: how many, at equal distances, both ends among them.
        alphas: these places on the way instead, each in [0, 1].
        blend: ``linear`` or ``spherical``; the fade is always linear.

    Raises:
        ValueError: fewer than 2 codes or frames, an unknown blend, or an alpha outside [0, 1].
    """
    if len(codes) < 2 or len(codes) != len(pictures):
        raise ValueError(
            "a morph goes between at least 2 pictures with a code each; we got "
            f"{counted(len(codes), 'code')} and {counted(len(pictures))}"
        )
    if blend not in BLENDS:
        raise ValueError(f"blend must be {' or '.join(BLENDS)}; we got {blend!r}")
    if alphas is None and frames < 2:
        raise ValueError(f"a morph has at least 2 frames; we got {frames}")
    at = torch.linspace(0, 1, frames, dtype=torch.float64) if alphas is None else _checked(alphas)
    shown = decode(_along(codes, at, BLENDS[blend]), **options)
    fade = _along(pictures, at, linear)
    middles = torch.tensor([(i + 0.5) / (len(codes) - 1) for i in range(len(codes) - 1)]).double()
    between = decode(_along(codes, middles, BLENDS[blend]))
    return Morph(
        shown,
        fade,
        at,
        _uneven(shown),
        _uneven(fade),
        _relative_sharpness(between, decode(codes)),
        _relative_sharpness(_along(pictures, middles, linear), pictures),
        blend,
    )


def half_way(model: Any, pictures: Tensor, real: Tensor) -> dict[str, Tensor]:
    """How far the nearest real picture is from what lies half-way between neighbours, and from a fade.

    There are two fades, as the blur of reconstructions alone brings them nearer.

    Args:
        model: an autoencoder.
        pictures: (N, C, H, W) in [0, 1]; each is mixed with the one before it.
        real: (M, C, H, W), among which the nearest is looked for.

    Returns:
        By way, ``model`` first: (N,) root mean squares of a value of a pixel.
    """
    decode = decoder(model)
    with model.evaluating(), torch.no_grad():
        ends = model.encode(pictures).z
        ways = {MODEL: decode((ends + ends.roll(1, 0)) / 2)}
        again = decode(ends)
    for name, one in (("pixels", pictures), ("reconstructions", again)):
        ways[f"a fade of the {name}"] = (one + one.roll(1, 0)) / 2
    known = real.flatten(1).cpu()
    return {
        name: torch.cdist(one.flatten(1).clamp(0, 1).cpu(), known).min(1).values
        / known.shape[1] ** 0.5
        for name, one in ways.items()
    }


def _checked(alphas: Sequence[float]) -> Tensor:
    at = torch.tensor(list(alphas), dtype=torch.float64)
    outside = [alpha for alpha in alphas if not 0 <= alpha <= 1]
    if outside or not len(at):
        got = f"{outside[0]:g}" if outside else "none"
        raise ValueError(
            f"alpha is a share of the way from the first picture (0) to the last (1); we got {got}"
        )
    return at


def _along(ends: Tensor, at: Tensor, blend: Blend) -> Tensor:
    """Places (F,) in [0, 1] on the way through ``ends`` (M, …) → (F, …)."""
    place = at * (len(ends) - 1)
    stretch = place.floor().long().clamp_max(len(ends) - 2)
    out = ends.new_empty(len(at), *ends.shape[1:])
    for i in range(len(ends) - 1):
        mine = stretch == i
        out[mine] = blend(ends[i], ends[i + 1], (place[mine] - i).to(ends.dtype))
    return out


def _uneven(frames: Tensor) -> float:
    if len(frames) < 2:
        return 1.0
    steps = (frames[1:] - frames[:-1]).flatten(1).norm(dim=1)
    return float(steps.max() / steps.mean()) if float(steps.mean()) > 0 else 1.0


def _relative_sharpness(between: Tensor, ends: Tensor) -> float:
    """Edges of pictures (M − 1, …) half-way, beside those of the two that each is between."""
    if min(ends.shape[2:]) < 3:
        return float("nan")
    # energies relative to a chequered picture; their ratio is relative to the ends
    down, across = (torch.arange(size) for size in ends.shape[2:])
    yardstick = ((down[:, None] + across) % 2).float().expand_as(between)
    middle = sharpness(yardstick, between)
    around = (sharpness(yardstick, ends[:-1]) + sharpness(yardstick, ends[1:])) / 2
    return float((middle / around.clamp_min(1e-8)).mean())


@dataclass(frozen=True, repr=False)
class Decodings(Result):
    """Several pictures that one picture's posterior stands for (Lingrand 2021).

    Attributes:
        means: decodings of the mean codes, (N, C, H, W).
        samples: of S draws of each posterior, (S, N, C, H, W).
        deviation: standard deviation of a pixel over the draws, root mean squared, (N,).
        pictures: the pictures themselves, (N, C, H, W) in [0, 1]; None where they are not kept.
        ids: N names.
        skipped, notes: as of every result.
    """

    name: ClassVar[str] = "decodings"
    means: Tensor
    samples: Tensor
    deviation: Tensor
    pictures: Tensor | None = None
    ids: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """How much the decodings of each picture differ."""
        return {
            "pictures": self._names(),
            "samples": len(self.samples),
            "deviation": dict(zip(self._names(), self.deviation.tolist(), strict=True)),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """A row per picture."""
        columns = {"picture": self._names(), "deviation of a pixel": self.deviation.tolist()}
        return Table(columns, digits=4)

    def figures(self) -> dict[str, Any]:
        """Each picture, the decoding of its mean, and a dozen draws."""
        shown = self.samples[:DRAWN].transpose(0, 1)
        captions = ["mean", *(f"draw {i + 1}" for i in range(shown.shape[1]))]
        columns = [self.means[:, None], shown]
        if self.pictures is not None:
            captions, columns = ["original", *captions], [self.pictures[:, None], *columns]
        rows = list(zip(self._names(), torch.cat(columns, 1), strict=True))
        return {"decodings": picture_rows(rows, captions)}

    def _names(self) -> list[str]:
        return list(self.ids) or [str(i) for i in range(len(self.means))]

    def __str__(self) -> str:
        return (
            f"{counted(len(self.samples), 'decoding')} of {counted(len(self.means))}\n"
            f"standard deviation of a pixel over them: {float(self.deviation.mean()):.4f}"
        )


def sample_posterior(
    model: Any,
    pictures: Pictures,
    *,
    samples: int = 8,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Decodings:
    """Decode several draws of each picture's posterior: what a variational model is sure of.

    Args:
        model: a variational ``Autoencoder``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads.
        samples: draws of each.
        limit: at most so many pictures, evenly spread.
        seed: of the draws.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: samples below 2, or a model whose codes are points.
        NoImages: nothing can be read.
    """
    autoencoder = opened_autoencoder(model, device)
    images = opened_images(autoencoder, pictures, limit=limit, progress=progress)
    made = decodings(autoencoder.encode, decoder(autoencoder), images, samples, seed=seed)
    x = images.batch(torch.arange(len(images))).cpu()
    return dataclasses.replace(made, pictures=x, ids=_ids(images), **_read(images))


def decodings(
    encode: Callable[..., Any], decode: Decode, images: Any, samples: int, *, seed: int = 0
) -> Decodings:
    """Draw ``samples`` codes of each picture's posterior and decode them.

    Args:
        encode: pictures and a number of samples to a ``Code``, such as ``model.encode``.

    Raises:
        ValueError: samples below 2, or codes that are points.
    """
    if samples < 2:
        raise ValueError(f"several decodings are at least 2; we got samples={samples}")
    code = encode(images, samples, seed=seed)
    if code.log_variance is None:
        raise ValueError(
            "several decodings need codes with a distribution, and this model's are points: "
            "train a variational recipe, such as conv-vae"
        )
    flat: Tensor = decode(code.z.flatten(0, 1))
    drawn = flat.reshape(*code.z.shape[:2], *flat.shape[1:])
    spread = drawn.var(0, correction=1).flatten(1).mean(1).sqrt()
    return Decodings(decode(code.mean), drawn, spread)
