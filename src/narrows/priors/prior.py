"""What every prior is, and how it meets a model's codes.

model.encode ──► Code ──taken──► rows (N, D) or indices (N, M) ──fit──► a prior
decode ◄── z (n, *code) ◄────────────draw──────────────── sample ◄──────┘
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from ..bottlenecks import Code, Quantised
from ..images import captions as captions_of
from ..parts import Part, as_part, build, in_words, listed

__all__ = [
    "OF_THE_MODEL",
    "Prior",
    "Progress",
    "checked_counts",
    "checked_rows",
    "fit_prior",
    "prior_for",
    "sample_codes",
    "taken",
]

OF_THE_MODEL = ("size", "entries")  # arguments that the model knows

Progress = Callable[[int, int], None]


@runtime_checkable
class Prior(Protocol):
    """A distribution of codes, fitted after training.

    ``takes`` is ``codes`` for rows z (N, D), D all numbers of a code, or ``indices`` for entries of
    a code book (N, M). What a prior remembers is ``state()``: tensors, stored as they are.
    """

    takes: str

    def __repr__(self) -> str:
        return f"<prior: {in_words(as_part(self))}>"

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """Follow the codes (N, D), or indices (N, M); gives itself."""
        ...

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n rows (n, D) float32, or (n, M) int64; the same seed draws the same."""
        ...

    def log_prob(self, codes: Tensor) -> Tensor | None:
        """log p of each row in nats, (N,); None where there is no density."""
        ...

    @property
    def spread(self) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation of each unit, both (D,); None of indices."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What was fitted."""
        ...

    def restore(self, state: dict[str, Tensor]) -> Self:
        """The same from its tensors; gives itself.

        Raises:
            ValueError: they are not those of such a prior.
        """
        ...


def prior_for(model: Any, name: str, **arguments: Any) -> Prior:
    """An unfitted prior of that name for a model's codes.

    Raises:
        ValueError: no such name or argument, or a prior that does not fit the kind of code.
    """
    own = [key for key in arguments if key in OF_THE_MODEL]
    if own:
        raise ValueError(f"the {own[0]} of a prior is that of the model's codes; leave it out")
    bottleneck = model.bottleneck
    quantised = isinstance(bottleneck, Quantised)
    shapes = {"size": math.prod(model.code_shape)}
    if quantised:
        shapes["entries"] = bottleneck.entries
    prior: Prior = build("prior", Part(name, arguments), **shapes)
    if quantised and name == "normal":
        raise ValueError(
            "the prior 'normal' fits codes that were trained to be normal, but this model's are "
            "entries of a code book: fit one of autoregressive, mixture or flow with "
            "`narrows prior`"
        )
    if not quantised and prior.takes == "indices":
        raise ValueError(
            f"the prior {name!r} is one of entries of a code book, but this model's codes are "
            f"numbers: fit one of {', '.join(n for n in listed('prior') if n != name)}"
        )
    return prior


def fit_prior(
    model: Any,
    images: Any,
    name: str,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    **arguments: Any,
) -> Prior:
    """Encode pictures and fit a prior of that name to one draw of each code's posterior.

    Args:
        images: a source or an array of pictures of the model's shape.
        seed: of the draws and of the fit.
        progress: called with (done, total) while it is fitted.
        captions: what a prior that is told captions reads of each picture, in as many wordings; by
            default it is made of what is known of them.
        arguments: of the prior, such as ``components``.

    Raises:
        ValueError: a name or an argument that is none, a prior that does not fit the codes, or
            captions for one that reads none.
    """
    prior: Any = prior_for(model, name, **arguments)
    captioned = getattr(prior, "captioned", False)
    if captions is not None and not captioned:
        raise ValueError(f"the prior {name!r} reads no captions; fit 'caption-flow'")
    texts = {"captions": captions or captions_of(images, seed=seed)} if captioned else {}
    codes = taken(prior, model.encode(images, 1, seed=seed))
    fitted: Prior = prior.fit(codes.to(model.device), seed, progress, **texts)
    return fitted


def taken(prior: Prior, code: Code) -> Tensor:
    """What a prior is fitted to: rows z (N, D) of a code, or its indices (N, M).

    Of a code with samples the first is taken.
    """
    if prior.takes == "indices":
        assert code.indices is not None
        return code.indices.flatten(1)
    return (code.z[0] if code.sampled else code.z).flatten(1)


def sample_codes(model: Any, prior: Prior, n: int, seed: int = 0, **condition: Any) -> Tensor:
    """n codes of a model out of a prior, (n, *code) float32.

    Of a model with a code book each vector becomes the entry nearest to it.

    Args:
        condition: what the prior is conditioned on, such as ``caption``, where it takes a condition.
    """
    codes: Tensor = model.codes_of(prior.sample(n, seed, **condition))
    return codes


def checked_counts(of: str, **counts: Any) -> None:
    """Refuse arguments that are no whole numbers above 0.

    Raises:
        ValueError: there is one.
    """
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} of {of} is a whole number of at least 1; we got {value}")


def checked_rows(codes: Tensor, least: int, size: int) -> Tensor:
    """Codes (N, D) as float64 on the processor.

    Raises:
        ValueError: fewer rows than ``least``, another D, or numbers that are not finite.
    """
    if codes.ndim != 2 or codes.shape[1] != size:
        raise ValueError(f"this prior is fitted to codes (N, {size}); we got {tuple(codes.shape)}")
    if len(codes) < least:
        raise ValueError(
            f"a prior needs at least {least} codes; we got {len(codes)}: more pictures"
        )
    rows = codes.detach().cpu().double()
    if not bool(torch.isfinite(rows).all()):
        raise ValueError("the codes hold NaN or infinite numbers; the model has diverged")
    return rows
