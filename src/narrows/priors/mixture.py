"""A Gaussian mixture over codes, by scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any, Self

import torch
from torch import Tensor

from ..parts import Part, part
from ..randomness import Draws, generator, permutation
from .gaussian import FLOOR, Scale, blank, log_gaussian_full, restored
from .prior import Prior, Progress, checked_counts, checked_rows

__all__ = ["Mixture"]

TRIED = (1, 2, 4, 8, 16, 32, 64)
LARGEST = 2048  # units of a code whose covariances still fit a memory, several at a time


@part("prior", "mixture")
class Mixture(Prior):
    """Gaussians with full covariances (Ghosh et al. 2020 fit ten of them to a plain autoencoder).

    Args:
        size: D, numbers of a code.
        components: how many; None tries 1, 2, 4, … 64 on nine tenths of the codes and takes the
            one under which the last tenth is likeliest. (Held-out likelihood instead of the BIC,
            which counts every entry of a full covariance and so takes too few in many dimensions.)
        axes: the mixture lies in so many principal axes of the standardised codes, and what they
            leave has one variance (Tipping & Bishop 1999); None: in all D directions.

    Raises:
        ValueError: no component or axis, or a code too large for full covariances.
    """

    part: Part
    takes = "codes"
    scale: Scale
    weights: Tensor
    means: Tensor
    factors: Tensor
    basis: Tensor | None = None  # (D, axes), orthonormal columns
    rest: Tensor  # the variance of what the axes leave, ()

    def __init__(self, size: int, components: int | None = None, axes: int | None = None) -> None:
        given = {"components": components, "axes": axes}
        checked_counts("a mixture", **{k: v for k, v in given.items() if v is not None})
        if min(size, axes or size) > LARGEST:
            raise ValueError(
                f"a mixture with full covariances takes codes of up to {LARGEST:,} numbers; this "
                f"model's have {size:,}: fit it in fewer axes (axes=256), fit 'flow' or 'gaussian', "
                "or train a smaller code"
            )
        self.size, self.components, self.axes = size, components, axes

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """Expectation and maximisation on (N, D), begun by k-means.

        Raises:
            ValueError: fewer codes than components, or than 2.
        """
        rows = checked_rows(codes, max(2, self.components or 2), self.size)
        self.scale = Scale.of(rows)
        whole = self.scale(rows)
        if self.axes is not None and self.axes < self.size:
            self.basis, self.rest = _principal(whole, self.axes)
            whole = whole @ self.basis
        even = whole.numpy()
        fitted = self._of(even, self._chosen(even, seed, progress), seed)
        self.weights, self.means = (torch.from_numpy(x) for x in (fitted.weights_, fitted.means_))
        self.factors = torch.linalg.cholesky(torch.from_numpy(fitted.covariances_))
        return self

    def _chosen(self, even: Any, seed: int, progress: Progress | None) -> int:
        if self.components is not None:
            return self.components
        order = permutation(seed, "prior/held-out", len(even)).numpy()
        held, kept = even[order[: len(even) // 10]], even[order[len(even) // 10 :]]
        if len(held) < 2:
            return 1
        best, chosen = -float("inf"), 1
        for done, count in enumerate(TRIED):
            # a component has to be seen as often as it has directions
            if count > 1 and len(kept) < count * max(10, even.shape[1] + 1):
                break
            score = float(self._of(kept, count, seed).score(held))
            if progress is not None:
                progress(done + 1, len(TRIED))
            if score <= best:
                break
            best, chosen = score, count
        return chosen

    @staticmethod
    def _of(even: Any, count: int, seed: int) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        state = int(generator(seed, "prior/mixture").initial_seed() % (1 << 32))
        mixture = GaussianMixture(count, reg_covar=FLOOR, random_state=state, max_iter=100)
        with warnings.catch_warnings():  # after 100 rounds it is as good as it has to be
            warnings.simplefilter("ignore", ConvergenceWarning)
            return mixture.fit(even)

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """(n, D)."""
        draws = Draws(seed)
        at = draws.uniform("prior/component", (n,)).double()
        which = torch.searchsorted(self.weights.cumsum(0), at).clamp_max(len(self.weights) - 1)
        noise = draws.normal("prior", (n, self.means.shape[1])).double()
        out = torch.empty_like(noise)
        for k in range(len(self.weights)):
            mine = which == k
            out[mine] = self.means[k] + noise[mine] @ self.factors[k].T
        if self.basis is not None:
            left = draws.normal("prior/rest", (n, self.size)).double()
            left = left - left @ self.basis @ self.basis.T
            out = out @ self.basis.T + self.rest.sqrt() * left
        return self.scale.back(out).float()

    def log_prob(self, codes: Tensor) -> Tensor:
        """(N,)."""
        even = self.scale(codes)
        noise = torch.zeros((), dtype=even.dtype)
        if self.basis is not None:
            low = even @ self.basis
            left = even.square().sum(1) - low.square().sum(1)
            count = self.size - low.shape[1]
            noise = -0.5 * (left / self.rest + count * (2 * torch.pi * self.rest).log())
            even = low
        each = [
            log_gaussian_full(even, m, f) for m, f in zip(self.means, self.factors, strict=True)
        ]
        together = torch.stack(each) + self.weights.log()[:, None]
        return together.logsumexp(0) + noise - self.scale.log_volume

    @property
    def spread(self) -> tuple[Tensor, Tensor]:
        """Of the mixture as a whole."""
        means, factors, extra = self.means, self.factors, torch.zeros(())
        if self.basis is not None:
            means, factors = means @ self.basis.T, self.basis @ factors
            extra = self.rest * (1 - self.basis.square().sum(1))
        mean = self.weights @ means
        second = self.weights @ (means.square() + factors.square().sum(2)) + extra
        even = (second - mean.square()).clamp_min(0).sqrt()
        return self.scale.back(mean).float(), (self.scale.deviation * even).float()

    def state(self) -> dict[str, Tensor]:
        """Weights (K,), means (K, D), factors of the covariances (K, D, D), of standardised codes; where
        it lies in axes, A of them instead of D, the axes (D, A) and the variance that they leave."""
        state = {
            "mean": self.scale.mean,
            "deviation": self.scale.deviation,
            "weights": self.weights,
            "means": self.means,
            "factors": self.factors,
        }
        return state if self.basis is None else state | {"basis": self.basis, "rest": self.rest}

    def restore(self, state: dict[str, Tensor]) -> Self:
        """From those."""
        d, k = self.size, len(state.get("weights", ()))
        basis = state.get("basis")
        a = d if basis is None or basis.ndim != 2 else basis.shape[1]
        wanted = {"mean": blank(d), "deviation": blank(d), "weights": blank(k)}
        wanted |= {"means": blank(k, a), "factors": blank(k, a, a)}
        if basis is not None:
            wanted |= {"basis": blank(d, a), "rest": blank()}
        mean, deviation, weights, self.means, self.factors, *more = restored(state, wanted)
        if not bool((weights > 0).all()) or abs(float(weights.sum()) - 1) > 1e-6:
            raise ValueError("its weights are no shares of 1")
        self.weights = weights
        if more:
            self.basis, self.rest = more
            if not float(self.rest) > 0:
                raise ValueError("the variance of what its axes leave is not positive")
        self.scale = Scale(mean, deviation)
        return self


def _principal(even: Tensor, axes: int) -> tuple[Tensor, Tensor]:
    """The first axes (D, A) of standardised codes (N, D), and the variance of what they leave."""
    n, d = even.shape
    tall = n >= d
    values, vectors = torch.linalg.eigh(even.T @ even if tall else even @ even.T)
    most = min(axes, n - 1, int((values > 1e-9 * values[-1]).sum()))
    best = vectors[:, -max(1, most) :].flip(1)
    basis = best if tall else torch.nn.functional.normalize(even.T @ best, dim=0)
    left = (even.square().sum() - (even @ basis).square().sum()) / (n * (d - basis.shape[1]))
    return basis.contiguous(), left.clamp_min(FLOOR)
