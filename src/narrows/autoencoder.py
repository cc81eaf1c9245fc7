"""The one model class: a ladder, a bottleneck and a likelihood.

x ──ladder.descend──► h_L ──bottleneck.encode──► z ──bottleneck.expand──► g_L ──ladder.ascend──► raw
                                                                  raw ──likelihood.mean──► x̂
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from . import files
from .bottlenecks import Bottleneck, Code, Quantised
from .images import Preprocessing, Source, as_source
from .networks import Ladder
from .objectives import Elbo, Likelihood, Step
from .parts import Part, as_part, build, in_words, named, part_of
from .randomness import Draws

__all__ = ["Autoencoder"]

Progress = Callable[[int, int], None]


class Sampler(Protocol):
    """What draws codes: a prior of ``narrows.priors``, fitted."""

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n rows (n, D) float32, or entries of a code book (n, M) int64."""
        ...


class Autoencoder(nn.Module):
    """An image autoencoder.

    Args:
        ladder: the way down and up, or the part that names it.
        bottleneck: from the lowest activation to a code and back, or its part.
        likelihood: what the raw output means, or its part.

    Attributes:
        recipe: how it was trained, where that is known.
        preprocessing: how pictures become inputs; saved with the weights.
        run: what its training left (pictures seen, seed, history); None where it was not trained.
        auxiliary: modules trained with it (a discriminator, a softmax head), by name.

    Raises:
        ValueError: a part that is not listed, or parts that do not fit.

    Examples:
        >>> import torch
        >>> import narrows as nw
        >>> recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=2)
        >>> model = nw.Autoencoder(recipe.ladder, recipe.bottleneck, recipe.likelihood)
        >>> model.shape, model.code_shape
        ((1, 8, 8), (2,))
        >>> model.reconstruct(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self, ladder: Ladder | Part, bottleneck: nn.Module | Part, likelihood: nn.Module | Part
    ) -> None:
        super().__init__()
        told: Likelihood = build("likelihood", likelihood)
        if not isinstance(told, Likelihood):
            raise ValueError(
                f"a likelihood is a narrows.objectives.Likelihood; we got {type(told).__name__}"
            )
        several = {"outputs": told.outputs} if told.outputs > 1 else {}
        self.ladder: Ladder = build("ladder", ladder, **several)
        if self.ladder.outputs != told.outputs:
            raise ValueError(
                f"the likelihood {named(told)!r} reads {told.outputs} numbers of the decoder for each "
                f"value of a picture, and the ladder {named(self.ladder)!r} gives "
                f"{self.ladder.outputs}; ladders that may give more are conv and dense"
            )
        shapes = self.ladder.shapes
        built = build("bottleneck", bottleneck, shape=self.ladder.narrowest, shapes=shapes)
        if not isinstance(built, Bottleneck):
            raise ValueError(
                f"a bottleneck is a narrows.bottlenecks.Bottleneck; we got {type(built).__name__}"
            )
        if built.shape != self.ladder.narrowest:
            raise ValueError(
                f"the ladder ends in {self.ladder.narrowest} but the bottleneck takes {built.shape}; "
                "build it with shape=ladder.narrowest"
            )
        if built.shapes and list(built.shapes) != shapes:
            raise ValueError(
                f"the ladder has levels {shapes} but the bottleneck reads {list(built.shapes)}; "
                "build it with shapes=ladder.shapes"
            )
        if self.ladder.boundary(len(self.ladder) - 1).centred:
            built.drop_biases()
        self.bottleneck = built
        self.likelihood = told
        self.recipe: Any = None
        self.preprocessing = Preprocessing(self.shape)
        self.run: Any = None
        self.auxiliary: dict[str, nn.Module] = {}  # not a ModuleDict: none of this model's weights

    def __repr__(self) -> str:
        parts = (as_part(one) for one in (self.ladder, self.bottleneck, self.likelihood))
        shape = "×".join(map(str, self.shape))
        weights = sum(p.numel() for p in self.parameters())
        return (
            f"<Autoencoder: pictures {shape}, codes {self.code_shape}, {weights:,} weights: "
            f"{' → '.join(map(in_words, parts))}>"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the pictures."""
        return self.ladder.shape

    @property
    def code_shape(self) -> tuple[int, ...]:
        """(D,) or (D, H, W) of one code."""
        return self.bottleneck.code_shape

    def diagram(self) -> Any:
        """A matplotlib figure of its levels: from the picture to the code and back."""
        from .figures import model_diagram

        name = f"{self.recipe.name}: " if self.recipe is not None else ""
        said = " → ".join(
            in_words(part_of(each)) for each in (self.ladder, self.bottleneck, self.likelihood)
        )
        return model_diagram(
            self.ladder.shapes,
            self.code_shape,
            title=f"{name}{said}",
            bottleneck=named(self.bottleneck),
        )

    @property
    def history(self) -> list[dict[str, Any]]:
        """A record for each epoch of its training; empty where it was not trained."""
        found: list[dict[str, Any]] = [] if self.run is None else self.run.history
        return found

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def fingerprint(self) -> str:
        """Sixteen digits that change with any weight and with what is computed of them (an activation,
        a likelihood), and not with how a recipe is written down.

        What is kept of a model's codes (priors, collections, compressed files) carries them.
        """
        parts = [_described(one) for one in (self.ladder, self.bottleneck, self.likelihood)]
        return files.fingerprint(files.fingerprint_of_tensors(self.state_dict()), *parts)

    def parts(self) -> dict[str, Part]:
        """The three parts as data."""
        return {
            name: part_of(getattr(self, name)) for name in ("ladder", "bottleneck", "likelihood")
        }

    def posterior(self, x: Tensor, samples: int | None = None, draws: Draws | None = None) -> Code:
        """x (B, C, H, W) → its code, differentiable: the mean, or ``samples`` draws (S, B, *code)."""
        descent = self.ladder.descend(x)
        return self.bottleneck.encode(descent, self.ladder, samples, draws or Draws())

    def raw(self, code: Code | Tensor, draws: Draws | None = None) -> Tensor:
        """A code, or z (…, *code) → the ladder's raw output (…, C, H, W), differentiable.

        ``draws`` sample what a bare z leaves open in a hierarchy; without them its mean is taken.
        """
        code = Code(code) if isinstance(code, Tensor) else code
        z, axes = code.z, len(self.code_shape)
        if tuple(z.shape[-axes:]) != self.code_shape:
            raise ValueError(
                f"this model decodes codes of shape (…, {', '.join(map(str, self.code_shape))}); "
                f"we got {tuple(z.shape)}"
            )
        g, level = self.bottleneck.expand(code, self.ladder, draws)
        out = self.ladder.ascend(g, self.pooling_indices(code, g.shape[0]), level)
        return out.reshape(*z.shape[:-axes], *out.shape[1:]) if z.ndim != axes + 1 else out

    def pooling_indices(self, code: Code, rows: int) -> list[Tensor | None] | None:
        """The pooling indices of a code, repeated for each of the ``rows`` of its samples; or None."""
        return code.repeat(rows)

    def decode(self, z: Tensor, draws: Draws | None = None) -> Tensor:
        """z (…, *code) → mean pictures (…, C, H, W) in [0, 1], differentiable; see ``raw``."""
        out: Tensor = self.likelihood.mean(self.raw(z, draws))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) → its reconstruction from the mean code, (B, C, H, W)."""
        out: Tensor = self.likelihood.mean(self.raw(self.posterior(x)))
        return out

    def loss(self, x: Tensor, samples: int = 1, draws: Draws | None = None) -> Tensor:
        """The negative ELBO of pictures x (B, C, H, W) in [0, 1], a scalar in nats per image.

        −E log p(x|z) + KL(q(z|x) ‖ p(z)), averaged over the batch and ``samples`` draws of the code;
        of a code without a prior the first term, and the bottleneck's auxiliary loss. Differentiable, in
        whichever mode the model is. What ``fit`` minimises may weigh the terms and add penalties.

        Args:
            draws: of the code; without them the same at every call.
        """
        descent, draws = self.ladder.descend(x), draws or Draws()
        code = self.bottleneck.encode(descent, self.ladder, samples, draws)
        raw = self.raw(code)
        step = Step(x, x, descent.levels, code, raw, self, epoch=0.0, number=0, draws=draws)
        return Elbo().loss(step).total

    def codes_of(self, rows: Tensor) -> Tensor:
        """What a prior draws → codes (n, *code) float32, on the processor.

        Args:
            rows: (n, D), of which each vector becomes the nearest entry where there is a code book;
                or entries (n, M) int64.
        """
        box, shape = self.bottleneck, self.code_shape
        with torch.no_grad():
            if rows.is_floating_point():
                z = rows.reshape(-1, *shape).to(self.device)
                z = box.lookup(box.nearest(z)) if isinstance(box, Quantised) else z
            elif isinstance(box, Quantised):
                places = shape[1:] if len(shape) == 3 else (-1,)
                z = box.lookup(rows.reshape(len(rows), *places).to(self.device))
            else:
                raise ValueError("entries of a code book were drawn, and this model has none")
        return z.float().cpu()

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        prior: Sampler | None = None,
        batch_size: int = 256,
        progress: Progress | None = None,
        **condition: Any,
    ) -> Tensor:
        """n pictures drawn from a prior over codes, (n, C, H, W) float32 in [0, 1], on the processor.

        Args:
            seed: of the draws.
            prior: a fitted one; None takes the standard normal that a variational model has.
            condition: what the prior is conditioned on, such as ``caption``.

        Raises:
            ValueError: n is below 1, or the model has no prior of its own and none was given.
        """
        if n < 1:
            raise ValueError(f"at least 1 picture is drawn; we got n={n}")
        if prior is not None:
            rows = prior.sample(n, seed, **condition)
        elif self.bottleneck.generative:
            rows = Draws(seed).normal("prior", (n, math.prod(self.code_shape)))
        else:
            raise ValueError(
                f"codes of the bottleneck {in_words(as_part(self.bottleneck))!r} have no prior of "
                "their own: fit one with narrows.priors.fit_prior, and give it as prior="
            )
        batches, codes = [], self.codes_of(rows)
        with self.evaluating():
            for number, z in enumerate(torch.split(codes, batch_size)):
                pictures = self.decode(z.to(self.device), Draws(seed, number))
                batches.append(pictures.clamp(0, 1).cpu())
                if progress is not None:
                    progress(number * batch_size + len(z), n)
        return torch.cat(batches)

    def encode(
        self,
        images: Source | np.ndarray[Any, Any] | Tensor,
        samples: int | None = None,
        *,
        seed: int = 0,
        batch_size: int = 256,
        progress: Progress | None = None,
    ) -> Code:
        """The codes of any number of pictures, in batches, in float32, without gradients.

        Args:
            images: a source or an array of pictures of this model's shape.
            samples: draws per picture; None gives the mean.
            seed: of the draws; they depend on ``batch_size`` too.
            progress: called with (done, total).

        Returns:
            A code on the processor, z (N, *code) or (S, N, *code).
        """
        source = self._fitting(images)
        codes = []
        with self.evaluating():
            for number, x in enumerate(self._batches(source, batch_size, progress)):
                codes.append(self.posterior(x, samples, Draws(seed, number)).to("cpu"))
        return Code.joined(codes)

    def reconstruct(
        self,
        images: Source | np.ndarray[Any, Any] | Tensor,
        *,
        batch_size: int = 256,
        progress: Progress | None = None,
    ) -> Tensor:
        """The reconstructions of any number of pictures, (N, C, H, W) float32 in [0, 1]."""
        source = self._fitting(images)
        with self.evaluating():
            return torch.cat([self(x).cpu() for x in self._batches(source, batch_size, progress)])

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode (running statistics) and no gradients for as long as it is open."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(was_training)

    def _fitting(self, images: Any) -> Source:
        source = as_source(images)
        if tuple(source.shape) != tuple(self.shape):
            raise ValueError(
                f"this model takes pictures of shape {tuple(self.shape)}; we got "
                f"{tuple(source.shape)}: open them with size={self.shape[1:]} and "
                f"mode={'gray' if self.shape[0] == 1 else 'rgb'!r}"
            )
        return source

    def _batches(
        self, source: Source, batch_size: int, progress: Progress | None
    ) -> Iterator[Tensor]:
        for start in range(0, len(source), batch_size):
            stop = min(start + batch_size, len(source))
            yield source.batch(torch.arange(start, stop)).to(self.device)
            if progress is not None:
                progress(stop, len(source))


def _described(thing: nn.Module | Likelihood) -> str:
    """What a built part computes, as text: its name and arguments, defaults too; no shapes, which it
    may be told or find out."""
    part = as_part(thing)
    if not isinstance(part, Part):
        return f"{type(thing).__module__}.{type(thing).__qualname__}"
    told = {key: value for key, value in part.arguments.items() if key not in ("shape", "shapes")}
    return json.dumps(Part(part.name, told).document(), sort_keys=True, default=str)
