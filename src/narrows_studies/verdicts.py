"""What a claim comes to: pure functions of rows, and of the curves of the trainings behind them.

facts ──verdict_of──► holds · holds in part · does not hold ──at_scale(curves)──► not reached at this scale
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from .experiment import Row

__all__ = [
    "NOT_REACHED",
    "VERDICTS",
    "Curve",
    "Verdict",
    "at_scale",
    "behind",
    "evidence",
    "improving",
    "late_share",
    "verdict_of",
    "worded",
]

Verdict = Literal["holds", "holds in part", "does not hold", "not reached at this scale", "shown"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NOT_REACHED: Verdict = "not reached at this scale"

Curve = Sequence[tuple[float, float]]
"""(seconds of training, loss of the pictures held out) after each validation; lower is better."""

LATE = 0.2  # of the time of a training
RISING = 0.01  # of all that a training brought: what its last part brings while it still improves


def verdict_of(*facts: bool) -> Verdict:
    """The verdict on a claim of so many parts, each true or not.

    Raises:
        ValueError: a claim without a part.
    """
    if not facts:
        raise ValueError("a verdict needs a fact; where none is claimed it is 'shown'")
    return "holds" if all(facts) else "holds in part" if any(facts) else "does not hold"


def late_share(curve: Curve) -> float:
    """The share of all that a training brought which came in the last fifth of its time.

    A curve that fell as 1/t has 0.013, one that is done 0. Least values so far are compared, so that noise
    after the best does not count; without two points before the last fifth it is 0.
    """
    before = [loss for seconds, loss in curve if seconds <= (1 - LATE) * curve[-1][0]]
    if len(before) < 2:
        return 0.0
    first, then, last = before[0], min(before), min(loss for _, loss in curve)
    return (then - last) / (first - last) if first > last else 0.0


def at_scale(verdict: Verdict, curves: Mapping[str, Curve]) -> Verdict:
    """The verdict, which calls no document wrong because our training was too short.

    Args:
        verdict: on the rows.
        curves: of the models behind them, by name.
    """
    return NOT_REACHED if verdict == "does not hold" and improving(curves) else verdict


def improving(curves: Mapping[str, Curve]) -> dict[str, float]:
    """The trainings that were still improving when they ended, with the share that came last."""
    shares = {name: late_share(curve) for name, curve in curves.items() if curve}
    return {name: share for name, share in shares.items() if share > RISING}


def evidence(words: str, verdict: Verdict, rows: Sequence[Row], curves: Mapping[str, Curve]) -> str:
    """The words of a finding with what a fair reader asks next: was it over, and what else is there?"""
    said = [words]
    if verdict == NOT_REACHED:
        said += [
            f"{name} was still improving: the last fifth of its training brought {100 * share:.1f} % of all."
            for name, share in improving(curves).items()
        ]
    elif verdict in ("holds", "holds in part") and behind(rows):
        said.append(f"Better without a network: {behind(rows)}")
    return " ".join(said)


def behind(rows: Sequence[Row]) -> str:
    """Where ours is worse than the best that needs no network, in a sentence each; empty if nowhere.

    Rows that do not say which way is better are not compared, nor is what is a limit.
    """
    said = []
    for row in rows:
        others = {name: value for name, value in row.baselines.items() if name not in row.limits}
        if not row.better or not others:
            continue
        higher = row.better == "higher"
        best = (max if higher else min)(others, key=lambda name: others[name])
        value = others[best]
        if (row.mean < value) if higher else (row.mean > value):
            unit = f" {row.unit}" if row.unit else ""
            said.append(f"{row.what}: {best} has {value:.3g}{unit}, ours {row.mean:.3g}.")
    return " ".join(said)


def worded(verdict: str, seeds: int) -> str:
    """The verdict as it is shown: one that hangs on a single seed says so."""
    return f"{verdict} (one seed)" if seeds == 1 and verdict != "shown" else verdict
