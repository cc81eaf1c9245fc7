"""How anomalous each picture is to a model: raw scores, higher for more anomalous pictures.

x ──model──► code, x̂ ──model──► code of x̂
│             │    └─ reconstruction  mean (x − x̂)²            features, sap  what the levels see of x and x̂
│             └────── kl              KL(q(z|x) ‖ p(z))         elbo, likelihood  −log p(x)
└──background──► likelihood-ratio     log p_background(x) − log p(x)
x ──model, posterior of its own──► likelihood-regret  ELBO at the best posterior − ELBO at the encoder's
x ──model, base code alone──► llr  ELBO − ELBO with every other latent from its prior

A picture's score depends on that picture alone: pictures go through in blocks of one size, the last
one filled up, and every picture meets the same draws. Another size of block changes a score in the
last digits only.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..bottlenecks import Code
from ..bottlenecks.gaussian import kl_to_standard_normal
from ..images import Source
from ..near import meant
from ..networks import Descent
from ..randomness import Draws, generator
from .likelihoods import elbo, importance_of_batch
from .pictures import squared_error

__all__ = [
    "SCORES",
    "anomaly_scores",
    "by_model",
    "in_blocks",
    "input_complexity",
    "pathway",
    "supported",
]

Background = Callable[[Tensor], Tensor]
Progress = Callable[[int, int], None]

# those of every model first, then those of a model with a prior
OF_ALL = ("reconstruction", "features", "sap")
SCORES = (
    *OF_ALL,
    "kl",
    "elbo",
    "likelihood",
    "likelihood-ratio",
    "likelihood-regret",
    "llr",
)
# values of a block: few enough to stay in a processor's cache
VALUES = {"cpu": 1 << 17, "cuda": 1 << 22}
TINY = 1e-12
# of likelihood regret: Adam's steps, and how far one goes in units of what a level's values are
STEPS, STRIDE = 30, 0.05
SLOW = 0.01  # slopes below this share of the usual one make smaller steps, not noise


def supported(model: Any) -> tuple[str, ...]:
    """The scores that a model can give; ``likelihood-ratio`` needs a background too."""
    if not model.bottleneck.generative:
        return OF_ALL
    return SCORES if _several(model) else SCORES[:-1]


def _several(model: Any) -> bool:
    """Whether it has latents at several levels."""
    return bool(getattr(model.bottleneck, "levels", ()))


def anomaly_scores(
    model: Autoencoder,
    images: Any,
    names: Sequence[str] = ("reconstruction",),
    *,
    background: Background | None = None,
    samples: int = 16,
    regret_samples: int | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """Raw scores of each picture, (N,) float64 each, higher for more anomalous pictures.

    - ``reconstruction``: the squared error per value (Theivaprakasham 2021, fig. 4.7);
    - ``features``: the relative squared distance of what the levels of the way down and the code
      see in x and in x̂, averaged over them; ``features/i`` is that of level i, ``features/code``
      of the code;
    - ``sap``: the squared distance of x and x̂ and of what the levels of the way down and the code see
      of them, summed (Kim et al. 2020, "simple aggregation along pathway"); see ``Nap`` for the other;
    - ``kl``: KL(q(z|x) ‖ p(z)) in nats (Kovenko & Bogach 2020, §4.2); of a hierarchy also
      ``kl/i``, of the latent at level i;
    - ``elbo``: the negative evidence lower bound, in nats;
    - ``likelihood``: −log p(x) by importance sampling (Burda et al. 2016, eq. 8), in nats;
    - ``likelihood-ratio``: log p_background(x) − log p(x), the latter as for ``likelihood`` (Ren et
      al. 2019);
    - ``likelihood-regret``: by how many nats the ELBO rises when a picture may choose its own
      posterior (Xiao et al. 2020, eq. 5): 30 steps of Adam, all pictures of a block at
      once, the decoder as it is. Deviation: free are the activations that the bottleneck reads and
      not the encoder's weights, which a block shares; the best value met counts, so it is never
      below 0;
    - ``llr``: the ELBO without that of the base alone, every other latent being drawn from
      its prior (Havtorn et al. 2021, eq. 8, LLR of all levels but the last): how much of the
      picture only the latents near the pixels know. Of models with latents at several levels.

    Args:
        model: in evaluation mode; it stays where it is.
        images: a source or an array of pictures of its shape.
        names: of the scores.
        background: pictures (B, C, H, W) → log-densities (B,), for ``likelihood-ratio``; see
            ``input_complexity`` and ``by_model``. It has to know pictures in general, not the normal
            ones: a density fitted to these finds anomalies unlikely too, and turns the ratio round.
        samples: S, codes drawn for all scores in nats but ``kl``; every picture meets the same
            noise.
        regret_samples: those of ``likelihood-regret``; None: as many.
        seed: of that noise.
        batch_size: pictures at a time; None chooses by their shape.
        progress: called with (done, total) pictures.

    Raises:
        ValueError: an unknown score, one that needs a prior of a model without one, or
            ``likelihood-ratio`` without a background.
    """
    _check(model, names, background, samples)
    wanted = set(names)

    def scores_of(x: Tensor) -> dict[str, Tensor]:
        descent = model.ladder.descend(x)
        code = model.bottleneck.encode(descent, model.ladder, None, Draws())
        scores: dict[str, Tensor] = {}
        if wanted & {*OF_ALL}:
            x_hat = model.likelihood.mean(model.raw(code))
            if "reconstruction" in wanted:
                scores["reconstruction"] = squared_error(x, x_hat)
            if wanted & {"features", "sap"}:
                seen = pathway(model, descent, code, x_hat)
                if "features" in wanted:
                    scores |= _features(seen)
                if "sap" in wanted:
                    scores["sap"] = torch.stack([_squares(*pair) for pair in seen.values()]).sum(0)
        if "kl" in wanted:
            scores |= _kl(model, code)
        if "elbo" in wanted:
            scores["elbo"] = -elbo(model, x, samples, SharedDraws(seed))
        if wanted & {"likelihood", "likelihood-ratio"}:
            log_p = _log_likelihood(model, x, samples, seed)
            if "likelihood" in wanted:
                scores["likelihood"] = -log_p
            if "likelihood-ratio" in wanted:
                assert background is not None
                scores["likelihood-ratio"] = background(x).to(log_p) - log_p
        if "likelihood-regret" in wanted:
            scores["likelihood-regret"] = _regret(
                model, descent, x, regret_samples or samples, seed
            )
        if "llr" in wanted:
            whole = elbo(model, x, samples, SharedDraws(seed))
            scores["llr"] = whole - _of_base(model, descent, x, samples, seed)
        return {name: value.double() for name, value in scores.items()}

    return in_blocks(model, images, scores_of, batch_size=batch_size, progress=progress)


def in_blocks(
    model: Autoencoder,
    images: Any,
    function: Callable[[Tensor], Mapping[str, Tensor]],
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """What a function gives for each picture, independent of the others of its batch.

    Blocks are all of one size, the last filled up with copies: a product of matrices of another
    size rounds differently.

    Args:
        function: pictures (B, C, H, W) on the model's device → names and tensors (B, …).

    Returns:
        The same names, tensors (N, …) on the processor.
    """
    source: Source = model._fitting(images)
    n, most = len(source), VALUES.get(model.device.type, VALUES["cpu"])
    size = batch_size or max(8, min(1024, most // math.prod(source.shape)))
    kept: dict[str, list[Tensor]] = {}
    with model.evaluating():
        for start in range(0, n, size):
            taken = torch.arange(start, start + size).clamp_max(n - 1)
            stop = min(start + size, n)
            for name, value in function(source.batch(taken).to(model.device)).items():
                kept.setdefault(name, []).append(value[: stop - start].cpu())
            if progress is not None:
                progress(stop, n)
    return {name: torch.cat(pieces) for name, pieces in kept.items()}


def input_complexity() -> Background:
    """A general compressor as a density: −log p is the bits that a picture takes (Serrà et al. 2020).

    Deflate of the differences between neighbours in a row, which is what a PNG does; in nats.
    """

    def log_density(x: Tensor) -> Tensor:
        pixels = (x.detach().clamp(0, 1) * 255).round().to(torch.int16).cpu()
        steps = torch.diff(pixels, dim=3, prepend=torch.zeros_like(pixels[..., :1]))
        rows = (steps % 256).to(torch.uint8).numpy()
        sizes = [len(zlib.compress(row.tobytes(), 9)) for row in rows]
        return -8 * math.log(2) * torch.tensor(sizes, dtype=torch.float64, device=x.device)

    return log_density


def by_model(model: Autoencoder, samples: int = 16, seed: int = 0) -> Background:
    """The log-likelihood under another model with a prior.

    Raises:
        ValueError: it has none.
    """
    _check(model, ("likelihood",), None, samples)

    def log_density(x: Tensor) -> Tensor:
        with model.evaluating():
            return _log_likelihood(model, x.to(model.device), samples, seed).to(x.device)

    return log_density


@dataclass(frozen=True)
class SharedDraws(Draws):
    """Draws that are the same for every picture of a batch, whichever these are.

    A bottleneck asks for (S, B, *code); one picture's noise is drawn and repeated.
    """

    def normal(
        self,
        purpose: str,
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        *,
        axis: int | None = 1,
    ) -> Tensor:
        """Standard normal numbers (S, B, …), equal along B."""
        source = generator(self.seed, purpose, self.step, self.stream, device=device)
        one = torch.randn((shape[0], 1, *shape[2:]), generator=source, device=device)
        return one.expand(tuple(shape))


def _log_likelihood(model: Autoencoder, x: Tensor, samples: int, seed: int) -> Tensor:
    """log p(x), (B,) float64, from the same draws for every picture."""
    parts = [
        importance_of_batch(model, part, samples, SharedDraws(seed), chunk=len(part) * samples)
        for part in torch.split(x, 16)  # one step of the running sum: no draw depends on the place
    ]
    return torch.cat(parts)


def _regret(model: Autoencoder, descent: Descent, x: Tensor, samples: int, seed: int) -> Tensor:
    """max ELBO(x; levels) − ELBO(x), (B,): what the bottleneck reads is free, its draws are not."""
    levels = [level.detach().clone() for level in descent.levels]
    units = [_size(level) for level in levels]
    first = [torch.zeros_like(level) for level in levels]
    second = [torch.zeros_like(level) for level in levels]
    draws = SharedDraws(seed)
    began = best = x.new_zeros(len(x))
    for step in range(STEPS + 1):
        with torch.enable_grad():
            free = [level.requires_grad_() for level in levels]
            code = model.bottleneck.encode(
                descent._replace(levels=free), model.ladder, samples, draws
            )
            log_px = model.likelihood.log_prob(model.raw(code), x).mean(0)
            kl = model.bottleneck.kl(code)
            assert kl is not None
            bound = log_px - kl
            slopes = torch.autograd.grad(bound.sum(), free, allow_unused=True)
        value = bound.detach()
        began = value if step == 0 else began
        best = value if step == 0 else torch.maximum(best, value)
        for i, slope in enumerate(slopes):
            if slope is None:  # a level that the bottleneck does not look at
                continue
            first[i] = first[i].lerp(slope, 0.1)
            second[i] = second[i].lerp(slope.square(), 0.001)
            rate = first[i] / (1 - 0.9 ** (step + 1))
            root = (second[i] / (1 - 0.999 ** (step + 1))).sqrt()
            levels[i] = levels[i].detach() + STRIDE * units[i] * rate / (root + SLOW * _size(root))
    return best - began


def _size(level: Tensor) -> Tensor:
    """The root mean square of each picture's values, (B, 1, …)."""
    axes = tuple(range(1, level.ndim))
    return level.square().mean(axes, keepdim=True).sqrt().clamp_min(1e-6)


def _of_base(model: Autoencoder, descent: Descent, x: Tensor, samples: int, seed: int) -> Tensor:
    """E log p(x|z_L, the others from their priors) − KL of the base, (B,)."""
    total = x.new_zeros(len(x))
    for s in range(samples):
        draws = SharedDraws(seed, stream=s)
        code = model.bottleneck.encode(descent, model.ladder, 1, draws)
        # a bare z, whose other latents are drawn from their priors
        log_px = model.likelihood.log_prob(model.raw(code.z[0], SharedDraws(seed, 1, s)), x)
        base = kl_to_standard_normal(*(t for t in (code.mean, code.log_variance) if t is not None))
        total = total + log_px.reshape(-1, len(x))[0] - base
    return total / samples


def pathway(
    model: Autoencoder, descent: Descent, code: Code, others: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """What the levels of the way down and the code see of x and of as many others, such as x̂.

    (B, …) each, ``0`` the pictures; ``descent`` and ``code`` are those of x.
    """
    again = model.ladder.descend(others)
    code_again = model.bottleneck.encode(again, model.ladder, None, Draws())
    pairs = {str(i): (descent.levels[i], again.levels[i]) for i in range(len(descent.levels))}
    return {**pairs, "code": (code.z, code_again.z)}


def _squares(mine: Tensor, theirs: Tensor) -> Tensor:
    """‖a − b‖² of each picture, (B,) float64."""
    return (mine.flatten(1).double() - theirs.flatten(1).double()).square().sum(1)


def _features(seen: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    distances = {}
    for name, (mine, theirs) in seen.items():
        if name == "0":
            continue
        a, b = mine.flatten(1).double(), theirs.flatten(1).double()
        size = (a.square() + b.square()).sum(1) / 2
        distances[f"features/{name}"] = _squares(mine, theirs) / size.clamp_min(TINY)
    return {"features": torch.stack(list(distances.values())).mean(0), **distances}


def _kl(model: Autoencoder, code: Code) -> dict[str, Tensor]:
    total = model.bottleneck.kl(code)
    assert total is not None
    kls = {"kl": total}
    for one in code.latents if len(code.latents) > 1 else ():
        mean, log_variance = one.mean, one.log_variance
        if one.prior_mean is not None and one.prior_log_variance is not None:
            mean = (mean - one.prior_mean) * (-0.5 * one.prior_log_variance).exp()
            log_variance = log_variance - one.prior_log_variance
        kls[f"kl/{one.level}"] = kl_to_standard_normal(mean, log_variance)
    return kls


def _check(
    model: Autoencoder, names: Sequence[str], background: Background | None, samples: int
) -> None:
    unknown = [name for name in names if name not in SCORES]
    if unknown or not names:
        raise ValueError(
            f"the scores of a model are {', '.join(SCORES)}; we got {', '.join(unknown) or 'none'}"
            f"{meant(unknown[0], SCORES) if unknown else ''}"
        )
    missing = [name for name in names if name not in supported(model)]
    if missing == ["llr"] and model.bottleneck.generative:
        raise ValueError(
            "the score 'llr' needs a model with latents at several levels; this one has one"
        )
    if missing:
        kind = getattr(getattr(model.bottleneck, "part", None), "name", "this")
        raise ValueError(
            f"the score {missing[0]!r} needs a model with a prior; the bottleneck of this one is "
            f"{kind!r}, which has none: it can give {', '.join(supported(model))}"
        )
    if "likelihood-ratio" in names and background is None:
        raise ValueError(
            "the score 'likelihood-ratio' needs a background: a compressor, or another model"
        )
    if samples < 1:
        raise ValueError(f"samples must be at least 1; we got {samples}")
