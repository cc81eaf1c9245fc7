"""How well single units of a code stand for single generative factors of the pictures.

codes (N, D), factors (N, F) ──► one unit for a factor        MIG, SAP, completeness
                             ├─► one factor for a unit        FactorVAE score, disentanglement
                             └─► the factors can be predicted  informativeness, β-VAE score

All of them take the same N pictures, drawn from every combination of factors. No two of them mean the
same by the word: read them together, and compare with the codes of PCA and of an untrained encoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..randomness import generator

__all__ = [
    "Dci", "Disentanglement", "beta_vae_score", "dci", "disentanglement", "factor_vae_score",
    "information", "mig", "sap",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

BINS = 20  # of equal width, for each unit (Locatello et al. 2019)
VOTES = 800  # Kim & Mnih 2018: to learn the classifier from; as many more judge it
TOGETHER = 100  # Kim & Mnih 2018: pictures of one vote
POINTS = (2000, 1000)  # differences to learn the linear classifier from, and to judge it
PAIRS = 64  # pairs of pictures of one difference
SILENT = 0.05  # of the largest deviation, below which a unit carries nothing
TREES = 10  # Eastwood & Williams 2018
DEPTHS = (4, 8, 16)
MOST = 10_000  # pictures that forests are fitted to and judged on
ROOM = 1 << 23  # numbers in memory at a time


class Dci(NamedTuple):
    """Disentanglement, completeness and informativeness, each from 0 to 1."""

    disentanglement: float
    completeness: float
    informativeness: float


@dataclass(frozen=True)
class Disentanglement:
    """All five measures of one kind of codes.

    Attributes:
        mig: the mutual information gap, 0 to 1.
        dci: disentanglement, completeness, informativeness.
        sap: the separated attribute predictability, 0 to 1.
        factor_vae, beta_vae: shares of right answers; ``chance`` without any knowledge.
        chance: 1 / F.
        information: (D, F), what each unit tells of each factor, as a share of the factor's entropy.
        pictures: N.
    """

    mig: float
    dci: Dci
    sap: float
    factor_vae: float
    beta_vae: float
    chance: float
    information: Array
    pictures: int

    def numbers(self) -> dict[str, float]:
        """The measures by name."""
        return {
            "mig": self.mig,
            **self.dci._asdict(),
            "sap": self.sap,
            "factor_vae": self.factor_vae,
            "beta_vae": self.beta_vae,
        }


def disentanglement(
    codes: Any,
    factors: Any,
    *,
    categorical: Sequence[int] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Disentanglement:
    """All five measures of codes.

    Args:
        codes: (N, *code).
        factors: (N, F), numbers.
        categorical: columns of ``factors`` whose numbers are names.
        seed: of every draw.
        progress: called with (done, total) measures.

    Raises:
        ValueError: codes that are not finite, not a row of factors for each, fewer than two factors,
            a factor with one value or with a value that a single picture has, or a column that is not
            there.
    """
    rows, levels = _checked(codes, factors, categorical)
    done: list[Any] = []

    def note(value: Any) -> Any:
        done.append(value)
        if progress is not None:
            progress(len(done), 5)
        return value

    shares = information(rows, factors)
    return Disentanglement(
        mig=note(_gap(shares)),
        dci=note(dci(rows, factors, categorical=categorical, seed=seed)),
        sap=note(sap(rows, factors, categorical=categorical)),
        factor_vae=note(factor_vae_score(rows, factors, seed=seed)),
        beta_vae=note(beta_vae_score(rows, factors, seed=seed)),
        chance=1 / levels.shape[1],
        information=shares,
        pictures=len(rows),
    )


def information(codes: Any, factors: Any) -> Array:
    """I(z_j; v_k) / H(v_k), (D, F): what each unit tells of each factor, as a share of it.

    Units are cut into 20 bins of equal width between their least and their largest value, so that a
    unit that never moves tells nothing, and a factor of more than 20 values cannot be predicted in full.
    Too few pictures tell too much: about (bins − 1)(values − 1) / 2N nats by chance (Miller 1955).

    Raises:
        ValueError: as ``disentanglement`` does.
    """
    rows, levels = _checked(codes, factors)
    n = len(rows)
    low, high = rows.min(0), rows.max(0)
    width = np.where(high > low, high - low, 1.0)
    bins = np.minimum((BINS * ((rows - low) / width)).astype(np.int64), BINS - 1)
    shares = np.zeros((rows.shape[1], levels.shape[1]))
    for k, level in enumerate(levels.T):
        values = int(level.max()) + 1
        marginal = np.bincount(level, minlength=values) / n
        whole = -float((marginal * np.log(marginal)).sum())
        for j, cell in enumerate(bins.T):
            both = np.bincount(cell * values + level, minlength=BINS * values) / n
            both = both.reshape(BINS, values)
            alone = both.sum(1, keepdims=True) * marginal
            there = both > 0
            shares[j, k] = float((both[there] * np.log(both[there] / alone[there])).sum()) / whole
    return np.maximum(shares, 0.0)


def mig(codes: Any, factors: Any) -> float:
    """The mutual information gap: how much more of a factor the best unit tells than the second.

    Chen et al. 2018, eq. 6: the mean over the factors of the gap, as a share of the factor's entropy.
    Deviations, those of Locatello et al. 2019: mean codes instead of draws, and their 20 bins of equal
    width; so a factor of V > 20 equally frequent values has at most about log 20 / log V.

    Raises:
        ValueError: as ``disentanglement`` does.
    """
    return _gap(information(codes, factors))


def sap(codes: Any, factors: Any, *, categorical: Sequence[int] = ()) -> float:
    """The separated attribute predictability: how much better the best unit predicts than the second.

    Kumar et al. 2018, §3: R² of a line for a factor of numbers; for a categorical one of C values the
    balanced accuracy of C − 1 thresholds, whose gap is at most 1 − 1/C. Ours: the thresholds are
    those that a tree with C leaves takes one after the other.

    Args:
        codes: (N, *code).
        factors: (N, F), numbers.
        categorical: columns whose numbers are names.

    Raises:
        ValueError: as ``disentanglement`` does.
    """
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.tree import DecisionTreeClassifier

    rows, levels = _checked(codes, factors, categorical)
    gaps = []
    rows = _even(rows)
    for k, level in enumerate(levels.T):
        if k not in categorical:
            gaps.append(_gap(_explained(rows, np.asarray(factors, np.float64)[:, k])[:, None]))
            continue
        count = int(level.max()) + 1
        tree = DecisionTreeClassifier(max_leaf_nodes=count, class_weight="balanced", random_state=0)
        right = [
            balanced_accuracy_score(
                level, tree.fit(column[:, None], level).predict(column[:, None])
            )
            for column in rows.T
        ]
        gaps.append(_gap(np.array([*right, 1 / count])[:, None]))
    return float(np.mean(gaps))


def dci(codes: Any, factors: Any, *, categorical: Sequence[int] = (), seed: int = 0) -> Dci:
    """What trees need of each unit to predict each factor.

    Eastwood & Williams 2018, §2, with their random forests: from the importances R (D, F) of a forest
    for each factor, disentanglement is 1 − the entropy of a unit's row, weighed by what the unit
    is needed for; completeness is 1 − the entropy of a factor's column. As theirs: forests of
    regression, 10 trees, their depth chosen on pictures kept for that; a class is told as a class.
    Informativeness is the share of the squared error of the mean that a forest saves on other
    pictures, of the errors of the most frequent class for a class; theirs is the error itself, and
    that of Locatello et al. 2019 the right answers of boosted trees that tell every factor as a
    class. Ours: no classes for amounts, since with 40 of them nearly all that a tree gains comes
    from telling neighbours apart, by any unit; every split may take every unit, so that a unit that
    says nothing is needed for nothing; at most 10,000 pictures, six tenths of them to fit.

    A factor that no split tells has a column of 0, and counts as not complete.

    Args:
        codes: (N, *code).
        factors: (N, F), numbers.
        categorical: columns whose numbers are names.

    Raises:
        ValueError: as ``disentanglement`` does.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    rows, levels = _checked(codes, factors, categorical)
    draw = _random(seed, "disentanglement/forests")
    rows = _even(rows)
    fit, choose, judge = np.split(
        draw.permutation(len(rows))[:MOST],
        (np.array([0.6, 0.8]) * min(MOST, len(rows))).astype(np.int64),
    )
    state = int(draw.integers(1 << 31))
    needed = np.zeros((rows.shape[1], levels.shape[1]))
    saved = []
    for k, level in enumerate(levels.T):
        kind = RandomForestClassifier if k in categorical else RandomForestRegressor
        target = level if k in categorical else np.asarray(factors, np.float64)[:, k]

        def error(predicted: Any, of: Array, target: Array = target, k: int = k) -> float:
            apart = (
                predicted != target[of] if k in categorical else np.square(predicted - target[of])
            )
            return float(apart.mean())

        best, chosen = math.inf, None
        for depth in DEPTHS:
            forest = kind(TREES, max_depth=depth, max_features=None, random_state=state)
            forest.fit(rows[fit], target[fit])
            errors = error(forest.predict(rows[choose]), choose)
            if errors < best:
                best, chosen = errors, forest
        assert chosen is not None
        needed[:, k] = chosen.feature_importances_
        blind = np.bincount(level[fit]).argmax() if k in categorical else target[fit].mean()
        left = error(chosen.predict(rows[judge]), judge) / max(error(blind, judge), 1e-300)
        saved.append(max(0.0, 1 - left))
    weight = needed.sum(1)
    units = _certainty(needed)
    total = float(weight.sum())
    return Dci(
        float((units * weight).sum() / total) if total else 0.0,
        float(_certainty(needed.T).mean()),
        float(np.mean(saved)),
    )


def factor_vae_score(codes: Any, factors: Any, *, seed: int = 0) -> float:
    """How well the unit that moves least tells which factor was held still.

    Kim & Mnih 2018, §4: a vote takes 100 pictures with one value of a factor; its unit is that with
    the least variance beside its variance over all pictures. A unit is taken to mean the factor that
    it gets most of 800 votes for, and the score is the share of 800 other votes that agree.
    Deviations: the votes' pictures are drawn from the N that are given, all of them where a value
    has fewer than 100; other votes judge than those that were learnt from, as in Locatello et al.
    2019; units are silent, and get no vote, below a twentieth of the largest deviation, where the
    paper leaves out units that collapsed to the prior. Chance is 1 / F.

    Raises:
        ValueError: as ``disentanglement`` does.
    """
    rows, levels = _checked(codes, factors)
    draw = _random(seed, "disentanglement/votes")
    deviation = rows.std(0)
    active = np.flatnonzero(deviation > SILENT * deviation.max())
    even = _even(rows[:, active])
    count = levels.shape[1]
    alike = [_Alike(level) for level in levels.T]
    votes = np.zeros((2, max(1, len(active)), count), np.int64)
    for number in range(2 * VOTES):
        k = int(draw.integers(count))
        same = alike[k].rows_like(int(draw.integers(len(rows))))
        if len(same) > TOGETHER:
            same = draw.choice(same, TOGETHER, replace=False)
        still = int(even[same].var(0, ddof=1).argmin()) if len(active) else 0
        votes[number // VOTES, still, k] += 1
    meaning = votes[0].argmax(1)
    return float(votes[1][np.arange(len(meaning)), meaning].sum() / VOTES)


def beta_vae_score(codes: Any, factors: Any, *, seed: int = 0) -> float:
    """How well a linear classifier tells which factor two pictures share from how far units differ.

    Higgins et al. 2017, §3: a point is |z − z'| averaged over 64 pairs that share the value of one
    factor. Deviations: pairs are drawn from the N pictures that are given; logistic regression on
    differences of equal variance, 2,000 points to fit and 1,000 to judge. A rotated code can still
    get full marks (Kim & Mnih 2018, §4). Chance is 1 / F.

    Raises:
        ValueError: as ``disentanglement`` does.
    """
    from sklearn.linear_model import LogisticRegression

    rows, levels = _checked(codes, factors)
    draw = _random(seed, "disentanglement/pairs")
    count = levels.shape[1]
    alike = [_Alike(level) for level in levels.T]
    shared = draw.integers(count, size=sum(POINTS))
    points = np.empty((len(shared), rows.shape[1]))
    step = max(1, ROOM // (PAIRS * rows.shape[1]))
    for k in range(count):
        mine = np.flatnonzero(shared == k)
        for some in (mine[i : i + step] for i in range(0, len(mine), step)):
            first = draw.integers(len(rows), size=(len(some), PAIRS))
            second = alike[k].another(first, draw)
            points[some] = np.abs(rows[first] - rows[second]).mean(1)
    points = _even(points)
    fitted = LogisticRegression(max_iter=2000).fit(points[: POINTS[0]], shared[: POINTS[0]])
    return float((fitted.predict(points[POINTS[0] :]) == shared[POINTS[0] :]).mean())


class _Alike:
    """Which rows have the same value of one factor.

    Args:
        level: (N,), 0 to V − 1, each of them there.
    """

    def __init__(self, level: Array) -> None:
        self.level = level
        self.order = np.argsort(level, kind="stable")
        self.count = np.bincount(level)
        self.start = np.cumsum(self.count) - self.count
        self.place = np.empty(len(level), np.int64)
        self.place[self.order] = np.arange(len(level))

    def rows_like(self, row: int) -> Array:
        """All rows with the value of this one."""
        value = self.level[row]
        rows: Array = self.order[self.start[value] : self.start[value] + self.count[value]]
        return rows

    def another(self, rows: Array, draw: np.random.Generator) -> Array:
        """For each row another one with its value, of the same shape."""
        value = self.level[rows]
        count, start = self.count[value], self.start[value]
        ahead = 1 + (draw.random(rows.shape) * (count - 1)).astype(np.int64)
        others: Array = self.order[start + (self.place[rows] - start + ahead) % count]
        return others


def _checked(codes: Any, factors: Any, categorical: Sequence[int] = ()) -> tuple[Array, Array]:
    """Codes (N, *code) → float64 (N, D); factors (N, F) → int64 (N, F), values counted from 0."""
    if hasattr(codes, "detach"):
        codes = codes.detach().cpu()
    raw = np.asarray(factors)
    rows = np.asarray(codes, np.float64)
    if rows.ndim < 2 or 0 in rows.shape or raw.ndim != 2 or len(raw) != len(rows):
        raise ValueError(
            "codes (N, D) and a row of factors (N, F) for each were wanted; we got "
            f"{rows.shape} and {raw.shape}"
        )
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise ValueError(
            f"{int((~np.isfinite(rows).all(1)).sum()):,} of {len(rows):,} codes are NaN or infinite"
        )
    if raw.shape[1] < 2:
        raise ValueError(f"two factors or more can be disentangled; we got {raw.shape[1]}")
    unknown = [k for k in categorical if not 0 <= k < raw.shape[1]]
    if unknown:
        raise ValueError(f"these factors are columns 0 to {raw.shape[1] - 1}; we got {unknown[0]}")
    levels = np.empty(raw.shape, np.int64)
    for k, column in enumerate(raw.T):
        values, levels[:, k], counts = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < 2 or counts.min() < 2:
            why = "has one value" if len(values) < 2 else "has a value that a single picture has"
            raise ValueError(
                f"factor {k} {why} among {len(rows):,} pictures; each factor needs two values, and "
                "each value two pictures: take more pictures, or leave the factor out"
            )
    return rows, levels


def _gap(scores: Array) -> float:
    """The mean over the columns of the largest minus the second largest of (D, F); of one row, of 0."""
    two = np.sort(np.vstack([scores, np.zeros_like(scores[:1])]), 0)
    return float((two[-1] - two[-2]).mean())


def _even(rows: Array) -> Array:
    """Every unit of (N, D) with mean 0 and variance 1, or 0 where it never moves.

    Trees take float32 and no steps below 1e-7: they would not see the codes of a small scale.
    """
    centred = rows - rows.mean(0)
    deviation = centred.std(0)
    moves = deviation > 1e-12 * np.abs(rows).max(0)  # and not by rounding alone
    even: Array = np.where(moves, centred / np.where(moves, deviation, 1.0), 0.0)
    return even


def _explained(even: Array, values: Array) -> Array:
    """R² of the line from each unit (N, D) of mean 0 and variance 1 to a factor (N,): (D,)."""
    explained: Array = np.square(even.T @ (values - values.mean()) / len(even)) / values.var()
    return explained


def _certainty(rows: Array) -> Array:
    """1 − the entropy of each row (M, K) as a share of log K, (M,); 0 of a row of 0, 1 where K is 1."""
    total = rows.sum(1, keepdims=True)
    shares = rows / np.where(total > 0, total, 1.0)
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(1)
    most = math.log(rows.shape[1])
    certain = 1 - entropy / most if most else np.ones(len(rows))
    return np.where(total[:, 0] > 0, certain, 0.0)


def _random(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng(int(generator(seed, purpose).initial_seed()))
