"""Outliers: which pictures do not belong among normal ones.

normal pictures ──run.split──┬─► those trained on: distances among codes are fitted to them
                             └─► those held out: threshold, p-values ◄─┐
pictures in question ──scores of the model, distances of the codes─────┴─► which are outliers
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ..autoencoder import Autoencoder
from ..figures import anomaly_sheet, detection_curves, picture_grid, score_histograms
from ..images import Images
from ..images.contents import content_keys
from ..images.inputs import Pictures, evenly, joined
from ..images.painted import painted
from ..measures.anomaly_scores import by_model, input_complexity
from ..measures.calibration import p_values
from ..measures.detection import Detection, detection
from ..measures.scoring import (
    RESIDUAL,
    USUAL,
    needs_normals,
    residual_of,
    residuals,
    scorer,
    scores_of,
)
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table, counted
from ..training import Portion, RunSplit, located
from .decisions import MEAN_RANK, Decision, attainable, decide, detections, mean_rank, rule_of
from .opening import Opened, is_collection, joined_notes, opened, opened_images, opened_model

__all__ = ["Outliers", "outliers"]

Array = np.ndarray[Any, Any]

SHOWN = 8  # pictures of the sheet
LISTED = 10  # rows of the table
PAINTED, FEWEST = 100, 8  # normal pictures that flaws are painted on, at most and at least
CLEARLY = 0.01  # of AUROC, below which no score is called better
NORMAL = {"normal", "good", "ok", "fine", "none", "inlier"}  # what a column calls no anomaly


@dataclass(frozen=True, repr=False)
class Outliers(Result, Decision):
    """N pictures, how anomalous each is, and which are outliers; a ``Decision`` with its pictures.

    Attributes:
        ids: N names.
        images: the N pictures in question, a Source.
        judged: the normal pictures, M of them, that threshold and p-values are of, and what is known
            of them: ``held-out``, ``validation``, ``training`` or ``seen``.
        fitted: the normal pictures that distances were fitted to, a Source; None where nothing was.
        shown: the most anomalous pictures, (K, C, H, W), and their reconstructions; None of an
            encoder that does not decode.
        truth: which are anomalies by labels, (N,) booleans; None without.
        detection: how well each score finds them, by name.
        notes, skipped: as of every result.
        ask: gives other pictures the same scores (:class:`narrows.measures.Scorer`).
    """

    name: ClassVar[str] = "outliers"
    ids: Sequence[str]
    images: Any
    judged: Portion
    fitted: Any
    shown: tuple[torch.Tensor, torch.Tensor | None]
    truth: Array | None = None
    detection: Mapping[str, Detection] | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    ask: Any = None

    def judge(self, pictures: Pictures, progress: Progress = None) -> Decision:
        """Other pictures by the same scores, beside the same normal pictures, at the same threshold.

        Nothing is fitted again, so that a batch is judged as the one before it.

        Args:
            pictures: as of :func:`outliers`.
            progress: see :mod:`narrows.progress`.

        Raises:
            NoImages: nothing can be read.
        """
        images = opened_images(self.ask.model, pictures, progress=progress)
        with stage(progress, "scoring") as step:
            scores = dict(self.ask(images, step))
        if MEAN_RANK in self.normal:
            whole = [name for name in scores if "/" not in name]
            pieces = {name: self.normal[name] for name in whole}
            scores[MEAN_RANK] = mean_rank(pieces, {name: scores[name] for name in whole})
        values = scores[self.by]
        p = p_values(self.normal[self.by], values)
        above = values > self.threshold
        return Decision(scores, self.normal, self.by, self.rule, self.threshold, p, above)

    def extended(self, pictures: Pictures, progress: Progress = None) -> Outliers:
        """The same with more pictures in question, behind those of now; labels are left out.

        Args and errors are those of :meth:`judge`.
        """
        images = opened_images(self.ask.model, pictures, progress=progress)
        more = self.judge(images, progress)
        first = {name: np.r_[self.scores[name], more.scores[name]] for name in self.scores}
        both = joined([self.images, images])
        made = Decision(
            first, self.normal, self.by, self.rule, self.threshold,
            np.r_[self.p_values, more.p_values], np.r_[self.is_outlier, more.is_outlier],
        )  # fmt: skip
        return replace(
            self, **vars(made), ids=[*self.ids, *images.ids], images=both, truth=None, detection=None,
            shown=_shown(self.ask.model, both, made),
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """All of it: pictures in the order in which they were given, raw scores unrounded."""
        rows = []
        for i, id_ in enumerate(self.ids):
            row: dict[str, Any] = {"id": id_, "is_outlier": bool(self.is_outlier[i])}
            row["p"] = float(self.p_values[i])
            row["scores"] = {name: float(values[i]) for name, values in self.scores.items()}
            if self.truth is not None:
                row["anomaly"] = bool(self.truth[i])
            rows.append(row)
        document: dict[str, Any] = {
            "by": self.by,
            "rule": self.rule,
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "is_outlier": int(self.is_outlier.sum()),
            "normal": len(self.judged),
            "judged_on": self.judged.name,
            "fitted_on": None if self.fitted is None else len(self.fitted),
            "false_positive_rate": self.false_positive_rate,
            "pictures": rows,
            "normal_scores": {name: values.tolist() for name, values in self.normal.items()},
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }
        if self.detection is not None:
            document["detection"] = {name: one.document() for name, one in self.detection.items()}
        return document

    def table(self) -> Table:
        """The most anomalous pictures, and what each score has to say; below, the normal medians."""
        first = self.order[:LISTED]
        columns: dict[str, list[Any]] = {
            "picture": [*(_short(self.ids[i], 32) for i in first), "normal"],
            "p": [*(f"{self.p_values[i]:.3g}" for i in first), None],
        }
        for name in self.whole:
            values = [*self.scores[name][first], np.median(self.normal[name])]
            columns[name] = [f"{value:.4g}" for value in values]
        columns[""] = [*(self._said_of(i) for i in first), "(medians)"]
        return Table(columns)

    def _said_of(self, i: int) -> str:
        known = "" if self.truth is None else "an anomaly" if self.truth[i] else "normal"
        return known if self.is_outlier[i] else f"{known} (not anomalous)".strip()

    def _measured(self) -> list[str]:
        """How well each score finds the anomalies, as text."""
        if self.detection is None:
            return []
        of = {name: self.detection[name] for name in dict.fromkeys([*self.whole, RESIDUAL])}
        found = self.detection[self.by]
        table = Table(
            {
                "": [f"{n}, the baseline" if n == RESIDUAL else n for n in of],
                "AUROC": [one.auroc for one in of.values()],
                "average precision": [one.average_precision for one in of.values()],
            },
            notes=[f"({found.prevalence:.1%} of {found.n:,} are anomalies)"],
        )
        return ["", str(table)]

    def __str__(self) -> str:
        lines = [str(self.table()), *self._measured(), ""]
        lines.append(
            f"{int(self.is_outlier.sum()):,} of {counted(len(self.ids))} are anomalous by "
            f"{self._title()}, at {self.rule}; so are {self.false_positive_rate:.1%} of "
            f"{counted(len(self.judged), 'normal picture')} ({self.judged.name})"
        )
        if self.truth is not None and self.detection is not None:
            lines.append(
                f"of the anomalies {self.is_outlier[self.truth].mean():.1%} were found, of the others "
                f"{self.is_outlier[~self.truth].mean():.1%} called anomalous"
            )
        return "\n".join(lines)

    def _title(self) -> str:
        return "mean rank among normal pictures" if self.by == MEAN_RANK else self.by

    def figures(self) -> dict[str, Any]:
        """The most anomalous pictures, the histogram of the score that decides, and with labels the
        curves of every score."""
        first, values = self.order[:SHOWN], self.scores[self.by]
        captions = [f"{_short(self.ids[i])}  p {self.p_values[i]:.2g}" for i in first]
        pictures, reconstructions = self.shown
        if reconstructions is None:
            drawn: dict[str, Any] = {"anomalies": picture_grid(pictures.numpy())}
        else:
            sheet = anomaly_sheet(pictures.numpy(), reconstructions.numpy(), captions)
            drawn = {"anomalies": sheet}
        groups = {f"normal, {self.judged.name}": self.normal[self.by]}
        if self.truth is None or self.detection is None:
            groups["in question"] = values
        else:
            groups |= {"anomalies": values[self.truth], "in question, normal": values[~self.truth]}
        drawn["histogram"] = score_histograms(groups, self.threshold, x=self._title())
        if self.detection is not None:
            curves = {name: self.detection[name] for name in self.whole}
            drawn["detection"] = detection_curves(curves, self.detection[self.by].prevalence)
        return drawn


def outliers(
    model: Any,
    pictures: Pictures | None = None,
    *,
    normal: Pictures,
    where: str | None = None,
    score: str | Sequence[str] | None = None,
    false_alarms: float | None = None,
    quantile: float | None = None,
    median: bool = False,
    fdr: float | None = None,
    labels: str | None = None,
    positive: Sequence[str] = (),
    anomalies: Pictures | None = None,
    background: Any = "compression",
    neighbours: int | None = None,
    samples: int = 16,
    split: str | None = None,
    limit: int | None = None,
    write: bool = True,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Outliers:
    """Find the pictures that do not belong among normal ones.

    Normal pictures that the model was not trained on set the threshold and give each picture its
    p-value (conformal: Bates et al. 2023); distances among codes and the PCA whose residual is the
    baseline are fitted to others of them, those that the model was trained on; see :meth:`narrows.training.RunSplit.fitting`. Which score decides
    is settled without labels: the one that is named, else the mean rank over all of them.

    Args:
        model: an ``Autoencoder`` or another ``Encoder``, or the folder of one; or a collection or its
            folder, which keeps the scores as columns, ``score_lof`` and so on.
        pictures: those in question; of a collection none, its own are.
        normal: normal pictures, best all those of the training; of a collection a filter of its rows.
        where: of a collection a filter of the rows in question; None: all that are not ``normal``.
        score: of ``narrows.measures.scoring.KNOWN``, or ``all``; by default cosine-knn,
            local-excess and pca-residual, which every autoencoder has (of an encoder that does not
            decode: cosine-knn).
        false_alarms: call at most this share of normal pictures anomalous; by default 0.01, or the
            least that so many normal pictures can promise: 1 / (M + 1).
        quantile: the threshold is this quantile of normal scores, instead.
        median: it is the median of 10,000 of them (Kovenko & Bogach 2020), instead.
        fdr: at most this share of the pictures called anomalous is normal, instead.
        labels: a column of the pictures in question that says which are anomalies.
        positive: the values of that column that anomalies have; by default 1 of 0 and 1, or all but
            a usual word for normal.
        anomalies: known anomalies to mix in; the others are normal.
        background: of ``likelihood-ratio``: ``compression``, or a model of pictures in general or its
            folder.
        neighbours: k of ``knn``, ``cosine-knn``, ``local-excess`` and ``lof``.
        samples: codes drawn for each score in nats but ``kl``; an eighth of them for
            ``likelihood-regret``.
        split, limit: of the pictures in question only this official part; of them, of the normal
            ones and of ``anomalies`` at most so many each, evenly spread.
        write: whether a collection keeps the scores.
        seed: of every draw.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: what does not go together, a score that the model has not, a column without
            anomalies, or too few normal pictures for the rule.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.outliers(model, images[:20], normal=images[20:], score="knn").scores["knn"].shape
        (20,)
    """
    rule = rule_of(false_alarms, quantile, median, fdr)
    if labels is not None and anomalies is not None:
        raise ValueError("--labels and --anomalies both say which are outliers; give one of them")
    if positive and labels is None:
        raise ValueError("--positive names values of a column; say which one with --labels")
    if is_collection(model) and where is None:
        where = f"NOT ({normal})"
    found = opened(
        model, pictures, where=where, split=split, limit=limit, device=device, progress=progress
    )
    loaded, asked = found.model, found.images
    names = _names(loaded, score)
    density = None
    if "likelihood-ratio" in names:
        density = _background(background, loaded, samples, seed, device)
    if found.collection is None:
        known = opened_images(loaded, normal, progress=progress)
    else:
        known = opened(found.collection, where=normal, device=device, progress=progress).images
    truth = None if labels is None else _truth(asked, labels, positive)
    if anomalies is not None:
        others = opened_images(loaded, anomalies, limit=limit, progress=progress)
        truth = np.repeat([False, True], [len(asked), len(others)])
        asked = joined([asked, others])
    measurable = truth is not None and bool(truth.any()) and not bool(truth.all())
    fitted, judged, notes = _divided(
        Opened(loaded, known).split(), asked, needs_normals(names) or measurable, limit, seed
    )
    if truth is not None and not measurable:
        kind = "an anomaly" if truth.all() else "normal"
        notes.append(
            f"by {labels or 'what was given'} each of the {counted(len(truth))} is {kind}: AUROC "
            "needs both kinds, so that detection is not measured"
        )
    if false_alarms is None:
        rule, said = attainable(rule, len(judged), judged.name)
        notes += [said] if said else []

    with stage(progress, "looking at normal pictures") as step:
        ask = scorer(
            loaded, names, fitted, background=density, neighbours=neighbours, samples=samples,
            seed=seed, progress=step,
        )  # fmt: skip
    with stage(progress, "scoring normal pictures") as step:
        normal_scores = ask(judged.images, step)
    with stage(progress, "scoring") as step:
        decision = decide(normal_scores, ask(asked, step), rule)
    measured = None
    if score is None and truth is None and RESIDUAL in names:
        with stage(progress, "painting flaws") as step:
            notes += _flaws_note(ask, judged, normal_scores, step)
    if truth is not None and measurable:
        measured = detections(decision.scores, truth)
        if RESIDUAL not in measured:
            found_by = residuals(residual_of(fitted, math.prod(loaded.code_shape), seed), asked)
            measured[RESIDUAL] = detection(found_by, truth)
        ours, plain = measured[decision.by].auroc, measured[RESIDUAL].auroc
        if ours < plain:
            notes.append(
                f"the residual of PCA alone finds them better (AUROC {plain:.3f}, {decision.by} has "
                f"{ours:.3f}): --score {RESIDUAL}"
            )
    ids = list(getattr(asked, "ids", map(str, range(len(asked)))))
    if found.collection is not None and write:
        columns = {f"score_{key.replace('/', '_')}": v for key, v in decision.scores.items()}
        found.collection.update(ids, columns)
    return Outliers(
        **vars(decision), ids=ids, images=asked, judged=judged, fitted=fitted, truth=truth, detection=measured,
        shown=_shown(loaded, asked, decision), notes=joined_notes(found, known, asked) + notes,
        skipped=getattr(asked, "skipped", ()), ask=ask,
    )  # fmt: skip


def _names(model: Any, score: str | Sequence[str] | None) -> tuple[str, ...]:
    """The scores that are asked for."""
    possible = scores_of(model)
    if score is None:
        return USUAL if isinstance(model, Autoencoder) else USUAL[:1]
    names = (score,) if isinstance(score, str) else tuple(score)
    return possible if names == ("all",) else names


def _flaws_note(
    ask: Callable[..., dict[str, Array]], judged: Portion, normal: dict[str, Array], progress: Any
) -> list[str]:
    """Whether the residual of PCA alone finds small flaws better: they are painted on normal pictures.

    The pictures that they are painted on rank none of them, nor do they count as normal.
    """
    count = len(judged) // 2
    if count < FEWEST:
        return []
    chosen = torch.arange(len(judged))[1::2][:PAINTED]
    x = (judged.images.batch(chosen).cpu() * 255).round().byte()
    flawed = torch.stack([painted(one, seed)[0] for seed, one in enumerate(x)])
    found = ask(Images(flawed), progress)
    known = {name: values[0::2] for name, values in normal.items() if "/" not in name}
    truth = np.r_[np.zeros(len(known[RESIDUAL]), bool), np.ones(len(chosen), bool)]
    ranks = [mean_rank(known), mean_rank(known, {name: found[name] for name in known})]
    mean = detection(np.concatenate(ranks), truth).auroc
    plain = detection(np.r_[known[RESIDUAL], found[RESIDUAL]], truth).auroc
    if plain <= mean + CLEARLY:
        return []
    return [
        f"small flaws, painted on {len(chosen)} normal pictures, are found better by the residual of PCA "
        f"alone (AUROC {plain:.2f}, mean rank {mean:.2f}): --score {RESIDUAL}, or `narrows flaws`, "
        "which looks at patches"
    ]


def _divided(
    split: RunSplit, asked: Any, fitting: bool, limit: int | None, seed: int
) -> tuple[Any, Portion, list[str]]:
    """Normal pictures to fit scores to (None where nothing is fitted), others to judge by, and notes.

    New normal pictures that are in question themselves do not judge, if enough others are there: the
    most anomalous normal picture could not be found to be an outlier.
    """
    if len(split.new):
        in_question = np.isin(content_keys(split.held_out), content_keys(asked))
        others = split.new[~in_question]
        if len(others) + len(split.validated) >= min(100, (len(split.new) + 1) // 2):
            split = replace(split, new=others)
    if fitting:
        fitted, judged = split.fitting(seed=seed)
        fitted = evenly(fitted, limit)
    else:
        fitted, judged = None, split.evaluation()
    notes = [split.note] if split.note else []
    if judged.name == "training":
        notes.append("the model was trained on all normal pictures, so none are held out")
    if judged.name in ("training", "seen"):
        notes.append(
            "p-values and false alarms may be too small; train with --validation, or give other "
            "normal pictures with --normal"
        )
    return fitted, Portion(evenly(judged.images, limit), judged.name), notes


def _truth(images: Any, name: str, values: Sequence[str]) -> Array:
    """Which are anomalies by a column: the values named, else 1 of 0 and 1, else all but 'normal', 'good'…"""
    columns = {**getattr(images, "metadata", {}), **getattr(images, "labels", {})}
    if name not in columns:
        there = f"they have {', '.join(columns)}" if columns else "they have none"
        raise ValueError(f"the pictures have no column {name!r}; {there}")
    column = np.array([str(value) for value in columns[name]])
    kinds = sorted(set(column.tolist()))
    binary = set(kinds) <= {"0", "1", "0.0", "1.0", "False", "True"}
    if values and not (binary and set(values) <= {"0", "1"}):
        odd = [value for value in values if value not in kinds]
        if odd:
            raise ValueError(f"no picture has {name} {odd[0]!r}; there are {_some(kinds)}")
        return np.isin(column, list(values))
    if binary:
        yes = np.isin(column, ["1", "1.0", "True"])
        return (
            np.full(len(yes), True) if {*values} == {"0", "1"} else ~yes if "0" in values else yes
        )
    usual = [kind for kind in kinds if kind.lower() in NORMAL]
    if usual:
        return ~np.isin(column, usual)
    raise ValueError(
        f"which values of {name} are anomalies? say so with --positive, once for each of them; "
        f"there are {_some(kinds)}"
    )


def _some(kinds: list[str]) -> str:
    return ", ".join(kinds[:12]) + (f" and {len(kinds) - 12} more" if len(kinds) > 12 else "")


def _background(what: Any, model: Any, samples: int, seed: int, device: str) -> Any:
    """The density that a name, a folder or a model stands for."""
    if isinstance(what, str) and what == "compression":
        return input_complexity()
    if isinstance(what, (str, Path)) and not Path(located(what)).is_dir():
        raise ValueError(f"--background is compression or the folder of a model; we got {what!r}")
    other = opened_model(what, device)
    if tuple(other.shape) != tuple(model.shape):
        raise ValueError(
            f"the background takes pictures of {tuple(other.shape)}, the model of "
            f"{tuple(model.shape)}; they must be the same"
        )
    return by_model(other, samples, seed)


def _shown(model: Any, asked: Any, decision: Decision) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The most anomalous pictures and, of a model that decodes, their reconstructions."""
    some = asked.batch(torch.as_tensor(decision.order[:SHOWN].copy())).cpu()
    if not isinstance(model, Autoencoder):
        return some, None
    return some, model.reconstruct(some).clamp(0, 1).cpu()


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else "…" + text[1 - most :]
