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

    Raises:
        ValueError: no component, or a code too large for full covariances.
    """

    part: Part
    takes = "codes"
    scale: Scale
    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, size: int, components: int | None = None) -> None:
        if components is not None:
            checked_counts("a mixture", components=components)
        if size > LARGEST:
            raise ValueError(
                f"a mixture with full covariances takes codes of up to {LARGEST:,} numbers; this "
                f"model's have {size:,}: fit 'flow' or 'gaussian', or train a smaller code"
            )
        self.size, self.components = size, components

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """Expectation and maximisation on (N, D), begun by k-means.

        Raises:
            ValueError: fewer codes than components, or than 2.
        """
        rows = checked_rows(codes, max(2, self.components or 2), self.size)
        self.scale = Scale.of(rows)
        even = self.scale(rows).numpy()
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
            if count > 1 and len(kept) < count * max(10, self.size + 1):
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
        noise = draws.normal("prior", (n, self.size)).double()
        out = torch.empty_like(noise)
        for k in range(len(self.weights)):
            mine = which == k
            out[mine] = self.means[k] + noise[mine] @ self.factors[k].T
        return self.scale.back(out).float()

    def log_prob(self, codes: Tensor) -> Tensor:
        """(N,)."""
        even = self.scale(codes)
        each = [
            log_gaussian_full(even, m, f) for m, f in zip(self.means, self.factors, strict=True)
        ]
        together = torch.stack(each) + self.weights.log()[:, None]
        return together.logsumexp(0) - self.scale.log_volume

    @property
    def spread(self) -> tuple[Tensor, Tensor]:
        """Of the mixture as a whole."""
        mean = self.weights @ self.means
        second = self.weights @ (self.means.square() + self.factors.square().sum(2))
        even = (second - mean.square()).clamp_min(0).sqrt()
        return self.scale.back(mean).float(), (self.scale.deviation * even).float()

    def state(self) -> dict[str, Tensor]:
        """Weights (K,), means (K, D), factors of the covariances (K, D, D), of standardised codes."""
        return {
            "mean": self.scale.mean,
            "deviation": self.scale.deviation,
            "weights": self.weights,
            "means": self.means,
            "factors": self.factors,
        }

    def restore(self, state: dict[str, Tensor]) -> Self:
        """From those."""
        d, k = self.size, len(state.get("weights", ()))
        wanted = {
            "mean": blank(d),
            "deviation": blank(d),
            "weights": blank(k),
            "means": blank(k, d),
        }
        mean, deviation, weights, self.means, self.factors = restored(
            state, wanted | {"factors": blank(k, d, d)}
        )
        if not bool((weights > 0).all()) or abs(float(weights.sum()) - 1) > 1e-6:
            raise ValueError("its weights are no shares of 1")
        self.weights = weights
        self.scale = Scale(mean, deviation)
        return self
