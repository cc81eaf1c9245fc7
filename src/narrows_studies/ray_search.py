"""Ray & Hannon 2022, §5: the search over hyper-parameters that they leave open; and what seeds do to table 1."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from narrows.applications.tune import tune
from narrows.figures import bars
from narrows.recipes import ray
from narrows.tables import counted

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab
from .ray_faces import PAPER_SET, SMALL_SET, beside, deviations, error, faces, recipe_of, trained
from .verdicts import Verdict, verdict_of

__all__ = ["search", "seeds"]

BEST, PLAIN = "the best arm's options", "the recipe as it is"
OPTIONS: dict[str, Sequence[float]] = {
    "learning_rate": [3e-4, 1e-3, 3e-3, 1e-2],
    "batch_size": [16, 32, 64],
}
RECURSIVE, STACKED, RUNGS = "recursive, in one pass", "stacked", "recursive, one model per rung"
MAKERS = {
    STACKED: ray.ray_2022_stacked,
    RECURSIVE: ray.ray_2022_recursive,
    RUNGS: ray.ray_2022_one_at_a_time,
}
MANY = 10  # seeds
ERRORS = 2.0  # standard errors of a difference that is one


def judge_search(rows: Sequence[Row]) -> Verdict:
    """The options that the search left are better than the recipe's own at the same length."""
    row = by_name(rows)
    return verdict_of(row[f"squared error, {BEST}"].mean < row[f"squared error, {PLAIN}"].mean)


@experiment(
    "§5 search",
    title="The search over hyper-parameters that they leave to others",
    claim="A more thorough search over hyper-parameters could be performed with the recursively trained model.",
    data=(SMALL_SET,),
    paper_data=(PAPER_SET,),
    judge=judge_search,
)
def search(lab: Lab) -> Finding:
    """Successive halving on validation pictures, then both recipes at the same length, on held-out ones."""
    train, x = faces(lab)
    own = recipe_of(lab, ray.ray_2022_recursive, train)
    minutes = 0.02 if lab.tiny else lab.of(small=2.0, paper=240.0)
    place = lab.place("tune-ray-2022-recursive", own.fingerprint, f"{len(train)} {minutes:g}")
    found = tune(
        train, own, options=OPTIONS, minutes=minutes, to=place, resume=True, seed=lab.seeds[0],
        device=lab.device, report=lab.report, progress=False,
    )  # fmt: skip
    errors = {
        name: [
            error(x, trained(lab, recipe, train, seed).model.reconstruct(x)) for seed in lab.seeds
        ]
        for name, recipe in ((PLAIN, own), (BEST, found.recipe.with_(epochs=own.phases[0].epochs)))
    }
    base = beside(train, x, found.model)
    ((linear, least),) = base.items()
    rows = [Row(f"squared error, {name}", values, "", base) for name, values in errors.items()]
    rows.append(
        Row(
            "PSNR of validation pictures, the best arm", [found.best.psnr[-1]], "",
            {name: value for name, (value, _) in found.baselines.items()}, "dB",
        )
    )  # fmt: skip
    mean = {name: statistics.fmean(values) for name, values in errors.items()}
    words = (
        f"Of {counted(len(found.arms), 'arm')} in {minutes:g} minutes of the {found.clock}'s time the best is "
        f"{found.best.said}. Trained as long as the recipe it has {mean[BEST] / mean[PLAIN]:.2f} of its error on "
        f"held-out faces ({mean[BEST]:.1f} and {mean[PLAIN]:.1f}; {linear} "
        f"{least:.1f}). In the search: {found.conclusion}."
    )
    more = "One search, by the first seed; what it left is trained with every seed."
    return Finding(
        judge_search(rows), words, {"Arms, and PCA of as many numbers": found.figures()["tune"]}, rows,
        deviations(lab, more),
    )  # fmt: skip


def judge_seeds(rows: Sequence[Row]) -> Verdict:
    """Recursive training has less error than stacked in both of its forms, by more than the seeds' noise."""
    row = by_name(rows)
    stacked = row[f"squared error, {STACKED}"]

    def ahead(name: str) -> bool:
        one = row[f"squared error, {name}"]
        noise = sum((each.spread**2) / len(each.ours) for each in (one, stacked))
        return stacked.mean - one.mean > ERRORS * math.sqrt(noise)

    return verdict_of(ahead(RECURSIVE), ahead(RUNGS))


@experiment(
    "table 1 seeds",
    title="Recursive and stacked over ten seeds, and one model per rung",
    claim="Recursive training has the least error (239; stacked 258), one model for each rung, the layers "
    "above it frozen.",
    data=(SMALL_SET,),
    paper_data=(PAPER_SET,),
    judge=judge_seeds,
)
def seeds(lab: Lab) -> Finding:
    """The same two models as in table 1 with more seeds, and the recursive one as the authors train it."""
    train, x = faces(lab)
    several = lab.seeds if lab.tiny else (*lab.seeds, *range(len(lab.seeds), MANY))[:MANY]
    errors = {
        name: [
            error(x, trained(lab, recipe_of(lab, make, train), train, seed).model.reconstruct(x))
            for seed in (lab.seeds if name == RUNGS else several)
        ]
        for name, make in MAKERS.items()
    }
    model = trained(lab, recipe_of(lab, MAKERS[STACKED], train), train, several[0]).model
    base = beside(train, x, model)
    ((linear, least),) = base.items()
    printed = {STACKED: "258", RUNGS: "239"}
    rows = [
        Row(f"squared error, {name}", values, printed.get(name, ""), base)
        for name, values in errors.items()
    ]
    named = by_name(rows)
    said = [
        f"{name} {one.mean:.1f} ± {one.spread:.1f} ({counted(len(one.ours), 'seed')})"
        for name, one in ((n, named[f"squared error, {n}"]) for n in MAKERS)
    ]
    words = f"Squared error per picture: {'; '.join(said)}; {linear} {least:.1f}."
    pictures = {
        "Squared error, a dot for each seed": bars(errors, title="squared error per picture")
    }
    more = "One model per rung has the epochs of the others for each rung."
    return Finding(judge_seeds(rows), words, pictures, rows, deviations(lab, more))
