"""Classify: what pictures are of, learnt from their codes; and groups that are found without labels.

codes of pictures with a label ──fitted──► classifiers ──judged──► on pictures that the model has not seen
     └── beside raw pixels, PCA, the same encoder untrained, and features without a network; the best
         of a fifth tells all others, and where a baseline is better the notes say which

With ``fine-tuned`` the encoder itself goes on learning under a softmax.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..figures import confusion_matrix, label_curves, picture_rows
from ..images import Images, Labelled, Subset
from ..images.inputs import Pictures, distinct, even_rows, evenly
from ..images.labels import class_names, known_labels
from ..measures import Pca
from ..measures.features import CELLS
from ..progress import Progress, stage
from ..randomness import permutation
from ..results import Result
from ..tables import Table, counted
from ..training import Portion
from ..training import save as keep
from .classifiers import (
    HELD,
    KINDS,
    PART,
    SEVERAL,
    ClassifierEvaluation,
    Comparison,
    baseline_features,
    compare,
    evaluate_classifier,
    extract_features,
    untrained,
)
from .cluster import CLUSTERINGS, Agreement, Clusters, agreement, cluster
from .features import TITLES, Features, check_features
from .fine_tune import FineTuned, fine_tune, fine_tuned, label_efficiency_tuned
from .opening import joined_notes, opened, opened_images, run_of
from .regress import PIXELS, Regression, is_number, pixels, read_off, table_file

__all__ = ["TUNED", "Classification", "classify"]

Array = np.ndarray[Any, Any]

CLASSIFIERS = {"knn": "kNN", "linear": "linear", "svm": "SVM", "mlp": "MLP"}
TUNED = "fine-tuned"
TUNED_COUNTS = (1, 5, 10, 50)  # labelled pictures of each class
SHARE = 0.2  # of the pictures, to judge by where the model's training does not divide them
TYPICAL = 12  # pictures of a group that are shown
MOST_GROUPS = 24  # groups on the sheet
RARE = 5  # pictures of a class, below which it is joined with others where there are many


@dataclass(frozen=True)
class _Study:
    """Pictures with a class, as they are used.

    Attributes:
        model: on its device.
        ours: what makes the rows that classifiers are fitted to: the model, or features.
        fitted, judged: Sources to learn from and to judge by.
        y, truth: their classes, (N,) and (M,).
        seed, device, progress: as of the verb.
    """

    model: Any
    ours: Any
    fitted: Any
    judged: Any
    y: Array
    truth: Array
    seed: int
    device: str
    progress: Progress


@dataclass(frozen=True, repr=False)
class Classification(Result):
    """What was learnt about the classes of pictures, and what was told with it.

    Attributes:
        labels: what the classes are of, such as a column's name; None without labels.
        fitted: the pictures that classifiers were fitted to, a Source; None where nothing was.
        judged: those that they were judged by, and what the model knows of them: ``held-out``,
            ``validation``, ``training`` or ``seen``.
        tested: how well, by what codes are compared with, then by kind of classifier.
        curves: accuracy by the number of labels of each class: counts (T,) and (T, draws).
        majority_class: the accuracy of always saying the most frequent class.
        by: the kind that did best on a fifth of ``fitted``; its arguments are in ``arguments``.
        predictor: it, as a function of pictures (M, C, H, W) to names (M,).
        classes: the names that it can give.
        predictions: (id, class) of the pictures that had no label.
        groups: found without labels, by kind of clustering.
        agreements: how these agree with the labels.
        typical: (title, pictures) of each group, the most typical first.
        assigned: (id, group from 1) of every picture, by k-means, where groups were asked for.
        tuned: the encoder that went on learning; None where it was not asked for.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "classes"
    labels: str | None = None
    fitted: Any = None
    judged: Portion | None = None
    tested: Mapping[str, Mapping[str, ClassifierEvaluation]] = field(default_factory=dict)
    curves: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    majority_class: float | None = None
    by: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    predictor: Callable[[Any], Array] | None = None
    classes: Sequence[str] = ()
    predictions: Sequence[tuple[str, str]] = ()
    groups: Mapping[str, Clusters] = field(default_factory=dict)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    typical: Sequence[tuple[str, Any]] = ()
    assigned: Sequence[tuple[str, int]] = ()
    tuned: FineTuned | None = None
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def best(self) -> ClassifierEvaluation | None:
        """How well ``predictor`` does on ``judged``; None where nothing was learnt here."""
        rows = [row for row in self.tested.values() if self.by in row]
        return rows[0][self.by] if rows else None

    @property
    def _rows(self) -> str:
        """What the classifiers were fitted to."""
        return next(iter(self.tested)).rsplit(",", 1)[0]

    def document(self) -> dict[str, Any]:
        """Accuracies, the confusion of the best, curves, groups, predictions."""
        document: dict[str, Any] = {"labels": self.labels}
        if self.judged is not None:
            document |= {
                "fitted_on": len(self.fitted),
                "tested_on": len(self.judged),
                "judged_on": self.judged.name,
                "classes": len(self.classes),
                "accuracies": {
                    name: {
                        kind: {"accuracy": each.accuracy, "standard_error": each.error}
                        for kind, each in row.items()
                    }
                    for name, row in self.tested.items()
                },
                "most_frequent_class": self.majority_class,
                "best": {"by": self.by, **self.arguments},
                "label_efficiency": {
                    name: {int(c): float(a) for c, a in zip(x, at.mean(1), strict=True)}
                    for name, (x, at) in self.curves.items()
                },
            }
        elif self.labels is not None:
            document["classes"] = list(self.classes)
        if self.best is not None:
            names, counts = self.best.classes.tolist(), self.best.confusion.tolist()
            document["confusion"] = {"classes": names, "counts": counts}
        if self.groups:
            document["clusters"] = {kind: self._group(kind) for kind in self.groups}
        if self.predictions:
            ids = distinct([id_ for id_, _ in self.predictions])
            document["predictions"] = dict(zip(ids, (n for _, n in self.predictions), strict=True))
        document |= {"notes": list(self.notes), "skipped": [list(item) for item in self.skipped]}
        return document

    def _group(self, kind: str) -> dict[str, Any]:
        sizes = self.groups[kind].sizes.tolist()
        agree = self.agreements.get(kind)
        return {"groups": len(sizes), "sizes": sizes, **({} if agree is None else vars(agree))}

    def table(self) -> Table:
        """Accuracy by what is compared and by kind of classifier, in per cent."""
        kinds = list(dict.fromkeys(kind for row in self.tested.values() for kind in row))
        if not kinds or self.judged is None:
            return Table({})
        columns: dict[str, list[Any]] = {"accuracy": [*self.tested, "most frequent class"]}
        for kind in kinds:
            cells = [_percent(row.get(kind)) for row in self.tested.values()]
            columns[CLASSIFIERS.get(kind, kind)] = [*cells, f"{self.majority_class:.1%}"]
        explained = (
            f"(of {len(self.judged):,} {self.judged.name} pictures of {len(self.classes)} classes, "
            f"fitted to {len(self.fitted):,} others; the classifiers' numbers were chosen on a fifth "
            "of these)"
        )
        return Table(columns, notes=[explained])

    def figures(self) -> dict[str, Any]:
        """What is taken for what, accuracy by the number of labels, and the groups."""
        drawn: dict[str, Any] = {}
        if self.best is not None and self.judged is not None:
            by = TUNED if self.by == TUNED else f"{CLASSIFIERS[self.by]} on {self._rows}"
            title = f"{self.labels} by {by}: {self.best.accuracy:.1%} of {len(self.judged):,} "
            title += f"{self.judged.name} pictures"
            drawn["confusion"] = confusion_matrix(
                self.best.confusion, self.best.classes.tolist(), title=title
            )
            if self.curves:
                how = "by labels" if self.tuned is not None else "of a linear probe"
                title = f"Accuracy {how} of {self.labels}"
                drawn["few-labels"] = label_curves(self.curves, title=title)
        if self.typical:
            drawn["groups"] = picture_rows(self.typical)
        return drawn

    def save(self, folder: Path | str) -> dict[str, Any]:
        """Figures and document; ``predictions.csv`` and ``clusters.csv`` where there are any, and the
        tuned model in ``fine-tuned``."""
        folder = Path(folder)
        others: dict[str, Any] = {}
        if self.predictions:
            column = (str(self.labels), self.predictions)
            others["predictions"] = table_file(folder / "predictions.csv", column)
        if self.assigned:
            others["clusters"] = table_file(folder / "clusters.csv", ("cluster", self.assigned))
        if self.tuned is not None and self.judged is not None:
            keep(self.tuned.model, folder / TUNED)
            others[TUNED] = str(folder / TUNED)
        return self._written(folder, others)

    def __str__(self) -> str:
        lines = [str(self.table())] if self.tested else []
        if self.groups:
            count = sum(next(iter(self.groups.values())).sizes)
            lines.append(f"groups of {counted(count, 'code')}, found without labels:")
            lines += [f"  {self._group_line(kind)}" for kind in self.groups]
        if self.predictions:
            counts = Counter(name for _, name in self.predictions).most_common(12)
            named = ", ".join(f"{name} {n:,}" for name, n in counts)
            were = "was" if len(self.predictions) == 1 else "were"
            told = counted(len(self.predictions))
            lines.append(f"{told} without a label {were} given one: {named}")
        return "\n".join(lines)

    def _group_line(self, kind: str) -> str:
        sizes, agree = self.groups[kind].sizes, self.agreements.get(kind)
        line = f"{kind:<8} {len(sizes)} of {sizes.min():,} to {sizes.max():,}"
        if agree is None:
            return line
        return (
            f"{line}; {agree.accuracy:.1%} right if matched with classes, adjusted Rand "
            f"{agree.adjusted_rand:.3f}, mutual information {agree.mutual_information:.3f}"
        )


def classify(
    model: Any,
    pictures: Pictures | None = None,
    *,
    labels: Any = None,
    kind: str | None = None,
    by: str | Sequence[str] = tuple(KINDS),
    predict: Pictures | None = None,
    clusters: int | None = None,
    features: str | None = None,
    where: str | None = None,
    fit_size: int = 5000,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Classification | Regression:
    """Learn classes, or a number, from codes, and say how well compared with baselines.

    Classifiers are fitted to pictures of the model's training and judged by those that it has not
    seen, as far as there are any; raw pixels, PCA with as many numbers as a code, and the same
    encoder untrained are treated alike, and beside them stand colour histograms, k-means patches and
    16 × 16 pixels. Where one of these tells the classes better, a note says so. Pictures without a label, and those of ``predict``, get the
    classes of the classifier that did best on a fifth of the pictures that it was fitted to. A model
    that was fine-tuned here tells the classes of pictures without any labels.

    A label of many numbers, such as an age, is no class: it is read off by ridge regression, and the
    result is a ``Regression``. Of more than twenty classes those of fewer than five pictures are one,
    ``other``.

    Args:
        model: a model, the folder of one, or a collection, which has its own pictures.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads; they are made what the
            model takes.
        labels: what to learn: a column of the pictures' labels, FILE.csv, FILE.csv:COLUMN, FILE.npy,
            or N values; None: the main label.
        kind: ``classes`` or ``numbers``; None: numbers where there are more than 20 different ones,
            or some that are not whole.
        by: of ``knn``, ``linear``, ``svm``, ``mlp`` on codes, and ``fine-tuned``: the encoder goes on
            learning under a softmax (minutes); a list, or one text with commas.
        predict: more pictures, whose classes are told as well.
        clusters: find so many groups without labels, and tell the group of every picture; of a
            collection it becomes the column ``cluster``. None: as many as classes.
        features: what is learnt from in place of codes: ``pca``, ``pixels``, ``colours``, ``patches`` or
            ``joined``; see :func:`narrows.index`. None: codes, or what the collection holds.
        where: of a collection: only rows that pass.
        fit_size: learn from at most so many pictures and test on as many, evenly spread.
        limit: of all pictures at most so many, evenly spread.
        seed: of every draw.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: no such classifier or labels, or pictures that do not show two classes.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.classify(model, images[:300], by="knn", clusters=10).by
        'knn'
    """
    kinds = _kinds(by)
    if kind not in (None, "classes", "numbers"):
        raise ValueError(f"kind is classes or numbers; we got {kind!r}")
    if features is not None:
        check_features(features)
    if clusters is not None and clusters < 1:
        raise ValueError(f"clusters is at least 1; we got {clusters}")
    if fit_size < 1:
        raise ValueError(f"fit_size is at least 1; we got {fit_size}")
    source = opened(model, pictures, where=where, limit=limit, device=device, progress=progress)
    loaded, images = source.model, source.images
    if TUNED in kinds and not isinstance(loaded, Autoencoder):
        raise ValueError(f"{TUNED} trains an autoencoder; we got {type(loaded).__name__}")
    more = None if predict is None else opened_images(loaded, predict, progress=progress)
    skipped = [*source.skipped, *getattr(more, "skipped", ())]
    said: list[str] = []
    column = _labels(images, labels, said)
    own = fine_tuned(loaded) if isinstance(loaded, Autoencoder) else None
    facts: dict[str, Any] = {"notes": joined_notes(source, more) + said, "skipped": skipped}
    if column is None and own is not None and clusters is None:
        facts |= {"labels": "class", "classes": own.classes.tolist(), "tuned": own}
        return Classification(predictor=own, predictions=_told(own, images, more), **facts)
    if column is None and (clusters is None or more is not None):
        raise ValueError(
            "these pictures have no labels: name some with --labels (a .csv or .npy file), or find "
            "groups without any, with --clusters 10"
        )
    facts["notes"].append(f"pictures are taken as {_taken(loaded)}")
    if clusters is not None:
        ours = _rows_of(features, loaded, images, seed)
        facts["assigned"] = _assigned(source, ours, images, clusters, fit_size, seed)
    if column is None:
        assert clusters is not None
        return Classification(
            **facts, **_groups(ours, evenly(images, fit_size), None, clusters, seed)
        )
    if kind == "numbers" or (kind is None and is_number(column[1])):
        if kind is None:
            facts["notes"].append(
                f"{column[0]} is taken as a number, which is read off codes by regression; for a class "
                "of each number give --kind classes"
            )
        values = np.asarray(column[1])
        told = _regressed(
            loaded, images, more, column[0], values, fit_size, seed, progress, features
        )
        return Regression(**facts, **told)
    what, names = column[0], class_names(column[1])
    names, joined = _joined(names)
    facts["notes"] += joined
    fitted, portion, notes = _divided(loaded, images, names, what, fit_size, seed)
    facts["notes"] += notes
    study = _Study(
        loaded, _rows_of(features, loaded, fitted, seed), fitted, portion.images, fitted.label,
        portion.images.label, seed, device, progress,
    )  # fmt: skip
    facts |= _judged(study, kinds, what, facts["notes"])
    unlabelled = Subset(images, np.flatnonzero(names == "")) if (names == "").any() else None
    facts["predictions"] = _told(facts["predictor"], unlabelled, more)
    facts |= _groups(study.ours, fitted, study.y, clusters or len(facts["classes"]), seed)
    return Classification(labels=what, fitted=fitted, judged=portion, **facts)


def _rows_of(features: str | None, model: Any, images: Any, seed: int) -> Any:
    """What makes the rows: the model, or features that are fitted to the pictures."""
    own = model.kind if isinstance(model, Features) else "codes"
    if features in (None, own):
        return model
    if features in ("codes", "joined") and isinstance(model, Features):
        raise ValueError(
            f"{features} need the model; this collection holds {model.kind}: give the model and pictures"
        )
    return Features.fit(str(features), images, model, seed=seed)


def _titled(ours: Any) -> str:
    """What rows are called, with how many numbers a picture has."""
    kind = ours.kind if isinstance(ours, Features) else "codes"
    return f"{TITLES[kind]}, {math.prod(ours.code_shape)} numbers"


def _joined(names: Array) -> tuple[Array, list[str]]:
    """Classes (N,) of which the rare ones are one, and a note on them."""
    classes, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    rare = (counts < RARE) & (classes != "")
    if len(classes) <= SEVERAL or rare.sum() < 2 or (~rare & (classes != "")).sum() < 2:
        return names, []
    other = "other" if "other" not in classes else "other (rare)"
    out = np.where(rare[which.ravel()], other, names.astype(object)).astype(str)
    lost = int(counts[rare].sum())
    return out, [
        f"the {int(rare.sum())} classes of fewer than {RARE} pictures ({counted(lost)} together) are one, "
        f"{other!r}"
    ]


def _assigned(
    source: Any, model: Any, images: Any, clusters: int, fit_size: int, seed: int
) -> list[tuple[str, int]]:
    """The group of every picture by k-means, from 1; of a collection it becomes a column."""
    codes, encode = [], _encode(model)
    for rows in torch.split(torch.arange(len(images)), PART):
        codes.append(encode(Subset(images, rows)).cpu())
    every = torch.cat(codes)
    known = every[torch.from_numpy(even_rows(len(every), fit_size))]
    found = cluster(known, clusters, seed=seed)
    which = (found.which if len(known) == len(every) else found.nearest(every, known)) + 1
    ids = list(map(str, getattr(images, "ids", range(len(images)))))
    if source.collection is not None:
        source.collection.update(ids, {"cluster": which})
    return list(zip(ids, which.tolist(), strict=True))


def _regressed(
    model: Any, images: Any, more: Any, what: str, values: Array, fit_size: int, seed: int,
    progress: Progress, features: str | None,
) -> dict[str, Any]:  # fmt: skip
    """A number read off codes, PCA and pixels: of a Regression."""
    numbers = np.array([_number(value, what) for value in values.tolist()])
    names = np.where(np.isfinite(numbers), [repr(float(n)) for n in numbers], "")
    fitted, portion, notes = _divided(model, images, names, what, fit_size, seed)
    y, truth = fitted.label.astype(np.float64), portion.images.label.astype(np.float64)
    if len(y) < 3 or len(truth) < 2 or y.std() == 0:
        raise ValueError(
            f"{what} is read off codes of three pictures or more with different numbers, and judged by "
            f"two others; we got {len(y)} and {len(truth)}"
        )
    ours, size = _rows_of(features, model, fitted, seed), math.prod(model.code_shape)
    pca = Pca.fit(fitted, min(size, Pca.most(fitted)), seed=seed)
    functions = {_titled(ours): _encode(ours)}
    if ours is not model:
        functions[_titled(model)] = _encode(model)
    functions.setdefault(f"PCA, {len(pca)} numbers", pca.encode)
    functions["pixels"] = pixels
    rows: dict[str, tuple[Callable[[Tensor], Any], Any, Any]] = {}
    with stage(progress, "encoding") as step:
        for place, (name, function) in enumerate(functions.items()):
            known, other = (extract_features(function, part) for part in (fitted, portion.images))
            rows[name] = (function, known, other)
            step(place + 1, len(functions))
    with stage(progress, f"reading off {what}"):
        tested, predictor = read_off(rows, y, truth)
    unknown = Subset(images, np.flatnonzero(names == "")) if (names == "").any() else None
    predictions = [(id_, float(number)) for id_, number in _told(predictor, unknown, more)]
    return {
        "labels": what, "fitted": fitted, "judged": portion, "truth": truth, "tested": tested,
        "mean_error": float(np.abs(truth - y.mean()).mean()), "predictor": predictor,
        "predictions": predictions,
    }  # fmt: skip


def _number(value: Any, what: str) -> float:
    """A label as a number, NaN where it is not known."""
    try:
        return math.nan if value is None or value == "" else float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is no number: {value!r}; give --kind classes") from error


def _kinds(by: str | Sequence[str]) -> list[str]:
    kinds = [kind.strip() for kind in (by.split(",") if isinstance(by, str) else by)]
    kinds = [kind for kind in kinds if kind]
    if not kinds or set(kinds) - {*KINDS, TUNED}:
        raise ValueError(f"by takes {', '.join((*KINDS, TUNED))}; we got {by!r}")
    return kinds


def _labels(images: Any, labels: Any, said: list[str]) -> tuple[str, Array] | None:
    """What is learnt and the values (N,) of it, "" or NaN where it is not known."""
    if labels is None or isinstance(labels, (str, Path)):
        return known_labels(images, None if labels is None else str(labels), said)
    values = np.asarray(labels)
    if values.shape != (len(images),):
        raise ValueError(
            f"a label for each of the {len(images):,} pictures was wanted; we got {values.shape}"
        )
    return "label", values


def _taken(model: Any) -> str:
    size = "×".join(map(str, model.shape[1:]))
    return f"{size} in {'gray' if model.shape[0] == 1 else f'{model.shape[0]} channels'}"


def _divided(
    model: Any, images: Any, names: Array, what: str, fit_size: int, seed: int
) -> tuple[Any, Portion, list[str]]:
    """The pictures whose class is known: to learn from, and to judge by."""
    if not (names != "").any():
        raise ValueError(f"no picture has a {what}; choose other labels")
    rows = np.flatnonzero(names != "")
    if isinstance(images, Images):  # which are divided by content
        labelled: Any = images.select(rows)
        labelled.labels = {"class": names[rows]}
    else:
        labelled = Labelled(Subset(images, rows), names[rows])
    parts = run_of(model).split(labelled)
    fitted, portion = parts.fitting(SHARE, seed)
    notes = [parts.note] if parts.note else []
    if parts.known and portion.name != "held-out":
        notes.append(
            f"accuracies are of {portion.name} pictures: the model has seen them, the classifiers "
            "have not"
        )
    portion = Portion(evenly(portion.images, fit_size), portion.name)
    return evenly(fitted, fit_size), portion, notes


def _encode(model: Any) -> Callable[[Any], Tensor]:
    """Pictures to the rows (N, D) of a model, an autoencoder or another encoder."""

    def codes(x: Any) -> Tensor:
        code = model.encode(x)
        return torch.as_tensor(getattr(code, "z", code)).flatten(1)

    return codes


def _judged(study: _Study, kinds: Sequence[str], what: str, notes: list[str]) -> dict[str, Any]:
    """All that was tried, and what tells classes best: of a Classification.

    Args:
        notes: which a sentence is added to where a baseline is better.
    """
    on_codes = [kind for kind in kinds if kind != TUNED]
    classes, counts = np.unique(study.y, return_counts=True)
    majority = float((study.truth == classes[counts.argmax()]).mean())
    tried: dict[str, Any] = {"classes": classes.tolist(), "majority_class": majority}
    tried |= {"tested": {}, "curves": {}}
    best = -1.0
    if on_codes:
        compared = _compared(study, on_codes)
        tried["tested"], tried["curves"] = dict(compared.tested), dict(compared.few)
        made, encode = compared.best, _encode(study.ours)
        notes += _better(compared, what, study.truth)
        best = made.held_out or 0.0
        tried |= {"by": made.kind, "arguments": made.arguments}
        tried["predictor"] = lambda images: made(encode(images))
    if TUNED in kinds:
        tuned, tested, curves, own = _tuned(study)
        tried["tested"] |= tested
        tried["curves"] |= curves
        tried["tuned"] = tuned
        if own > best:
            tried |= {"by": TUNED, "arguments": {}, "predictor": tuned}
    return tried


def _compared(study: _Study, kinds: Sequence[str]) -> Comparison:
    """Classifiers of codes, and of their baselines."""
    model, ours = study.model, study.ours
    size = math.prod(model.code_shape)
    begun = _encode(untrained(model, study.seed)) if isinstance(model, Autoencoder) else None
    functions = {_titled(ours): _encode(ours)}
    if ours is not model:
        functions[_titled(model)] = _encode(model)
    beside = baseline_features(study.fitted, size, begun or _encode(model), seed=study.seed)
    if begun is None:  # of another encoder nobody knows how it began
        beside.popitem()
    if (
        len(np.unique(study.y)) > SEVERAL and max(study.model.shape[1:]) > PIXELS
    ):  # seconds, not minutes
        small = {"raw pixels": (f"pixels, at most {PIXELS} a side", pixels)}
        beside = dict(small.get(name, (name, each)) for name, each in beside.items())
    briefly = []
    for kind in ("pixels", "colours", "patches"):
        if kind == "pixels" and max(model.shape[1:]) <= CELLS:
            continue  # raw pixels are no more
        plain = Features.fit(kind, study.fitted, model, seed=study.seed)
        title = _titled(plain)
        if title not in functions:
            beside[title] = plain.encode
            briefly.append(title)
    functions = {**functions, **{k: each for k, each in beside.items() if k not in functions}}
    rows: dict[str, tuple[Any, Any]] = {}
    with stage(study.progress, "encoding") as step:
        for place, (name, function) in enumerate(functions.items()):
            rows[name] = (
                extract_features(function, study.fitted), extract_features(function, study.judged),
            )  # fmt: skip
            step(place + 1, len(functions))
    with stage(study.progress, "classifying") as step:
        return compare(
            rows,
            study.y,
            study.truth,
            kinds,
            briefly=briefly,
            seed=study.seed,
            progress=step,
        )


def _better(compared: Comparison, what: str, truth: Array) -> list[str]:
    """A sentence where features that --features offers tell the classes better than ours.

    Which features, and by which kind of classifier, is chosen on the pictures kept for that; what is
    said is of the others, and only where the difference is larger than its standard error.
    """
    first, *others = compared.held_out
    offered = {
        title: kind
        for title in others
        for kind, named in TITLES.items()
        if title.startswith(f"{named},") and not title.startswith(f"{TITLES['codes']},")
    }
    if not offered:
        return []
    best = max(offered, key=lambda title: compared.held_out[title][1])
    ours, theirs = (compared.tested[title][compared.held_out[title][0]] for title in (first, best))
    gained = (theirs.predicted == truth).astype(float) - (ours.predicted == truth)
    if gained.mean() <= gained.std() / len(gained) ** 0.5:
        return []
    name, own = best.rsplit(",", 1)[0], first.rsplit(",", 1)[0]
    tell = "tells" if name == TITLES["pca"] else "tell"
    return [
        f"{name} {tell} {what} better: {100 * theirs.accuracy:.1f} against {100 * ours.accuracy:.1f} % "
        f"by {own}; --features {offered[best]}"
    ]


def _tuned(
    study: _Study,
) -> tuple[FineTuned, dict[str, Any], dict[str, tuple[Array, Array]], float]:
    """The tuned encoder; how well it and one begun untrained do, also by the number of labels; and
    the accuracy of the tuned one on a fifth held out of what it is fitted to."""
    seed, device, fitted, y = study.seed, study.device, study.fitted, study.y
    order = permutation(seed, "classify/held-out", len(y)).numpy()
    held, kept = order[: int(HELD * len(order))], order[int(HELD * len(order)) :]
    starts = {TUNED: study.model, f"{TUNED}, begun untrained": untrained(study.model, seed)}
    tested, curves, own = {}, {}, 0.0
    made: dict[str, FineTuned] = {}
    for title, start in starts.items():
        with stage(study.progress, title) as step:
            made[title] = fine_tune(start, fitted, y, seed=seed, device=device, progress=step)
        tested[title] = {TUNED: evaluate_classifier(made[title], study.judged, study.truth)}
        with stage(study.progress, "from few labels") as step:
            curve = label_efficiency_tuned(
                start, fitted, y, study.judged, study.truth, counts=TUNED_COUNTS, seed=seed,
                device=device, progress=step,
            )  # fmt: skip
        if len(curve[0]):
            curves[title] = curve
    if len(held) and len(set(y[kept].tolist())) > 1:
        with stage(study.progress, "without a fifth") as step:
            part = fine_tune(
                study.model, Subset(fitted, kept), y[kept], seed=seed, device=device, progress=step
            )
        own = evaluate_classifier(part, Subset(fitted, held), y[held]).accuracy
    return made[TUNED], tested, curves, own


def _told(predictor: Callable[[Any], Array], *asked: Any) -> list[tuple[str, str]]:
    """(id, class) of each picture of what is there."""
    return [
        pair
        for images in asked
        if images is not None
        for pair in zip(images.ids, predictor(images).tolist(), strict=True)
    ]


def _groups(
    model: Any, images: Any, labels: Array | None, wanted: int, seed: int
) -> dict[str, Any]:
    """Groups of the codes, how they agree with labels, and the typical pictures of each."""
    codes = _encode(model)(images)
    clusterings = {kind: cluster(codes, wanted, kind, seed=seed) for kind in CLUSTERINGS}
    shown, rows = clusterings["k-means"], []
    for group, size in enumerate(shown.sizes.tolist()[:MOST_GROUPS]):
        at = torch.from_numpy(shown.typical(group, TYPICAL))
        rows.append((f"{size:,} pictures", images.batch(at).cpu().numpy()))
    agreements = {}
    if labels is not None:
        agreements = {kind: agreement(each.which, labels) for kind, each in clusterings.items()}
    return {"groups": clusterings, "agreements": agreements, "typical": rows}


def _percent(evaluated: ClassifierEvaluation | None) -> str | None:
    return None if evaluated is None else f"{evaluated.accuracy:.1%}"
